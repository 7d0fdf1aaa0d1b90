#include "runtime/door_accept.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/config.h"
#include "runtime/log.h"

enum {
    BACKLOG = 4096,       /* connections that the kernel holds for us; net.core.somaxconn caps it */
    ACCEPT_TURN_MAX = 64, /* per turn of the loop, so that running requests are not starved */
    ACCEPT_DRAIN_MAX = 8192, /* at the end: what the kernel may have accepted for us */
    ACCEPT_PAUSE_MS = 100,   /* out of descriptors: time for some to come free */
    GIVEN_MAX = 4,
    PREFIX_MAX = 64,
    LOG_EVERY_MS = 10000,
};

static const unsigned char tls_handshake =
    0x16; /* RFC 8446 section 5.1: first byte of a ClientHello */

struct given {
    char prefix[PREFIX_MAX];
    size_t len;
    bool (*take)(void *ctx, int fd);
    void *ctx;
};

/* A socket that has not shown enough of itself. */
struct newcomer {
    uv_poll_t poll;
    struct acceptor *acceptor;
    struct newcomer *prev, *next;
    uint64_t deadline_ms;
    size_t seen; /* bytes at the last look */
    int fd;
    socklen_t from_len;
    struct sockaddr_in6 from; /* room for either family */
};

struct acceptor {
    uv_loop_t *loop;
    struct acceptor_options o;
    char address[80];
    int fd; /* -1: no longer listening */
    uv_poll_t poll;
    uv_timer_t pause;
    struct given given[GIVEN_MAX];
    size_t n_given;
    struct newcomer *newcomers;
    size_t n_newcomers;
    uint64_t logged_ms;
    unsigned open_handles;
    void (*on_closed)(void *ctx);
    void *on_closed_ctx;
};

enum look { LOOK_MORE, LOOK_HTTP, LOOK_GIVE, LOOK_TLS, LOOK_GONE };

/* What the first n bytes say; *which is the prefix that matched. */
static enum look first_look(const struct acceptor *a, const char *bytes, size_t n, size_t *which)
{
    enum look look = LOOK_HTTP;

    if (n > 0 && (unsigned char)bytes[0] == tls_handshake)
        return LOOK_TLS;
    for (size_t i = 0; i < a->n_given; i++) {
        const struct given *g = &a->given[i];

        if (memcmp(bytes, g->prefix, n < g->len ? n : g->len) != 0)
            continue;
        *which = i;
        if (n >= g->len)
            return LOOK_GIVE;
        look = LOOK_MORE;
    }
    return look;
}

/* One line at most every LOG_EVERY_MS, whatever somebody does to us from outside. */
static void log_sometimes(struct acceptor *a, const char *msg, const char *why)
{
    uint64_t now = uv_now(a->loop);

    if (a->logged_ms != 0 && now - a->logged_ms < LOG_EVERY_MS)
        return;
    a->logged_ms = now;
    log_warn(msg, "address", a->address, "reason", why, NULL);
}

/* The last handle speaks: last use of `a`. */
static void handle_gone(struct acceptor *a)
{
    if (--a->open_handles == 0) {
        a->on_closed(a->on_closed_ctx);
        free(a);
    }
}

static void on_newcomer_closed(uv_handle_t *h)
{
    struct newcomer *p = h->data;
    struct acceptor *a = p->acceptor;

    free(p);
    handle_gone(a);
}

/* Ends the watch; the fd stays open and is whoever's takes it. */
static void forget(struct newcomer *p)
{
    struct acceptor *a = p->acceptor;

    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        a->newcomers = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    a->n_newcomers--;
    uv_poll_stop(&p->poll);
    uv_close((uv_handle_t *)&p->poll, on_newcomer_closed);
}

static void drop(struct newcomer *p)
{
    int fd = p->fd;

    forget(p); /* first: libuv still looks at the descriptor */
    close(fd);
}

static void set_low_water(int fd, size_t bytes)
{
    int n = (int)bytes;

    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof n);
}

/* Looks without reading. */
static enum look look_at(const struct acceptor *a, int fd, size_t *seen, size_t *which)
{
    char bytes[PREFIX_MAX];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    enum look look;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return LOOK_MORE;
    if (n <= 0)
        return LOOK_GONE;
    look = first_look(a, bytes, (size_t)n, which);
    if (look == LOOK_MORE && (size_t)n == *seen)
        look = LOOK_HTTP; /* woken without a new byte: the sender closed inside a prefix, which is
                             for HTTP to say */
    if (look == LOOK_MORE) {
        *seen = (size_t)n;
        set_low_water(fd, *seen + 1); /* else the bytes that stay unread would wake us for ever */
    } else if (*seen > 0) {
        set_low_water(fd, 1);
    }
    return look;
}

/* Hands the socket to its owner. Nothing of ours watches it any more. */
static void send_on(struct acceptor *a, int fd, const struct sockaddr *from, socklen_t from_len,
                    enum look look, size_t which)
{
    if (look == LOOK_HTTP) {
        a->o.on_http(a->o.ctx, fd, from, from_len);
        return;
    }
    if (look == LOOK_GIVE && a->given[which].take(a->given[which].ctx, fd))
        return;
    if (look == LOOK_TLS)
        log_sometimes(a, "TLS on a plain HTTP port: put a TLS proxy in front", "ClientHello");
    close(fd);
}

static void on_bytes(uv_poll_t *poll, int status, int events)
{
    struct newcomer *p = poll->data;
    size_t which = 0;
    enum look look = status < 0 ? LOOK_GONE : look_at(p->acceptor, p->fd, &p->seen, &which);

    (void)events;
    if (look == LOOK_MORE)
        return;
    forget(p); /* its memory lives on until the handle is closed */
    send_on(p->acceptor, p->fd, (const struct sockaddr *)&p->from, p->from_len, look, which);
}

static void watch(struct acceptor *a, int fd, const struct sockaddr *from, socklen_t from_len,
                  size_t seen)
{
    struct newcomer *p = calloc(1, sizeof *p);

    if (p == NULL || uv_poll_init(a->loop, &p->poll, fd) != 0) {
        free(p);
        close(fd);
        return;
    }
    a->open_handles++;
    p->poll.data = p;
    p->acceptor = a;
    p->fd = fd;
    p->seen = seen;
    p->from_len = from_len;
    memcpy(&p->from, from, from_len);
    p->deadline_ms = uv_now(a->loop) + a->o.first_byte_ms;
    p->next = a->newcomers;
    if (p->next != NULL)
        p->next->prev = p;
    a->newcomers = p;
    a->n_newcomers++;
    if (uv_poll_start(&p->poll, UV_READABLE, on_bytes) != 0)
        drop(p);
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *t)
{
    acceptor_wake(t->data);
}

/* False: no more for now. */
static bool accept_one(struct acceptor *a)
{
    struct sockaddr_in6 from;
    socklen_t from_len = sizeof from;
    size_t seen = 0, which = 0;
    int fd = accept4(a->fd, (struct sockaddr *)&from, &from_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    enum look look;

    if (fd < 0) {
        if (errno == ECONNABORTED || errno == EINTR)
            return true;
        if (errno !=
            EAGAIN) { /* EMFILE, ENFILE, ENOBUFS, ENOMEM: level-triggered, so it would spin */
            log_sometimes(a, "cannot accept connections", strerror(errno));
            uv_poll_stop(&a->poll);
            uv_timer_start(&a->pause, on_pause_over, ACCEPT_PAUSE_MS, 0);
        }
        return false;
    }
    look = look_at(a, fd, &seen, &which);
    if (look == LOOK_MORE)
        watch(a, fd, (const struct sockaddr *)&from, from_len, seen);
    else
        send_on(a, fd, (const struct sockaddr *)&from, from_len, look, which);
    return true;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct acceptor *a = poll->data;

    (void)status;
    (void)events;
    for (unsigned i = 0; i < ACCEPT_TURN_MAX; i++) {
        if (!a->o.room(a->o.ctx)) {
            uv_poll_stop(&a->poll);
            return;
        }
        if (!accept_one(a))
            return;
    }
}

void acceptor_wake(struct acceptor *a)
{
    if (a->fd >= 0 && !uv_is_active((uv_handle_t *)&a->poll) &&
        !uv_is_closing((uv_handle_t *)&a->poll))
        uv_poll_start(&a->poll, UV_READABLE, on_connection);
}

/* ---- opening ---- */

static int listen_on(const struct addrinfo *where, bool exclusive)
{
    const int on = 1, off = 0;
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!exclusive)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (where->ai_family == AF_INET6) /* [::] serves IPv4 too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, where->ai_addr, where->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int kept = errno;

        close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

static int bind_address(const struct acceptor_options *o, char *error, size_t error_size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *where = NULL;
    char host[64], port_text[8];
    unsigned port = 0;
    int rv, fd;

    if (!config_address(o->address, host, sizeof host, &port)) {
        snprintf(error, error_size, "%s %s: not an address like 0.0.0.0:8080", o->flag, o->address);
        return -1;
    }
    snprintf(port_text, sizeof port_text, "%u", port);
    rv = getaddrinfo(host, port_text, &hints, &where);
    if (rv != 0) {
        snprintf(error, error_size, "%s %s: %s", o->flag, o->address, gai_strerror(rv));
        return -1;
    }
    fd = listen_on(where, o->exclusive);
    if (fd < 0 && errno == EADDRINUSE)
        snprintf(error, error_size, "port %u is taken: choose another with %s", port, o->flag);
    else if (fd < 0)
        snprintf(error, error_size, "%s %s: %s", o->flag, o->address, strerror(errno));
    freeaddrinfo(where);
    return fd;
}

static void name_address(struct acceptor *a)
{
    struct sockaddr_in6 bound;
    socklen_t len = sizeof bound;
    char host[64] = "", port[8] = "";
    bool six;

    getsockname(a->fd, (struct sockaddr *)&bound, &len);
    getnameinfo((struct sockaddr *)&bound, len, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    six = strchr(host, ':') != NULL;
    snprintf(a->address, sizeof a->address, "%s%s%s:%s", six ? "[" : "", host, six ? "]" : "",
             port);
}

struct acceptor *acceptor_open(uv_loop_t *loop, const struct acceptor_options *options, char *error,
                               size_t error_size)
{
    struct acceptor *a;
    int fd = bind_address(options, error, error_size);

    if (fd < 0)
        return NULL;
    a = calloc(1, sizeof *a);
    if (a == NULL || uv_poll_init(loop, &a->poll, fd) != 0) {
        snprintf(error, error_size, "%s %s: out of memory", options->flag, options->address);
        free(a);
        close(fd);
        return NULL;
    }
    a->loop = loop;
    a->o = *options;
    a->fd = fd;
    a->poll.data = a;
    name_address(a);
    uv_timer_init(loop, &a->pause);
    a->pause.data = a;
    a->open_handles = 2;
    acceptor_wake(a);
    return a;
}

const char *acceptor_address(const struct acceptor *a)
{
    return a->address;
}

void acceptor_give_away(struct acceptor *a, const char *prefix, bool (*take)(void *ctx, int fd),
                        void *ctx)
{
    struct given *g = &a->given[a->n_given];

    assert(a->n_given < GIVEN_MAX);
    assert(strlen(prefix) > 0 && strlen(prefix) < PREFIX_MAX);
    g->len = strlen(prefix);
    memcpy(g->prefix, prefix, g->len);
    g->take = take;
    g->ctx = ctx;
    a->n_given++;
}

bool acceptor_gives_away(const struct acceptor *a, const char *bytes, size_t n)
{
    size_t which;

    return first_look(a, bytes, n, &which) == LOOK_GIVE;
}

/* ---- closing ---- */

size_t acceptor_waiting(const struct acceptor *a)
{
    return a->n_newcomers;
}

void acceptor_sweep(struct acceptor *a)
{
    uint64_t now = uv_now(a->loop);

    for (struct newcomer *p = a->newcomers, *next; p != NULL; p = next) {
        next = p->next;
        if (now >= p->deadline_ms)
            drop(p);
    }
}

void acceptor_drop_waiting(struct acceptor *a)
{
    while (a->newcomers != NULL)
        drop(a->newcomers);
}

void acceptor_stop(struct acceptor *a)
{
    if (a->fd < 0)
        return;
    for (unsigned i = 0; i < ACCEPT_DRAIN_MAX && accept_one(a); i++)
        ;
    uv_timer_stop(&a->pause);
    uv_poll_stop(&a->poll);
    close(a->fd);
    a->fd = -1;
}

static void on_handle_closed(uv_handle_t *h)
{
    handle_gone(h->data);
}

void acceptor_close(struct acceptor *a, void (*on_closed)(void *ctx), void *ctx)
{
    a->on_closed = on_closed;
    a->on_closed_ctx = ctx;
    acceptor_stop(a);
    acceptor_drop_waiting(a);
    uv_close((uv_handle_t *)&a->poll, on_handle_closed);
    uv_close((uv_handle_t *)&a->pause, on_handle_closed);
}
