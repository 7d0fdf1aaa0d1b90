/* One worker: the real consumer and flow, wired as role_worker.c does it, on the simulated loop. It ends by SIGTERM, by
 * SIGKILL, or by a crash inside its own code, which takes it out of whatever it was doing. */
#include "sim.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "event.h"
#include "handlers.h"
#include "rows.h"
#include "runtime/config.h"
#include "runtime/db.h"
#include "worker/flow.h"

enum { DRAIN_MS = 7000, FORCE_MS = 9000, WINDOW = 12, BATCH_MAX = 6, VERSION_BYTES = 24 };

struct sim_worker sim_workers[SIM_WORKERS];

static jmp_buf outside;
static unsigned running = NOBODY;
static unsigned lives;

/* ---- a crash ---- */

handler_fn __wrap_handler_for(const char *topic);
void __wrap___assert_fail(const char *text, const char *file, unsigned line, const char *function)
    __attribute__((noreturn));

void sim_crash(void)
{
    longjmp(outside, 1);
}

/* Out of memory where nothing can be promised without it is a crash by intention; everything else is a mistake. */
void __wrap___assert_fail(const char *text, const char *file, unsigned line, const char *function)
{
    if (running != NOBODY && sim_memory_failed())
        sim_crash();
    sim_violation("%s:%u: %s: assertion failed: %s", file, line, function, text);
}

/* {"id":K,"v":V} is version V of order K; {"crash":E} is event E, which kills; everything else is not understood. */
static enum verdict handle(const struct event *ev, struct rows *out)
{
    unsigned key, version, e;
    uint8_t bytes[VERSION_BYTES] = {0};
    char text[16];

    if (sscanf(ev->body, "{\"crash\":%u}", &e) == 1) {
        sim_events[e].crashes++;
        sim_trace("event %u kills worker %u", e, running);
        sim_crash();
    }
    if (sscanf(ev->body, "{\"id\":%u,\"v\":%u}", &key, &version) != 2)
        return (enum verdict)rows_reject(out, "not understood");
    rows_begin(out, ROWSET_orders);
    rows_uuid(out, COL_orders_integration_id, ev->shop->integration_id);
    rows_uuid(out, COL_orders_organization_id, ev->shop->organization_id);
    snprintf(text, sizeof text, "%u", key);
    rows_text(out, COL_orders_external_order_id,
              (struct text){arena_copy(out->arena, text, strlen(text)), strlen(text)});
    for (int i = 0; i < 4; i++)
        bytes[7 - i] = (uint8_t)(version >> (8 * i));
    rows_bytes(out, COL_orders_source_version, bytes, sizeof bytes);
    return rows_failed(out) ? (enum verdict)rows_reject(out, NULL) : VERDICT_STORE;
}

handler_fn __wrap_handler_for(const char *topic)
{
    (void)topic;
    return handle;
}

/* ---- its callbacks ---- */

/* What it was given, and may settle, until it loses the partition. */
static bool in_hand[SIM_WORKERS][SIM_EVENTS_MAX];

void __real_consumer_settle(struct consumer *c, unsigned partition,
                            const struct live_update *updates, unsigned n_updates,
                            const struct entry_id *ids, unsigned n_ids,
                            void (*cb)(void *ctx, bool ok), void *ctx);
void __wrap_consumer_settle(struct consumer *c, unsigned partition,
                            const struct live_update *updates, unsigned n_updates,
                            const struct entry_id *ids, unsigned n_ids,
                            void (*cb)(void *ctx, bool ok), void *ctx);

static unsigned event_at(unsigned partition, struct entry_id id)
{
    unsigned e = 0;

    while (e < sim_n_events && (!sim_events[e].sent || sim_events[e].partition != partition ||
                                entry_id_compare(sim_events[e].id, id) != 0))
        e++;
    if (e == sim_n_events)
        sim_violation("an entry of partition %u that was never sent", partition);
    return e;
}

void __wrap_consumer_settle(struct consumer *c, unsigned partition,
                            const struct live_update *updates, unsigned n_updates,
                            const struct entry_id *ids, unsigned n_ids,
                            void (*cb)(void *ctx, bool ok), void *ctx)
{
    for (unsigned i = 0; i < n_ids; i++) {
        bool *mine = &in_hand[running][event_at(partition, ids[i])];

        if (!*mine)
            sim_violation("an entry of partition %u is settled, which was lost since it came",
                          partition);
        *mine = false;
    }
    __real_consumer_settle(c, partition, updates, n_updates, ids, n_ids, cb, ctx);
}

static void on_lost(void *ctx, unsigned partition, const char *reason)
{
    struct sim_worker *w = ctx;

    sim_trace("worker %s loses partition %u: %s", w->id, partition, reason);
    for (unsigned e = 0; e < sim_n_events; e++)
        if (sim_events[e].partition == partition)
            in_hand[w - sim_workers][e] = false;
    flow_lost(w->flow, partition);
}

static void on_gained(void *ctx, unsigned partition)
{
    sim_trace("worker %s gains partition %u", ((struct sim_worker *)ctx)->id, partition);
}

static void on_entries(void *ctx, unsigned partition, struct entry *first, unsigned n)
{
    struct sim_worker *w = ctx;

    sim_trace("worker %s gets %u entries of partition %u, from delivery %u", w->id, n, partition,
              first->deliveries);
    for (const struct entry *e = first; e != NULL; e = e->next)
        in_hand[w - sim_workers][event_at(partition, e->id)] = true;
    flow_entries(w->flow, partition, first, n);
}

static void on_redis(void *ctx, bool up, const char *reason)
{
    struct sim_worker *w = ctx;

    sim_trace("worker %s: redis is %s (%s)", w->id, up ? "there" : "away", reason);
    w->redis_up = up;
}

static void on_named(void *ctx, bool held)
{
    ((struct sim_worker *)ctx)->named_held = held;
}

static void on_reading_stopped(void *ctx)
{
    struct sim_worker *w = ctx;

    w->reading_stopped = true;
    if (!w->closing)
        flow_drain(w->flow);
}

static void on_committed(void *ctx)
{
    (void)ctx;
}

static bool start_consuming(struct sim_worker *w)
{
    w->consumer = consumer_new(&w->loop.uv, &(struct consumer_options){
                                                .redis_url = "redis://simulated",
                                                .partitions = SIM_PARTITIONS,
                                                .worker_id = w->id,
                                                .lease_ms = SIM_LEASE_MS,
                                                .retention_ms = 20000,
                                                .window = WINDOW,
                                                .read_count = BATCH_MAX,
                                                .on_gained = on_gained,
                                                .on_lost = on_lost,
                                                .on_entries = on_entries,
                                                .on_state = on_redis,
                                                .on_stopped = on_reading_stopped,
                                                .ctx = w,
                                            });
    if (w->consumer == NULL)
        return false;
    flow_set_consumer(w->flow, w->consumer);
    w->named = consumer_lease(w->consumer, "sim", on_named, w);
    return w->named != NULL;
}

static void on_batches(void *ctx, unsigned up, const char *reason)
{
    struct sim_worker *w = ctx;

    sim_trace("worker %s: %u connections to postgres (%s)", w->id, up,
              reason == NULL ? "" : reason);
    if (w->closing)
        return;
    if (up > 0 && w->consumer == NULL && w->life == SIM_ALIVE && !start_consuming(w))
        sim_crash(); /* as role_worker.c aborts */
    flow_pause(w->flow, up == 0);
}

static void on_lookups(void *ctx, unsigned up, const char *reason)
{
    (void)ctx;
    (void)up;
    (void)reason;
}

static void on_notify(void *ctx, const char *channel, const char *payload)
{
    (void)ctx;
    (void)channel;
    (void)payload;
}

/* ---- the end ---- */

static void finished(void *ctx)
{
    struct sim_worker *w = ctx;

    w->life = SIM_DEAD;
    w->consumer = NULL;
    w->flow = NULL;
    w->named_held = false;
    w->born_again_ms = sim_now_ms() + 100;
    sim_trace("worker %s has stopped", w->id);
}

static void on_pool_closed(void *ctx)
{
    struct sim_worker *w = ctx;

    if (w->batches != NULL) {
        w->batches = NULL;
        db_close(w->lookups, on_pool_closed, w);
    } else {
        flow_close(w->flow, finished, w);
    }
}

static void close_pools(void *ctx)
{
    struct sim_worker *w = ctx;

    w->consumer = NULL;
    db_close(w->batches, on_pool_closed, w);
}

static void drained(void *ctx)
{
    struct sim_worker *w = ctx;

    if (w->closing)
        return;
    w->closing = true;
    flow_give_up(w->flow);
    if (w->consumer == NULL)
        close_pools(w);
    else
        consumer_close(w->consumer, close_pools, w);
}

static void stop(struct sim_worker *w)
{
    w->stop_ms = sim_now_ms();
    if (w->consumer == NULL) {
        drained(w);
        return;
    }
    consumer_stop_reading(w->consumer);
    if (db_up(w->batches) == 0 || !w->redis_up) {
        flow_give_up(w->flow);
        flow_drain(w->flow);
    }
}

static void check_deadlines(struct sim_worker *w)
{
    if (w->closing)
        return;
    if (!w->force && sim_now_ms() >= w->stop_ms + DRAIN_MS) {
        w->force = true;
        flow_give_up(w->flow);
        if (!w->reading_stopped)
            flow_drain(w->flow);
    } else if (sim_now_ms() >= w->stop_ms + FORCE_MS) {
        drained(w);
    }
}

/* ---- from outside ---- */

static bool begin(struct sim_worker *w)
{
    static struct config config;
    static const char *const none[] = {NULL};

    config.number[SET_BATCH_MAX] = BATCH_MAX;
    config.number[SET_BATCH_LINGER] = 5;
    config.number[SET_MAX_BODY] = 64 * 1024;
    config.number[SET_DB_CONNECTIONS] = 2;
    config.number[SET_STREAM_PARTITIONS] = SIM_PARTITIONS;
    w->batches = db_open(
        &w->loop.uv,
        &(struct db_options){.connections = 2, .setup = none, .on_state = on_batches, .ctx = w});
    w->lookups = db_open(&w->loop.uv, &(struct db_options){.connections = 2,
                                                           .setup = none,
                                                           .on_state = on_lookups,
                                                           .on_notify = on_notify,
                                                           .ctx = w});
    if (w->batches == NULL || w->lookups == NULL)
        return false;
    w->flow = flow_new(&(struct flow_options){.loop = &w->loop.uv,
                                              .config = &config,
                                              .batches = w->batches,
                                              .lookups = w->lookups,
                                              .on_committed = on_committed,
                                              .on_idle = drained,
                                              .ctx = w});
    return w->flow != NULL;
}

enum deed { BEGIN, TURN, STOP };

/* The only way into a worker's code. */
static void enter(unsigned n, enum deed deed)
{
    struct sim_worker *w = &sim_workers[n];

    running = n;
    sim_memory_of(n);
    if (setjmp(outside) != 0) {
        worker_kill(n);
    } else if (deed == BEGIN) {
        if (!begin(w))
            sim_crash();
    } else if (deed == STOP) {
        stop(w);
    } else {
        sim_loop_turn(&w->loop);
        redis_deliver(n);
        pg_deliver(n);
        if (w->life == SIM_STOPPING)
            check_deadlines(w);
    }
    sim_memory_of(NOBODY);
    running = NOBODY;
}

void worker_start(unsigned n)
{
    struct sim_worker *w = &sim_workers[n];

    assert(sim_memory_count(n) == 0);
    memset(w, 0, sizeof *w);
    w->life = SIM_ALIVE;
    snprintf(w->id, sizeof w->id, "worker-%u-%u", n, ++lives);
    sim_loop_init(&w->loop);
    memset(in_hand[n], 0, sizeof in_hand[n]);
    pg_worker_born(n);
    sim_trace("worker %s starts", w->id);
    enter(n, BEGIN);
}

void worker_kill(unsigned n)
{
    struct sim_worker *w = &sim_workers[n];

    if (w->life == SIM_DEAD)
        return;
    sim_trace("worker %s dies", w->id);
    sim_memory_of(NOBODY);
    redis_orphan(n);
    pg_orphan(n);
    sim_memory_free_all(n);
    w->life = SIM_DEAD;
    w->consumer = NULL;
    w->flow = NULL;
    w->named_held = false;
    w->born_again_ms = sim_now_ms() + 10 + sim_below(3000);
}

void worker_stop(unsigned n)
{
    struct sim_worker *w = &sim_workers[n];

    if (w->life != SIM_ALIVE)
        return;
    sim_trace("worker %s is told to stop", w->id);
    w->life = SIM_STOPPING;
    enter(n, STOP);
}

void worker_turn(unsigned n)
{
    enter(n, TURN);
}

bool worker_has_work(unsigned n)
{
    const struct sim_worker *w = &sim_workers[n];

    if (w->life == SIM_DEAD || sim_now_ms() < w->paused_until_ms)
        return false;
    return sim_loop_due_ms(&w->loop) <= sim_now_ms() || redis_has_news(n) || pg_has_news(n) ||
           (w->life == SIM_STOPPING && !w->closing && sim_now_ms() >= w->stop_ms + DRAIN_MS);
}

uint64_t worker_due_us(unsigned n)
{
    const struct sim_worker *w = &sim_workers[n];
    uint64_t due;

    if (w->life == SIM_DEAD)
        return w->born_again_ms * 1000;
    due = sim_loop_due_ms(&w->loop);
    due = due == UINT64_MAX ? due : due * 1000;
    if (w->life == SIM_STOPPING && !w->closing && (w->stop_ms + DRAIN_MS) * 1000 < due)
        due = (w->stop_ms + DRAIN_MS) * 1000;
    if (w->paused_until_ms > sim_now_ms() && due < w->paused_until_ms * 1000)
        due = w->paused_until_ms * 1000;
    return due;
}
