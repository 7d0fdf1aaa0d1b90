#include "worker/timers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/log.h"
#include "worker/wall_clock.h"
#include "worker/worker_metrics.h"

enum { DUE_MAX = 500, TIMERS_DEADLINE_MS = 60000, PRUNE_EVERY_MS = 5 * 60 * 1000 };

static const struct db_statement due_carts = {"schema/timer/due_carts.sql"};
static const struct db_statement prune = {"schema/timer/prune.sql"};

struct timers {
    struct db_pool *pool;
    struct named_lease *lease;
    bool busy, stopped;
    bool failing;      /* the last statement did; logged once */
    uint64_t prune_ms; /* not before */
    struct db_request request;
    struct db_query query;
    const char *values[4];
    char now[48], abandon_after[32], expire_after[32], limit[12];
};

static void settle_due(struct timers *t);

static void finished(struct timers *t, const struct db_outcome *o)
{
    t->busy = false;
    if (!o->ok && !t->failing && !t->stopped)
        log_warn("timer failed", "sqlstate", o->sqlstate, "reason", o->message, NULL);
    t->failing = !o->ok;
    if (strcmp(o->sqlstate, "40P01") == 0)
        metric_add(worker_metrics.deadlocks, 1);
}

static void submit(struct timers *t, const struct db_statement *statement, int n_params, db_cb done)
{
    t->busy = true;
    t->query = (struct db_query){.statement = statement, .n_params = n_params, .values = t->values};
    t->request = (struct db_request){.queries = &t->query,
                                     .n_queries = 1,
                                     .done = done,
                                     .ctx = t,
                                     .deadline_ms = TIMERS_DEADLINE_MS};
    db_submit(t->pool, &t->request);
}

/* A column of the one row that both statements answer with. */
static const char *answer(const struct db_outcome *o, const char *column)
{
    int at = PQfnumber(o->results[0], column);

    return at < 0 || PQntuples(o->results[0]) != 1 ? "" : PQgetvalue(o->results[0], 0, at);
}

static void on_due(struct db_request *r, const struct db_outcome *o)
{
    struct timers *t = r->ctx;
    bool more = false;

    finished(t, o);
    if (o->ok && PQntuples(o->results[0]) == 1) {
        metric_add(worker_metrics.carts_settled, (double)strtoull(answer(o, "changed"), NULL, 10));
        more = strcmp(answer(o, "more"), "t") == 0;
    }
    if (more && consumer_lease_held(t->lease) && !t->stopped)
        settle_due(t);
}

static void on_pruned(struct db_request *r, const struct db_outcome *o)
{
    struct timers *t = r->ctx;

    finished(t, o);
    if (o->ok && PQntuples(o->results[0]) == 1 && strcmp(answer(o, "more"), "t") == 0)
        t->prune_ms = 0; /* at the next tick, not at once: it is not urgent */
}

/* "2026-11-23 08:00:00.123456+00" */
static void time_text(char *out, size_t size, int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    char date[24];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(out, size, "%s.%06d+00", date, (int)(us % 1000000));
}

static void settle_due(struct timers *t)
{
    time_text(t->now, sizeof t->now, wall_us());
    t->values[0] = t->now;
    t->values[1] = t->abandon_after;
    t->values[2] = t->expire_after;
    t->values[3] = t->limit;
    submit(t, &due_carts, 4, on_due);
}

static void prune_old(struct timers *t)
{
    time_text(t->now, sizeof t->now, wall_us());
    t->values[0] = t->now;
    t->values[1] = t->expire_after;
    t->values[2] = t->limit;
    submit(t, &prune, 3, on_pruned);
}

void timers_tick(struct timers *t, uint64_t now_ms)
{
    if (t->busy || t->stopped || db_up(t->pool) == 0 || !consumer_lease_held(t->lease))
        return;
    if (now_ms < t->prune_ms) {
        settle_due(t);
        return;
    }
    t->prune_ms = now_ms + PRUNE_EVERY_MS;
    prune_old(t);
}

static void on_lease(void *ctx, bool held)
{
    (void)ctx;
    log_info(held ? "timers run here" : "timers run elsewhere", NULL);
}

static void interval_text(char out[32], uint64_t ms)
{
    snprintf(out, 32, "%llu milliseconds", (unsigned long long)ms);
}

struct timers *timers_new(struct db_pool *lookups, struct consumer *consumer,
                          const struct config *config)
{
    struct timers *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->pool = lookups;
    interval_text(t->abandon_after, CONFIG_NUMBER(config, CART_ABANDON_AFTER));
    interval_text(t->expire_after, CONFIG_NUMBER(config, CART_EXPIRE_AFTER));
    snprintf(t->limit, sizeof t->limit, "%d", DUE_MAX);
    t->lease = consumer_lease(consumer, "timers", on_lease, t);
    if (t->lease == NULL) {
        free(t);
        return NULL;
    }
    return t;
}

void timers_stop(struct timers *t)
{
    t->stopped = true;
}

void timers_free(struct timers *t)
{
    free(t);
}
