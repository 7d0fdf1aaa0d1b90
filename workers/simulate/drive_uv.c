#include "simulate/drive.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "simulate/reply.h"

enum {
    RETRIES_MAX =
        4096, /* waiting to be sent again; nothing new goes out while they are this many */
    BACKOFF_MS = 100,
    BACKOFF_MAX_MS = 3000,
    RECONNECT_MS = 100,
    PROGRESS_MS = 500,
    TICK_MS = 1,
    READ_SIZE = 16 * 1024,
    QUIET_MS = 3000, /* dashboards: nothing new for this long means that all has come */
    SETTLE_MS = 60000,
};

struct delivery {
    struct message *message;
    unsigned attempts;
    bool duplicate;
    uint64_t at_us; /* not before */
};

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_IDLE, CONN_BUSY };

struct driver;
struct conn {
    struct driver *d;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    enum conn_state state;
    bool closing;
    uint64_t reopen_us, sent_us;
    struct delivery now;
    char signature[VOICE_SIGNATURE_MAX];
    struct reply reply;
};

struct driver {
    const struct drive_options *options;
    struct drive_result *result;
    uv_loop_t loop;
    uv_timer_t tick;
    uv_signal_t interrupt, terminate;
    struct sockaddr_storage address;
    struct conn conns[DRIVE_CONNECTIONS_MAX];
    struct delivery retries[RETRIES_MAX + DRIVE_CONNECTIONS_MAX];
    unsigned n_retries, n_busy;
    bool running, dealt, ending, settling;
    uint64_t begun_us, started, last_ack_us, progress_us, settle_us;
    struct watch *watches[DRIVE_WATCHES_MAX];
    unsigned n_joined;
    const char *last_loss; /* why a connection was lost last */
    char buffer[READ_SIZE];
};

static void pump(struct driver *d);

static uint64_t now_us(void)
{
    return uv_hrtime() / 1000;
}

static void end(struct driver *d, const char *error)
{
    if (d->ending)
        return;
    d->ending = true;
    if (error != NULL)
        snprintf(d->result->error, sizeof d->result->error, "%s", error);
    uv_stop(&d->loop);
}

/* ---- deliveries ---- */

static void again(struct driver *d, struct delivery *del, unsigned retry_after_s)
{
    uint64_t wait_ms = (uint64_t)BACKOFF_MS << (del->attempts < 6 ? del->attempts : 6);

    if (retry_after_s > 0 && wait_ms < (uint64_t)retry_after_s * 1000)
        wait_ms = (uint64_t)retry_after_s * 1000;
    if (wait_ms > BACKOFF_MAX_MS)
        wait_ms = BACKOFF_MAX_MS;
    del->attempts++;
    del->at_us = now_us() + wait_ms * 1000;
    d->result->retries++;
    assert(d->n_retries < sizeof d->retries / sizeof d->retries[0]);
    d->retries[d->n_retries++] = *del;
}

static bool take_retry(struct driver *d, struct delivery *del, uint64_t now)
{
    for (unsigned i = 0; i < d->n_retries; i++) {
        if (d->retries[i].at_us > now)
            continue;
        *del = d->retries[i];
        d->retries[i] = d->retries[--d->n_retries];
        return true;
    }
    return false;
}

static bool take_new(struct driver *d, struct delivery *del, uint64_t now)
{
    double due_us = d->options->rate > 0 ? (double)d->started * 1e6 / d->options->rate : 0;
    uint64_t elapsed = now - d->begun_us;

    if (d->dealt || d->n_retries >= RETRIES_MAX || (double)elapsed < due_us)
        return false;
    *del = (struct delivery){.message = deal_next(d->options->deal)};
    if (del->message == NULL) {
        d->dealt = true;
        return false;
    }
    del->duplicate = del->message->taken;
    del->message->taken = true;
    d->result->duplicates += del->duplicate;
    if (d->options->rate > 0)
        histogram_add(&d->result->lateness, elapsed - (uint64_t)due_us);
    d->started++;
    return true;
}

/* ---- connections ---- */

static void on_conn_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;

    c->closing = false;
    c->state = CONN_CLOSED;
    c->reopen_us = now_us() + UINT64_C(1000) * RECONNECT_MS;
}

/* What was under way goes back into the line. `why` is for a person; NULL: all is well. */
static void conn_drop(struct conn *c, const char *why)
{
    if (why != NULL)
        c->d->last_loss = why;
    if (c->closing || c->state == CONN_CLOSED)
        return;
    if (c->state == CONN_BUSY) {
        c->d->n_busy--;
        again(c->d, &c->now, 0);
    }
    c->state = CONN_CONNECTING; /* neither idle nor busy until it is gone */
    c->closing = true;
    uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
}

static void refuse(struct driver *d, const struct conn *c)
{
    if (d->result->refused++ == 0)
        snprintf(d->result->error, sizeof d->result->error, "%s was refused with HTTP %d: %.120s",
                 c->now.message->topic, c->reply.status, c->reply.note);
    message_drop(c->now.message);
}

static void on_answer(struct conn *c)
{
    struct driver *d = c->d;
    int status = c->reply.status;
    /* An answer before the end of the request: nothing more may be sent from the message's memory.
     */
    bool early = uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp) > 0;

    d->n_busy--;
    c->state = CONN_IDLE;
    d->last_ack_us = now_us();
    if (status >= 200 && status < 300) {
        histogram_add(&d->result->latency, d->last_ack_us - c->sent_us);
        d->result->acknowledged++;
        d->result->events += !c->now.duplicate;
        message_drop(c->now.message);
    } else if (status == 408 || status == 429 || status >= 500) {
        again(d, &c->now, c->reply.retry_after);
    } else {
        refuse(d, c);
    }
    if (c->reply.close || early)
        conn_drop(c, NULL);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *c = handle->data;

    (void)suggested;
    *buf = uv_buf_init(c->d->buffer, sizeof c->d->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    size_t used;

    if (n == 0)
        return;
    if (n < 0 || c->state != CONN_BUSY) { /* nobody asked: the server gives the connection up */
        conn_drop(c, n < 0 ? uv_strerror((int)n) : "an answer that nobody asked for");
        return;
    }
    switch (reply_feed(&c->reply, buf->base, (size_t)n, &used)) {
    case REPLY_MORE:
        return;
    case REPLY_BROKEN:
        conn_drop(c, "an answer that is no plain HTTP/1.1 with a Content-Length");
        break;
    case REPLY_DONE:
        on_answer(c);
        break;
    }
    pump(c->d);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct conn *c = request->data;

    if (c->closing)
        return;
    if (status < 0) {
        conn_drop(c, uv_strerror(status));
        return;
    }
    c->state = CONN_IDLE;
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    pump(c->d);
}

static void conn_open(struct conn *c)
{
    uv_tcp_init(&c->d->loop, &c->tcp);
    c->tcp.data = c->connect.data = c->write.data = c;
    c->state = CONN_CONNECTING;
    if (uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&c->d->address, on_connect) !=
        0)
        conn_drop(c, "no connection can be opened");
}

static void on_written(uv_write_t *request, int status)
{
    struct conn *c = request->data;

    if (status < 0)
        conn_drop(c, uv_strerror(status));
}

/* The request in up to three parts: a voice provider's signature is made as it goes out. */
static unsigned request_parts(struct conn *c, struct message *m, uv_buf_t parts[3])
{
    uv_timeval64_t wall;
    size_t n;

    uv_gettimeofday(&wall);
    n = deal_sign(c->d->options->deal, m, wall.tv_sec * 1000 + wall.tv_usec / 1000, c->signature);
    if (n == 0) {
        parts[0] = uv_buf_init(m->bytes, (unsigned)m->len);
        return 1;
    }
    parts[0] = uv_buf_init(m->bytes, (unsigned)m->voice.head_n);
    parts[1] = uv_buf_init(c->signature, (unsigned)n);
    parts[2] = uv_buf_init(m->bytes + m->voice.head_n, (unsigned)(m->len - m->voice.head_n));
    return 3;
}

static void conn_send(struct conn *c, const struct delivery *del)
{
    uv_buf_t parts[3];
    unsigned n = request_parts(c, del->message, parts);

    c->state = CONN_BUSY;
    c->now = *del;
    c->sent_us = now_us();
    c->d->n_busy++;
    c->d->result->sent++;
    reply_init(&c->reply);
    if (del->message->order_id != 0 && c->d->options->n_tokens > 0)
        sightings_sent(&c->d->result->board.orders, del->message->order_id, c->sent_us);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, parts, n, on_written) != 0)
        conn_drop(c, "a request cannot be written");
}

static struct conn *idle_conn(struct driver *d)
{
    for (unsigned i = 0; i < d->options->connections; i++)
        if (d->conns[i].state == CONN_IDLE)
            return &d->conns[i];
    return NULL;
}

/* ---- the beat ---- */

static void pump(struct driver *d)
{
    struct delivery del;
    struct conn *c;
    uint64_t now;

    if (!d->running || d->ending)
        return;
    while ((c = idle_conn(d)) != NULL) {
        now = now_us();
        if (!take_retry(d, &del, now) && !take_new(d, &del, now))
            break;
        conn_send(c, &del);
    }
    if (!d->dealt || d->n_retries > 0 || d->n_busy > 0 || d->settling)
        return;
    d->result->seconds = (double)(d->last_ack_us - d->begun_us) / 1e6;
    d->result->complete = d->result->refused == 0;
    d->settling = true;
    d->settle_us = now_us();
    if (d->options->n_tokens == 0)
        end(d, NULL);
}

/* All is acknowledged; the dashboards may still have something to show. */
static void settle(struct driver *d, uint64_t now)
{
    uint64_t last =
        d->result->board.last_us > d->settle_us ? d->result->board.last_us : d->settle_us;

    if (d->result->board.orders.unseen == 0 || now - last > UINT64_C(1000) * QUIET_MS ||
        now - d->settle_us > UINT64_C(1000) * SETTLE_MS)
        end(d, NULL);
}

static void show_progress(struct driver *d, uint64_t now)
{
    double seconds = (double)(now - d->begun_us) / 1e6;
    uint64_t done = d->result->acknowledged;

    if (!d->options->progress || now - d->progress_us < UINT64_C(1000) * PROGRESS_MS)
        return;
    d->progress_us = now;
    fprintf(stderr, "\r  %llu of %llu acknowledged, %.0f/s, p99 %.1f ms, %llu retries   ",
            (unsigned long long)done, (unsigned long long)d->options->expected,
            seconds > 0 ? (double)done / seconds : 0.0,
            (double)histogram_percentile(&d->result->latency, 0.99) / 1000,
            (unsigned long long)d->result->retries);
}

static void end_impatient(struct driver *d)
{
    char why[DRIVE_ERROR_MAX];

    snprintf(why, sizeof why, "no answer from %s:%u for too long%s%s", d->options->host,
             d->options->port, d->last_loss != NULL ? ": " : "",
             d->last_loss != NULL ? d->last_loss : "");
    end(d, why);
}

static void on_tick(uv_timer_t *timer)
{
    struct driver *d = timer->data;
    uint64_t now = now_us();

    for (unsigned i = 0; i < d->options->connections; i++)
        if (d->conns[i].state == CONN_CLOSED && now >= d->conns[i].reopen_us)
            conn_open(&d->conns[i]);
    if (!d->running)
        return;
    pump(d);
    show_progress(d, now);
    if (d->settling)
        settle(d, now);
    else if (now - d->last_ack_us > d->options->patience_ms * 1000 &&
             (d->n_busy > 0 || d->n_retries > 0 || !d->dealt))
        end_impatient(d);
}

static void run(struct driver *d)
{
    d->running = true;
    d->begun_us = d->last_ack_us = d->progress_us = now_us();
}

static void on_joined(void *ctx)
{
    struct driver *d = ctx;

    if (++d->n_joined == d->options->n_tokens)
        run(d);
}

static void on_watch_failed(void *ctx, const char *why)
{
    end(ctx, why);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct driver *d = handle->data;

    (void)number;
    if (d->result->interrupted || !d->running)
        end(d, "interrupted");
    d->result->interrupted = true;
    deal_stop(d->options->deal); /* what was taken is still delivered, so that the totals hold */
}

/* ---- from begin to end ---- */

static bool is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
    return a->ss_family == AF_INET &&
           ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

static bool resolve(struct driver *d)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    uv_getaddrinfo_t request;
    char port[8];
    int rc;

    snprintf(port, sizeof port, "%u", d->options->port);
    rc = uv_getaddrinfo(&d->loop, &request, NULL, d->options->host, port, &hints);
    if (rc != 0) {
        snprintf(d->result->error, sizeof d->result->error, "host %s: %s", d->options->host,
                 uv_strerror(rc));
        return false;
    }
    memcpy(&d->address, request.addrinfo->ai_addr, request.addrinfo->ai_addrlen);
    uv_freeaddrinfo(request.addrinfo);
    if (is_loopback(&d->address) || d->options->allow_remote)
        return true;
    snprintf(d->result->error, sizeof d->result->error,
             "%s is not this machine: simulated events may only go elsewhere with --allow-remote",
             d->options->host);
    return false;
}

static void start(struct driver *d)
{
    struct watch_options watch = {.address = (const struct sockaddr *)&d->address,
                                  .host = d->options->host_header,
                                  .board = &d->result->board,
                                  .on_joined = on_joined,
                                  .on_failed = on_watch_failed,
                                  .ctx = d};

    uv_timer_init(&d->loop, &d->tick);
    uv_signal_init(&d->loop, &d->interrupt);
    uv_signal_init(&d->loop, &d->terminate);
    d->tick.data = d->interrupt.data = d->terminate.data = d;
    uv_timer_start(&d->tick, on_tick, 0, TICK_MS);
    uv_signal_start(&d->interrupt, on_signal, SIGINT);
    uv_signal_start(&d->terminate, on_signal, SIGTERM);
    for (unsigned i = 0; i < d->options->connections; i++)
        d->conns[i].d = d;
    for (unsigned i = 0; i < d->options->n_tokens; i++) {
        watch.token = d->options->tokens[i];
        d->watches[i] = watch_open(&d->loop, &watch);
        if (d->watches[i] == NULL)
            end(d, "out of memory");
    }
    if (d->options->n_tokens == 0)
        run(d);
}

static void stop(struct driver *d)
{
    d->ending = true;
    uv_close((uv_handle_t *)&d->tick, NULL);
    uv_close((uv_handle_t *)&d->interrupt, NULL);
    uv_close((uv_handle_t *)&d->terminate, NULL);
    for (unsigned i = 0; i < d->options->connections; i++)
        conn_drop(&d->conns[i], NULL);
    for (unsigned i = 0; i < d->options->n_tokens; i++) {
        if (d->watches[i] == NULL)
            continue;
        d->result->watches[i] = *watch_counts(d->watches[i]);
        watch_close(d->watches[i]);
    }
    uv_run(&d->loop, UV_RUN_DEFAULT);
    while (d->n_retries > 0)
        message_drop(d->retries[--d->n_retries].message);
}

bool drive(const struct drive_options *options, struct drive_result *result)
{
    struct driver *d = calloc(1, sizeof *d);

    assert(options->connections > 0 && options->connections <= DRIVE_CONNECTIONS_MAX);
    assert(options->n_tokens <= DRIVE_WATCHES_MAX);
    *result = (struct drive_result){0};
    if (d == NULL || uv_loop_init(&d->loop) != 0) {
        snprintf(result->error, sizeof result->error, "out of memory");
        free(d);
        return false;
    }
    d->options = options;
    d->result = result;
    if (resolve(d)) {
        start(d);
        if (!d->ending)
            uv_run(&d->loop, UV_RUN_DEFAULT);
        stop(d);
        if (options->progress)
            fprintf(stderr, "\r%*s\r", 78, "");
    }
    if (uv_loop_close(&d->loop) != 0)
        assert(false && "every handle was closed");
    free(d);
    return result->complete && result->error[0] == '\0';
}
