/* One Redis connection on a uv loop, over hiredis 0.14.
 *
 *            time       resolved        connected       PONG
 *   WAITING ─────► RESOLVING ─────► CONNECTING ─────► HELLO ─────► UP
 *      ▲               │                 │              │           │        any ──close──► CLOSING
 *      └──── failed, refused, lost, overdue ────────────┴───────────┘
 *
 * Happy path: the handshake is a table of commands; every command is queued in `request` in the
 * order of sending, replies come in the same order. Output is written once per turn of the loop
 * (`flush`). Failures: whoever notices first (hiredis, the deadline, a refused handshake) calls
 * go_down(): outstanding requests get NULL, on_down() tells why, the timer brings the next attempt.
 *
 * Traps of hiredis 0.14: its libuv adapter swallows poll errors; it resolves names synchronously;
 * it frees the context itself on errors and calls outstanding callbacks with NULL then. So: our own
 * hooks, uv_getaddrinfo, and `wire`, which outlives the context and knows whether it still belongs
 * to the link. */
#include "link.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "link_url.h"

enum {
    CONNECT_MS_MAX = 5000,
    STEADY_MS = 1000, /* a connection that lasted so long makes the next attempt quick again */
    READS_PER_TURN = 16,
    READER_KEEP_BYTES = 256 * 1024,
    REQUESTS_MIN = 64,
    REASON_MAX = 320,
    HELLO_ARGS_MAX = 3
};

enum link_state {
    LINK_WAITING,
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_HELLO,
    LINK_UP,
    LINK_CLOSING,
    LINK_N_STATES
};

#define TO(s) (1u << (s))

static const unsigned allowed[LINK_N_STATES] = {
    [LINK_WAITING] = TO(LINK_RESOLVING) | TO(LINK_CONNECTING) | TO(LINK_CLOSING),
    [LINK_RESOLVING] = TO(LINK_CONNECTING) | TO(LINK_WAITING) | TO(LINK_CLOSING),
    [LINK_CONNECTING] = TO(LINK_HELLO) | TO(LINK_WAITING) | TO(LINK_CLOSING),
    [LINK_HELLO] = TO(LINK_UP) | TO(LINK_WAITING) | TO(LINK_CLOSING),
    [LINK_UP] = TO(LINK_WAITING) | TO(LINK_CLOSING),
    [LINK_CLOSING] = 0,
};

struct request {
    link_cb cb;
    void *ctx;
    uint64_t sent_ms;
};

/* One attempt to connect: the socket's poll handle and hiredis's context. Freed when the handle is
 * closed. */
struct wire {
    uv_poll_t poll;
    redisAsyncContext *ac; /* NULL once hiredis is done with it */
    struct link *link;
    int want; /* what hiredis waits for */
};

struct link {
    uv_loop_t *loop;
    struct link_options options; /* url: not kept */
    char *client_name;
    struct link_url url;
    enum link_state state;
    struct wire *wire; /* the one in use; older ones may still be closing */
    uv_timer_t timer;
    uv_prepare_t flush;
    uv_getaddrinfo_t resolve;
    bool overdue; /* the deadline has passed, one more chance to read is given */
    unsigned attempt;
    unsigned hello_step;
    uint64_t up_ms;
    uint32_t random;
    struct request *request; /* ring; [first, last) are outstanding */
    size_t capacity, first, last;
    unsigned open_handles;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static void hello_next(struct link *l);
static void on_timer(uv_timer_t *timer);

/* The only writer of l->state. */
static void move(struct link *l, enum link_state next)
{
    assert(allowed[l->state] & TO(next));
    l->state = next;
}

/* ---- requests: a ring and two counters that only grow ------------------------------------------
 */

static bool requests_grow(struct link *l)
{
    size_t capacity = l->capacity == 0 ? REQUESTS_MIN : l->capacity * 2;
    struct request *bigger = malloc(capacity * sizeof *bigger);

    if (bigger == NULL)
        return false;
    assert(l->capacity > 0 || l->first == l->last);
    for (size_t i = l->first; l->capacity > 0 && i < l->last; i++)
        bigger[i % capacity] = l->request[i % l->capacity];
    free(l->request);
    l->request = bigger;
    l->capacity = capacity;
    return true;
}

static void requests_fail(struct link *l)
{
    while (l->first < l->last) {
        struct request r = l->request[l->first++ % l->capacity];
        if (r.cb != NULL)
            r.cb(r.ctx, NULL);
    }
}

static void handle_gone(struct link *l)
{
    assert(l->open_handles > 0);
    if (--l->open_handles > 0)
        return;
    free(l->request);
    free(l->client_name);
    if (l->on_closed != NULL)
        l->on_closed(l->closed_ctx);
    free(l);
}

/* ---- down and up again -------------------------------------------------------------------------
 */

/* hiredis may be calling us right now: then the context is freed when we return to it, and whatever
 * it still says about this wire is ignored. */
static void cut_wire(struct link *l)
{
    struct wire *w = l->wire;

    l->wire = NULL;
    uv_prepare_stop(&l->flush);
    if (w != NULL && w->ac != NULL)
        redisAsyncFree(w->ac);
}

static void go_down(struct link *l, const char *reason)
{
    char why[REASON_MAX];
    uint64_t delay;

    snprintf(why, sizeof why, "%s", reason); /* the original may belong to the context */
    if (l->state == LINK_UP && uv_now(l->loop) - l->up_ms >= STEADY_MS)
        l->attempt = 0;
    l->random = l->random * 1664525u + 1013904223u;
    delay = backoff_ms(l->attempt, l->random >> 8);
    l->attempt += l->attempt < 1000;
    move(l, LINK_WAITING);
    uv_timer_start(&l->timer, on_timer, delay, 0);
    cut_wire(l);
    requests_fail(l);
    if (l->state == LINK_WAITING && l->options.on_down != NULL)
        l->options.on_down(l->options.ctx, why);
}

void link_reconnect(struct link *l, const char *reason)
{
    if (l->state == LINK_UP)
        go_down(l, reason);
}

/* ---- our adapter between hiredis and uv ---------------------------------------------------------
 */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct wire *w = poll->data;

    if (status < 0)
        events = w->want; /* hiredis finds the socket's error itself */
    /* hiredis reads 16 KiB at a time: while a reply is incomplete there is likely more. */
    for (int i = 0; w->ac != NULL && (events & UV_READABLE) && i < READS_PER_TURN; i++) {
        redisAsyncHandleRead(w->ac);
        if (w->ac == NULL || w->ac->c.reader->pos >= w->ac->c.reader->len)
            break;
    }
    if (w->ac != NULL && (events & UV_WRITABLE))
        redisAsyncHandleWrite(w->ac);
}

static void want(struct wire *w, int events)
{
    if (w->want == events || uv_is_closing((uv_handle_t *)&w->poll))
        return;
    w->want = events;
    if (events == 0)
        uv_poll_stop(&w->poll);
    else
        uv_poll_start(&w->poll, events, on_poll);
}

static void hook_add_read(void *data)
{
    struct wire *w = data;
    want(w, w->want | UV_READABLE);
}

static void hook_del_read(void *data)
{
    struct wire *w = data;
    want(w, w->want & ~UV_READABLE);
}

static void on_flush(uv_prepare_t *flush)
{
    struct link *l = flush->data;
    struct wire *w = l->wire;

    uv_prepare_stop(flush);
    if (w == NULL || w->ac == NULL)
        return;
    redisAsyncHandleWrite(w->ac);
    /* What the socket did not take goes out when it can. */
    if (w->ac != NULL && l->wire == w && uv_is_active((uv_handle_t *)flush)) {
        uv_prepare_stop(flush);
        want(w, w->want | UV_WRITABLE);
    }
}

/* Commands queued during one turn of the loop leave in one write, just before the loop waits again.
 * Until the connection stands, writability is what tells so, and must be polled for. */
static void hook_add_write(void *data)
{
    struct wire *w = data;

    if (w->link->wire != w || w->link->state == LINK_CONNECTING)
        want(w, w->want | UV_WRITABLE);
    else if ((w->want & UV_WRITABLE) == 0)
        uv_prepare_start(&w->link->flush, on_flush);
}

static void hook_del_write(void *data)
{
    struct wire *w = data;
    want(w, w->want & ~UV_WRITABLE);
}

static void on_wire_closed(uv_handle_t *handle)
{
    struct wire *w = handle->data;
    struct link *l = w->link;

    free(w);
    handle_gone(l);
}

/* hiredis is about to free the context: because we said so, or because the connection is lost. */
static void hook_cleanup(void *data)
{
    struct wire *w = data;
    struct link *l = w->link;
    const char *reason =
        w->ac->errstr != NULL && w->ac->errstr[0] != '\0' ? w->ac->errstr : "connection lost";

    w->ac->ev.cleanup = NULL;
    w->ac = NULL;
    uv_close((uv_handle_t *)&w->poll, on_wire_closed);
    if (l->wire == w)
        go_down(l, reason);
}

static void on_connected(const redisAsyncContext *ac, int status)
{
    struct wire *w = ac->data;
    int on = 1, idle_s = 15;

    if (status != REDIS_OK || w->link->wire != w)
        return; /* a failed one is reported by hook_cleanup */
    if (!w->link->url.is_unix) {
        /* Best effort: the deadline of replies is what counts, this only finds dead idle
         * connections. */
        (void)setsockopt(ac->c.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        (void)setsockopt(ac->c.fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    }
    move(w->link, LINK_HELLO);
    w->link->hello_step = 0;
    hello_next(w->link);
}

static bool wire_attach(struct link *l, redisAsyncContext *ac)
{
    struct wire *w = calloc(1, sizeof *w);

    if (w == NULL || uv_poll_init(l->loop, &w->poll, ac->c.fd) != 0) {
        free(w);
        return false;
    }
    w->poll.data = w;
    w->ac = ac;
    w->link = l;
    l->wire = w;
    l->open_handles++;
    ac->data = w;
    ac->ev.data = w;
    ac->ev.addRead = hook_add_read;
    ac->ev.delRead = hook_del_read;
    ac->ev.addWrite = hook_add_write;
    ac->ev.delWrite = hook_del_write;
    ac->ev.cleanup = hook_cleanup;
    ac->c.reader->maxbuf = READER_KEEP_BYTES;
    redisAsyncSetConnectCallback(ac, on_connected); /* asks for writability: attach first */
    return true;
}

/* ---- connecting ---------------------------------------------------------------------------------
 */

/* `ip` is numeric, so hiredis has nothing to resolve. */
static void dial(struct link *l, const char *ip)
{
    redisAsyncContext *ac;
    char why[REASON_MAX] = "out of memory";

    move(l, LINK_CONNECTING);
    uv_timer_start(&l->timer, on_timer, CONNECT_MS_MAX, 0);
    ac = l->url.is_unix ? redisAsyncConnectUnix(l->url.path)
                        : redisAsyncConnect(ip, (int)l->url.port);
    if (ac != NULL && ac->err == 0 && wire_attach(l, ac))
        return;
    if (ac != NULL) {
        snprintf(why, sizeof why, "%s", ac->err != 0 ? ac->errstr : "the socket cannot be polled");
        redisAsyncFree(ac);
    }
    go_down(l, why);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct link *l = req->data;
    char ip[INET6_ADDRSTRLEN] = "", why[REASON_MAX];
    unsigned n = 0, pick;
    struct addrinfo *a = list;

    for (struct addrinfo *i = list; i != NULL; i = i->ai_next)
        n++;
    if (l->state == LINK_RESOLVING) {
        /* Another address at every attempt. */
        for (pick = n == 0 ? 0 : l->attempt % n; pick > 0; pick--)
            a = a->ai_next;
        if (status == 0 && a != NULL && uv_ip_name(a->ai_addr, ip, sizeof ip) == 0) {
            dial(l, ip);
        } else {
            snprintf(why, sizeof why, "host %s: %s", l->url.host, uv_strerror(status));
            go_down(l, why);
        }
    }
    uv_freeaddrinfo(list);
    handle_gone(l);
}

static void connect_now(struct link *l)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int rv;

    if (l->url.is_unix || uv_ip4_addr(l->url.host, 0, &v4) == 0 ||
        uv_ip6_addr(l->url.host, 0, &v6) == 0) {
        dial(l, l->url.host);
        return;
    }
    move(l, LINK_RESOLVING);
    rv = uv_getaddrinfo(l->loop, &l->resolve, on_resolved, l->url.host, NULL, &hints);
    if (rv == 0)
        l->open_handles++;
    else
        go_down(l, uv_strerror(rv));
}

/* ---- commands -----------------------------------------------------------------------------------
 */

static void on_reply(redisAsyncContext *ac, void *reply, void *data)
{
    struct wire *w = data;
    struct link *l = w->link;
    struct request r;

    (void)ac;
    /* NULL: the connection is going down, and hook_cleanup will say so. */
    if (l->wire != w || reply == NULL)
        return;
    assert(l->first < l->last);
    r = l->request[l->first++ % l->capacity];
    l->overdue = false;
    if (r.cb != NULL)
        r.cb(r.ctx, reply);
}

static bool send_request(struct link *l, link_cb cb, void *ctx, int argc, const char *const *argv,
                         const size_t *len)
{
    if (l->last - l->first == l->capacity && !requests_grow(l))
        return false;
    /* hiredis only reads argv, though it does not say so. */
    if (redisAsyncCommandArgv(l->wire->ac, on_reply, l->wire, argc, (const char **)argv, len) !=
        REDIS_OK)
        return false;
    l->request[l->last++ % l->capacity] =
        (struct request){.cb = cb, .ctx = ctx, .sent_ms = uv_now(l->loop)};
    return true;
}

bool link_send(struct link *l, link_cb cb, void *ctx, int argc, const char *const *argv,
               const size_t *len)
{
    if (l->state != LINK_UP || !send_request(l, cb, ctx, argc, argv, len))
        return false;
    if (l->options.reply_timeout_ms > 0 && !uv_is_active((uv_handle_t *)&l->timer))
        uv_timer_start(&l->timer, on_timer, l->options.reply_timeout_ms, 0);
    return true;
}

/* ---- the handshake as data ----------------------------------------------------------------------
 */

static int auth_args(struct link *l, const char **argv, char *scratch)
{
    int n = 0;

    (void)scratch;
    if (l->url.password[0] == '\0')
        return 0;
    argv[n++] = "AUTH";
    if (l->url.user[0] != '\0')
        argv[n++] = l->url.user;
    argv[n++] = l->url.password;
    return n;
}

static int select_args(struct link *l, const char **argv, char *scratch)
{
    snprintf(scratch, 16, "%u", l->url.db);
    argv[0] = "SELECT";
    argv[1] = scratch;
    return l->url.db == 0 ? 0 : 2;
}

static int name_args(struct link *l, const char **argv, char *scratch)
{
    (void)scratch;
    argv[0] = "CLIENT";
    argv[1] = "SETNAME";
    argv[2] = l->client_name;
    return l->client_name == NULL ? 0 : 3;
}

static int ping_args(struct link *l, const char **argv, char *scratch)
{
    (void)l;
    (void)scratch;
    argv[0] = "PING";
    return 1;
}

static bool is_status(const redisReply *r)
{
    return r->type == REDIS_REPLY_STATUS;
}

/* A restricted user may not be allowed to name its connection; nothing depends on the name. */
static bool is_anything(const redisReply *r)
{
    (void)r;
    return true;
}

static const struct hello_step {
    const char *name;
    int (*args)(struct link *l, const char **argv, char *scratch); /* 0: nothing to send */
    bool (*accepts)(const redisReply *r);
} hello[] = {
    {"AUTH", auth_args, is_status},
    {"SELECT", select_args, is_status},
    {"CLIENT SETNAME", name_args, is_anything},
    /* Unlike those above it is refused with LOADING or MASTERDOWN: not up yet, try again. */
    {"PING", ping_args, is_status},
};

enum { HELLO_STEPS = sizeof hello / sizeof hello[0] };

static void on_hello(void *ctx, const redisReply *r)
{
    struct link *l = ctx;
    const struct hello_step *step = &hello[l->hello_step];
    char why[REASON_MAX];

    if (r == NULL)
        return; /* go_down() is at work already */
    if (!step->accepts(r)) {
        snprintf(why, sizeof why, "%s: %s", step->name,
                 r->str != NULL ? r->str : "unexpected reply");
        go_down(l, why);
        return;
    }
    l->hello_step++;
    hello_next(l);
}

static void hello_next(struct link *l)
{
    const char *argv[HELLO_ARGS_MAX];
    char scratch[16];

    for (; l->hello_step < HELLO_STEPS; l->hello_step++) {
        int argc = hello[l->hello_step].args(l, argv, scratch);
        if (argc == 0)
            continue;
        /* A refusal means no memory: then the deadline ends this attempt. */
        (void)send_request(l, on_hello, l, argc, argv, NULL);
        return;
    }
    move(l, LINK_UP);
    uv_timer_stop(&l->timer);
    l->up_ms = uv_now(l->loop);
    l->overdue = false;
    if (l->options.on_up != NULL)
        l->options.on_up(l->options.ctx);
}

/* ---- deadlines ----------------------------------------------------------------------------------
 */

static void check_overdue(struct link *l)
{
    uint64_t now = uv_now(l->loop), due;
    char why[REASON_MAX];

    if (l->first == l->last)
        return; /* the next command starts the timer again */
    due = l->request[l->first % l->capacity].sent_ms + l->options.reply_timeout_ms;
    if (now < due) {
        uv_timer_start(&l->timer, on_timer, due - now, 0);
    } else if (!l->overdue) {
        /* Perhaps it is we who were late (stopped, or busy) and the reply lies in the socket:
         * timers run before reads, so look once more after the next read. */
        l->overdue = true;
        uv_timer_start(&l->timer, on_timer, 2, 0);
    } else {
        snprintf(why, sizeof why, "no reply for %llu ms",
                 (unsigned long long)l->options.reply_timeout_ms);
        go_down(l, why);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct link *l = timer->data;

    switch (l->state) {
    case LINK_WAITING:
        connect_now(l);
        break;
    case LINK_CONNECTING:
    case LINK_HELLO:
        go_down(l, "connecting took too long");
        break;
    case LINK_UP:
        check_overdue(l);
        break;
    case LINK_RESOLVING: /* the resolver has its own deadline */
    case LINK_CLOSING:
    case LINK_N_STATES:
        break;
    }
}

/* ---- the public side ----------------------------------------------------------------------------
 */

bool link_url_check(const char *url, const char **why)
{
    struct link_url parsed;

    return link_url_parse(url, &parsed, why);
}

struct link *link_open(uv_loop_t *loop, const struct link_options *options)
{
    struct link *l = calloc(1, sizeof *l);
    const char *why;
    bool valid;

    if (l == NULL)
        return NULL;
    valid = link_url_parse(options->url, &l->url, &why);
    assert(valid);
    l->loop = loop;
    l->options = *options;
    l->options.url = NULL;
    l->options.client_name = NULL;
    if (options->client_name != NULL && (l->client_name = strdup(options->client_name)) == NULL) {
        free(l);
        return NULL;
    }
    l->random = (uint32_t)(uv_hrtime() ^ (uintptr_t)l ^ (uint64_t)getpid() << 16);
    l->state = LINK_WAITING;
    l->timer.data = l->flush.data = l->resolve.data = l;
    uv_timer_init(loop, &l->timer);
    uv_prepare_init(loop, &l->flush);
    l->open_handles = 2;
    uv_timer_start(&l->timer, on_timer, 0, 0);
    return l;
}

bool link_is_up(const struct link *l)
{
    return l->state == LINK_UP;
}

size_t link_outstanding(const struct link *l)
{
    return l->last - l->first;
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

void link_close(struct link *l, void (*on_closed)(void *ctx), void *ctx)
{
    bool resolving = l->state == LINK_RESOLVING;

    move(l, LINK_CLOSING);
    l->on_closed = on_closed;
    l->closed_ctx = ctx;
    cut_wire(l);
    requests_fail(l);
    if (resolving)
        uv_cancel((uv_req_t *)&l->resolve); /* one that runs already is waited for */
    uv_close((uv_handle_t *)&l->timer, on_handle_closed);
    uv_close((uv_handle_t *)&l->flush, on_handle_closed);
}
