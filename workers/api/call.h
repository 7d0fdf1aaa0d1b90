/* One request of the REST API, from its head to its answer. role_api.c drives it, reply.c answers it. */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/answer.h"
#include "api/input.h"
#include "api/limiter.h"
#include "api/variants.h"
#include "runtime/app.h"
#include "runtime/db.h"
#include "runtime/door.h"
#include "runtime/keyring.h"
#include "runtime/metrics.h"

enum {
    CALL_REQUEST_ID_SIZE = 72,
    CALL_HEADER_SIZE = 256, /* what is kept of If-None-Match */
    CALL_CLAIMS_SIZE = 128,
    CALL_ORGANIZATION_SIZE = 37,
    CALL_BEGIN_VALUES = 3,
    CALL_QUERIES = 2, /* begin.sql and the endpoint's */
};

struct api {
    struct app *app;
    struct plans plans;
    struct variants *variants;
    struct limiter *limiter;
    struct call *waiting; /* for the keys of their tokens */
    struct db_pool *pool;
    char *openapi; /* the document, made at the start */
    size_t openapi_len;
    unsigned db_up, in_flight;
    bool stopping;
    uint64_t requests; /* for ids */
    char id_prefix[20];
    uint64_t timeout_ms;
    struct metric *seconds, *in_flight_gauge, *refused;
    struct metric *by_status[API_ENDPOINTS_MAX][6]; /* [endpoint][status / 100] */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* Lives in the request's scratch memory: as long as the request. */
struct call {
    struct api *api;
    struct http_request *http;
    const struct plan *plan; /* NULL: not known (yet) */
    unsigned plan_no;
    bool reads;     /* GET or HEAD */
    bool gzip;      /* the client takes it */
    bool submitted; /* counts in api->in_flight */
    unsigned tries;
    struct keyring_waiter keys;
    struct call *next_waiting, **at_waiting;
    char *token; /* a copy, while it waits */
    char request_id[CALL_REQUEST_ID_SIZE];
    char if_none_match[CALL_HEADER_SIZE];
    char organization[CALL_ORGANIZATION_SIZE]; /* the header's; "": none */
    char user[LIMITER_KEY_SIZE];               /* for the limiter */
    char claims[CALL_CLAIMS_SIZE];
    struct arena arena;
    struct input input;
    struct template_out rare; /* the text, when it is no variant that is kept */
    struct db_statement rare_statement;
    const char *begin_values[CALL_BEGIN_VALUES];
    const char *values[TEMPLATE_PLACES_MAX];
    struct db_query queries[CALL_QUERIES];
    struct db_request request;
};

/* A success: `body` is finished JSON, borrowed. */
void reply_ok(struct call *c, const char *body, size_t len);
void reply_fault(struct call *c, const struct fault *f);
/* With one more header: Allow, Retry-After ... */
void reply_fault_with(struct call *c, const struct fault *f, const char *header, const char *value);
/* The answer to a CORS preflight. */
void reply_preflight(struct call *c);

#endif
