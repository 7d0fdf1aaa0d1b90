/* The door: connections, their deadlines, libmicrohttpd's turns, and the orderly end.
 *
 * Connections begin in door_plain_mhd.c, which leaves what is not its own to libmicrohttpd.
 *
 * libmicrohttpd 0.9.75 runs without threads and without a listening socket: door_accept_uv.c gives
 * it sockets, its epoll descriptor is watched by the loop, and door_request_mhd.c answers its
 * callbacks. Its own timeouts are switched off (they know only whole seconds and silence, not
 * slowness): every connection has a deadline here, and one that is over is ended by shutting the
 * socket down, which libmicrohttpd sees as the sender's end.
 *
 * A connection that waits for a role is suspended: nobody watches its socket then, so a sender that
 * goes away is noticed when the answer is written. A request that was already read behind the first
 * one is worked on when libmicrohttpd gets its turn after the answer: MHD_run() is repeated until
 * it reports nothing left to do, else it would wait for the next byte.
 *
 * Its strict option stays off: it misses what matters (two Content-Length), and its answer to what
 * it finds in the complete head is sent with the status line twice. http_framing.c checks instead;
 * only a Content-Length that is no number still gets that answer. */
#include "runtime/door_mhd.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/log.h"

enum {
    /* Per connection, for the head of a request, a piece of its body and the head of the answer. It
     * is what an idle connection costs, and the limit of a head (431 past it). Half of it is read at
     * once: an order with three lines comes in one piece. */
    CONN_POOL_BYTES = 24576,
    TURNS_MAX = 8, /* of libmicrohttpd per turn of the loop */
    FIRST_BYTE_MS_MAX = 15000,
    QUIET_MS_MAX = 1000,
    SWEEP_MS_MIN = 10,
    SWEEP_MS_MAX = 1000,
    DRAIN_SWEEP_MS = 10,
    /* While closing: how long connections between two requests stay open. One that is in use is
     * told `Connection: close` with its next answer, so nobody runs into a closed door. */
    DRAIN_IDLE_MS = 500,
    EVICT_MAX = 64, /* idle connections closed per sweep when all are taken */
    EVICT_IDLE_MS = 1000,
    KILL_TURNS_MAX = 16,
    CONNECTIONS_SLACK = 64, /* closed ones that libmicrohttpd has not cleaned up yet */
};

struct conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

void door_count_refused(const char *reason)
{
    char labels[64];

    snprintf(labels, sizeof labels, "reason=\"%s\"", reason);
    metric_add(metric_counter("ringback_http_refused_total", labels,
                              "requests that the door refused before any role saw them"),
               1);
}

/* ---- libmicrohttpd's turns ---- */

static void on_again(uv_idle_t *idle);

static void take_turns(struct door *d)
{
    MHD_UNSIGNED_LONG_LONG wait = 0;

    for (unsigned i = 0; i < TURNS_MAX; i++) {
        MHD_run(d->mhd);
        if (MHD_get_timeout(d->mhd, &wait) != MHD_YES || wait > 0) {
            uv_idle_stop(&d->again);
            return;
        }
    }
    uv_idle_start(&d->again, on_again); /* the others first */
}

static void on_again(uv_idle_t *idle)
{
    take_turns(idle->data);
}

void door_turn_again(struct door *d)
{
    uv_idle_start(&d->again, on_again); /* many answers of one turn share one MHD_run() */
}

static void on_epoll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    take_turns(poll->data);
}

/* ---- connections ---- */

void conn_enter(struct conn *c, enum conn_state state, uint64_t deadline_ms)
{
    c->state = state;
    c->deadline_ms = deadline_ms;
    c->active_ms = uv_now(c->door->loop);
    c->looked = false;
}

static void conn_begin(struct door *d, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *c = calloc(1, sizeof *c);
    uint64_t head_ms =
        d->o.idle_timeout_ms < DOOR_HEAD_MS_MAX ? d->o.idle_timeout_ms : DOOR_HEAD_MS_MAX;

    *context = c;
    if (c == NULL)
        return; /* its requests are refused for want of it */
    c->door = d;
    c->mhd = mhd;
    c->fd = info->connect_fd;
    conn_enter(c, CONN_HEAD, uv_now(d->loop) + head_ms); /* we have seen a byte of it */
    c->next = d->conns;
    if (c->next != NULL)
        c->next->prev = c;
    d->conns = c;
    d->n_conns++;
}

static void conn_end(struct door *d, void **context)
{
    struct conn *c = *context;

    *context = NULL;
    if (c == NULL)
        return;
    assert(c->request == NULL);
    if (c->linger && d->state != DOOR_CLOSED)
        lingers_add(&d->lingers, dup(c->fd)); /* libmicrohttpd closes its own descriptor next */
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        d->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    d->n_conns--;
    free(c);
    acceptor_wake(d->acceptor);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        conn_begin(cls, mhd, context);
    else
        conn_end(cls, context);
}

static bool has_room(void *ctx)
{
    const struct door *d = ctx;

    return d->n_conns + d->plains.n + acceptor_waiting(d->acceptor) < d->o.connections_max;
}

void door_hand_over(struct door *d, int fd, const struct sockaddr *from, socklen_t from_len)
{
    if (MHD_add_connection(d->mhd, fd, from, from_len) == MHD_YES) /* else it closed the fd */
        door_turn_again(d);
}

static void on_http(void *ctx, int fd, const struct sockaddr *from, socklen_t from_len)
{
    struct door *d = ctx;

    if (d->state == DOOR_CLOSED)
        close(fd);
    else if (!plains_add(&d->plains, fd, from, from_len))
        door_hand_over(d, fd, from, from_len);
}

/* Its deadline is over. libmicrohttpd notices the end of the socket and cleans up. */
static void expire(struct conn *c)
{
    if (c->state == CONN_BODY)
        fd_tell(c->fd, 408, "REQUEST_TIMEOUT", "the request came too slowly");
    door_count_refused(c->state == CONN_BODY     ? "slow_body"
                       : c->state == CONN_ANSWER ? "slow_reader"
                                                 : "idle");
    c->deadline_ms = UINT64_MAX;
    shutdown(c->fd, SHUT_RDWR);
}

/* libmicrohttpd misses the sender's end when it comes together with the last bytes (it waits for
 * another edge), so a connection that went quiet is looked at once. */
static void look_for_end(struct conn *c, uint64_t now)
{
    uint64_t quiet_ms = c->door->o.idle_timeout_ms / 4;
    char byte;

    if (c->looked || (c->state != CONN_HEAD && c->state != CONN_BODY) ||
        now - c->active_ms < (quiet_ms < QUIET_MS_MAX ? quiet_ms : QUIET_MS_MAX))
        return;
    c->looked = true;
    if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        shutdown(c->fd, SHUT_RDWR);
}

static bool is_idle(const struct conn *c)
{
    char byte;

    return c->state == CONN_HEAD && c->request == NULL &&
           recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

/* All places are taken and others wait at the door: connections that nobody uses make room. */
static void evict_idle(struct door *d)
{
    uint64_t now = uv_now(d->loop);
    unsigned n = 0;

    for (struct conn *c = d->conns; c != NULL && n < EVICT_MAX; c = c->next) {
        if (now - c->active_ms < EVICT_IDLE_MS || !is_idle(c))
            continue;
        c->deadline_ms = UINT64_MAX;
        shutdown(c->fd, SHUT_RDWR);
        n++;
    }
    plains_shut_idle(&d->plains, EVICT_IDLE_MS, EVICT_MAX - n);
}

static void report(const struct door *d)
{
    static struct metric *connections, *bodies;

    if (d->o.exclusive)
        return; /* the admin port would overwrite what counts */
    if (connections == NULL) {
        connections = metric_gauge("ringback_http_connections", NULL, "open HTTP connections");
        bodies = metric_gauge("ringback_http_body_bytes", NULL, "memory held by request bodies");
    }
    metric_set(connections, (double)(d->n_conns + d->plains.n));
    metric_set(bodies, (double)d->bodies_bytes);
}

static void drain(struct door *d);

static void on_sweep(uv_timer_t *t)
{
    struct door *d = t->data;
    uint64_t now = uv_now(d->loop);

    acceptor_sweep(d->acceptor);
    lingers_sweep(&d->lingers);
    plains_sweep(&d->plains);
    for (struct conn *c = d->conns; c != NULL; c = c->next) {
        look_for_end(c, now);
        if (now >= c->deadline_ms)
            expire(c);
    }
    if (d->state == DOOR_OPEN && !has_room(d))
        evict_idle(d);
    report(d);
    if (d->state == DOOR_DRAINING)
        drain(d);
}

/* ---- opening ---- */

/* Targets stay raw: roles decode what they expect to be encoded. */
static size_t keep_encoded(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static struct MHD_Daemon *start_mhd(struct door *d)
{
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)(d->o.connections_max + CONNECTIONS_SLACK), NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONN_POOL_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, d},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_finished, d},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_begin, d},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_encoded, d},
        {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0,
                            NULL, NULL, request_step, d, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static uint64_t sweep_ms(const struct door *d)
{
    uint64_t ms = d->o.idle_timeout_ms / 8;

    return ms < SWEEP_MS_MIN ? SWEEP_MS_MIN : ms > SWEEP_MS_MAX ? SWEEP_MS_MAX : ms;
}

static void start_handles(struct door *d, uv_loop_t *loop)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    int rv = uv_poll_init(loop, &d->epoll, info->epoll_fd);
    bool opened = plains_open(&d->plains, d);

    assert(rv == 0 && opened); /* valid descriptors; and out of memory at the start is the end */
    uv_idle_init(loop, &d->again);
    uv_timer_init(loop, &d->sweep);
    d->again.data = d->sweep.data = d->epoll.data = d;
    d->open_handles = 5; /* two of them are the plains' */
    uv_timer_start(&d->sweep, on_sweep, sweep_ms(d), sweep_ms(d));
    uv_poll_start(&d->epoll, UV_READABLE, on_epoll);
    lingers_init(&d->lingers, loop);
}

struct door *door_open(uv_loop_t *loop, const struct door_options *options, char *error,
                       size_t error_size)
{
    struct door *d = calloc(1, sizeof *d);
    struct acceptor_options accepting = {
        .address = options->address,
        .flag = options->flag != NULL ? options->flag : "--listen",
        .exclusive = options->exclusive,
        .first_byte_ms = options->idle_timeout_ms < FIRST_BYTE_MS_MAX ? options->idle_timeout_ms
                                                                      : FIRST_BYTE_MS_MAX,
        .room = has_room,
        .on_http = on_http,
        .ctx = d,
    };

    assert(options->connections_max > 0 && options->idle_timeout_ms > 0);
    snprintf(error, error_size, "out of memory");
    if (d == NULL)
        return NULL;
    d->loop = loop;
    d->o = *options;
    d->mhd = start_mhd(d);
    if (d->mhd != NULL)
        d->acceptor = acceptor_open(loop, &accepting, error, error_size);
    if (d->acceptor == NULL) {
        if (d->mhd != NULL)
            MHD_stop_daemon(d->mhd);
        free(d);
        return NULL;
    }
    start_handles(d, loop);
    return d;
}

const char *door_address(const struct door *d)
{
    return acceptor_address(d->acceptor);
}

void door_route(struct door *d, const char *method, const char *path, size_t body_max,
                http_handler handler, void *ctx)
{
    struct route *route = &d->routes[d->n_routes];
    size_t len = strlen(path);

    assert(d->n_routes < DOOR_ROUTES_MAX && len > 0);
    route->prefix = path[len - 1] == '*';
    route->path_len = len - route->prefix;
    route->method = strdup(method);
    route->path = strdup(path);
    assert(route->method != NULL && route->path != NULL); /* at the start */
    route->body_max = body_max;
    route->handler = handler;
    route->ctx = ctx;
    d->n_routes++;
}

void door_give_away(struct door *d, const char *prefix, bool (*take)(void *ctx, int fd), void *ctx)
{
    acceptor_give_away(d->acceptor, prefix, take, ctx);
}

/* ---- closing ---- */

static void handle_gone(struct door *d)
{
    if (--d->open_handles > 0)
        return;
    for (size_t i = 0; i < d->n_routes; i++) {
        free(d->routes[i].method);
        free(d->routes[i].path);
    }
    d->on_closed(d->on_closed_ctx);
    free(d);
}

static void on_handle_closed(uv_handle_t *h)
{
    handle_gone(h->data);
}

static void on_acceptor_closed(void *ctx)
{
    handle_gone(ctx);
}

/* Requests that roles still work on lose their connection; what the roles answer later is dropped.
 */
static void kill_all(struct door *d)
{
    for (struct conn *c = d->conns; c != NULL; c = c->next) {
        c->kill = true;
        shutdown(c->fd, SHUT_RDWR);
        if (c->request != NULL && c->request->suspended) {
            c->request->suspended = false;
            MHD_resume_connection(c->mhd);
        }
    }
    for (unsigned i = 0; i < KILL_TURNS_MAX && d->n_conns > 0; i++)
        MHD_run(d->mhd);
    plains_kill(&d->plains);
}

static void finish(struct door *d)
{
    d->state = DOOR_CLOSED;
    uv_close((uv_handle_t *)&d->epoll, on_handle_closed);
    uv_close((uv_handle_t *)&d->again, on_handle_closed);
    uv_close((uv_handle_t *)&d->sweep, on_handle_closed);
    lingers_close(&d->lingers);
    plains_close(&d->plains, on_handle_closed);
    MHD_stop_daemon(d->mhd);
    assert(d->n_conns == 0);
    d->open_handles++;
    acceptor_close(d->acceptor, on_acceptor_closed, d);
}

static void drain(struct door *d)
{
    uint64_t waited = uv_now(d->loop) - d->closing_since_ms;

    if (waited >= d->grace_ms) {
        if (d->n_conns + d->plains.n > 0)
            log_warn("requests were still running when the door closed", "connections",
                     log_num((int64_t)(d->n_conns + d->plains.n)), NULL);
        kill_all(d);
        finish(d);
        return;
    }
    if (waited >= DRAIN_IDLE_MS || waited >= d->grace_ms / 2) {
        acceptor_drop_waiting(d->acceptor);
        for (struct conn *c = d->conns; c != NULL; c = c->next)
            if (is_idle(c))
                shutdown(c->fd, SHUT_RDWR);
        plains_shut_idle(&d->plains, 0, SIZE_MAX);
    }
    if (d->n_conns == 0 && d->plains.n == 0 && d->lingers.n == 0 &&
        acceptor_waiting(d->acceptor) == 0)
        finish(d);
}

void door_close(struct door *d, uint64_t grace_ms, void (*on_closed)(void *ctx), void *ctx)
{
    assert(d->state == DOOR_OPEN);
    d->state = DOOR_DRAINING;
    d->closing_since_ms = uv_now(d->loop);
    d->grace_ms = grace_ms;
    d->on_closed = on_closed;
    d->on_closed_ctx = ctx;
    acceptor_stop(d->acceptor);
    uv_timer_start(&d->sweep, on_sweep, 0, DRAIN_SWEEP_MS);
}
