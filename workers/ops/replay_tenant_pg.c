/* Whose an event is, as a worker would decide now: a store's events by its domain, a callback by what it says
 * (lookup_calls.sql). A callback that says nothing belongs with its call: whoever owned an event of that call before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "event.h"
#include "ops/history.h"
#include "ops/query_pg.h"
#include "ops/replay.h"
#include "runtime/assets.h"
#include "worker/array.h"
#include "worker/calls.h"
#include "worker/source.h"

enum {
    HINT_MAX = 256,        /* no id and no number is longer */
    HINTS_ARENA = 2 << 20, /* of HISTORY_READ_MAX events */
    CALLS_MIN = 1024,
    CALLS_MAX = 1 << 22, /* calls remembered; beyond it the database alone decides */
};

static const char lookup[] = "schema/worker/lookup_calls.sql";

struct replay_tenant {
    PGconn *db;
    const char *organization;
    PGresult *stores;
    struct arena hints;
    struct calls calls;
    unsigned event[HISTORY_READ_MAX]; /* of each call that is asked about */
    uint64_t name[HISTORY_READ_MAX];  /* the same: what to remember it by */
    /* calls that were ours: an open hash table of names, 0 is empty */
    uint64_t *ours;
    size_t n_ours, room;
};

static bool find_stores(struct replay_tenant *t)
{
    const char *values[] = {t->organization};

    t->stores = ops_query(t->db, "replay", "schema/ops/tenant_stores.sql", 1, values, NULL, NULL);
    if (t->stores == NULL)
        return false;
    if (PQntuples(t->stores) > 0)
        return true;
    fprintf(stderr, "ringback replay: there is no organization %s\n", t->organization);
    return false;
}

static bool begin_question(struct replay_tenant *t)
{
    arena_reset(&t->hints);
    return calls_init(&t->calls, &t->hints, HISTORY_READ_MAX);
}

struct replay_tenant *replay_tenant_open(const struct config *config, const char *organization)
{
    struct replay_tenant *t = calloc(1, sizeof *t);
    void *memory = malloc(HINTS_ARENA);

    if (t == NULL || memory == NULL) {
        fprintf(stderr, "ringback replay: out of memory\n");
        free(memory);
        free(t);
        return NULL;
    }
    arena_init(&t->hints, memory, HINTS_ARENA);
    t->organization = organization;
    t->room = CALLS_MIN;
    t->ours = calloc(t->room, sizeof *t->ours);
    t->db = ops_connect(config, "replay");
    if (t->ours != NULL && t->db != NULL && begin_question(t) && find_stores(t))
        return t;
    replay_tenant_close(t);
    return NULL;
}

void replay_tenant_close(struct replay_tenant *t)
{
    if (t == NULL)
        return;
    PQclear(t->stores);
    PQfinish(t->db);
    free(t->ours);
    free(t->hints.base);
    free(t);
}

enum { STORE_DOMAIN, STORE_FROM, STORE_UNTIL }; /* of tenant_stores.sql */

/* The row of the domain; -1: there is none. */
static int find_store(const struct replay_tenant *t, struct text domain)
{
    int low = 0, high = PQntuples(t->stores);

    while (low < high) {
        int middle = low + (high - low) / 2, order;
        struct text is = text_of(PQgetvalue(t->stores, middle, STORE_DOMAIN));
        size_t least = is.n < domain.n ? is.n : domain.n;

        order = memcmp(is.p, domain.p, least);
        if (order == 0 && is.n == domain.n)
            return middle;
        if (order < 0 || (order == 0 && is.n < domain.n))
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static int64_t moment(const PGresult *r, int row, int column, int64_t otherwise)
{
    return PQgetisnull(r, row, column) ? otherwise : strtoll(PQgetvalue(r, row, column), NULL, 10);
}

/* Whether the store was ours when it happened. */
static bool is_ours(const struct replay_tenant *t, const struct envelope *e)
{
    int64_t us = e->triggered_us != EVENT_NO_TIME ? e->triggered_us : e->received_us;
    int row = find_store(t, e->key);

    return row >= 0 && us >= moment(t->stores, row, STORE_FROM, INT64_MIN) &&
           us < moment(t->stores, row, STORE_UNTIL, INT64_MAX);
}

/* ---- calls that were ours ---- */

/* FNV-1a. Two names that collide make us replay an event of somebody else's, which is harmless. */
static uint64_t name_of(struct text source, struct text call)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < source.n; i++)
        h = (h ^ (unsigned char)source.p[i]) * UINT64_C(1099511628211);
    h = (h ^ '\n') * UINT64_C(1099511628211);
    for (size_t i = 0; i < call.n; i++)
        h = (h ^ (unsigned char)call.p[i]) * UINT64_C(1099511628211);
    return h == 0 ? 1 : h;
}

/* The place of `name`, or the empty one where it belongs. */
static size_t place_of(const uint64_t *table, size_t room, uint64_t name)
{
    size_t at = (size_t)name & (room - 1);

    while (table[at] != 0 && table[at] != name)
        at = (at + 1) & (room - 1);
    return at;
}

static bool make_room(struct replay_tenant *t)
{
    uint64_t *table;

    if (t->n_ours < t->room / 2)
        return true;
    table = t->room < CALLS_MAX ? calloc(t->room * 2, sizeof *table) : NULL;
    if (table == NULL)
        return false;
    for (size_t i = 0; i < t->room; i++)
        if (t->ours[i] != 0)
            table[place_of(table, t->room * 2, t->ours[i])] = t->ours[i];
    free(t->ours);
    t->ours = table;
    t->room *= 2;
    return true;
}

static void remember(struct replay_tenant *t, uint64_t name)
{
    size_t at = place_of(t->ours, t->room, name);

    if (t->ours[at] == name || !make_room(t))
        return;
    t->ours[place_of(t->ours, t->room, name)] = name;
    t->n_ours++;
}

/* ---- asking ---- */

/* The hints outlive the event that they were read from. */
static void keep_hints(struct replay_tenant *t, struct batch_call *call)
{
    for (enum call_hint h = 0; h < CALL_HINTS; h++) {
        struct value *v = &call->hint[h];

        if (v->set && v->text.n > HINT_MAX)
            v->set = false;
        if (v->set)
            v->text.p = arena_copy(&t->hints, v->text.p, v->text.n);
    }
}

enum replay_owner replay_tenant_ask(struct replay_tenant *t, unsigned event,
                                    const struct envelope *e, struct arena *scratch)
{
    const struct voice_provider *provider;
    struct voice_events read = {.arena = scratch};
    struct voice_request request;
    struct batch_call *call;
    char source[HINT_MAX];

    if (text_equal(e->source, TEXT("shopify")))
        return is_ours(t, e) ? OWNER_US : OWNER_OTHER;
    snprintf(source, sizeof source, "%.*s", (int)(e->source.n % HINT_MAX), e->source.p);
    provider = voice_provider_find(source);
    if (provider == NULL)
        return OWNER_OTHER;
    voice_request_of(e, scratch, &request);
    if (scratch->failed || provider->read(&request, &read) != VERDICT_STORE || read.n == 0)
        return OWNER_OTHER;
    t->event[t->calls.n] = event;
    t->name[t->calls.n] = name_of(e->source, read.event[0].external_call_id);
    call = calls_add(&t->calls, scratch, provider, read.event, read.n);
    if (call == NULL)
        return OWNER_OTHER;
    keep_hints(t, call);
    return OWNER_LATER;
}

static PGresult *look_up(struct replay_tenant *t)
{
    const struct value *const *const *columns = calls_columns(&t->calls, &t->hints);
    const struct asset *file = asset_find(lookup);
    const char *values[CALL_HINTS];
    int lengths[CALL_HINTS], formats[CALL_HINTS];
    PGresult *r;

    for (enum call_hint h = 0; columns != NULL && h < CALL_HINTS; h++) {
        values[h] = array_encode(&t->hints, COLUMN_TEXT, columns[h], t->calls.n, &lengths[h]);
        formats[h] = 1;
    }
    if (t->hints.failed || file == NULL) {
        fprintf(stderr, "ringback replay: no memory to ask whose the calls are\n");
        return NULL;
    }
    r = PQexecParams(t->db, file->data, CALL_HINTS, NULL, values, lengths, formats, 0);
    if (PQresultStatus(r) == PGRES_TUPLES_OK)
        return r;
    ops_print_error("replay", t->db, r);
    PQclear(r);
    return NULL;
}

bool replay_tenant_answer(struct replay_tenant *t, bool *ours)
{
    int idx, organization;
    PGresult *r;

    if (t->calls.n == 0)
        return true;
    r = look_up(t);
    if (r == NULL)
        return false;
    idx = PQfnumber(r, "idx");
    organization = PQfnumber(r, "organization_id");
    for (int row = 0; row < PQntuples(r); row++) {
        unsigned long i = strtoul(PQgetvalue(r, row, idx), NULL, 10);

        t->calls.call[i].known = true;
        if (strcasecmp(PQgetvalue(r, row, organization), t->organization) == 0) {
            ours[t->event[i]] = true;
            remember(t, t->name[i]);
        }
    }
    PQclear(r);
    for (uint32_t i = 0; i < t->calls.n; i++)
        if (!t->calls.call[i].known && t->ours[place_of(t->ours, t->room, t->name[i])] != 0)
            ours[t->event[i]] = true;
    return begin_question(t);
}
