/* Whose the entries of a batch are: connected stores that are not in the cache, and calls. All questions of a batch are
 * one request.
 *
 * Happy path: what the batch does not know -> one query per kind -> answers into the cache or the batch -> batch_resolve().
 * Failures: the request fails, or no memory for its answer -> the same again after a moment; no memory to ask -> the batch is cut (batch_handle()). */
#include <stdlib.h>

#include "runtime/db_error.h"
#include "runtime/log.h"
#include "worker/array.h"
#include "worker/flow_internal.h"

enum {
    SHOP_DOMAIN,
    SHOP_INTEGRATION,
    SHOP_ORGANIZATION,
    SHOP_STATUS,
    SHOP_SETTINGS,
    SHOP_REDACTING,
    SHOP_SINCE,
    SHOP_BEFORE_INTEGRATION,
    SHOP_BEFORE_ORGANIZATION,
    SHOP_BEFORE_SETTINGS
}; /* columns of lookup_shops.sql */

enum { CALL_IDX, CALL_ORGANIZATION_ID, CALL_AGENT_ID, CALL_CAMPAIGN_ID }; /* of lookup_calls.sql */

enum { RETRY_LOOKUP_MS = 500 };

/* ---- stores ----------------------------------------------------------------------------------------- */

static unsigned ask_shops(struct slot *s, const char **values, int *lengths)
{
    uint32_t n;
    const struct value *const *domains = batch_unknown_shops(&s->batch, &n);

    if (n == 0)
        return 0;
    values[0] = array_encode(&s->batch.arena, COLUMN_TEXT, domains, n, &lengths[0]);
    return 1;
}

static char *cell(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

/* Of those that were asked for, the ones that did not come back. */
static void learn_unknown(struct slot *s)
{
    struct flow *f = s->flow;
    uint64_t now = uv_now(f->options.loop);

    for (uint32_t i = 0; i < s->batch.n; i++) {
        const struct batch_item *item = &s->batch.items[i];
        const struct shop *shop;
        size_t mark = s->batch.arena.used;

        if (!item->asked)
            continue;
        if (shops_find(f->shops, item->envelope->key, EVENT_NO_TIME, now, &s->batch.arena, &shop) ==
            SHOP_ASK)
            shops_put_unknown(f->shops, item->envelope->key, now);
        s->batch.arena.used = mark;
        s->batch.arena.failed = false;
    }
}

static bool learn_shop(struct shops *shops, struct text domain, const PGresult *r, int i,
                       uint64_t now)
{
    char *since = cell(r, i, SHOP_SINCE);

    return shops_put(shops, domain, PQgetvalue(r, i, SHOP_INTEGRATION),
                     PQgetvalue(r, i, SHOP_ORGANIZATION), cell(r, i, SHOP_SETTINGS),
                     *PQgetvalue(r, i, SHOP_REDACTING) == 't', now) &&
           (since == NULL || shops_put_before(shops, domain, strtoll(since, NULL, 10),
                                              PQgetvalue(r, i, SHOP_BEFORE_INTEGRATION),
                                              PQgetvalue(r, i, SHOP_BEFORE_ORGANIZATION),
                                              cell(r, i, SHOP_BEFORE_SETTINGS)));
}

static bool learn_shops(struct slot *s, const PGresult *r)
{
    struct flow *f = s->flow;
    uint64_t now = uv_now(f->options.loop);

    for (int i = 0; i < PQntuples(r); i++) {
        char *domain = PQgetvalue(r, i, SHOP_DOMAIN);

        for (char *p = domain; *p != '\0'; p++)
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
        if (!learn_shop(f->shops, text_of(domain), r, i, now))
            return false; /* it would pass for one that does not exist */
    }
    learn_unknown(s);
    return true;
}

/* ---- calls ------------------------------------------------------------------------------------------ */

static unsigned ask_calls(struct slot *s, const char **values, int *lengths)
{
    uint32_t n;
    const struct value *const *const *columns = batch_unknown_calls(&s->batch, &n);

    if (n == 0)
        return 0;
    for (enum call_hint h = 0; h < CALL_HINTS; h++)
        values[h] = array_encode(&s->batch.arena, COLUMN_TEXT, columns[h], n, &lengths[h]);
    return CALL_HINTS;
}

/* Rows: idx (from 0), organization_id, agent_id, campaign_id; none for a call that nobody knows. */
static bool learn_calls(struct slot *s, const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        long idx = strtol(PQgetvalue(r, i, CALL_IDX), NULL, 10);

        if (cell(r, i, CALL_ORGANIZATION_ID) == NULL)
            continue;
        if (idx < 0 ||
            !calls_learn(&s->batch.calls, (uint32_t)idx, PQgetvalue(r, i, CALL_ORGANIZATION_ID),
                         cell(r, i, CALL_AGENT_ID), cell(r, i, CALL_CAMPAIGN_ID)))
            log_error("an answer about a call makes no sense", "idx", log_num(idx), NULL);
    }
    return true;
}

/* ---- the request ------------------------------------------------------------------------------------ */

static const struct lookup {
    struct db_statement statement;
    /* Parameters, in the batch's arena; their number, 0: nothing to ask. */
    unsigned (*ask)(struct slot *s, const char **values, int *lengths);
    /* False: out of memory, ask again. */
    bool (*learn)(struct slot *s, const PGresult *r);
} kinds[LOOKUPS_MAX] = {
    {{"schema/worker/lookup_shops.sql"}, ask_shops, learn_shops},
    {{"schema/worker/lookup_calls.sql"}, ask_calls, learn_calls},
};

/* What the questions took of the arena is given back: they will be put again. */
static void take_back(struct slot *s)
{
    batch_forget_calls(&s->batch);
    s->batch.arena.used = s->lookup_mark;
}

static void on_answered(struct db_request *r, const struct db_outcome *o)
{
    struct slot *s = r->ctx;
    struct flow *f = s->flow;
    bool learnt = true;

    if (s->n_lost > 0 || f->closed) {
        slot_disband(s);
        return;
    }
    if (!o->ok) {
        take_back(s);
        if (db_error_action(o->sqlstate, 0) == DB_STOP_NOT_READY) {
            flow_stop(f, o->sqlstate, o->message);
            slot_pause(s, SLOT_ASKING, STOPPED_RETRY_MS);
            return;
        }
        slot_pause(s, SLOT_ASKING, flow_jitter(f, RETRY_LOOKUP_MS));
        return;
    }
    flow_resume(f);
    for (unsigned i = 0; i < s->n_lookups && learnt; i++)
        learnt = kinds[s->lookup_kinds[i]].learn(s, o->results[i]);
    if (!learnt) {
        log_error("no memory for what the database knows about a batch", NULL);
        take_back(s);
        slot_pause(s, SLOT_ASKING, flow_jitter(f, RETRY_LOOKUP_MS));
        return;
    }
    batch_resolve(&s->batch, f->shops, uv_now(f->options.loop));
    s->state = SLOT_HANDLING;
    flow_kick(f);
}

/* The question of one kind, if there is one. False: no memory for it. */
static bool add_lookup(struct slot *s, unsigned kind)
{
    struct arena *arena = &s->batch.arena;
    const char **values = arena_alloc(arena, CALL_HINTS * sizeof *values);
    int *lengths = arena_alloc(arena, CALL_HINTS * sizeof *lengths);
    int *formats = arena_alloc(arena, CALL_HINTS * sizeof *formats);
    unsigned n = arena->failed ? 0 : kinds[kind].ask(s, values, lengths);

    for (unsigned i = 0; i < n; i++)
        formats[i] = 1;
    if (n > 0 && !arena->failed) {
        s->lookup_kinds[s->n_lookups] = kind;
        s->lookups[s->n_lookups++] = (struct db_query){
            .statement = &kinds[kind].statement,
            .n_params = (int)n,
            .values = values,
            .lengths = lengths,
            .formats = formats,
        };
    }
    return !arena->failed;
}

void lookup_send(struct slot *s)
{
    struct flow *f = s->flow;
    bool room = true;

    s->n_lookups = 0;
    s->lookup_mark = s->batch.arena.used;
    s->state = SLOT_HANDLING;
    for (unsigned kind = 0; room && kind < LOOKUPS_MAX; kind++)
        room = add_lookup(s, kind);
    if (!room) { /* batch_handle() cuts the batch where it meets the first entry without an owner */
        take_back(s);
        s->batch.arena.failed = false;
        return;
    }
    if (s->n_lookups == 0)
        return;
    s->request = (struct db_request){.queries = s->lookups,
                                     .n_queries = s->n_lookups,
                                     .done = on_answered,
                                     .ctx = s,
                                     .deadline_ms = LOOKUP_DEADLINE_MS};
    s->state = SLOT_RUNNING;
    db_submit(f->options.lookups, &s->request);
}
