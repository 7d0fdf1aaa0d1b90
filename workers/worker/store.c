/* One range of a batch: encode -> send -> committed -> live updates and XACK, partition by partition; or failed -> what the
 * SQLSTATE asks for. The whole batch is the first range; after a row's fault bisect.c decides which
 * ranges follow. A mixed batch is only ever stored whole: trouble parts it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/db_error.h"
#include "runtime/log.h"
#include "worker/flow_internal.h"
#include "worker/origin.h"
#include "worker/wall_clock.h"
#include "worker/worker_metrics.h"

enum {
    UPDATE_TABLE,
    UPDATE_TYPE,
    UPDATE_ORGANIZATION,
    UPDATE_RECORD,
    UPDATE_CALL, /* of some statements */
    UPDATE_COLUMNS_MIN = UPDATE_CALL,

    RETRY_MS = 50,
    RETRY_MS_MAX = 2000,
    BACK_OFF_MS = 1000,
    BACK_OFF_MS_MAX = 30000,
    RECONNECT_MS = 200,
    ERASE_RETRY_MS = 1000,
    TIMEOUTS_MAX = 2, /* of a single entry, before it counts as the culprit */
};

#define LOCK_TIMEOUT "55P03"

static const struct rows no_rows; /* of a condemned entry */

static void next_range(struct slot *s)
{
    if (slot_is_lost(s) || !bisect_next(&s->bisect, &s->lo, &s->hi)) {
        metric_observe(worker_metrics.batch_seconds,
                       (double)((uint64_t)wall_us() - s->begun_us) / 1e6);
        slot_close(s);
        return;
    }
    s->attempts = 0;
    memset(s->failures, 0, sizeof s->failures);
    s->minimal = false;
    s->state = SLOT_SENDING;
    flow_kick(s->flow);
}

void store_begin(struct slot *s)
{
    worker_count_batch(s->batch.n);
    bisect_init(&s->bisect, s->batch.n);
    next_range(s);
}

static bool is_condemned(const struct slot *s)
{
    return s->hi - s->lo == 1 && s->batch.letters[s->lo] != NULL;
}

/* The range becomes smaller; a single entry, which cannot, becomes a dead letter. */
static void split(struct slot *s, bool guilty, const char *reason, const char *detail,
                  const char *sqlstate)
{
    if (!bisect_split(&s->bisect, guilty)) {
        log_warn("event dead-lettered", "topic", s->batch.items[s->lo].topic, "reason", reason,
                 "sqlstate", sqlstate == NULL ? "" : sqlstate, NULL);
        batch_condemn(&s->batch, s->lo, reason, detail, sqlstate, false);
        s->state = SLOT_SENDING;
        flow_kick(s->flow);
        return;
    }
    next_range(s);
}

/* ---- after the commit ---- */

static void count_events(const struct batch *b, uint32_t lo, uint32_t hi)
{
    int64_t now = wall_us();

    for (uint32_t i = lo; i < hi; i++) {
        const struct batch_item *item = &b->items[i];

        worker_count_event(item);
        if (item->envelope != NULL && item->envelope->received_us <= now)
            metric_observe(worker_metrics.age_seconds,
                           (double)(now - item->envelope->received_us) / 1e6);
        if (item->fate == FATE_VANISHED)
            metric_add(worker_metrics.vanished, 1);
        if (item->fate == FATE_DEAD) {
            assert(b->letters[i] != NULL); /* nothing is acknowledged that is stored nowhere */
            struct text reason = b->letters[i]->v[DEAD_REASON].text;
            worker_count_letter(reason.p);
        }
    }
}

static void on_settled(void *ctx, bool ok)
{
    struct flow *f = ctx;

    (void)ok; /* false: the entries come again, the consumer has said so by on_lost */
    f->settling--;
    if (f->draining)
        flow_kick(f);
}

static void on_suspect_settled(void *ctx, bool ok)
{
    struct slot *s = ctx;

    on_settled(s->flow, ok);
    next_range(s);
}

/* Covered events of one partition that are being acknowledged. */
struct covered {
    struct consumer *consumer;
    unsigned partition, n;
    void (*settled)(void *ctx, bool ok); /* then */
    void *ctx;
    struct entry_id ids[];
};

static void on_settled_covered(void *ctx, bool ok)
{
    struct covered *c = ctx;

    if (ok) { /* else they come again, and must be there then */
        consumer_forget(c->consumer, c->partition, c->ids, c->n);
        metric_add(worker_metrics.erased, c->n);
    }
    c->settled(c->ctx, ok);
    free(c);
}

/* What is told and acknowledged of one partition: the entries [lo, hi). */
struct share {
    unsigned partition;
    uint32_t lo, hi;
    const struct live_update *updates;
    unsigned n_updates;
};

/* NULL: there are none. Without memory they stay in the stream until their retention ends. */
static struct covered *covered_of(const struct slot *s, const struct share *share,
                                  const struct entry_id *ids)
{
    struct covered *c = NULL;
    unsigned n = 0;

    for (uint32_t i = share->lo; i < share->hi; i++)
        n += s->batch.covered[i];
    if (n > 0)
        c = malloc(sizeof *c + n * sizeof *ids);
    if (c == NULL)
        return NULL;
    *c = (struct covered){.consumer = s->flow->consumer, .partition = share->partition};
    for (uint32_t i = share->lo; i < share->hi; i++)
        if (s->batch.covered[i])
            c->ids[c->n++] = ids[i - share->lo];
    return c;
}

/* The share is stored: tells the dashboards and acknowledges; of covered events (redactions) nothing stays. `settled` gets ctx. */
static void settle_share(struct slot *s, const struct share *share,
                         void (*settled)(void *ctx, bool ok), void *ctx)
{
    struct flow *f = s->flow;
    uint32_t n_ids = share->hi - share->lo;
    struct covered *covered;
    struct entry_id *ids;

    count_events(&s->batch, share->lo, share->hi);
    arena_reset(&s->batch.spare); /* the letter of this range is stored */
    ids = arena_alloc(&s->batch.spare, n_ids * sizeof *ids);
    assert(ids != NULL); /* BATCH_MAX is at most 5000 */
    for (uint32_t i = 0; i < n_ids; i++)
        ids[i] = s->batch.items[share->lo + i].entry->id;
    f->settling++;
    covered = covered_of(s, share, ids);
    if (covered != NULL) {
        covered->settled = settled;
        covered->ctx = ctx;
        settled = on_settled_covered;
        ctx = covered;
    }
    consumer_settle(f->consumer, share->partition, share->updates, share->n_updates, ids, n_ids,
                    settled, ctx);
    metric_add(worker_metrics.live_updates, share->n_updates);
}

/* The range is stored. */
static void range_done(struct slot *s)
{
    batch_drop(&s->batch, s->lo, s->hi);
    bisect_stored(&s->bisect);
}

/* The range, all of one partition. */
static void acknowledge(struct slot *s, const struct live_update *updates, unsigned n,
                        void (*settled)(void *ctx, bool ok), void *ctx)
{
    struct share all = {slot_partition(s), s->lo, s->hi, updates, n};

    settle_share(s, &all, settled, ctx);
    range_done(s);
}

/* Updates that are to be told. */
struct told {
    struct live_update *updates;
    unsigned n;
    /* of a mixed batch: */
    uint16_t *partitions;      /* by update */
    struct live_update *share; /* room for those of one partition */
};

/* One partition after another: each has its own streams and its own lease. */
static void acknowledge_mixed(struct slot *s, const struct told *t)
{
    for (uint32_t lo = s->lo, hi; lo < s->hi; lo = hi) {
        struct share share = {.partition = s->batch.items[lo].entry->partition, .lo = lo};

        for (hi = lo; hi < s->hi && s->batch.items[hi].entry->partition == share.partition;)
            hi++;
        share.hi = hi;
        for (unsigned i = 0; i < t->n; i++)
            if (t->partitions[i] == share.partition)
                t->share[share.n_updates++] = t->updates[i];
        share.updates = t->share;
        if (!s->lost[share.partition])
            settle_share(s, &share, on_settled, s->flow);
    }
    range_done(s);
}

/* After a suspect nothing is begun before Redis knows that it is done: the next event may be the one
 * that kills, and its predecessor would be taken for it. */
static void settle(struct slot *s, const struct told *t)
{
    if (s->suspect) {
        s->state = SLOT_RUNNING;
        slot_absolve(s);
        acknowledge(s, t->updates, t->n, on_suspect_settled, s);
        return;
    }
    if (slot_is_mixed(s))
        acknowledge_mixed(s, t);
    else
        acknowledge(s, t->updates, t->n, on_settled, s->flow);
    next_range(s);
}

static bool has_updates(const PGresult *r)
{
    return r != NULL && PQnfields(r) >= UPDATE_COLUMNS_MIN && PQntuples(r) > 0 &&
           strcmp(PQfname(r, 0), "tbl") == 0;
}

/* Whose streams the row belongs to; a row that is nobody's goes with the first entry that is settled. */
static uint16_t partition_of_row(const struct slot *s, const PGresult *r, int row, uint32_t *hint)
{
    const struct batch *b = &s->batch;
    struct origin_row o = {
        .table = PQgetvalue(r, row, UPDATE_TABLE),
        .record = {PQgetvalue(r, row, UPDATE_RECORD), (size_t)PQgetlength(r, row, UPDATE_RECORD)},
    };
    uint32_t i;

    if (PQnfields(r) > UPDATE_CALL && !PQgetisnull(r, row, UPDATE_CALL))
        o.call = PQgetvalue(r, row, UPDATE_CALL);
    i = origin_find(b, s->lo, s->hi, &o, *hint);
    if (i < s->hi)
        *hint = i;
    else
        for (i = s->lo; i + 1 < s->hi && s->lost[b->items[i].entry->partition];)
            i++;
    return (uint16_t)b->items[i].entry->partition;
}

/* The updates of all statements in their order, in the arena; borrowed from the results. False: no room for t->n of them. */
static bool collect_updates(struct slot *s, PGresult **results, unsigned n_results, struct told *t)
{
    int64_t now = wall_us();
    bool mixed = slot_is_mixed(s);
    uint32_t hint = s->lo;
    unsigned k = 0;

    *t = (struct told){.n = 0};
    for (unsigned i = 0; i < n_results; i++)
        t->n += has_updates(results[i]) ? (unsigned)PQntuples(results[i]) : 0;
    if (t->n == 0)
        return true;
    t->updates = arena_alloc(&s->out, t->n * sizeof *t->updates);
    t->share = arena_alloc(&s->out, mixed ? t->n * sizeof *t->share : 0);
    t->partitions = arena_alloc(&s->out, mixed ? t->n * sizeof *t->partitions : 0);
    if (s->out.failed)
        return false;
    for (unsigned i = 0; i < n_results; i++) {
        const PGresult *r = results[i];

        for (int row = 0; has_updates(r) && row < PQntuples(r); row++, k++) {
            t->updates[k] = (struct live_update){
                .table = PQgetvalue(r, row, UPDATE_TABLE),
                .type = PQgetvalue(r, row, UPDATE_TYPE),
                .organization_id = PQgetvalue(r, row, UPDATE_ORGANIZATION),
                .record = PQgetvalue(r, row, UPDATE_RECORD),
                .record_len = (size_t)PQgetlength(r, row, UPDATE_RECORD),
                .committed_us = now,
            };
            if (mixed)
                t->partitions[k] = partition_of_row(s, r, row, &hint);
        }
    }
    return true;
}

/* ---- redactions ---- */

/* Which events of the range speak of somebody who was redacted: covered_events.sql told. */
static void note_covered(struct slot *s, PGresult **results, unsigned n_results)
{
    for (unsigned i = 0; i < n_results; i++) {
        const PGresult *r = results[i];
        bool covered =
            r != NULL && PQnfields(r) == 1 && strcmp(PQfname(r, 0), "covered_event") == 0;

        for (int row = 0; covered && row < PQntuples(r); row++) {
            unsigned long event = strtoul(PQgetvalue(r, row, 0), NULL, 10);

            if (event >= s->lo && event < s->hi)
                s->batch.covered[event] = true;
        }
    }
}

/* A redact event is a range of its own. What came before it is acknowledged by then, and so can be erased
 * from the streams, by what the request names and by the traces that the commit has left; only then is the event itself acknowledged, told to dashboards, and its own
 * entry erased too. */

static void on_own_entry_erased(void *ctx, bool ok)
{
    struct slot *s = ((struct erase_job *)ctx)->owner;

    if (!ok)
        log_warn("a redact event's own entry stays in the stream until its retention ends",
                 "partition", log_num(slot_partition(s)), NULL);
    metric_add(worker_metrics.erased, (double)s->erase.matched);
    erase_job_free(&s->erase);
    next_range(s);
}

static void on_erased(void *ctx, bool ok);
static void erase_later(struct slot *s);

static void erase_partition(struct slot *s)
{
    consumer_erase(s->flow->consumer, s->erase.partition, ENTRY_ID_LAST, erase_matches, on_erased,
                   &s->erase);
}

static void on_erased(void *ctx, bool ok)
{
    struct slot *s = ((struct erase_job *)ctx)->owner;

    if (slot_is_lost(s) || !ok) {
        erase_later(s);
        return;
    }
    if (++s->erase.partition < s->flow->planner.limits.partitions) {
        erase_partition(s);
        return;
    }
    acknowledge(s, s->updates, s->n_updates, on_settled, s->flow);
    s->erase.events_only = true;
    consumer_erase(s->flow->consumer, slot_partition(s), ENTRY_ID_LAST, erase_matches,
                   on_own_entry_erased, &s->erase);
}

/* All of it again, which stores nothing new. */
static void erase_later(struct slot *s)
{
    erase_job_free(&s->erase);
    if (slot_is_lost(s))
        slot_close(s); /* the next owner does it */
    else
        slot_pause(s, SLOT_SENDING, ERASE_RETRY_MS);
}

static void on_traces(struct db_request *request, const struct db_outcome *o)
{
    struct slot *s = request->ctx;
    bool ok = o->ok && !slot_is_lost(s);

    for (int row = 0; ok && row < PQntuples(o->results[0]); row++)
        ok = erase_trace_add(&s->erase, PQgetvalue(o->results[0], row, 0),
                             PQgetvalue(o->results[0], row, 1));
    if (!ok) {
        erase_later(s);
        return;
    }
    erase_traces_sort(&s->erase);
    erase_partition(s);
}

static void erase(struct slot *s)
{
    static const struct db_statement read_redactions = {"schema/worker/read_redactions.sql"};
    struct erase_query *q = &s->erase_query;
    size_t n = 0;

    shops_forget(s->flow->shops); /* this one is redacting now */
    if (!erase_job_make(&s->erase, &s->batch, s->lo, s->hi)) {
        slot_pause(s, SLOT_SENDING, ERASE_RETRY_MS);
        return;
    }
    s->erase.owner = s;
    s->state = SLOT_ERASING;
    for (unsigned i = 0; i < s->erase.n; i++)
        n += (size_t)snprintf(q->stores + n, sizeof q->stores - n, "%c%s", i == 0 ? '{' : ',',
                              s->erase.subjects[i].integration_id);
    snprintf(q->stores + n, sizeof q->stores - n, "}");
    snprintf(q->since, sizeof q->since, "%lld", (long long)s->erase.since_us);
    snprintf(q->most, sizeof q->most, "%d", ERASE_TRACES_MAX);
    q->values[0] = q->stores;
    q->values[1] = q->since;
    q->values[2] = q->most;
    s->lookups[0] =
        (struct db_query){.statement = &read_redactions, .n_params = 3, .values = q->values};
    s->request = (struct db_request){.queries = s->lookups,
                                     .n_queries = 1,
                                     .done = on_traces,
                                     .ctx = s,
                                     .deadline_ms = LOOKUP_DEADLINE_MS};
    db_submit(s->flow->options.lookups, &s->request);
}

/* Copies what points into results that are about to go away. False: no room. */
static bool keep_updates(struct slot *s, const struct told *t)
{
    struct live_update *kept = arena_alloc(&s->out, (t->n + 1) * sizeof *kept);

    for (unsigned i = 0; kept != NULL && i < t->n; i++) {
        const struct live_update *u = &t->updates[i];

        kept[i] = *u;
        kept[i].organization_id =
            arena_copy(&s->out, u->organization_id, strlen(u->organization_id));
        kept[i].table = arena_copy(&s->out, u->table, strlen(u->table));
        kept[i].type = arena_copy(&s->out, u->type, strlen(u->type));
        kept[i].record = arena_copy(&s->out, u->record, u->record_len);
    }
    s->updates = kept;
    s->n_updates = t->n;
    return !s->out.failed;
}

static bool grow_out(struct slot *s, size_t least)
{
    size_t size = s->out.size;
    void *memory;

    do {
        if (size >= OUT_ARENA_MAX)
            return false;
        size *= 2;
    } while (size < least);
    memory = malloc(size);
    if (memory == NULL)
        return false;
    free(s->out.base);
    arena_init(&s->out, memory, size);
    return true;
}

static void collect(struct slot *s, PGresult **results, unsigned n_results, struct told *t)
{
    bool room;

    arena_reset(&s->out); /* the parameters are not needed any more */
    room = collect_updates(s, results, n_results, t);
    if (!room &&
        grow_out(s, t->n * (2 * sizeof *t->updates + sizeof *t->partitions) + OUT_ARENA_MIN))
        room = collect_updates(s, results, n_results, t);
    if (room)
        return;
    log_error("no memory for live updates", "updates", log_num(t->n), NULL);
    metric_add(worker_metrics.live_dropped, t->n);
    t->n = 0;
}

static void committed(struct slot *s, PGresult **results, unsigned n_results)
{
    struct told t;

    metric_observe(worker_metrics.commit_seconds, (double)((uint64_t)wall_us() - s->sent_us) / 1e6);
    flow_resume(s->flow);
    s->flow->options.on_committed(s->flow->options.ctx);
    s->stored = true;
    if (slot_is_lost(s)) {
        slot_close(s);
        return;
    }
    collect(s, results, n_results, &t);
    note_covered(s, results, n_results);
    if (is_condemned(s) || erase_count(&s->batch, s->lo, s->hi) == 0) {
        settle(s, &t);
        return;
    }
    if (!keep_updates(s, &t)) { /* rather published before the erasing than not at all */
        s->n_updates = 0;
        consumer_settle(s->flow->consumer, slot_partition(s), t.updates, t.n, NULL, 0, NULL, NULL);
    }
    erase(s);
}

/* ---- failures ---- */

static uint64_t doubled(uint64_t ms, unsigned times, uint64_t most)
{
    return times >= 16 || ms << times > most ? most : ms << times;
}

/* The stores may have changed under us: everything is read again, once per batch. */
static bool refresh(struct slot *s, const char *sqlstate)
{
    if (strcmp(sqlstate, "23503") != 0 || s->refreshed || s->hi - s->lo != s->batch.n)
        return false;
    shops_forget(s->flow->shops);
    s->refreshed = true;
    batch_reopen(&s->batch);
    s->state = SLOT_DECODING;
    flow_kick(s->flow);
    return true;
}

static void isolate(struct slot *s, const struct db_outcome *o)
{
    if (refresh(s, o->sqlstate))
        return;
    if (!is_condemned(s)) {
        split(s, true, db_error_reason(o->sqlstate), o->message, o->sqlstate);
        return;
    }
    if (!s->minimal) { /* the letter itself is at fault: keep the bytes at least */
        s->minimal = true;
        batch_condemn(&s->batch, s->lo, db_error_reason(o->sqlstate), o->message, o->sqlstate,
                      true);
        s->state = SLOT_SENDING;
        flow_kick(s->flow);
        return;
    }
    flow_stop(s->flow, o->sqlstate, o->message);
    slot_pause(s, SLOT_SENDING, STOPPED_RETRY_MS);
}

static void halve(struct slot *s, const struct db_outcome *o)
{
    if (s->hi - s->lo > 1 || (s->failures[DB_HALVE] > TIMEOUTS_MAX && !is_condemned(s)))
        split(s, false, db_error_reason(o->sqlstate), o->message, o->sqlstate);
    else
        slot_pause(s, SLOT_SENDING,
                   flow_jitter(s->flow, doubled(BACK_OFF_MS, s->attempts, BACK_OFF_MS_MAX)));
}

/* ---- a partition that somebody else still locks ---- */

static const struct db_statement free_partition = {"schema/worker/free_partition.sql"};

static void on_freed(struct db_request *r, const struct db_outcome *o)
{
    struct slot *s = r->ctx;

    s->freeing.busy = false;
    if (!o->ok)
        log_warn("sessions that hold a partition cannot be ended", "sqlstate", o->sqlstate,
                 "reason", o->message, NULL);
    else if (PQntuples(o->results[0]) > 0)
        log_warn("ended a session that held a partition without its lease", "partition",
                 s->freeing.partition, NULL);
}

/* The lease is ours, so whoever holds the lock is late: a worker that was stopped, or a session of ours whose connection was
 * cut. It would hold it until it wakes. */
static void free_from_others(struct slot *s)
{
    struct freeing *g = &s->freeing;

    if (g->busy || !consumer_owns(s->flow->consumer, slot_partition(s)))
        return;
    g->busy = true;
    snprintf(g->partition, sizeof g->partition, "%u", slot_partition(s));
    g->values[0] = g->partition;
    g->query = (struct db_query){.statement = &free_partition, .n_params = 1, .values = g->values};
    g->request = (struct db_request){.queries = &g->query,
                                     .n_queries = 1,
                                     .done = on_freed,
                                     .ctx = s,
                                     .deadline_ms = LOOKUP_DEADLINE_MS};
    db_submit(s->flow->options.lookups, &g->request);
}

/* What is to be done about a range of one partition's batch. */
static void act(struct slot *s, enum db_action action, const struct db_outcome *o)
{
    struct flow *f = s->flow;

    switch (action) {
    case DB_RETRY_BATCH:
    case DB_PREPARE_AGAIN:
        slot_pause(s, SLOT_SENDING, flow_jitter(f, doubled(RETRY_MS, s->attempts, RETRY_MS_MAX)));
        break;
    case DB_RECONNECT: /* the pool holds the request until a connection is there */
        slot_pause(s, SLOT_SENDING, flow_jitter(f, RECONNECT_MS));
        break;
    case DB_BACK_OFF:
        slot_pause(s, SLOT_SENDING,
                   flow_jitter(f, doubled(BACK_OFF_MS, s->attempts, BACK_OFF_MS_MAX)));
        break;
    case DB_STOP_NOT_READY:
        flow_stop(f, o->sqlstate, o->message);
        slot_pause(s, SLOT_SENDING, STOPPED_RETRY_MS);
        break;
    case DB_HALVE:
        halve(s, o);
        break;
    case DB_ISOLATE:
        isolate(s, o);
        break;
    }
}

/* Waiting for the database is the same for everybody; what else can go wrong may be one partition's affair. */
static bool must_part(const struct slot *s, enum db_action action, const char *sqlstate)
{
    return slot_is_mixed(s) && (s->n_lost > 0 || action == DB_HALVE || action == DB_ISOLATE ||
                                strcmp(sqlstate, LOCK_TIMEOUT) == 0);
}

static void failed(struct slot *s, const struct db_outcome *o)
{
    enum db_action kind = db_error_action(o->sqlstate, 0);
    enum db_action action = db_error_action(o->sqlstate, s->failures[kind]++);
    bool parts = must_part(s, action, o->sqlstate);

    worker_count_failure(db_action_name(action));
    if (strcmp(o->sqlstate, "40P01") == 0)
        metric_add(worker_metrics.deadlocks, 1);
    log_warn("transaction failed", "partition", log_num(slot_partition(s)), "partitions",
             log_num(s->plan.n_partitions), "events", log_num(s->hi - s->lo), "sqlstate",
             o->sqlstate, "reason", o->message, "action",
             parts ? "try each partition by itself" : db_action_name(action), NULL);
    s->attempts++;
    s->faulty = true;
    if (parts) {
        slot_part(s);
        return;
    }
    if (strcmp(o->sqlstate, LOCK_TIMEOUT) == 0)
        free_from_others(s);
    act(s, action, o);
}

/* What ends a connection or a server may come between COMMIT and its answer: then the updates of the first try were never
 * published. */
static bool may_have_committed(const char *sqlstate)
{
    static const char *const classes[] = {"08", "53", "57", "58", "XX"};

    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strncmp(sqlstate, classes[i], 2) == 0)
            return true;
    return false;
}

static void on_done(struct db_request *r, const struct db_outcome *o)
{
    struct slot *s = r->ctx;

    if (o->ok) {
        committed(s, o->results, r->n_queries);
        return;
    }
    if (may_have_committed(o->sqlstate))
        batch_note_again(&s->batch, s->lo, s->hi);
    if (slot_is_lost(s))
        slot_close(s);
    else
        failed(s, o);
}

/* ---- sending ---- */

static enum encode_result encode(struct slot *s)
{
    const struct config *c = s->flow->options.config;
    struct encode_input in = {
        .rows = is_condemned(s) ? &no_rows : &s->batch.rows,
        .lo = s->lo,
        .hi = s->hi,
        .partitions = s->plan.partitions,
        .n_partitions = s->plan.n_partitions,
        .letters = s->batch.letters,
        .again = s->batch.again,
        .traced = s->batch.traced,
        .now_us = wall_us(),
        .abandon_ms = CONFIG_NUMBER(c, CART_ABANDON_AFTER),
        .expire_ms = CONFIG_NUMBER(c, CART_EXPIRE_AFTER),
    };
    enum encode_result r;

    for (uint32_t i = s->lo; i < s->hi; i++) {
        const struct batch_item *item = &s->batch.items[i];

        s->batch.covered[i] = false;
        s->batch.traced[i] =
            item->provider != NULL || (item->shop != NULL && item->shop->redacting);
    }
    if (s->out.size > OUT_ARENA_KEEP) {
        void *memory = malloc(OUT_ARENA_KEEP);

        if (memory != NULL) {
            free(s->out.base);
            arena_init(&s->out, memory, OUT_ARENA_KEEP);
        }
    }
    do {
        arena_reset(&s->out);
        r = encode_batch(&in, &s->out, &s->encoded);
    } while (r == ENCODE_FULL && grow_out(s, 0));
    return r;
}

/* The range needs more memory, or more statements, than one request may have. */
static void does_not_fit(struct slot *s)
{
    if (slot_is_mixed(s))
        slot_part(s);
    else if (is_condemned(s)) /* only memory can be short: it was enough for the event itself */
        slot_pause(s, SLOT_SENDING, BACK_OFF_MS);
    else
        split(s, false, REASON_TOO_LARGE, "the event needs more memory than one event may have",
              NULL);
}

void store_send(struct slot *s)
{
    bool erasing = erase_count(&s->batch, s->lo, s->hi) > 0;
    enum encode_result r;

    if (erasing && slot_is_mixed(s)) { /* which may take long */
        slot_part(s);
        return;
    }
    if (erasing && s->hi - s->lo > 1 && bisect_split(&s->bisect, false)) {
        next_range(s);
        return;
    }
    r = encode(s);
    if (r == ENCODE_NOTHING) {
        settle(s, &(struct told){.n = 0});
        return;
    }
    if (r != ENCODE_OK) {
        does_not_fit(s);
        return;
    }
    s->request = (struct db_request){
        .queries = s->encoded.queries,
        .n_queries = s->encoded.n,
        .done = on_done,
        .ctx = s,
        .deadline_ms = BATCH_DEADLINE_MS,
    };
    s->sent_us = (uint64_t)wall_us();
    s->state = SLOT_RUNNING;
    db_submit(s->flow->options.batches, &s->request);
}
