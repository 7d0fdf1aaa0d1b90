/* The role `worker`: wires pools, flow, consumer, relay and timers, and takes them down again.
 *
 * Up:   connect to PostgreSQL -> the schema is the one that this binary carries -> take partitions,
 * read. Nothing is read from Redis before, so that a worker that cannot store does not wear out the
 * entries' delivery counts. Down: stop reading -> what was read is committed and acknowledged ->
 * leases handed over -> connections closed. Bounded: after DRAIN_MS what is not under way is given
 * up, after FORCE_MS everything is. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/migrate.h"
#include "recordings/recordings.h"
#include "runtime/app.h"
#include "runtime/db.h"
#include "runtime/db_error.h"
#include "runtime/log.h"
#include "worker/batch_session.h"
#include "worker/flow.h"
#include "worker/mender.h"
#include "worker/relay.h"
#include "worker/timers.h"
#include "worker/worker_metrics.h"

enum {
    TICK_MS = 1000,
    LEASE_MS = 10000,
    SCHEMA_RETRY_MS = 3000,  /* while it does not fit */
    SCHEMA_CHECK_MS = 10000, /* while it does: a migration may come under our feet */
    SCHEMA_DEADLINE_MS = 5000,
    LOOKUP_CONNECTIONS = 2, /* a slow timer must not stand in front of a batch's question */
    DRAIN_MS = 7000,
    FORCE_MS = 9000,
};

/* enable_seqscan: as in batch_session.c. */
static const char *const lookup_setup[] = {
    "SET timezone = 'UTC'",
    "SET enable_seqscan = off",
    "SET statement_timeout = '30s'",
    "SET lock_timeout = '2s'",
    "SET idle_in_transaction_session_timeout = '10s'",
    "SET jit = off",
    RELAY_LISTEN,
    NULL,
};

static const struct db_statement schema_versions = {"schema/ops/migration_versions.sql"};

static struct worker {
    struct app *app;
    struct db_pool *batches, *lookups;
    struct flow *flow;
    struct consumer *consumer; /* NULL: the schema has not been seen yet */
    struct relay *relay;
    struct timers *timers;
    struct mender *mender;
    struct recordings *recordings; /* NULL: no store is configured */
    uv_timer_t tick, deadline;
    bool redis_up;
    bool schema_ok, schema_checking, schema_logged;
    uint64_t schema_next_ms;
    struct db_request schema_request;
    struct db_query schema_query;
    bool stopping, reading_stopped, closing;
    unsigned open; /* what is still to be closed in the step at hand */
    void (*done)(void *ctx);
    void *done_ctx;
} w;

/* ---- the consumer's callbacks ---- */

static void on_gained(void *ctx, unsigned partition)
{
    (void)ctx;
    log_debug("partition gained", "partition", log_num(partition), NULL);
    relay_kick(w.relay);
}

static void on_lost(void *ctx, unsigned partition, const char *reason)
{
    (void)ctx;
    if (!w.closing)
        log_debug("partition lost", "partition", log_num(partition), "reason", reason, NULL);
    flow_lost(w.flow, partition);
}

static void on_entries(void *ctx, unsigned partition, struct entry *first, unsigned n)
{
    (void)ctx;
    flow_entries(w.flow, partition, first, n);
}

static void on_live_dropped(void *ctx, unsigned partition, unsigned n)
{
    (void)ctx;
    (void)partition;
    metric_add(worker_metrics.live_dropped, n);
}

static void on_redis(void *ctx, bool up, const char *reason)
{
    (void)ctx;
    if (up != w.redis_up && !w.closing) {
        if (up)
            log_info("redis is there", "role", "worker", NULL);
        else
            log_warn("redis is away", "role", "worker", "reason", reason, NULL);
    }
    w.redis_up = up;
}

static void drained(void *ctx);

static void on_reading_stopped(void *ctx)
{
    (void)ctx;
    w.reading_stopped = true;
    if (!w.closing)
        flow_drain(w.flow);
}

/* False: out of memory. */
static bool start_consuming(void)
{
    const struct config *c = w.app->config;
    unsigned partitions = (unsigned)CONFIG_NUMBER(c, STREAM_PARTITIONS);
    unsigned batch_max = (unsigned)CONFIG_NUMBER(c, BATCH_MAX);

    w.consumer = consumer_new(w.app->loop, &(struct consumer_options){
                                               .redis_url = CONFIG_TEXT(c, REDIS_URL),
                                               .partitions = partitions,
                                               .worker_id = w.app->instance,
                                               .lease_ms = LEASE_MS,
                                               .retention_ms = CONFIG_NUMBER(c, STREAM_RETENTION),
                                               .window = 2 * batch_max,
                                               .read_count = batch_max,
                                               .on_gained = on_gained,
                                               .on_lost = on_lost,
                                               .on_entries = on_entries,
                                               .on_live_dropped = on_live_dropped,
                                               .on_state = on_redis,
                                               .on_stopped = on_reading_stopped,
                                           });
    if (w.consumer == NULL)
        return false;
    flow_set_consumer(w.flow, w.consumer);
    w.relay = relay_new(w.lookups, w.consumer, w.flow, partitions);
    w.timers = timers_new(w.lookups, w.consumer, c);
    w.mender = mender_new(w.app->loop, w.lookups, w.consumer, c);
    if (w.recordings != NULL && !recordings_start(w.recordings, w.lookups, w.consumer))
        return false;
    return w.relay != NULL && w.timers != NULL && w.mender != NULL;
}

/* ---- PostgreSQL ---- */

static void committed(void *ctx)
{
    (void)ctx;
    relay_committed(w.relay);
}

static void quiet(void *ctx)
{
    (void)ctx;
    relay_kick(w.relay);
}

static void review(void)
{
    flow_pause(w.flow, !w.schema_ok || db_up(w.batches) == 0);
}

static void schema_wrong(const char *found)
{
    if (!w.schema_logged)
        log_error("the database's schema is not the one this program is made for: waiting", "found",
                  found, "wanted", migration_newest(), "mend",
                  "ringback migrate, or the other version of the program", NULL);
    w.schema_logged = true;
    w.schema_ok = false;
}

static void on_schema(struct db_request *r, const struct db_outcome *o)
{
    int n = o->ok ? PQntuples(o->results[0]) : 0;

    (void)r;
    w.schema_checking = false;
    w.schema_next_ms = uv_now(w.app->loop) + (w.schema_ok ? SCHEMA_CHECK_MS : SCHEMA_RETRY_MS);
    if (w.stopping)
        return;
    if (!o->ok && db_error_action(o->sqlstate, 0) != DB_STOP_NOT_READY)
        return; /* not asked: the next tick does it again */
    if (n == 0 || strcmp(PQgetvalue(o->results[0], n - 1, 0), migration_newest()) != 0) {
        schema_wrong(n == 0 ? "none" : PQgetvalue(o->results[0], n - 1, 0));
        review();
        return;
    }
    if (!w.schema_ok)
        log_info("schema is right", "version", migration_newest(), NULL);
    w.schema_ok = true;
    w.schema_logged = false;
    if (w.consumer == NULL && !start_consuming()) {
        log_error("out of memory", "role", "worker", NULL);
        abort(); /* at start: nothing is under way */
    }
    review();
}

static void check_schema(void)
{
    if (w.schema_checking || w.stopping || db_up(w.lookups) == 0)
        return;
    w.schema_checking = true;
    w.schema_query = (struct db_query){.statement = &schema_versions};
    w.schema_request = (struct db_request){.queries = &w.schema_query,
                                           .n_queries = 1,
                                           .done = on_schema,
                                           .deadline_ms = SCHEMA_DEADLINE_MS};
    db_submit(w.lookups, &w.schema_request);
}

static void on_batches(void *ctx, unsigned up, const char *reason)
{
    (void)ctx;
    metric_set(worker_metrics.connections, up);
    if (w.closing)
        return;
    if (up == 0)
        log_warn("postgres is away", "role", "worker", "reason", reason, NULL);
    else
        log_debug("postgres connections", "up", log_num(up), NULL);
    review();
}

static void on_lookups(void *ctx, unsigned up, const char *reason)
{
    (void)ctx;
    (void)reason;
    if (up > 0)
        check_schema();
}

static void on_notify(void *ctx, const char *channel, const char *payload)
{
    (void)ctx;
    (void)channel;
    (void)payload;
    if (w.relay != NULL)
        relay_kick(w.relay);
}

/* ---- time ---- */

static void on_tick(uv_timer_t *t)
{
    struct consumer_stats stats;

    (void)t;
    if (uv_now(w.app->loop) >= w.schema_next_ms)
        check_schema();
    if (w.consumer == NULL || w.stopping)
        return;
    relay_kick(w.relay);
    if (w.schema_ok) {
        timers_tick(w.timers, uv_now(w.app->loop));
        mender_tick(w.mender, uv_now(w.app->loop));
        if (w.recordings != NULL)
            recordings_tick(w.recordings, uv_now(w.app->loop));
    }
    consumer_stats(w.consumer, &stats);
    metric_set(worker_metrics.owned, stats.owned);
    metric_set(worker_metrics.backlog, (double)stats.backlog);
    metric_set(worker_metrics.retention_seconds, (double)stats.retention_ms / 1000);
    metric_set(worker_metrics.oldest_seconds, (double)stats.oldest_unacked_ms / 1000);
}

/* ---- the end ---- */

static void finish(void *ctx)
{
    (void)ctx;
    relay_free(w.relay);
    timers_free(w.timers);
    mender_free(w.mender);
    recordings_free(w.recordings);
    w.done(w.done_ctx);
}

static void on_pool_closed(void *ctx)
{
    (void)ctx;
    if (--w.open == 0)
        flow_close(w.flow, finish, NULL);
}

static void close_pools(void *ctx)
{
    (void)ctx;
    w.open = 2;
    db_close(w.batches, on_pool_closed, NULL);
    db_close(w.lookups, on_pool_closed, NULL);
}

static void close_consumer(void *ctx)
{
    (void)ctx;
    if (w.consumer == NULL) {
        close_pools(NULL);
        return;
    }
    relay_stop(w.relay);
    timers_stop(w.timers);
    consumer_close(w.consumer, close_pools, NULL);
}

static void close_mender(void *ctx)
{
    if (w.mender != NULL)
        mender_close(w.mender, close_consumer, ctx);
    else
        close_consumer(ctx);
}

/* Everything that can be is committed and acknowledged; or time is up. */
static void drained(void *ctx)
{
    (void)ctx;
    if (w.closing)
        return;
    w.closing = true;
    uv_timer_stop(&w.deadline);
    uv_close((uv_handle_t *)&w.tick, NULL);
    uv_close((uv_handle_t *)&w.deadline, NULL);
    flow_give_up(w.flow);
    if (w.recordings != NULL)
        recordings_close(w.recordings, close_mender, NULL);
    else
        close_mender(NULL);
}

static void on_force(uv_timer_t *t)
{
    (void)t;
    log_warn("batches under way are given up; they come again", NULL);
    drained(NULL);
}

static void on_drain_deadline(uv_timer_t *t)
{
    log_warn("entries that were read are given up; they come again", "entries",
             log_num(flow_queued(w.flow)), NULL);
    uv_timer_start(t, on_force, FORCE_MS - DRAIN_MS, 0);
    flow_give_up(w.flow);
    if (!w.reading_stopped)
        flow_drain(w.flow);
}

static void stop(void (*done)(void *ctx), void *ctx)
{
    assert(!w.stopping);
    w.stopping = true;
    w.done = done;
    w.done_ctx = ctx;
    if (w.consumer == NULL) {
        drained(NULL);
        return;
    }
    consumer_stop_reading(w.consumer);
    uv_timer_start(&w.deadline, on_drain_deadline, DRAIN_MS, 0);
    if (db_up(w.batches) == 0 ||
        !w.redis_up) { /* nothing can be committed, or nothing acknowledged */
        flow_give_up(w.flow);
        flow_drain(w.flow);
    }
}

/* ---- the role ---- */

/* False: settings that do not fit together stop the start. */
static bool open_recordings(void)
{
    char error[512];

    w.recordings = recordings_new(w.app->loop, w.app->config, error, sizeof error);
    if (w.recordings == NULL && error[0] != '\0')
        fprintf(stderr, "ringback: %s\n", error);
    return w.recordings != NULL || error[0] == '\0';
}

static bool open_pools(const struct config *c)
{
    const char *url = CONFIG_TEXT(c, DATABASE_URL);

    w.batches = db_open(w.app->loop, &(struct db_options){
                                         .url = url,
                                         .application_name = "ringback",
                                         .connections = (unsigned)CONFIG_NUMBER(c, DB_CONNECTIONS),
                                         .depth = 1, /* who is ready goes where it is free first */
                                         .setup = batch_session,
                                         .on_state = on_batches,
                                     });
    w.lookups = db_open(w.app->loop, &(struct db_options){
                                         .url = url,
                                         .application_name = "ringback",
                                         .connections = LOOKUP_CONNECTIONS,
                                         .setup = lookup_setup,
                                         .on_state = on_lookups,
                                         .on_notify = on_notify,
                                     });
    return w.batches != NULL && w.lookups != NULL;
}

static bool start(struct app *app)
{
    w = (struct worker){.app = app};
    worker_metrics_init();
    if (!open_recordings())
        return false;
    if (!open_pools(app->config)) {
        log_error("cannot use the database URL", "role", "worker", NULL);
        return false;
    }
    w.flow = flow_new(&(struct flow_options){
        .loop = app->loop,
        .config = app->config,
        .batches = w.batches,
        .lookups = w.lookups,
        .on_committed = committed,
        .on_quiet = quiet,
        .on_idle = drained,
    });
    if (w.flow == NULL) {
        log_error("out of memory", "role", "worker", NULL);
        return false;
    }
    uv_timer_init(app->loop, &w.tick);
    uv_timer_init(app->loop, &w.deadline);
    uv_timer_start(&w.tick, on_tick, TICK_MS, TICK_MS);
    return true;
}

static const char *ready(void)
{
    const char *problem = flow_problem(w.flow);

    if (db_up(w.batches) == 0 || db_up(w.lookups) == 0)
        return "postgres";
    if (!w.schema_ok)
        return "schema";
    if (problem != NULL)
        return problem;
    return w.redis_up ? NULL : "redis";
}

const struct role role_worker = {
    .name = "worker",
    .help = "streams -> PostgreSQL -> live updates; timers, each under a lease",
    .start = start,
    .ready = ready,
    .stop = stop,
};
