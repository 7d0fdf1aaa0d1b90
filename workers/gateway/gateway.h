/* What the doors of the gateway share: the way of an accepted event into its stream. A source
 * (shopify.c, later the voice providers) checks who sent a request and fills an envelope;
 * publishing, answering and counting are the same for all. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "envelope.h"
#include "gateway/store_secrets.h"
#include "runtime/app.h"
#include "runtime/door.h"

struct gateway;

/* What became of a request; the label `result` of the metric, and the class under which refusals
 * are logged. */
enum gateway_result {
    RESULT_STORED,
    RESULT_DROPPED,     /* a topic that nobody handles */
    RESULT_UNSIGNED,    /* 401 */
    RESULT_BAD_HEADERS, /* 400 */
    RESULT_UNKNOWABLE,  /* 503: whether the signature is right cannot be told now */
    RESULT_UNAVAILABLE, /* 503: Redis is away or does not answer */
    RESULT_FULL,        /* 503: Redis is at maxmemory */
    RESULT_COUNT
};

/* Answers `r` with what `result` means and counts it. `topic` is from our own list, or "". */
void gateway_answer(struct gateway *g, struct http_request *r, const char *topic,
                    enum gateway_result result);

/* Appends the event to its stream and answers when Redis has confirmed it (or not). All of `e` is
 * borrowed for the call. */
void gateway_publish(struct gateway *g, struct http_request *r, const char *topic,
                     const struct envelope *e);

/* ---- sources ---- */
struct shopify;
/* Adds its route. NULL: one line was logged. `secrets` may be NULL: no database is configured. */
struct shopify *shopify_open(struct gateway *g, struct door *door, const struct config *config,
                             struct store_secrets *secrets);
void shopify_free(struct shopify *s);

#endif
