/* How an answer looks: the headers that clients and browsers expect, entity tags, compression. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "runtime/gzip.h"

/* Any origin: a bearer token is sent by the page's own code, never by the browser on its own. */
#define CORS_ORIGIN "Access-Control-Allow-Origin", "*"
/* What supabase-js and ours send (facts: Supabase's HTTP dialect). */
#define CORS_TAKES                                                                                 \
    "authorization, apikey, content-type, accept, if-none-match, x-organization-id, "              \
    "x-request-id, range, if-range, x-client-info, x-retry-count, prefer, traceparent, "           \
    "tracestate, baggage"
#define CORS_SHOWS "ETag, Retry-After, X-Request-Id, Content-Length"

struct headers {
    const char **at;
    unsigned n;
};

static void put(struct headers *h, const char *name, const char *value)
{
    assert(h->n + 2 < HTTP_REPLY_HEADERS_MAX);
    h->at[h->n++] = name;
    h->at[h->n++] = value;
    h->at[h->n] = NULL;
}

static void put_common(struct headers *h, const struct call *c)
{
    put(h, "X-Request-Id", c->request_id);
    put(h, CORS_ORIGIN);
    put(h, "Access-Control-Expose-Headers", CORS_SHOWS);
    put(h, "Vary", "Authorization, X-Organization-Id, Accept-Encoding");
}

static void count(struct call *c, unsigned status)
{
    struct api *api = c->api;
    uv_timeval64_t now = {0};
    struct metric **m;
    char labels[128];

    uv_gettimeofday(&now);
    metric_observe(api->seconds, (double)((int64_t)now.tv_sec * 1000000 + now.tv_usec -
                                          (int64_t)http_arrived_us(c->http)) /
                                     1e6);
    if (c->plan == NULL) {
        metric_add(api->refused, 1);
        return;
    }
    m = &api->by_status[c->plan_no][status / 100];
    if (*m == NULL) {
        snprintf(labels, sizeof labels, "endpoint=\"%s\",status=\"%uxx\"", c->plan->endpoint->name,
                 status / 100);
        *m = metric_counter("ringback_api_requests_total", labels,
                            "REST requests by endpoint and class of status");
    }
    metric_add(*m, 1);
}

/* The end of a call: nothing of it may be touched afterwards. */
static void send_reply(struct call *c, const struct http_reply *reply)
{
    count(c, reply->status);
    if (c->submitted)
        metric_set(c->api->in_flight_gauge, --c->api->in_flight);
    http_respond(c->http, reply);
}

static void send_body(struct call *c, struct http_reply *reply, struct headers *h)
{
    size_t packed_len = 0;
    void *packed = c->gzip && reply->len >= GZIP_MIN
                       ? gzip_compress(reply->body, reply->len, &packed_len)
                       : NULL;

    if (packed != NULL) {
        put(h, "Content-Encoding", "gzip");
        reply->body = packed;
        reply->len = packed_len;
    }
    send_reply(c, reply);
    free(packed);
}

void reply_ok(struct call *c, const char *body, size_t len)
{
    struct http_reply reply = {.status = c->plan == NULL ? 200 : c->plan->endpoint->status,
                               .content_type = "application/json",
                               .body = body,
                               .len = len};
    struct headers h = {reply.headers, 0};
    char tag[ANSWER_TAG_SIZE];

    put_common(&h, c);
    put(&h, "Cache-Control", c->reads ? "private, no-cache" : "no-store");
    if (reply.status == 204) {
        reply.content_type = NULL;
        reply.len = 0;
        send_reply(c, &reply);
        return;
    }
    if (c->reads) {
        answer_tag(body, len, tag);
        put(&h, "ETag", tag);
        if (answer_tag_matches(c->if_none_match, tag)) {
            reply.status = 304;
            reply.content_type = NULL;
            reply.len = 0;
            send_reply(c, &reply);
            return;
        }
    }
    send_body(c, &reply, &h);
}

void reply_fault_with(struct call *c, const struct fault *f, const char *header, const char *value)
{
    char text[ANSWER_ERROR_MAX];
    struct http_reply reply = {
        .status = f->status, .content_type = "application/json", .body = text};
    struct headers h = {reply.headers, 0};

    reply.len = answer_error(f, text);
    put_common(&h, c);
    put(&h, "Cache-Control", "no-store");
    if (f->status == 401)
        put(&h, "WWW-Authenticate", "Bearer");
    if (header != NULL)
        put(&h, header, value);
    send_reply(c, &reply);
}

void reply_fault(struct call *c, const struct fault *f)
{
    reply_fault_with(c, f, f->status == 503 ? "Retry-After" : NULL, "1");
}

void reply_preflight(struct call *c)
{
    struct http_reply reply = {.status = 204};
    struct headers h = {reply.headers, 0};

    put_common(&h, c);
    put(&h, "Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
    put(&h, "Access-Control-Allow-Headers", CORS_TAKES);
    put(&h, "Access-Control-Max-Age", "86400");
    send_reply(c, &reply);
}
