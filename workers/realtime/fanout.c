/* From a change to the sockets that want it: organization -> audiences -> one frame each -> its channels. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "realtime/hub_state.h"
#include "runtime/jsontext.h"

enum {
    TABLE_FIRST_SIZE = 256,
    AUDIENCE_FIRST_SIZE = 4,
    CHANGE_TEXT_MAX = 224, /* what commonly stands around a record, */
    FRAME_TEXT_MAX = 96    /* and around a change: more is allocated when it is needed */
};

/* ---- shapes: what channels ask for, kept once ---- */

static uint64_t shape_hash(enum protocol_version v, const char *topic, struct text asked)
{
    uint64_t h = hub_hash((uint64_t)v, topic, strlen(topic) + 1);

    return asked.n == 0 ? h : hub_hash(h, asked.p, asked.n);
}

static bool shape_is(const struct shape *s, uint64_t hash, enum protocol_version v,
                     const char *topic, struct text asked)
{
    return s->hash == hash && s->version == v && strcmp(s->topic, topic) == 0 &&
           s->asked_len == asked.n && (asked.n == 0 || memcmp(s->asked, asked.p, asked.n) == 0);
}

static void shape_free(struct shape *s)
{
    bindings_free(s->bindings);
    free(s->topic);
    free(s->asked);
    free(s);
}

/* Longer chains are only slower: out of memory here is no error. */
static void shapes_widen(struct hub *h)
{
    uint32_t size = h->shapes_size * 2;
    struct shape **wide = calloc(size, sizeof(struct shape *));

    if (wide == NULL)
        return;
    for (uint32_t i = 0; i < h->shapes_size; i++) {
        for (struct shape *s = h->shapes[i], *next; s != NULL; s = next) {
            next = s->next;
            s->next = wide[s->hash & (size - 1)];
            wide[s->hash & (size - 1)] = s;
        }
    }
    free(h->shapes);
    h->shapes = wide;
    h->shapes_size = size;
}

static struct shape *shape_new(enum protocol_version v, const char *topic, struct text asked,
                               const char **why)
{
    struct shape *s = calloc(1, sizeof *s);

    *why = "out of memory";
    if (s == NULL)
        return NULL;
    s->version = v;
    s->asked_len = asked.n;
    s->topic = strdup(topic);
    s->asked = malloc(asked.n + 1);
    if (s->topic == NULL || s->asked == NULL)
        goto failed;
    if (asked.n > 0)
        memcpy(s->asked, asked.p, asked.n);
    s->bindings = bindings_parse(asked, why);
    if (s->bindings == NULL)
        goto failed;
    return s;

failed:
    shape_free(s);
    return NULL;
}

struct shape *shape_take(struct hub *h, enum protocol_version v, const char *topic,
                         struct text asked, const char **why)
{
    uint64_t hash = shape_hash(v, topic, asked);
    struct shape *s = h->shapes[hash & (h->shapes_size - 1)];

    while (s != NULL && !shape_is(s, hash, v, topic, asked))
        s = s->next;
    if (s == NULL) {
        if ((s = shape_new(v, topic, asked, why)) == NULL)
            return NULL;
        if (h->n_shapes++ >= h->shapes_size)
            shapes_widen(h);
        s->hash = hash;
        s->next = h->shapes[hash & (h->shapes_size - 1)];
        h->shapes[hash & (h->shapes_size - 1)] = s;
    }
    s->refs++;
    return s;
}

void shape_leave(struct hub *h, struct shape *s)
{
    struct shape **at = &h->shapes[s->hash & (h->shapes_size - 1)];

    assert(s->refs > 0);
    if (--s->refs > 0)
        return;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    h->n_shapes--;
    shape_free(s);
}

/* ---- organizations, audiences, seats ---- */

static struct organization **organization_at(const struct hub *h, const char *id)
{
    uint64_t hash = hub_hash(0, id, strlen(id));
    struct organization **at = &h->organizations[hash & (h->organizations_size - 1)];

    while (*at != NULL && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

struct organization *hub_organization(const struct hub *h, const char *id)
{
    return *organization_at(h, id);
}

static void organizations_widen(struct hub *h)
{
    struct hub wide = {.organizations_size = h->organizations_size * 2};

    wide.organizations = calloc(wide.organizations_size, sizeof(struct organization *));
    if (wide.organizations == NULL)
        return;
    for (uint32_t i = 0; i < h->organizations_size; i++) {
        for (struct organization *o = h->organizations[i], *next; o != NULL; o = next) {
            struct organization **to = organization_at(&wide, o->id);

            next = o->next;
            o->next = NULL;
            *to = o;
        }
    }
    free(h->organizations);
    h->organizations = wide.organizations;
    h->organizations_size = wide.organizations_size;
}

static struct organization *organization_take(struct hub *h, const char *id)
{
    struct organization **at = organization_at(h, id);

    if (*at != NULL)
        return *at;
    if (h->n_organizations >= h->organizations_size) {
        organizations_widen(h);
        at = organization_at(h, id);
    }
    *at = calloc(1, sizeof **at);
    if (*at == NULL)
        return NULL;
    snprintf((*at)->id, sizeof(*at)->id, "%s", id);
    (*at)->joins.left = TENANT_JOINS_BURST * 1000;
    h->n_organizations++;
    return *at;
}

static void organization_leave(struct hub *h, struct organization *o)
{
    struct organization **at = organization_at(h, o->id);

    if (o->audiences != NULL)
        return;
    assert(*at == o);
    *at = o->next;
    h->n_organizations--;
    free(o);
}

static struct audience *audience_take(struct organization *o, struct shape *shape)
{
    struct audience *a = o->audiences;

    while (a != NULL && a->shape != shape)
        a = a->next;
    if (a != NULL)
        return a;
    a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    shape->refs++;
    *a = (struct audience){.next = o->audiences, .organization = o, .shape = shape};
    return o->audiences = a;
}

static void audience_leave(struct hub *h, struct audience *a)
{
    struct audience **at = &a->organization->audiences;

    if (a->n > 0)
        return;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    organization_leave(h, a->organization);
    shape_leave(h, a->shape);
    free(a->channels);
    free(a);
}

static bool sit(struct audience *a, struct channel *c)
{
    if (a->n == a->size) {
        uint32_t size = a->size == 0 ? AUDIENCE_FIRST_SIZE : a->size * 2;
        struct channel **channels = realloc(a->channels, size * sizeof(struct channel *));

        if (channels == NULL)
            return false;
        a->channels = channels;
        a->size = size;
    }
    a->channels[a->n] = c;
    c->seats[c->n_seats++] = (struct seat){a, a->n++};
    a->organization->n_seats++;
    return true;
}

static void stand_up(struct seat *seat)
{
    struct audience *a = seat->audience;
    struct channel *last = a->channels[--a->n];

    a->channels[seat->index] = last;
    a->organization->n_seats--;
    for (unsigned i = 0; i < last->n_seats; i++)
        if (last->seats[i].audience == a)
            last->seats[i].index = seat->index;
}

void seats_leave(struct channel *c)
{
    for (unsigned i = 0; i < c->n_seats; i++) {
        stand_up(&c->seats[i]);
        audience_leave(c->session->hub, c->seats[i].audience);
    }
    free(c->seats);
    c->seats = NULL;
    c->n_seats = 0;
}

bool seats_take(struct channel *c)
{
    struct hub *h = c->session->hub;
    const struct user *u = c->user;

    seats_leave(c);
    if (u->n_organizations == 0)
        return true;
    c->seats = calloc(u->n_organizations, sizeof *c->seats);
    if (c->seats == NULL)
        return false;
    c->home = home_of(c->shape->topic, u->organizations, u->n_organizations);
    for (unsigned i = 0; i < u->n_organizations; i++) {
        struct organization *o = organization_take(h, u->organizations[i]);
        struct audience *a = o == NULL ? NULL : audience_take(o, c->shape);

        if (a != NULL && sit(a, c))
            continue;
        if (a != NULL)
            audience_leave(h, a);
        else if (o != NULL)
            organization_leave(h, o);
        return false;
    }
    return true;
}

unsigned home_of(const char *topic, const char (*organizations)[ORGANIZATION_ID_SIZE], unsigned n)
{
    const char *colon = strchr(topic, ':');

    for (unsigned i = 0; i < n; i++)
        if (colon != NULL && strncmp(colon + 1, organizations[i], ORGANIZATION_ID_SIZE - 1) == 0)
            return i;
    return 0;
}

struct organization *channel_home(const struct channel *c)
{
    return c->n_seats == 0 ? NULL : c->seats[c->home].audience->organization;
}

/* ---- one change ---- */

static bool plain_name(const char *s)
{
    size_t n = strlen(s);

    return n > 0 && n < BINDING_NAME_MAX && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bool type_of(const char *type, enum change_type *out)
{
    if (strcmp(type, "INSERT") == 0)
        *out = CHANGE_INSERT;
    else if (strcmp(type, "UPDATE") == 0)
        *out = CHANGE_UPDATE;
    else if (strcmp(type, "DELETE") == 0)
        *out = CHANGE_DELETE;
    else
        return false;
    return true;
}

/* `selection`: NULL for all columns. Whoever wrote the entry leaves secrets out; a mistake there must not end here. */
static void put_record(struct frame_writer *w, struct text record, const char *selection)
{
    static const char hidden[] = "_encrypted";
    const size_t tail = sizeof hidden - 1;
    struct jsontext_each each;
    struct text name, value;
    const char *comma = "";

    if (selection == NULL && memmem(record.p, record.n, hidden, tail) == NULL) {
        frame_text(w, record);
        return;
    }
    frame_puts(w, "{");
    for (jsontext_open(&each, record); jsontext_member(&each, &name, &value);) {
        if ((name.n >= tail && memcmp(name.p + name.n - tail, hidden, tail) == 0) ||
            (selection != NULL && !bindings_select(selection, name)))
            continue;
        frame_puts(w, comma);
        frame_puts(w, "\"");
        frame_text(w, name);
        frame_puts(w, "\":");
        frame_text(w, value);
        comma = ",";
    }
    frame_puts(w, "}");
}

/* An UPDATE tells the old row's key, which never changes. */
static void put_key(struct frame_writer *w, struct text record)
{
    struct text id = jsontext_get(record, "id");

    frame_puts(w, "{");
    if (!text_empty(id)) {
        frame_puts(w, "\"id\":");
        frame_text(w, id);
    }
    frame_puts(w, "}");
}

static void put_timestamp(struct frame_writer *w, int64_t us)
{
    char text[48];
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us / 1000 % 1000));
    frame_puts(w, text);
}

/* What is the same for every audience that selects alike. */
static struct frame *change_data(const struct hub_change *in, const struct change *change,
                                 const char *selection)
{
    struct frame_writer w;

    frame_begin(&w);
    frame_expect(&w, in->record.n + CHANGE_TEXT_MAX);
    frame_puts(&w, "{\"schema\":\"public\",\"table\":\"");
    frame_text(&w, change->table);
    frame_puts(&w, "\",\"commit_timestamp\":\"");
    put_timestamp(&w, in->committed_us);
    frame_puts(&w, "\",\"type\":\"");
    frame_puts(&w, in->type);
    frame_puts(&w, "\",\"columns\":[]");
    if (change->type != CHANGE_DELETE) {
        frame_puts(&w, ",\"record\":");
        put_record(&w, change->record, selection);
    }
    if (change->type == CHANGE_UPDATE) {
        frame_puts(&w, ",\"old_record\":");
        put_key(&w, change->record);
    } else if (change->type == CHANGE_DELETE) {
        frame_puts(&w, ",\"old_record\":");
        put_record(&w, change->record, selection);
    }
    frame_puts(&w, ",\"errors\":null}");
    return frame_finish(&w);
}

static struct frame *change_frame(const struct shape *s, const uint64_t *ids, unsigned n,
                                  struct text data)
{
    struct frame_writer w;

    frame_begin(&w);
    frame_expect(&w, data.n + strlen(s->topic) + FRAME_TEXT_MAX);
    protocol_open(&w, s->version, TEXT("null"), TEXT("null"), s->topic, "postgres_changes");
    frame_puts(&w, "{\"ids\":[");
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            frame_puts(&w, ",");
        frame_number(&w, ids[i]);
    }
    frame_puts(&w, "],\"data\":");
    frame_text(&w, data);
    frame_puts(&w, "}");
    protocol_close(&w, s->version);
    return frame_finish(&w);
}

/* Names the row of an UPDATE, whose newer states replace older ones; 0: must be told. */
static uint64_t row_of(const struct change *change)
{
    struct text id = jsontext_get(change->record, "id");

    if (change->type != CHANGE_UPDATE || text_empty(id))
        return 0;
    return hub_hash(hub_hash(0, change->table.p, change->table.n), id.p, id.n) | 1;
}

/* With thousands of sockets, nothing of the next one is in the cache: it is fetched while the ones before are dealt with. */
LOOK_AHEAD void look_ahead(const struct audience *a, uint32_t i)
{
    enum { CHANNEL = 12, SESSION = 8, SLOTS = 4 };

    if (i + CHANNEL < a->n)
        __builtin_prefetch(a->channels[i + CHANNEL]);
    if (i + SESSION < a->n)
        __builtin_prefetch(a->channels[i + SESSION]->session, 1);
    if (i + SLOTS < a->n)
        __builtin_prefetch(a->channels[i + SLOTS]->session->outbox.slots, 1);
}

/* NULL: out of memory, so nobody gets it and all must resync. */
static void deliver(struct audience *a, struct frame *f, uint64_t row, struct instant now)
{
    struct hub_stats *stats;
    uint32_t waiting;

    for (uint32_t i = 0; i < a->n; i++) {
        struct channel *c = a->channels[i];

        look_ahead(a, i);
        stats = &c->session->hub->stats;
        waiting = c->session->outbox.n;
        if (c->replaying)
            continue; /* it is in the history */
        if (c->fsm.state != CHANNEL_LIVE || now.ms >= c->fsm.exp_at) {
            (void)channel_step(&c->fsm, CHANNEL_WITHHELD, NULL, now.ms);
        } else if (f != NULL && outbox_push(&c->session->outbox, f, c, row)) {
            session_row(c->session, now);
            session_told(c->session, now);
            stats->queued++;
            stats->conflated += c->session->outbox.n == waiting;
        } else {
            channel_fail_later(c);
        }
    }
}

/* The frame that tells `change` to those of this shape who select alike. `data`: of all columns. False: nobody of them wants
 * it; *f NULL: out of memory. */
static bool frame_for(const struct shape *s, const struct hub_change *in,
                      const struct change *change, unsigned selection, struct frame *data,
                      struct frame **f)
{
    const char *columns = s->bindings->selections[selection];
    uint64_t ids[BINDINGS_MAX];
    unsigned n = bindings_match(s->bindings, selection, change, ids);

    if (n == 0)
        return false;
    if (columns != NULL)
        data = change_data(in, change, columns);
    *f = data == NULL ? NULL : change_frame(s, ids, n, frame_payload(data));
    if (columns != NULL)
        frame_unref(data);
    return true;
}

static void tell_audience(struct audience *a, const struct hub_change *in,
                          const struct change *change, struct frame *data, struct instant now)
{
    for (unsigned i = 0; i < a->shape->bindings->n_selections; i++) {
        struct frame *f;

        if (!frame_for(a->shape, in, change, i, data, &f))
            continue;
        if (f != NULL)
            f->committed_us = in->committed_us;
        deliver(a, f, row_of(change), now);
        frame_unref(f);
    }
}

/* False: it is no change of a row. */
static bool read_change(const struct hub_change *in, struct change *out)
{
    *out = (struct change){.table = text_of(in->table), .record = in->record};
    return type_of(in->type, &out->type) && plain_name(in->table) && in->committed_us >= 0 &&
           jsontext_valid(in->record) && jsontext_kind(in->record) == JSONTEXT_OBJECT;
}

bool channel_replay(struct channel *c, const struct hub_change *in)
{
    const struct shape *s = c->shape;
    struct change change;
    struct frame *data, *f;
    bool fits = true;

    if (strcmp(in->type, "RESYNC") == 0)
        return !bindings_watch(s->bindings, text_of(in->table));
    if (!read_change(in, &change))
        return true;
    data = change_data(in, &change, NULL);
    for (unsigned i = 0; fits && i < s->bindings->n_selections; i++) {
        if (!frame_for(s, in, &change, i, data, &f))
            continue;
        fits = f != NULL && outbox_push(&c->session->outbox, f, c, row_of(&change));
        frame_unref(f);
    }
    frame_unref(data);
    session_mark(c->session);
    return fits;
}

/* Somebody tells that changes of this organization went astray. */
static void resync_organization(struct hub *h, const struct organization *o, const char *table,
                                struct instant now)
{
    for (struct audience *a = o->audiences; a != NULL; a = a->next) {
        if (!bindings_watch(a->shape->bindings, text_of(table)))
            continue;
        for (uint32_t i = 0; i < a->n; i++) {
            a->channels[i]->resync_at = now.ms + h->resync_index++ % RESYNC_SPREAD_MS;
            channel_schedule(a->channels[i]);
        }
    }
}

void hub_change(struct hub *h, const struct hub_change *in, struct instant now)
{
    struct organization *o = *organization_at(h, in->organization_id);
    struct change change;
    struct frame *data;

    h->stats.changes++;
    if (strcmp(in->type, "RESYNC") == 0 &&
        strlen(in->organization_id) != ORGANIZATION_ID_SIZE - 1) {
        history_forget(&h->history, in->at_ms + 1);
        hub_resync_all(h, now); /* it could not be told whose changes were lost */
        return;
    }
    if (h->resume.ask != NULL && strlen(in->organization_id) == ORGANIZATION_ID_SIZE - 1)
        history_add(&h->history, in->organization_id, in->table, in->type, in->record,
                    in->committed_us, in->at_ms);
    if (o == NULL)
        return;
    if (strcmp(in->type, "RESYNC") == 0) {
        resync_organization(h, o, in->table, now);
        return;
    }
    if (!read_change(in, &change)) {
        h->stats.changes_bad++;
        return;
    }
    data = change_data(in, &change, NULL);
    for (struct audience *a = o->audiences; a != NULL; a = a->next)
        tell_audience(a, in, &change, data, now);
    frame_unref(data);
    hub_settle(h, now);
}
