#include "realtime/presence.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { PRESENCE_FIRST_SIZE = 64, MEMBER_TEXT_MAX = 64 /* around its key and meta */ };

static uint32_t node_of(uint64_t id)
{
    return (uint32_t)(id >> 32);
}

static void member_free(struct member *m)
{
    free(m->key);
    free(m->meta);
    free(m);
}

static uint32_t hash(const char *organization, const char *topic)
{
    uint32_t h = 2166136261u;

    for (const char *s = organization; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    for (const char *s = topic; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static struct room **room_at(const struct presence *p, const char *organization, const char *topic)
{
    struct room **at = &p->rooms[hash(organization, topic) & (p->size - 1)];

    while (*at != NULL &&
           (strcmp((*at)->organization, organization) != 0 || strcmp((*at)->topic, topic) != 0))
        at = &(*at)->next;
    return at;
}

/* Longer chains are only slower: out of memory here is no error. */
static void widen(struct presence *p)
{
    struct presence wide = {.size = p->size * 2};

    wide.rooms = calloc(wide.size, sizeof(struct room *));
    if (wide.rooms == NULL)
        return;
    for (uint32_t i = 0; i < p->size; i++) {
        for (struct room *r = p->rooms[i], *next; r != NULL; r = next) {
            struct room **to = room_at(&wide, r->organization, r->topic);

            next = r->next;
            r->next = NULL;
            *to = r;
        }
    }
    free(p->rooms);
    p->rooms = wide.rooms;
    p->size = wide.size;
}

bool presence_init(struct presence *p)
{
    *p = (struct presence){.size = PRESENCE_FIRST_SIZE};
    p->rooms = calloc(p->size, sizeof(struct room *));
    return p->rooms != NULL;
}

static void room_free(struct room *r)
{
    for (struct member *m = r->members, *next; m != NULL; m = next) {
        next = m->next;
        member_free(m);
    }
    free(r->topic);
    free(r);
}

void presence_free(struct presence *p)
{
    for (uint32_t i = 0; p->rooms != NULL && i < p->size; i++) {
        for (struct room *r = p->rooms[i], *next; r != NULL; r = next) {
            next = r->next;
            room_free(r);
        }
    }
    free(p->rooms);
    p->rooms = NULL;
}

const struct room *presence_room(const struct presence *p, const char *organization,
                                 const char *topic)
{
    return *room_at(p, organization, topic);
}

static struct room *room_take(struct presence *p, const char *organization, const char *topic)
{
    struct room **at = room_at(p, organization, topic), *r = *at;

    if (r != NULL)
        return r;
    if (p->n_rooms >= p->size) {
        widen(p);
        at = room_at(p, organization, topic);
    }
    r = calloc(1, sizeof *r);
    if (r == NULL || (r->topic = strdup(topic)) == NULL) {
        free(r);
        return NULL;
    }
    snprintf(r->organization, sizeof r->organization, "%s", organization);
    p->n_rooms++;
    return *at = r;
}

static void room_leave(struct presence *p, struct room *r)
{
    struct room **at = room_at(p, r->organization, r->topic);

    if (r->members != NULL || r->changed) /* a changed one is looked at once more */
        return;
    assert(*at == r);
    *at = r->next;
    p->n_rooms--;
    room_free(r);
}

static struct member *member_new(uint64_t id, uint32_t count, struct text key, struct text meta)
{
    struct member *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->id = id;
    m->count = count;
    m->key = strndup(key.p, key.n);
    m->meta = strndup(meta.p, meta.n);
    if (m->key != NULL && m->meta != NULL)
        return m;
    member_free(m);
    return NULL;
}

static struct member **find(struct room *r, uint64_t id)
{
    struct member **at = &r->members;

    while (*at != NULL && ((*at)->id != id || (*at)->gone))
        at = &(*at)->next;
    return at;
}

static void has_changed(struct presence *p, struct room *r)
{
    if (r->changed)
        return;
    r->changed = true;
    r->next_changed = p->changed;
    p->changed = r;
}

/* Behind the last one with the same key, else at the end. */
static void insert(struct presence *p, struct room *r, struct member *m)
{
    struct member **at = &r->members, **end;

    while (*at != NULL && strcmp((*at)->key, m->key) != 0)
        at = &(*at)->next;
    for (end = at; *end != NULL && strcmp((*end)->key, m->key) == 0;)
        end = &(*end)->next;
    m->next = *end;
    *end = m;
    r->n++;
    has_changed(p, r);
}

static void unlink_free(struct member **at)
{
    struct member *m = *at;

    *at = m->next;
    member_free(m);
}

/* Whom nobody was told of goes at once. */
static void let_go(struct presence *p, struct room *r, struct member **at)
{
    r->n--;
    if ((*at)->told) {
        (*at)->gone = true;
        has_changed(p, r);
    } else {
        unlink_free(at);
    }
}

bool presence_set(struct presence *p, const char *organization, const char *topic, uint64_t id,
                  uint32_t count, struct text key, struct text meta)
{
    struct room *r = room_take(p, organization, topic);
    struct member **at, *new;

    if (r == NULL)
        return false;
    at = find(r, id);
    if (*at != NULL && (*at)->count >= count) {
        (*at)->stale = false;
        return true;
    }
    new = *at == NULL && r->n >= ROOM_MEMBERS_MAX ? NULL : member_new(id, count, key, meta);
    if (new == NULL) {
        room_leave(p, r);
        return false;
    }
    if (*at != NULL)
        let_go(p, r, at);
    insert(p, r, new);
    return true;
}

void presence_drop(struct presence *p, const char *organization, const char *topic, uint64_t id)
{
    struct room *r = *room_at(p, organization, topic);
    struct member **at;

    if (r == NULL || *(at = find(r, id)) == NULL)
        return;
    let_go(p, r, at);
    room_leave(p, r);
}

/* ---- processes ---- */

/* Marks the members of `node`, or lets those go that still are marked (all of them if `all`). */
static void sweep_room(struct presence *p, struct room *r, uint32_t node, bool all)
{
    for (struct member **at = &r->members; *at != NULL;) {
        struct member *m = *at;

        if (m->gone || node_of(m->id) != node || !(m->stale || all)) {
            at = &m->next;
            continue;
        }
        let_go(p, r, at);
    }
}

static void sweep(struct presence *p, uint32_t node, bool all)
{
    for (uint32_t i = 0; i < p->size; i++) {
        for (struct room *r = p->rooms[i], *next; r != NULL; r = next) {
            next = r->next;
            sweep_room(p, r, node, all);
            room_leave(p, r);
        }
    }
}

void presence_begin(struct presence *p, uint32_t node)
{
    for (uint32_t i = 0; i < p->size; i++)
        for (struct room *r = p->rooms[i]; r != NULL; r = r->next)
            for (struct member *m = r->members; m != NULL; m = m->next)
                m->stale = m->stale || node_of(m->id) == node;
}

void presence_end(struct presence *p, uint32_t node)
{
    sweep(p, node, false);
}

void presence_heard(struct presence *p, uint32_t node, uint64_t now)
{
    unsigned i = 0;

    while (i < p->n_nodes && p->nodes[i].number != node)
        i++;
    if (i == BUS_NODES_MAX)
        return; /* its members stay until it says otherwise */
    p->nodes[i] = (struct node){node, now};
    p->n_nodes += i == p->n_nodes;
}

bool presence_expire(struct presence *p, uint64_t now)
{
    for (unsigned i = 0; i < p->n_nodes;) {
        if (now - p->nodes[i].heard_at < BUS_SILENT_MS) {
            i++;
            continue;
        }
        sweep(p, p->nodes[i].number, true);
        p->nodes[i] = p->nodes[--p->n_nodes];
    }
    return p->n_nodes > 0;
}

/* ---- what clients see ---- */

static bool is_in(const struct member *m, enum presence_part part)
{
    static const bool gone[] = {[PRESENCE_LEAVES] = true, [PRESENCE_JOINS] = false};

    return part == PRESENCE_STATE ? m->told : m->telling && m->gone == gone[part];
}

/* Which ones this turn's messages are about: those that left, then those that came. Those left over wait. */
static bool choose(const struct room *r, enum presence_part part, size_t *left)
{
    bool any = false;

    for (struct member *m = r->members; m != NULL && *left > 0; m = m->next) {
        size_t n = strlen(m->key) + strlen(m->meta) + MEMBER_TEXT_MAX;

        if (part == PRESENCE_LEAVES ? !m->gone : m->told)
            continue;
        m->telling = any = true;
        *left -= n < *left ? n : *left;
    }
    return any;
}

/* True: something is left to be told. */
static bool told(struct room *r)
{
    bool more = false;

    for (struct member **at = &r->members; *at != NULL;) {
        struct member *m = *at;

        if (m->telling && m->gone) {
            unlink_free(at);
            continue;
        }
        m->told = m->told || m->telling;
        m->telling = false;
        more = more || m->gone || !m->told;
        at = &m->next;
    }
    return more;
}

/* In two messages: supabase-js 2.109 does not find who left in one that tells the same key's new state, too. */
void presence_tell(struct presence *p, presence_cb tell, void *ctx)
{
    struct room *r = p->changed, *next;

    p->changed = NULL;
    for (; r != NULL; r = next) {
        size_t left = PRESENCE_TELL_BYTES;

        next = r->next_changed;
        r->changed = false;
        if (choose(r, PRESENCE_LEAVES, &left))
            tell(ctx, r, PRESENCE_LEAVES);
        if (choose(r, PRESENCE_JOINS, &left))
            tell(ctx, r, PRESENCE_JOINS);
        if (told(r))
            has_changed(p, r);
        room_leave(p, r);
    }
}

/* A client takes the meta's phx_ref for its name; ours comes last and therefore counts. */
static void put_meta(struct frame_writer *w, const struct member *m)
{
    struct text meta = text_of(m->meta);
    char ref[48];

    assert(meta.n >= 2);
    frame_text(w, (struct text){meta.p, meta.n - 1});
    snprintf(ref, sizeof ref, "%s\"phx_ref\":\"%llx.%u\"}",
             strspn(meta.p + 1, " \t\r\n") + 2 == meta.n ? "" : ",", (unsigned long long)m->id,
             m->count);
    frame_puts(w, ref);
}

void presence_put(struct frame_writer *w, const struct room *room, enum presence_part part)
{
    const struct member *before = NULL;

    frame_puts(w, "{");
    for (const struct member *m = room == NULL ? NULL : room->members; m != NULL; m = m->next) {
        if (!is_in(m, part))
            continue;
        if (before != NULL && strcmp(before->key, m->key) == 0) {
            frame_puts(w, ",");
        } else {
            frame_puts(w, before == NULL ? "" : "]},");
            frame_string(w, text_of(m->key));
            frame_puts(w, ":{\"metas\":[");
        }
        put_meta(w, m);
        before = m;
    }
    frame_puts(w, before == NULL ? "}" : "]}}");
}
