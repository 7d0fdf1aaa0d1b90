/* The role `gateway`: signed requests in, one confirmed stream entry each out.
 *
 * Happy path: request -> its source finds it authentic -> envelope -> XADD -> Redis confirms ->
 * 200. Failures: every answer other than 200 means that nothing is promised; 503 carries
 * Retry-After. A confirmation that got lost may have been stored: the sender tries again, and the
 * same event twice is harmless. */
#include "gateway/gateway.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "event.h"
#include "partition.h"
#include "publisher.h"
#include "runtime/http_error.h"
#include "runtime/log.h"
#include "runtime/metrics.h"

enum {
    WINDOW = 4096,        /* appends in flight; the bodies behind them are bounded by the door */
    LOG_EVERY_MS = 10000, /* per class of refusal */
    TOPICS_MAX = 96,      /* distinct topics counted: the list of handlers/, and some per source */
    HEADER_VALUE_MAX = 255,
};

static const struct {
    const char *name; /* label and log */
    unsigned status;
    const char *code, *message;
} results[RESULT_COUNT] = {
    [RESULT_STORED] = {"stored", 200, NULL, "{\"status\":\"stored\"}"},
    [RESULT_DROPPED] = {"dropped", 200, NULL, "{\"status\":\"ignored\"}"},
    [RESULT_UNSIGNED] =
        {"bad_signature", 401, "UNAUTHORIZED",
         "the signature is missing or was not made with a secret that is configured here"},
    [RESULT_BAD_HEADERS] = {"bad_headers", 400, "BAD_REQUEST", "a required header is missing"},
    [RESULT_UNKNOWABLE] = {"unknowable", 503, "UNAVAILABLE",
                           "the signature cannot be checked at the moment: send it again"},
    [RESULT_UNCONFIGURED] = {"not_configured", 503, "UNAVAILABLE",
                             "no secret is configured to check the signature with"},
    [RESULT_UNAVAILABLE] = {"unavailable", 503, "UNAVAILABLE",
                            "the event could not be stored: send it again"},
    [RESULT_FULL] = {"full", 503, "UNAVAILABLE",
                     "the event could not be stored, there is no room: send it again"},
};

static const char retry_after_s[] = "5";

struct topic_count {
    const struct gateway_source *source;
    const char *topic;
    struct metric *by_result[RESULT_COUNT];
};

struct gateway {
    struct app *app;
    struct publisher *publisher;
    struct envelope_encoder *encoder;
    struct seal seal;
    struct store_secrets *secrets; /* NULL: no database */
    struct shopify *shopify;
    struct voice *voice;
    bool started;
    struct topic_count topics[TOPICS_MAX];
    size_t n_topics;
    struct metric *bytes, *seconds, *in_flight, *up;
    struct {
        uint64_t logged_ms;
        uint64_t since; /* refusals since then */
    } refused[RESULT_COUNT];
    unsigned closing;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static struct gateway gateway;

/* ---- counting ---- */

static struct metric *count_of(struct gateway *g, const struct gateway_source *source,
                               const char *topic, enum gateway_result result)
{
    struct topic_count *t = g->topics, *end = g->topics + g->n_topics;
    char labels[200];

    while (t < end && (t->source != source || strcmp(t->topic, topic) != 0))
        t++;
    if (t == end) {
        assert(g->n_topics < TOPICS_MAX); /* topics are from our own lists */
        t->source = source;
        t->topic = topic;
        g->n_topics++;
    }
    if (t->by_result[result] == NULL) {
        snprintf(labels, sizeof labels, "source=\"%s\",topic=\"%s\",result=\"%s\"", source->name,
                 topic, results[result].name);
        t->by_result[result] =
            metric_counter("ringback_gateway_requests_total", labels,
                           "requests at the gateway by topic and what became of them");
    }
    return t->by_result[result];
}

/* One line per class and LOG_EVERY_MS, with the number of those that were not logged. */
static void log_refusal(struct gateway *g, struct http_request *r,
                        const struct gateway_source *source, enum gateway_result result)
{
    uint64_t now = uv_now(g->app->loop);

    g->refused[result].since++;
    if (g->refused[result].logged_ms != 0 && now - g->refused[result].logged_ms < LOG_EVERY_MS)
        return;
    log_warn("webhook refused", "class", results[result].name, "source", source->name, "status",
             log_num(results[result].status), "count", log_num((int64_t)g->refused[result].since),
             "peer", http_peer(r), NULL);
    g->refused[result].logged_ms = now;
    g->refused[result].since = 0;
}

void gateway_answer(struct gateway *g, struct http_request *r, const struct gateway_source *source,
                    const char *topic, enum gateway_result result)
{
    const char *says =
        source->says[result] != NULL ? source->says[result] : results[result].message;
    uv_timeval64_t now = {0};

    uv_gettimeofday(&now);
    metric_add(count_of(g, source, topic, result), 1);
    metric_observe(
        g->seconds,
        (double)((int64_t)now.tv_sec * 1000000 + now.tv_usec - (int64_t)http_arrived_us(r)) / 1e6);
    if (results[result].status == 200) {
        struct http_reply reply = {
            .status = 200, .content_type = "application/json", .body = says, .len = strlen(says)};

        http_respond(r, &reply);
        return;
    }
    log_refusal(g, r, source, result);
    http_respond_error(r, results[result].status, results[result].code, says,
                       results[result].status == 503 ? "Retry-After" : NULL, retry_after_s);
}

/* ---- publishing ---- */

struct text gateway_header(const struct http_request *r, const char *name)
{
    struct text t = text_of(http_header(r, name));

    if (t.n > HEADER_VALUE_MAX)
        return TEXT_NULL;
    for (size_t i = 0; i < t.n; i++)
        if (t.p[i] < ' ' || t.p[i] > '~')
            return TEXT_NULL;
    return text_empty(t) ? TEXT_NULL : t;
}

void gateway_keep_header(struct envelope *e, const char *name, struct text value)
{
    assert(e->n_headers < ENVELOPE_HEADERS_MAX); /* the lists of the sources are short */
    if (value.p != NULL)
        e->headers[e->n_headers++] = (struct envelope_header){text_of(name), value};
}

void gateway_envelope(struct envelope *e, struct http_request *r,
                      const struct gateway_source *source, const char *topic)
{
    *e = (struct envelope){
        .source = text_of(source->name),
        .topic = text_of(topic),
        .triggered_us = EVENT_NO_TIME,
        .received_us = (int64_t)http_arrived_us(r),
    };
    e->body = http_body(r, &e->body_len);
    digest_of(e->digest, e->body, e->body_len);
}

struct flight {
    struct gateway *gateway;
    struct http_request *request;
    const struct gateway_source *source;
    const char *topic;
};

static void on_published(void *ctx, enum published published)
{
    struct flight f = *(struct flight *)ctx;

    free(ctx);
    metric_add(f.gateway->in_flight, -1);
    gateway_answer(f.gateway, f.request, f.source, f.topic,
                   published == PUBLISHED_OK     ? RESULT_STORED
                   : published == PUBLISHED_FULL ? RESULT_FULL
                                                 : RESULT_UNAVAILABLE);
}

void gateway_publish(struct gateway *g, struct http_request *r, const struct gateway_source *source,
                     const char *topic, const struct envelope *e)
{
    unsigned partitions = (unsigned)CONFIG_NUMBER(g->app->config, STREAM_PARTITIONS);
    struct flight *f = malloc(sizeof *f);
    const void *bytes;
    size_t len = 0;

    metric_add(g->bytes, (double)e->body_len);
    bytes =
        f == NULL || !publisher_ready(g->publisher) ? NULL : envelope_encode(g->encoder, e, &len);
    if (bytes != NULL) {
        *f = (struct flight){g, r, source, topic};
        if (publisher_append(g->publisher, partition_of(route_hash(e->key.p, e->key.n), partitions),
                             bytes, len, on_published, f)) {
            metric_add(g->in_flight, 1);
            http_body_done(r);
            return;
        }
    }
    free(f);
    gateway_answer(g, r, source, topic, RESULT_UNAVAILABLE);
}

static void on_publisher_state(void *ctx, bool up, const char *reason)
{
    struct gateway *g = ctx;

    metric_set(g->up, up);
    if (up)
        log_info("gateway can append to Redis", NULL);
    else
        log_warn("gateway cannot append to Redis: requests get 503", "reason", reason, NULL);
}

/* ---- life ---- */

static bool open_secrets(struct gateway *g)
{
    const char *url = CONFIG_TEXT(g->app->config, DATABASE_URL), *why = NULL;

    if (!seal_init(&g->seal, CONFIG_TEXT(g->app->config, ENCRYPTION_KEY), &why)) {
        log_error("gateway cannot start", "setting", "RINGBACK_ENCRYPTION_KEY", "reason", why,
                  NULL);
        return false;
    }
    if (url == NULL) {
        log_info("no RINGBACK_DATABASE_URL: only the app's own secrets are accepted", NULL);
        return true;
    }
    g->secrets = store_secrets_open(g->app->loop, url, &g->seal);
    if (g->secrets == NULL)
        log_error("gateway cannot start", "reason", "no connection to PostgreSQL can be set up",
                  NULL);
    return g->secrets != NULL;
}

static bool start(struct app *app)
{
    struct gateway *g = &gateway;

    assert(!g->started && app->door != NULL);
    g->app = app;
    g->bytes =
        metric_counter("ringback_gateway_body_bytes_total", NULL, "bytes of accepted bodies");
    g->seconds =
        metric_histogram("ringback_gateway_seconds", NULL, "from a complete head to the answer");
    g->in_flight = metric_gauge("ringback_gateway_in_flight", NULL,
                                "events that wait for Redis to confirm them");
    g->up = metric_gauge("ringback_gateway_redis_up", NULL, "1: Redis takes events");
    if (!open_secrets(g))
        return false;
    g->encoder = envelope_encoder_new();
    g->publisher = publisher_new(app->loop, CONFIG_TEXT(app->config, REDIS_URL),
                                 (unsigned)CONFIG_NUMBER(app->config, STREAM_PARTITIONS), WINDOW,
                                 on_publisher_state, g);
    if (g->encoder == NULL || g->publisher == NULL) {
        log_error("gateway cannot start", "reason", "out of memory", NULL);
        return false;
    }
    g->shopify = shopify_open(g, app->door, app->config, g->secrets);
    g->voice = voice_open(g, app->door, app->config);
    g->started = g->shopify != NULL && g->voice != NULL;
    return g->started;
}

static const char *ready(void)
{
    return gateway.started && publisher_ready(gateway.publisher) ? NULL : "redis";
}

static void on_part_closed(void *ctx)
{
    struct gateway *g = ctx;

    if (--g->closing > 0)
        return;
    shopify_free(g->shopify);
    voice_free(g->voice);
    envelope_encoder_free(g->encoder);
    seal_wipe(&g->seal);
    g->stopped(g->stopped_ctx);
}

/* The door is closed already: what was accepted has been answered. */
static void stop(void (*done)(void *ctx), void *ctx)
{
    struct gateway *g = &gateway;

    g->stopped = done;
    g->stopped_ctx = ctx;
    g->closing = g->secrets != NULL ? 2 : 1;
    publisher_close(g->publisher, on_part_closed, g);
    if (g->secrets != NULL)
        store_secrets_close(g->secrets, on_part_closed, g);
}

const struct role role_gateway = {
    .name = "gateway",
    .help = "HTTP in: verify, append to the stream, answer",
    .start = start,
    .ready = ready,
    .stop = stop,
};
