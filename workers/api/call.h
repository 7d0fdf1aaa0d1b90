/* One request of the REST API, from its head to its answer. role_api.c drives it, reply.c answers it. */
#ifndef API_CALL_H
#define API_CALL_H

#include <stdalign.h>
#include <stddef.h>

#include "api/answer.h"
#include "api/input.h"
#include "api/limiter.h"
#include "api/variants.h"
#include "recordings/links.h"
#include "runtime/app.h"
#include "runtime/db.h"
#include "runtime/door.h"
#include "runtime/jwt.h"
#include "runtime/keyring.h"
#include "runtime/metrics.h"

enum {
    CALL_REQUEST_ID_SIZE = 72,
    CALL_HEADER_SIZE = 256, /* what is kept of If-None-Match */
    CALL_ORGANIZATION_SIZE = 37,
    CALL_BEGIN_VALUES = 3,
    CALL_QUERIES = 2, /* begin.sql and the endpoint's */
};

struct api {
    struct app *app;
    struct plans plans;
    struct variants *variants;
    struct limiter *limiter;
    struct recording_links *links;
    struct call *waiting; /* for the keys of their tokens */
    struct db_pool *pool;
    char *openapi; /* the document, made at the start */
    size_t openapi_len;
    unsigned db_up, in_flight;
    uint64_t down_ms; /* the last connection was lost then; 0: there was none yet */
    bool stopping;
    uint64_t requests; /* for ids */
    char id_prefix[20];
    uint64_t timeout_ms;
    struct metric *seconds, *in_flight_gauge, *refused;
    struct metric *by_status[API_ENDPOINTS_MAX][6]; /* [endpoint][status / 100] */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* What becomes of an endpoint whose statement names a recording. */
struct call_link {
    struct recording_link link;
    char path[STORE_PATH_MAX];
    int64_t duration_seconds; /* -1: unknown */
};

/* Lives in the request's scratch memory: as long as the request. */
struct call {
    alignas(max_align_t) struct api *api; /* so that the arena behind the call is aligned, too */
    struct http_request *http;
    const struct plan *plan; /* NULL: not known (yet) */
    unsigned plan_no;
    bool reads;     /* GET or HEAD */
    bool gzip;      /* the client takes it */
    bool submitted; /* counts in api->in_flight */
    unsigned tries;
    uint64_t since_ms; /* of the first try */
    struct keyring_waiter keys;
    struct call *next_waiting, **at_waiting;
    char *token; /* a copy, while it waits */
    char request_id[CALL_REQUEST_ID_SIZE];
    char if_none_match[CALL_HEADER_SIZE];
    char organization[CALL_ORGANIZATION_SIZE]; /* the header's; "": none */
    char user[LIMITER_KEY_SIZE];               /* for the limiter */
    char user_id[JWT_SUB_SIZE];
    struct arena arena;
    struct input input;
    struct template_out rare; /* the text, when it is no variant that is kept */
    struct db_statement rare_statement;
    const char *begin_values[CALL_BEGIN_VALUES];
    const char *values[TEMPLATE_PLACES_MAX];
    struct db_query queries[CALL_QUERIES];
    struct db_request request;
    struct call_link *link; /* NULL: not at that yet */
};

/* link.c: answers with a link to the recording that the statement's JSON names. */
void call_link_begin(struct call *c, struct text row);

/* A success: `body` is finished JSON, borrowed. */
void reply_ok(struct call *c, const char *body, size_t len);
void reply_fault(struct call *c, const struct fault *f);
/* With one more header: Allow, Retry-After ... */
void reply_fault_with(struct call *c, const struct fault *f, const char *header, const char *value);
/* The answer to a CORS preflight. */
void reply_preflight(struct call *c);

#endif
