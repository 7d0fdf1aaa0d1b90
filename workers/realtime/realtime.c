/* The role `realtime`: wires live tail, hub, sockets and memberships together on the process's loop.
 *
 * Inputs come in while the loop polls; once per turn, behind them, pump() writes what they produced, so that all changes of one
 * turn for one socket share a write. */
#include <string.h>

#include "live.h"
#include "realtime/exchange.h"
#include "realtime/hub.h"
#include "realtime/limits.h"
#include "realtime/memberships_pg.h"
#include "realtime/side_door.h"
#include "realtime/socket_lws.h"
#include "resume.h"
#include "runtime/app.h"
#include "runtime/door.h"
#include "runtime/keyring.h"
#include "runtime/log.h"
#include "runtime/metrics.h"

#define REALTIME_PATH "/realtime/v1/websocket"

enum {
    TURN_BYTES_MAX = 256 * 1024, /* of changes: written at once, so that bursts fill no outbox */
    METER_MS = 1000,
    DRAIN_SLICE_MS = 50,
    DRAIN_SLICES = 40,
    DRAIN_SLICE_MIN = 50
};

enum meter {
    METER_CONNECTIONS,
    METER_CHANNELS,
    METER_CHANGES,
    METER_CHANGES_BAD,
    METER_FRAMES_IN,
    METER_FRAMES_OUT,
    METER_BYTES_OUT,
    METER_WRITES,
    METER_CONFLATED,
    METER_REPLAYED,
    METER_RESYNCS,
    METER_JOINS,
    METER_JOINS_REFUSED,
    METER_REFUSED,
    METER_MALFORMED,
    METER_COUNT
};

static struct {
    uv_loop_t *loop;
    struct keyring *keyring;
    struct keyring_waiter keys; /* for all sockets that wait */
    struct hub *hub;
    struct sockets *sockets;
    struct memberships *memberships;
    struct live_tail *tail;
    struct exchange *exchange;
    struct resume *resume;
    bool caught_up;   /* the live streams have been read up to their ends once */
    uv_check_t check; /* pumps behind each poll that brought input */
    uv_idle_t idle;   /* running: the next poll does not wait */
    uv_timer_t tick, meter, drain;
    uv_timer_t rest; /* running: sockets wait for more */
    bool crowd;      /* all of them, until then */
    bool fed, tail_up;
    size_t turn_bytes; /* of changes since the last flush */
    unsigned slices, slice;
    unsigned closing; /* parts and handles that are not closed yet */
    void (*done)(void *ctx);
    void *done_ctx;
    struct metric *meters[METER_COUNT], *latency;
} rt;

/* ---- the beat ---- */

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

/* Something went into the hub. */
static void on_input(void *ctx)
{
    (void)ctx;
    if (rt.fed)
        return;
    rt.fed = true;
    uv_idle_start(&rt.idle, on_idle);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
    hub_tick(rt.hub, sockets_now());
    on_input(NULL);
}

static enum jwt_result verify(void *ctx, const char *token, size_t len, int64_t now_s,
                              struct jwt *out)
{
    return keyring_verify(ctx, token, len, now_s, out);
}

static void on_keys(void *ctx)
{
    (void)ctx;
    hub_keys(rt.hub, sockets_now());
    on_input(NULL);
}

/* Sockets that wait for keys do so together. When nobody else may wait, they are not let in. */
static void await_keys(void)
{
    if (!hub_waits_for_keys(rt.hub) || rt.keys.at != NULL)
        return;
    rt.keys = (struct keyring_waiter){.ready = on_keys};
    if (!keyring_wait(rt.keyring, &rt.keys))
        hub_keys(rt.hub, sockets_now());
}

static void flush(void)
{
    struct instant now = sockets_now();
    struct session *s;

    if (rt.sockets == NULL) /* closing */
        return;
    while ((s = hub_dirty(rt.hub, now)) != NULL)
        sockets_flush(rt.sockets, s);
}

static void flush_all(void)
{
    rt.turn_bytes = 0;
    rt.crowd = false;
    hub_rested(rt.hub);
    flush();
}

static void on_rest(uv_timer_t *timer)
{
    (void)timer;
    flush_all();
}

/* At once, but for rows that share a write with those that come within the next moment: the ones behind a first row (hub_resting),
 * and the first one already when a crowd is to be told, for whom a system call each costs more than what it carries. */
static void flush_soon(void)
{
    rt.crowd = rt.crowd || hub_dirty_count(rt.hub) >= PACE_CROWD;
    if (!rt.crowd)
        flush();
    if ((rt.crowd || hub_resting(rt.hub)) && !uv_is_active((uv_handle_t *)&rt.rest))
        uv_timer_start(&rt.rest, on_rest, PACE_SHARE_MS, 0);
}

static void pump(void)
{
    uint64_t next, now;

    await_keys();
    hub_position(rt.hub, live_tail_caught_up(rt.tail));
    exchange_watch(rt.exchange);
    side_door_pump();
    flush_soon();
    if (rt.memberships != NULL)
        memberships_pump(rt.memberships);
    next = hub_next(rt.hub);
    now = sockets_now().ms;
    if (next == UINT64_MAX)
        uv_timer_stop(&rt.tick);
    else
        uv_timer_start(&rt.tick, on_tick, next > now ? next - now : 0, 0);
}

static void on_check(uv_check_t *check)
{
    (void)check;
    if (!rt.fed)
        return;
    rt.fed = false;
    uv_idle_stop(&rt.idle);
    if (rt.sockets != NULL)
        pump();
}

/* ---- the live streams ---- */

static uint64_t wall_ms(void)
{
    uv_timeval64_t now = {0};

    uv_gettimeofday(&now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

static void on_update(void *ctx, unsigned partition, struct entry_id id,
                      const struct live_update *u)
{
    struct hub_change change = {u->organization_id,         u->table,        u->type,
                                {u->record, u->record_len}, u->committed_us, id.ms};

    (void)ctx;
    (void)partition;
    hub_change(rt.hub, &change, sockets_now());
    on_input(NULL);
    rt.turn_bytes += u->record_len;
    if (rt.turn_bytes > TURN_BYTES_MAX)
        flush_all();
}

static unsigned pause_ms(void *ctx)
{
    (void)ctx;
    return hub_unhurried(rt.hub) ? PACE_READ_MS : 0;
}

static void on_gap(void *ctx, unsigned partition)
{
    (void)ctx;
    log_warn("live updates were trimmed before they were read: all subscribers resync", "partition",
             log_num(partition), NULL);
    hub_known_since(rt.hub, wall_ms());
    hub_resync_all(rt.hub, sockets_now());
    on_input(NULL);
}

static void on_tail_state(void *ctx, bool up, const char *reason)
{
    (void)ctx;
    if (up != rt.tail_up)
        (up ? log_info : log_warn)(up ? "live tail up" : "live tail down", "reason", reason, NULL);
    rt.tail_up = up;
}

/* ---- where clients stopped ---- */

static bool on_resume_ask(void *ctx, const char *key, uint64_t ref, struct resume_ask *ask)
{
    (void)ctx;
    return rt.resume != NULL && resume_ask(rt.resume, key, ref, ask);
}

static void on_resume_note(void *ctx, const char *key, uint64_t socket, uint64_t at_ms,
                           uint64_t ref, bool renew)
{
    (void)ctx;
    if (rt.resume != NULL)
        resume_note(rt.resume, key, socket, at_ms, ref, renew);
}

static void on_resume_forget(void *ctx, const char *key, uint64_t socket, uint64_t ref)
{
    (void)ctx;
    if (rt.resume != NULL)
        resume_forget(rt.resume, key, socket, ref);
}

static void on_resumed(void *ctx, void *ask, uint64_t at_ms)
{
    (void)ctx;
    hub_resumed(ask, at_ms, sockets_now());
    on_input(NULL);
}

/* ---- meters ---- */

static const struct {
    const char *name, *help;
    bool gauge;
} meter_info[METER_COUNT] = {
    [METER_CONNECTIONS] = {"ringback_realtime_connections", "open websockets", true},
    [METER_CHANNELS] = {"ringback_realtime_channels", "joined channels", true},
    [METER_CHANGES] = {"ringback_realtime_changes_total", "entries read from the live streams",
                       false},
    [METER_CHANGES_BAD] = {"ringback_realtime_changes_bad_total",
                           "entries that were no change of a row", false},
    [METER_FRAMES_IN] = {"ringback_realtime_frames_in_total", "messages from clients", false},
    [METER_FRAMES_OUT] = {"ringback_realtime_frames_out_total", "messages to clients", false},
    [METER_BYTES_OUT] = {"ringback_realtime_bytes_out_total", "bytes to clients", false},
    [METER_WRITES] = {"ringback_realtime_writes_total",
                      "writes to sockets; several messages share one", false},
    [METER_CONFLATED] = {"ringback_realtime_conflated_total",
                         "messages that took the place of an older state of their row", false},
    [METER_REPLAYED] = {"ringback_realtime_replayed_total",
                        "changes looked through for clients that came back", false},
    [METER_RESYNCS] = {"ringback_realtime_resyncs_total", "channels told to read again", false},
    [METER_JOINS] = {"ringback_realtime_joins_total", "joins", false},
    [METER_JOINS_REFUSED] = {"ringback_realtime_joins_refused_total",
                             "joins answered with an error", false},
    [METER_REFUSED] = {"ringback_realtime_connections_refused_total",
                       "sockets over the limits of a process or an address", false},
    [METER_MALFORMED] = {"ringback_realtime_malformed_total", "messages that were no messages",
                         false},
};

static void on_latency(void *ctx, double seconds)
{
    (void)ctx;
    metric_observe(rt.latency, seconds);
}

static void register_meters(void)
{
    for (int i = 0; i < METER_COUNT; i++)
        rt.meters[i] = (meter_info[i].gauge ? metric_gauge : metric_counter)(
            meter_info[i].name, NULL, meter_info[i].help);
    rt.latency = metric_histogram("ringback_realtime_latency_seconds", NULL,
                                  "from the commit of a change to its first write to a websocket");
}

static void on_meter(uv_timer_t *timer)
{
    const struct hub_stats *h = hub_stats(rt.hub);
    const struct sockets_stats *s = sockets_stats(rt.sockets);
    const uint64_t values[METER_COUNT] = {
        [METER_CONNECTIONS] = s->open,
        [METER_CHANNELS] = h->channels,
        [METER_CHANGES] = h->changes,
        [METER_CHANGES_BAD] = h->changes_bad,
        [METER_FRAMES_IN] = h->frames_in,
        [METER_FRAMES_OUT] = s->frames_out,
        [METER_BYTES_OUT] = s->bytes_out,
        [METER_WRITES] = s->writes,
        [METER_CONFLATED] = h->conflated,
        [METER_REPLAYED] = h->replayed,
        [METER_RESYNCS] = h->resyncs,
        [METER_JOINS] = h->joins,
        [METER_JOINS_REFUSED] = h->joins_refused,
        [METER_REFUSED] = s->refused,
        [METER_MALFORMED] = h->malformed,
    };

    (void)timer;
    hub_position(rt.hub, live_tail_caught_up(rt.tail));
    exchange_watch(rt.exchange);
    side_door_pump();
    for (int i = 0; i < METER_COUNT; i++)
        metric_set(rt.meters[i], (double)values[i]);
}

/* ---- start ---- */

static bool take_socket(void *ctx, int fd)
{
    (void)ctx;
    /* Until then nobody can be told what he missed; clients try again within seconds. */
    rt.caught_up = rt.caught_up || (rt.tail != NULL && live_tail_ready(rt.tail));
    return rt.caught_up && rt.sockets != NULL && sockets_take(rt.sockets, fd);
}

static bool open_parts(struct app *app)
{
    const struct config *config = app->config;
    struct sockets_options sockets = {app->loop, rt.hub, REALTIME_PATH, on_input, on_latency, NULL};
    uint64_t back = (uint64_t)CONFIG_NUMBER(config, STREAM_RETENTION), since;
    static const struct hub_resume resume = {on_resume_ask, on_resume_note, on_resume_forget, NULL};
    struct live_tail_options tail = {.redis_url = CONFIG_TEXT(config, REDIS_URL),
                                     .partitions =
                                         (unsigned)CONFIG_NUMBER(config, STREAM_PARTITIONS),
                                     .on_update = on_update,
                                     .on_gap = on_gap,
                                     .on_state = on_tail_state,
                                     .pause_ms = pause_ms};
    const char *why = "out of memory";

    since = wall_ms() - (back < HISTORY_FIRST_MS ? back : HISTORY_FIRST_MS);
    tail.since_ms = since;
    hub_known_since(rt.hub, since);
    hub_use_resume(rt.hub, &resume);
    rt.sockets = sockets_open(&sockets, &why);
    if (rt.sockets == NULL) {
        log_error("websockets", "reason", why, NULL);
        return false;
    }
    rt.memberships =
        memberships_open(app->loop, CONFIG_TEXT(config, DATABASE_URL), rt.hub, on_input, NULL);
    rt.tail = live_tail_new(app->loop, &tail);
    rt.exchange = exchange_open(app->loop, tail.redis_url, tail.partitions, rt.hub, on_input, NULL);
    rt.resume = resume_open(app->loop, tail.redis_url, on_resumed, NULL);
    if (rt.memberships == NULL || rt.tail == NULL || rt.exchange == NULL || rt.resume == NULL) {
        log_error("realtime", "reason", "out of memory", NULL);
        return false;
    }
    return true;
}

static bool start(struct app *app)
{
    if (app->door == NULL || CONFIG_TEXT(app->config, DATABASE_URL) == NULL) {
        log_error("realtime", "reason",
                  app->door == NULL ? "needs the HTTP door" : "RINGBACK_DATABASE_URL is not set",
                  NULL);
        return false;
    }
    rt.loop = app->loop;
    rt.keyring = app->keyring;
    rt.hub = hub_new(&(struct hub_tokens){verify, app->keyring});
    if (rt.hub == NULL || !open_parts(app))
        return false;
    register_meters();
    uv_check_init(rt.loop, &rt.check);
    uv_check_start(&rt.check, on_check);
    uv_idle_init(rt.loop, &rt.idle);
    uv_timer_init(rt.loop, &rt.tick);
    uv_timer_init(rt.loop, &rt.rest);
    uv_timer_init(rt.loop, &rt.meter);
    uv_timer_start(&rt.meter, on_meter, 0, METER_MS);
    uv_timer_init(rt.loop, &rt.drain);
    side_door_open(app->door, rt.hub, rt.keyring, on_input);
    door_give_away(app->door, "GET " REALTIME_PATH, take_socket, NULL);
    return true;
}

static const char *ready(void)
{
    return rt.tail != NULL && live_tail_ready(rt.tail) ? keyring_ready(rt.keyring) : "redis";
}

/* ---- stop: clients leave in slices, then the parts close, then the handles ---- */

static void on_all_closed(void)
{
    void (*done)(void *) = rt.done;
    void *ctx = rt.done_ctx;

    hub_free(rt.hub);
    memset(&rt, 0, sizeof rt);
    done(ctx);
}

static void on_handle_closed(uv_handle_t *handle)
{
    (void)handle;
    if (--rt.closing == 0)
        on_all_closed();
}

static void close_handles(void)
{
    uv_handle_t *const handles[] = {(uv_handle_t *)&rt.check, (uv_handle_t *)&rt.idle,
                                    (uv_handle_t *)&rt.tick,  (uv_handle_t *)&rt.meter,
                                    (uv_handle_t *)&rt.drain, (uv_handle_t *)&rt.rest};

    rt.closing = sizeof handles / sizeof handles[0];
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        uv_close(handles[i], on_handle_closed);
}

static void on_part_closed(void *ctx)
{
    (void)ctx;
    if (--rt.closing == 0)
        close_handles();
}

static void close_parts(void)
{
    struct sockets *sockets = rt.sockets;
    struct memberships *memberships = rt.memberships;
    struct live_tail *tail = rt.tail;
    struct exchange *exchange = rt.exchange;
    struct resume *resume = rt.resume;

    uv_timer_stop(&rt.drain);
    uv_timer_stop(&rt.meter);
    uv_timer_stop(&rt.tick);
    uv_timer_stop(&rt.rest);
    keyring_leave(rt.keyring, &rt.keys);
    rt.closing = 5;
    side_door_close();
    rt.sockets = NULL;
    rt.memberships = NULL;
    rt.tail = NULL;
    rt.exchange = NULL;
    rt.resume = NULL;
    resume_close(resume, on_part_closed, NULL);
    exchange_close(exchange, on_part_closed, NULL);
    sockets_close(sockets, on_part_closed, NULL);
    live_tail_close(tail, on_part_closed, NULL);
    memberships_close(memberships, on_part_closed, NULL);
}

/* Clients reconnect at once and without jitter: not all in the same moment. */
static void on_drain(uv_timer_t *timer)
{
    (void)timer;
    if (sockets_stats(rt.sockets)->open == 0 || rt.slices-- == 0) {
        close_parts();
        return;
    }
    sockets_drain(rt.sockets, rt.slice);
}

static void stop(void (*done)(void *ctx), void *ctx)
{
    rt.done = done;
    rt.done_ctx = ctx;
    rt.slices = DRAIN_SLICES;
    rt.slice = sockets_stats(rt.sockets)->open / (DRAIN_SLICES / 2) + DRAIN_SLICE_MIN;
    sockets_drain(rt.sockets, 0);
    uv_timer_start(&rt.drain, on_drain, 0, DRAIN_SLICE_MS);
}

const struct role role_realtime = {
    .name = "realtime",
    .help = "websockets to dashboards",
    .tokens = true,
    .start = start,
    .ready = ready,
    .stop = stop,
};
