#include "worker/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partition.h"
#include "runtime/log.h"
#include "worker/wall_clock.h"
#include "worker/worker_metrics.h"

enum { RELAY_MAX = 500, RELAY_DEADLINE_MS = 10000, ID_TEXT = 21, PARTITION_TEXT = 4 };

enum {
    OUTBOX_ID,
    OUTBOX_PARTITION,
    OUTBOX_TABLE,
    OUTBOX_TYPE,
    OUTBOX_ORGANIZATION,
    OUTBOX_RECORD,
    OUTBOX_SHARED
};

static const struct db_statement read_outbox = {"schema/worker/read_outbox.sql"};
static const struct db_statement clear_outbox = {"schema/worker/clear_outbox.sql"};
static const struct db_statement announce_outbox = {"schema/worker/announce_outbox.sql"};

/* What waits for Redis' confirmation: one per partition. */
struct shipment {
    struct relay *relay;
    unsigned partition;
};

struct relay {
    struct db_pool *pool;
    struct consumer *consumer;
    struct flow *flow;
    unsigned partitions;
    bool busy, again, stopped;
    bool announce; /* a batch of ours committed: other relays are to be woken */
    struct db_request request;
    struct db_query queries[2];
    const char *values[3];
    char partitions_text[12], limit_text[12];
    char owned[PARTITIONS_MAX * PARTITION_TEXT + 3]; /* "{0,1,7}" */
    char ids[RELAY_MAX * ID_TEXT + 3];               /* "{12,13}" */
    struct live_update updates[RELAY_MAX];
    struct shipment shipments[PARTITIONS_MAX];
    char id[RELAY_MAX][ID_TEXT];
    uint16_t partition[RELAY_MAX];
    unsigned n, waiting;
    bool refused; /* a partition's updates of this round were */
    bool confirmed[PARTITIONS_MAX];
    bool held[PARTITIONS_MAX];  /* by us: no batch of it is begun */
    bool quiet[PARTITIONS_MAX]; /* none has been under way since the round began */
};

static void begin(struct relay *r);

/* Batches of the partitions that had their turn may go on; all of them: also those that wait for it. */
static void release(struct relay *r, bool all)
{
    for (unsigned p = 0; p < r->partitions; p++) {
        if (!r->held[p] || !(all || r->quiet[p]))
            continue;
        r->held[p] = r->quiet[p] = false;
        flow_hold(r->flow, p, false);
    }
}

static void round_over(struct relay *r)
{
    r->busy = false;
    if (r->again && !r->stopped)
        begin(r);
}

/* `statement`, and behind it, for reading, the announcement if one is due. */
static void submit(struct relay *r, const struct db_statement *statement, int n_params,
                   bool announce, db_cb done)
{
    r->queries[0] =
        (struct db_query){.statement = statement, .n_params = n_params, .values = r->values};
    r->queries[1] = (struct db_query){.statement = &announce_outbox};
    r->request = (struct db_request){.queries = r->queries,
                                     .n_queries = announce ? 2 : 1,
                                     .done = done,
                                     .ctx = r,
                                     .deadline_ms = RELAY_DEADLINE_MS};
    db_submit(r->pool, &r->request);
}

static void on_cleared(struct db_request *request, const struct db_outcome *o)
{
    struct relay *r = request->ctx;

    if (o->ok)
        metric_add(worker_metrics.relayed, (double)strtoull(PQcmdTuples(o->results[0]), NULL, 10));
    round_over(r);
}

/* Redis has answered for all partitions: what it confirmed is done. */
static void clear(struct relay *r)
{
    char *p = r->ids;

    *p++ = '{';
    for (unsigned i = 0; i < r->n; i++)
        if (r->confirmed[r->partition[i]] && r->id[i][0] != '\0')
            p += sprintf(p, "%s%s", p == r->ids + 1 ? "" : ",", r->id[i]);
    *p++ = '}';
    *p = '\0';
    r->again = r->again && !r->refused; /* Redis is away: the next tick tries again */
    if (p == r->ids + 2 || r->stopped) {
        round_over(r);
        return;
    }
    r->values[0] = r->ids;
    submit(r, &clear_outbox, 1, false, on_cleared);
}

static void on_published(void *ctx, bool ok)
{
    struct shipment *s = ctx;
    struct relay *r = s->relay;

    r->confirmed[s->partition] = ok;
    r->refused = r->refused || !ok;
    if (--r->waiting == 0)
        clear(r);
}

/* Rows that batches publish too are left for a round in which no batch is under way. */
static bool must_wait(struct relay *r, const PGresult *rows, unsigned i)
{
    unsigned p = r->partition[i];

    if (r->quiet[p] || strcmp(PQgetvalue(rows, (int)i, OUTBOX_SHARED), "t") != 0)
        return false;
    if (!r->held[p]) {
        r->held[p] = true;
        flow_hold(r->flow, p, true);
        r->again = r->again || flow_is_quiet(r->flow, p);
    }
    return true;
}

static void publish(struct relay *r, const PGresult *rows, unsigned partition)
{
    int64_t now = wall_us();
    unsigned n = 0;

    for (unsigned i = 0; i < r->n; i++) {
        if (r->partition[i] != partition)
            continue;
        if (must_wait(r, rows, i)) {
            r->id[i][0] = '\0';
            continue;
        }
        r->updates[n++] = (struct live_update){
            .organization_id = PQgetvalue(rows, (int)i, OUTBOX_ORGANIZATION),
            .table = PQgetvalue(rows, (int)i, OUTBOX_TABLE),
            .type = PQgetvalue(rows, (int)i, OUTBOX_TYPE),
            .record = PQgetvalue(rows, (int)i, OUTBOX_RECORD),
            .record_len = (size_t)PQgetlength(rows, (int)i, OUTBOX_RECORD),
            .committed_us = now,
        };
    }
    if (n == 0)
        return;
    r->waiting++;
    r->shipments[partition] = (struct shipment){r, partition};
    consumer_settle(r->consumer, partition, r->updates, n, NULL, 0, on_published,
                    &r->shipments[partition]);
}

static void on_read(struct db_request *request, const struct db_outcome *o)
{
    struct relay *r = request->ctx;

    r->n = o->ok ? (unsigned)PQntuples(o->results[0]) : 0;
    if (!o->ok)
        log_debug("outbox not read", "sqlstate", o->sqlstate, "reason", o->message, NULL);
    if (r->n == 0 || r->stopped) {
        r->again = r->again && o->ok;
        release(r, true);
        round_over(r);
        return;
    }
    for (unsigned i = 0; i < r->n; i++) {
        snprintf(r->id[i], ID_TEXT, "%s", PQgetvalue(o->results[0], (int)i, OUTBOX_ID));
        r->partition[i] =
            (uint16_t)(strtoul(PQgetvalue(o->results[0], (int)i, OUTBOX_PARTITION), NULL, 10) %
                       r->partitions);
    }
    r->again = r->again || r->n == RELAY_MAX;
    memset(r->confirmed, 0, sizeof r->confirmed);
    r->refused = false;
    r->waiting = 1; /* ours, so that no early answer ends the round */
    for (unsigned p = 0; p < r->partitions; p++)
        publish(r, o->results[0], p);
    release(r, false); /* what batches publish from now on is behind it */
    if (--r->waiting == 0)
        clear(r);
}

/* Returns how many partitions are ours. */
static unsigned list_owned(struct relay *r)
{
    char *p = r->owned;
    unsigned n = 0;

    *p++ = '{';
    for (unsigned i = 0; i < r->partitions; i++)
        if (consumer_owns(r->consumer, i))
            p += sprintf(p, "%s%u", n++ == 0 ? "" : ",", i);
    *p++ = '}';
    *p = '\0';
    return n;
}

static void begin(struct relay *r)
{
    unsigned owned = list_owned(r);
    bool announce = r->announce && owned < r->partitions;

    r->again = false;
    if (owned == 0) {
        release(r, true);
        return;
    }
    r->busy = true;
    r->announce = false;
    for (unsigned p = 0; p < r->partitions; p++)
        r->quiet[p] = r->held[p] && flow_is_quiet(r->flow, p);
    r->values[0] = r->partitions_text;
    r->values[1] = r->owned;
    r->values[2] = r->limit_text;
    submit(r, &read_outbox, 3, announce, on_read);
}

void relay_kick(struct relay *r)
{
    if (r->stopped)
        return;
    if (r->busy)
        r->again = true;
    else if (db_up(r->pool) > 0)
        begin(r);
    else
        release(r, true);
}

void relay_committed(struct relay *r)
{
    r->announce = true;
    relay_kick(r);
}

struct relay *relay_new(struct db_pool *lookups, struct consumer *consumer, struct flow *flow,
                        unsigned partitions)
{
    struct relay *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->pool = lookups;
    r->consumer = consumer;
    r->flow = flow;
    r->partitions = partitions;
    snprintf(r->partitions_text, sizeof r->partitions_text, "%u", partitions);
    snprintf(r->limit_text, sizeof r->limit_text, "%u", RELAY_MAX);
    return r;
}

void relay_stop(struct relay *r)
{
    r->stopped = true;
}

void relay_free(struct relay *r)
{
    free(r);
}
