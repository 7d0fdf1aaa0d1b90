/* What the doors of the gateway share: the way of an accepted event into its stream. A source
 * (shopify.c, voice.c) checks who sent a request and fills an envelope; publishing, answering and
 * counting are the same for all. */
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
    RESULT_DROPPED,      /* authentic, and nothing that anybody handles */
    RESULT_UNSIGNED,     /* 401 */
    RESULT_BAD_HEADERS,  /* 400 */
    RESULT_UNKNOWABLE,   /* 503: whether the signature is right cannot be told now */
    RESULT_UNCONFIGURED, /* 503: there is no secret to tell it by */
    RESULT_UNAVAILABLE,  /* 503: Redis is away or does not answer */
    RESULT_FULL,         /* 503: Redis is at maxmemory */
    RESULT_COUNT
};

/* Who sends. Lives as long as the gateway. */
struct gateway_source {
    const char *name; /* label `source` of the metric, and `source` of the envelope */
    /* What to answer where the general text does not do: the body of a 200 (JSON), the message of
     * anything else. NULL: the general one. */
    const char *says[RESULT_COUNT];
};

/* Answers `r` with what `result` means and counts it. `topic` is from our own list, or "". */
void gateway_answer(struct gateway *g, struct http_request *r, const struct gateway_source *source,
                    const char *topic, enum gateway_result result);

/* Appends the event to its stream and answers when Redis has confirmed it (or not). All of `e` is
 * borrowed for the call. */
void gateway_publish(struct gateway *g, struct http_request *r, const struct gateway_source *source,
                     const char *topic, const struct envelope *e);

/* What is the same in every envelope: source, topic, time of receipt, body and its digest. Key,
 * ids and headers are for the caller to add. */
void gateway_envelope(struct envelope *e, struct http_request *r,
                      const struct gateway_source *source, const char *topic);

/* A header for an envelope. Absent when it is missing, too long, or not plain ASCII: then it is
 * nothing that a sender of ours sends. */
struct text gateway_header(const struct http_request *r, const char *name);

void gateway_keep_header(struct envelope *e, const char *name, struct text value);

/* ---- sources ---- */
struct shopify;
/* Adds its route. NULL: one line was logged. `secrets` may be NULL: no database is configured. */
struct shopify *shopify_open(struct gateway *g, struct door *door, const struct config *config,
                             struct store_secrets *secrets);
void shopify_free(struct shopify *s);

struct voice;
/* Adds a route for every voice provider that handlers/voice/ knows. NULL: one line was logged. */
struct voice *voice_open(struct gateway *g, struct door *door, const struct config *config);
void voice_free(struct voice *v);

#endif
