#include "simulate/watch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulate/reply.h"
#include "simulate/websocket.h"

enum { HEARTBEAT_MS = 25000, JOIN_TIMEOUT_MS = 10000, READ_SIZE = 64 * 1024, SEND_MAX = 16 * 1024 };

struct watch {
    struct watch_options options;
    struct watch_counts counts;
    uv_tcp_t tcp;
    uv_timer_t timer; /* first the deadline of the join, then the heartbeat */
    uv_connect_t connect;
    unsigned handles;
    bool upgraded, joined, failed, closing;
    struct reply reply;
    struct websocket_in in;
    struct sightings orders, carts; /* seen on this socket */
    char buffer[READ_SIZE];
};

struct sending {
    uv_write_t request;
    char bytes[];
};

static void fail(struct watch *w, const char *why)
{
    if (w->failed || w->closing)
        return;
    w->failed = true;
    w->options.on_failed(w->options.ctx, why);
}

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* a broken connection shows when reading */
    free(request->data);
}

static void send_bytes(struct watch *w, const char *bytes, size_t n)
{
    struct sending *s = malloc(sizeof *s + n);
    uv_buf_t buf;

    if (s == NULL) {
        fail(w, "out of memory");
        return;
    }
    memcpy(s->bytes, bytes, n);
    s->request.data = s;
    buf = uv_buf_init(s->bytes, (unsigned)n);
    if (uv_write(&s->request, (uv_stream_t *)&w->tcp, &buf, 1, on_written) != 0)
        free(s);
}

static void send_text(struct watch *w, enum websocket_op op, const char *text, size_t n)
{
    char frame[SEND_MAX + WS_HEAD_MAX];

    assert(n <= SEND_MAX);
    send_bytes(w, frame, websocket_frame(frame, op, text, n));
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct watch *w = timer->data;
    char text[64];

    if (!w->joined) {
        fail(w, "the websocket did not answer the join in time");
        return;
    }
    send_text(w, WS_TEXT, text, live_heartbeat(text, sizeof text, 2));
}

static void on_change(struct watch *w, const struct live_message *m)
{
    uint64_t now = uv_hrtime() / 1000, latency;

    w->counts.updates++;
    if (m->kind == LIVE_CART) {
        w->counts.carts += sightings_seen(&w->carts, m->id, now, &latency);
        return;
    }
    w->counts.orders += sightings_seen(&w->orders, m->id, now, &latency);
    if (sightings_seen(&w->options.board->orders, m->id, now, &latency) && latency != UINT64_MAX)
        histogram_add(&w->options.board->latency, latency);
}

static void on_message(struct watch *w, struct text message)
{
    struct live_message m;
    char why[160];

    w->options.board->last_us = uv_hrtime() / 1000;
    live_read(&m, message);
    switch (m.kind) {
    case LIVE_ORDER:
    case LIVE_CART:
        on_change(w, &m);
        break;
    case LIVE_JOINED:
        if (w->joined)
            break;
        w->joined = true;
        uv_timer_start(&w->timer, on_heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
        w->options.on_joined(w->options.ctx);
        break;
    case LIVE_REFUSED:
        snprintf(why, sizeof why, "the websocket refused: %.*s",
                 (int)(m.why.n < 100 ? m.why.n : 100), m.why.p);
        fail(w, why);
        break;
    case LIVE_OTHER:
        break;
    }
}

static void take_frames(struct watch *w)
{
    enum websocket_got got;
    enum websocket_op op;
    struct text payload;
    size_t len;

    while ((got = websocket_next(&w->in, &op, &payload, &len)) == WS_GOT_FRAME) {
        if (op == WS_TEXT)
            on_message(w, payload);
        else if (op == WS_PING)
            send_text(w, WS_PONG, payload.p, payload.n < 125 ? payload.n : 125);
        else if (op == WS_CLOSE)
            fail(w, "the server closed the websocket");
        websocket_taken(&w->in, len);
    }
    if (got == WS_GOT_BROKEN)
        fail(w, "the server sent a frame that is none");
}

static void join(struct watch *w)
{
    char text[SEND_MAX];
    size_t n = live_join(text, sizeof text, w->options.token);

    if (n == 0)
        fail(w, "the token is too long");
    else
        send_text(w, WS_TEXT, text, n);
}

static void on_upgrade(struct watch *w, const char *bytes, size_t n)
{
    size_t used;
    char why[80];

    switch (reply_feed(&w->reply, bytes, n, &used)) {
    case REPLY_MORE:
        return;
    case REPLY_BROKEN:
        fail(w, "the answer to the websocket upgrade is not HTTP");
        return;
    case REPLY_DONE:
        break;
    }
    if (w->reply.status != 101) {
        snprintf(why, sizeof why, "the websocket upgrade was answered with HTTP %d",
                 w->reply.status);
        fail(w, why);
        return;
    }
    w->upgraded = true;
    join(w);
    if (n > used && websocket_feed(&w->in, bytes + used, n - used))
        take_frames(w);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct watch *w = handle->data;

    (void)suggested;
    *buf = uv_buf_init(w->buffer, sizeof w->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct watch *w = stream->data;

    if (n < 0) {
        fail(w, "the websocket was cut");
        uv_read_stop(stream);
    } else if (!w->upgraded) {
        on_upgrade(w, buf->base, (size_t)n);
    } else if (!websocket_feed(&w->in, buf->base, (size_t)n)) {
        fail(w, "a websocket message is too large");
    } else {
        take_frames(w);
    }
}

static void on_connect(uv_connect_t *request, int status)
{
    struct watch *w = request->data;
    char head[512];
    int n;

    if (status < 0) {
        fail(w, "the websocket could not connect");
        return;
    }
    /* The key is RFC 6455's own example; the accept value is not checked, we trust who we connected
     * to. */
    n = snprintf(head, sizeof head,
                 "GET /realtime/v1/websocket?apikey=sb_publishable_simulate&vsn=2.0.0 "
                 "HTTP/1.1\r\nHost: %s\r\n"
                 "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
                 "dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "Sec-WebSocket-Version: 13\r\n\r\n",
                 w->options.host);
    assert(n > 0 && (size_t)n < sizeof head);
    uv_read_start((uv_stream_t *)&w->tcp, on_alloc, on_read);
    send_bytes(w, head, (size_t)n);
}

struct watch *watch_open(uv_loop_t *loop, const struct watch_options *options)
{
    struct watch *w = calloc(1, sizeof *w);

    if (w == NULL)
        return NULL;
    w->options = *options;
    w->handles = 2;
    w->tcp.data = w->timer.data = w->connect.data = w;
    reply_init(&w->reply);
    uv_tcp_init(loop, &w->tcp);
    uv_timer_init(loop, &w->timer);
    uv_timer_start(&w->timer, on_heartbeat, JOIN_TIMEOUT_MS, 0);
    if (uv_tcp_connect(&w->connect, &w->tcp, options->address, on_connect) != 0)
        fail(w, "the websocket could not connect");
    return w;
}

const struct watch_counts *watch_counts(const struct watch *w)
{
    return &w->counts;
}

static void on_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;

    if (--w->handles > 0)
        return;
    websocket_free(&w->in);
    sightings_free(&w->orders);
    sightings_free(&w->carts);
    free(w);
}

void watch_close(struct watch *w)
{
    w->closing = true;
    uv_close((uv_handle_t *)&w->tcp, on_closed);
    uv_close((uv_handle_t *)&w->timer, on_closed);
}
