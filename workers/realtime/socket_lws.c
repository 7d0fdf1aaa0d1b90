#include "realtime/socket_lws.h"

#include <assert.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "realtime/deflate.h"
#include "realtime/limits.h"
#include "runtime/log.h"

enum {
    HANDSHAKE_S = 10,
    HEADERS_MAX = 8192, /* of the upgrade request; the query carries a key of some hundred bytes */
    HANDSHAKES_MAX = 512,
    RX_PIECE = 1024, /* libwebsockets keeps a buffer of this size for each socket */
    QUERY_MAX = 2048,
    ADDRESS_CHAINS = 1024, /* a power of two */
    DESTROY_POLL_MS = 2,
    CLOSE_S = 3,
    OFFER_MAX = 256, /* of extensions; libwebsockets takes no longer one */
    RSV1 = 0x40,     /* the message is compressed */
    CLOSE_GOING_AWAY = 1001,
    CLOSE_BAD_DATA = 1007,
    CLOSE_TOO_BIG = 1009,
};

/* One websocket; libwebsockets allocates it, zeroed. */
struct conn {
    struct lws *wsi;
    struct session *session;
    int fd;
    bool closing;            /* nothing may be written any more */
    bool deflates;           /* negotiated */
    bool in_deflated;        /* the message that is arriving is compressed */
    struct conn *next, **at; /* of sockets.conns */
    char *in;                /* a message that is still arriving */
    size_t in_len, in_size;
};

/* How many connections an address has. */
struct address {
    struct address *next; /* of its hash chain */
    unsigned char bytes[16];
    unsigned n;
};

struct sockets {
    struct sockets_options o;
    struct address *addresses[ADDRESS_CHAINS];
    struct lws_context *context; /* NULL once it is destroyed */
    struct lws_vhost *vhost;
    struct deflate *deflate;
    struct conn *conns;
    struct sockets_stats stats;
    unsigned taken; /* connections that libwebsockets holds, those still shaking hands included */
    bool draining;
    uv_timer_t gone;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    unsigned char joined[REALTIME_WRITE_MAX];
};

struct instant sockets_now(void)
{
    struct timespec mono, wall;

    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct instant){(uint64_t)mono.tv_sec * 1000 + (uint64_t)mono.tv_nsec / 1000000 + 1,
                            wall.tv_sec};
}

static struct sockets *owner(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* ---- writing ---- */

static void observe(struct sockets *s, struct frame *f)
{
    struct timespec wall;
    int64_t us;

    if (f->committed_us == 0)
        return;
    clock_gettime(CLOCK_REALTIME, &wall);
    us = wall.tv_sec * INT64_C(1000000) + wall.tv_nsec / 1000 - f->committed_us;
    f->committed_us = 0; /* one observation per shared frame */
    s->o.on_latency(s->o.ctx, us < 0 ? 0 : (double)us / 1e6);
}

/* Straight into the socket: nothing is queued before it, and lws_write() would add a quarter to the cost of the system call.
 * What does not fit, libwebsockets keeps: RAW, our frames are complete and it never writes to them. Not for TLS, which ends
 * before us. */
static int put(struct conn *c, const unsigned char *bytes, size_t n)
{
    ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent == (ssize_t)n)
        return 0;
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return -1;
    if (sent < 0)
        sent = 0;
    return lws_write(c->wsi, (unsigned char *)bytes + sent, n - (size_t)sent, LWS_WRITE_RAW);
}

/* As it goes over this socket's wire. */
static const struct frame *wire_form(struct sockets *s, const struct conn *c, struct frame *f)
{
    return f == NULL || !c->deflates ? f : deflate_frame(s->deflate, f);
}

/* One write of one frame as it lies there, or of several joined. Returns how many frames; *r below 0: the socket is gone. */
static uint32_t write_some(struct sockets *s, struct conn *c, struct outbox *o, int *r)
{
    const struct frame *f = wire_form(s, c, outbox_at(o, 0)),
                       *next = wire_form(s, c, outbox_at(o, 1));
    size_t used = 0;
    uint32_t n = 0;

    s->stats.writes++;
    if (next == NULL || f->len + next->len > sizeof s->joined) {
        observe(s, outbox_at(o, 0));
        s->stats.bytes_out += f->len;
        *r = put(c, f->bytes + f->start, f->len);
        return 1;
    }
    for (; (f = wire_form(s, c, outbox_at(o, n))) != NULL && used + f->len <= sizeof s->joined;
         n++) {
        observe(s, outbox_at(o, n));
        memcpy(s->joined + used, f->bytes + f->start, f->len);
        used += f->len;
    }
    s->stats.bytes_out += used;
    *r = put(c, s->joined, used);
    return n;
}

/* Sends a close frame behind everything else and gives the peer CLOSE_S to answer it. By our own bytes: Debian's
 * libwebsockets is a debug build that, with libuv, tests each close by repeating it, which drops the connection
 * before its own close frame is written. */
static bool say_goodbye(struct conn *c, unsigned code)
{
    unsigned char frame[] = {0x88, 2, (unsigned char)(code >> 8), (unsigned char)code};

    c->closing = true;
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_ACK, CLOSE_S);
    return lws_write(c->wsi, frame, sizeof frame, LWS_WRITE_RAW) >= 0;
}

/* What does not fit into the socket, libwebsockets keeps (one write at most) and calls us WRITEABLE behind it. */
static bool write_out(struct sockets *s, struct conn *c)
{
    struct outbox *o = session_outbox(c->session);

    while (outbox_at(o, 0) != NULL) {
        uint32_t n;
        int r;

        if (lws_partial_buffered(c->wsi))
            return true;
        n = write_some(s, c, o, &r);
        s->stats.frames_out += n;
        while (n-- > 0)
            outbox_pop(o);
        if (r < 0)
            return false;
    }
    return session_close_code(c->session) == 0 || say_goodbye(c, session_close_code(c->session));
}

static void drop(struct conn *c)
{
    c->closing = true;
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}

void sockets_flush(struct sockets *s, struct session *session)
{
    struct conn *c = session_conn(session);

    if (!c->closing && !write_out(s, c))
        drop(c);
}

/* ---- addresses ---- */

static struct address **address_at(struct sockets *s, const unsigned char bytes[16])
{
    uint32_t h = 2166136261u;
    struct address **at;

    for (int i = 0; i < 16; i++)
        h = (h ^ bytes[i]) * 16777619u;
    at = &s->addresses[h & (ADDRESS_CHAINS - 1)];
    while (*at != NULL && memcmp((*at)->bytes, bytes, 16) != 0)
        at = &(*at)->next;
    return at;
}

/* NULL: it has enough, or out of memory. */
static struct address *address_take(struct sockets *s, int fd)
{
    unsigned char bytes[16] = {0};
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    struct address **at;

    (void)getpeername(fd, (struct sockaddr *)&peer, &size);
    if (peer.ss_family == AF_INET6)
        memcpy(bytes, &((struct sockaddr_in6 *)&peer)->sin6_addr, 8); /* one customer's network */
    else if (peer.ss_family == AF_INET)
        memcpy(bytes, &((struct sockaddr_in *)&peer)->sin_addr, 4);
    at = address_at(s, bytes);
    if (*at == NULL && (*at = calloc(1, sizeof **at)) == NULL)
        return NULL;
    memcpy((*at)->bytes, bytes, 16);
    if ((*at)->n >= ADDRESS_CONNECTIONS_MAX)
        return NULL;
    (*at)->n++;
    return *at;
}

static void address_leave(struct sockets *s, struct address *a)
{
    if (a == NULL || --a->n > 0)
        return;
    *address_at(s, a->bytes) = a->next;
    free(a);
}

/* ---- callbacks of libwebsockets ---- */

/* The query string again, from the pieces that libwebsockets cut it into. False: longer than QUERY_MAX. */
static bool read_query(struct lws *wsi, char out[QUERY_MAX])
{
    size_t used = 0;
    int n;

    out[0] = '\0';
    for (int i = 0; (n = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i)) > 0; i++) {
        if (used + (size_t)n + 2 > QUERY_MAX)
            return false;
        if (used > 0)
            out[used++] = '&';
        if (lws_hdr_copy_fragment(wsi, out + used, (int)(QUERY_MAX - used), WSI_TOKEN_HTTP_URI_ARGS,
                                  i) < 0)
            return false;
        used += (size_t)n;
    }
    return true;
}

/* The request is for us, in a version that we speak. */
static bool acceptable(struct sockets *s, struct lws *wsi, char query[QUERY_MAX],
                       enum protocol_version *version)
{
    char uri[128];

    return !s->draining && lws_hdr_copy(wsi, uri, sizeof uri, WSI_TOKEN_GET_URI) > 0 &&
           strcmp(uri, s->o.path) == 0 && read_query(wsi, query) &&
           protocol_version_of(query, version);
}

/* libwebsockets knows the extension for its handshake and lets compressed frames pass; what is in them is our business. */
static int on_extension(struct lws_context *context, const struct lws_extension *extension,
                        struct lws *wsi, enum lws_extension_callback_reasons reason, void *user,
                        void *in, size_t len)
{
    static const struct lws_ext_options none[] = {{NULL, EXTARG_NONE}};

    (void)context;
    (void)extension;
    (void)wsi;
    (void)user;
    (void)len;
    if (reason == LWS_EXT_CB_CONSTRUCT)
        *(const struct lws_ext_options **)in = none;
    return 0;
}

static const struct lws_extension extensions[] = {
    {"permessage-deflate", on_extension, NULL},
    {NULL, NULL, NULL},
};

/* 0: it may be negotiated. */
static int on_offer(struct lws *wsi)
{
    char offer[OFFER_MAX];

    return lws_hdr_copy(wsi, offer, sizeof offer, WSI_TOKEN_EXTENSIONS) > 0 && deflate_suits(offer)
               ? 0
               : 1;
}

/* Says that no side keeps anything between messages. Its header is the last one, if there is one. */
static int on_headers(struct conn *c, struct lws_process_html_args *args)
{
    static const char negotiated[] = "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                      terms[] = "; server_no_context_takeover; client_no_context_takeover\r\n";
    const size_t n = sizeof negotiated - 1, more = sizeof terms - 1;

    if (c == NULL || memcmp(args->p - n, negotiated, n) != 0)
        return 0;
    if ((size_t)args->max_len < more)
        return -1;
    memcpy(args->p - 2, terms, more);
    args->p += more - 2;
    c->deflates = true;
    return 0;
}

/* Before the upgrade is answered. */
static int on_upgrade(struct sockets *s, struct lws *wsi)
{
    char query[QUERY_MAX];
    enum protocol_version version;

    return acceptable(s, wsi, query, &version) ? 0 : -1;
}

static int on_established(struct sockets *s, struct lws *wsi, struct conn *c)
{
    char query[QUERY_MAX];
    enum protocol_version version;

    if (!acceptable(s, wsi, query, &version))
        return -1;
    c->wsi = wsi;
    c->fd = lws_get_socket_fd(wsi);
    c->session = hub_connect(s->o.hub, version, query, c, sockets_now());
    if (c->session == NULL)
        return -1;
    c->next = s->conns;
    c->at = &s->conns;
    if (c->next != NULL)
        c->next->at = &c->next;
    s->conns = c;
    s->stats.open++;
    s->o.on_input(s->o.ctx);
    return 0;
}

static void on_closed(struct sockets *s, struct conn *c)
{
    if (c->session == NULL)
        return;
    hub_disconnect(s->o.hub, c->session);
    c->session = NULL;
    *c->at = c->next;
    if (c->next != NULL)
        c->next->at = c->at;
    free(c->in);
    c->in = NULL;
    s->stats.open--;
    s->o.on_input(s->o.ctx);
}

static bool append(struct conn *c, const void *piece, size_t len)
{
    size_t size = c->in_size == 0 ? RX_PIECE : c->in_size;
    char *grown;

    while (size < c->in_len + len)
        size *= 2;
    if (size != c->in_size) {
        grown = realloc(c->in, size);
        if (grown == NULL)
            return false;
        c->in = grown;
        c->in_size = size;
    }
    memcpy(c->in + c->in_len, piece, len);
    c->in_len += len;
    return true;
}

/* False: the socket is on its way out. */
static bool inflate_message(struct sockets *s, struct conn *c, struct text *message)
{
    switch (deflate_inflate(s->deflate, *message, message)) {
    case INFLATED_WELL:
        return true;
    case INFLATED_TOO_BIG:
        (void)say_goodbye(c, CLOSE_TOO_BIG);
        return false;
    case INFLATED_BAD:
        (void)say_goodbye(c, CLOSE_BAD_DATA);
        return false;
    }
    return false;
}

/* Collects the pieces. False: it has grown too long, or out of memory. */
static bool collect(struct conn *c, const char *piece, size_t len, bool last, struct text *message)
{
    *message = (struct text){piece, len};
    if (c->in_len == 0 && last)
        return true;
    if (!append(c, piece, len))
        return false;
    *message = (struct text){c->in, c->in_len};
    return true;
}

static int on_piece(struct sockets *s, struct conn *c, const char *piece, size_t len)
{
    bool last = lws_is_final_fragment(c->wsi) && lws_remaining_packet_payload(c->wsi) == 0;
    struct text message;

    if (c->session == NULL || c->closing)
        return 0;
    if (lws_is_first_fragment(c->wsi))
        c->in_deflated = lws_get_reserved_bits(c->wsi) & RSV1;
    if (c->in_len + len > SESSION_FRAME_IN_MAX)
        return say_goodbye(c, CLOSE_TOO_BIG) ? 0 : -1;
    if (!collect(c, piece, len, last, &message))
        return -1;
    if (!last)
        return 0;
    if (!c->in_deflated || inflate_message(s, c, &message))
        hub_frame(s->o.hub, c->session, message, lws_frame_is_binary(c->wsi), sockets_now());
    /* Sockets are idle most of the time: keep no buffer for the next message. */
    free(c->in);
    c->in = NULL;
    c->in_len = c->in_size = 0;
    s->o.on_input(s->o.ctx);
    return 0;
}

/* A page that is left, or an application that disconnects, says so; a client that only lost its heartbeat ("heartbeat
 * timeout", or as old ones write it) comes back, and so does one that we asked to go. */
static void on_peer_closes(struct conn *c, const char *payload, size_t len)
{
    if (c->session != NULL && !c->closing &&
        (len == 0 || memmem(payload, len, "timeout", strlen("timeout")) == NULL))
        hub_goodbye(c->session);
    c->closing = true; /* behind the close frame nothing may follow */
}

static int on_writeable(struct sockets *s, struct conn *c)
{
    if (c->session == NULL || c->closing)
        return 0;
    return write_out(s, c) ? 0 : -1;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct conn *c = user;

    switch (reason) {
    case LWS_CALLBACK_WSI_CREATE:
        owner(wsi)->taken++;
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        owner(wsi)->taken--;
        address_leave(owner(wsi), lws_get_opaque_user_data(wsi));
        return 0;
    case LWS_CALLBACK_HTTP:
        return -1; /* websockets only: no body is ever parsed here */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return on_upgrade(owner(wsi), wsi);
    case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
        return on_offer(wsi);
    case LWS_CALLBACK_ADD_HEADERS:
        return on_headers(c, in);
    case LWS_CALLBACK_ESTABLISHED:
        return on_established(owner(wsi), wsi, c);
    case LWS_CALLBACK_RECEIVE:
        return on_piece(owner(wsi), c, in, len);
    case LWS_CALLBACK_RECEIVE_PONG:
        if (c->session != NULL)
            hub_pong(c->session, (struct text){in, len}, sockets_now());
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writeable(owner(wsi), c);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        on_peer_closes(c, in, len);
        return 0;
    case LWS_CALLBACK_CLOSED:
        on_closed(owner(wsi), c);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "realtime",
     .callback = callback,
     .per_session_data_size = sizeof(struct conn),
     .rx_buffer_size = RX_PIECE,
     .tx_packet_size = REALTIME_WRITE_MAX},
    {.name = NULL},
};

/* ---- opening and closing ---- */

/* It watches no silence: the hub does (SESSION_PING_MS). Its timers are one sorted list of all sockets, in which each message
 * that comes in would look for a new place: 0.2 ms with 10,000 of them. */
static const lws_retry_bo_t watch_nothing = {.secs_since_valid_ping = 0,
                                             .secs_since_valid_hangup = 0};

/* Strangers can provoke its messages, so they never count more than debug. */
static void on_log(int level, const char *line)
{
    (void)level;
    log_debug("libwebsockets", "text", line, NULL);
}

/* libwebsockets sizes its tables by this limit, once. */
static void raise_descriptor_limit(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= REALTIME_DESCRIPTORS)
        return;
    r.rlim_cur = r.rlim_max < REALTIME_DESCRIPTORS ? r.rlim_max : REALTIME_DESCRIPTORS;
    (void)setrlimit(RLIMIT_NOFILE, &r);
}

struct sockets *sockets_open(const struct sockets_options *options, const char **why)
{
    struct sockets *s = calloc(1, sizeof *s);
    void *loops[1] = {options->loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN,
        .foreign_loops = loops,
        .protocols = protocols,
        .extensions = extensions,
        .gid = -1,
        .uid = -1,
        .max_http_header_data = HEADERS_MAX,
        .max_http_header_pool = HANDSHAKES_MAX,
        .timeout_secs = HANDSHAKE_S,
        .retry_and_idle_policy = &watch_nothing,
        .user = s,
    };

    *why = "out of memory";
    if (s == NULL)
        return NULL;
    s->o = *options;
    s->deflate = deflate_new();
    if (s->deflate == NULL)
        goto failed;
    raise_descriptor_limit();
    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    info.pcontext = &s->context;
    s->context = lws_create_context(&info);
    *why = "libwebsockets does not start: is libwebsockets-evlib-uv installed?";
    if (s->context == NULL)
        goto failed;
    s->vhost = lws_create_vhost(s->context, &info);
    if (s->vhost == NULL)
        goto failed;
    uv_timer_init(options->loop, &s->gone);
    s->gone.data = s;
    return s;

failed:
    if (s->context != NULL)
        lws_context_destroy(s->context);
    deflate_free(s->deflate);
    free(s);
    return NULL;
}

bool sockets_take(struct sockets *s, int fd)
{
    int size = REALTIME_SNDBUF, on = 1;
    struct address *a;
    struct lws *wsi;

    if (s->draining)
        return false;
    if (s->taken >= REALTIME_CONNECTIONS_MAX || (a = address_take(s, fd)) == NULL) {
        s->stats.refused++;
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    wsi = lws_adopt_socket_vhost(s->vhost, fd); /* closes it itself when it fails */
    if (wsi == NULL)
        address_leave(s, a);
    else
        lws_set_opaque_user_data(wsi, a);
    return true;
}

const struct sockets_stats *sockets_stats(const struct sockets *s)
{
    return &s->stats;
}

void sockets_drain(struct sockets *s, unsigned n)
{
    s->draining = true;
    for (struct conn *c = s->conns; c != NULL && n > 0; c = c->next) {
        if (c->closing)
            continue;
        n--;
        if (!say_goodbye(c, CLOSE_GOING_AWAY))
            drop(c);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct sockets *s = handle->data;
    void (*done)(void *) = s->on_closed;
    void *ctx = s->closed_ctx;

    deflate_free(s->deflate);
    free(s);
    done(ctx);
}

struct search {
    const void *data;
    bool found;
};

static void on_handle(uv_handle_t *handle, void *arg)
{
    struct search *search = arg;

    search->found = search->found || handle->data == search->data;
}

/* On a foreign loop the first lws_context_destroy() closes all handles, the second frees the context. In between every
 * handle must be gone: the last ones are those that carry the context itself. */
static void on_gone_poll(uv_timer_t *timer)
{
    struct sockets *s = timer->data;
    struct search search = {s->context, false};

    if (s->context != NULL) {
        uv_walk(s->o.loop, on_handle, &search);
        if (search.found)
            return;
        lws_context_destroy(s->context);
    }
    assert(s->context == NULL); /* through info.pcontext */
    uv_close((uv_handle_t *)timer, on_timer_closed);
}

void sockets_close(struct sockets *s, void (*on_closed_cb)(void *ctx), void *ctx)
{
    assert(s->on_closed == NULL);
    s->draining = true;
    s->on_closed = on_closed_cb;
    s->closed_ctx = ctx;
    lws_context_destroy(s->context);
    uv_timer_start(&s->gone, on_gone_poll, DESTROY_POLL_MS, DESTROY_POLL_MS);
}
