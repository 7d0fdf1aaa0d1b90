/* What travels in a stream entry: a msgpack map with a version. Unknown keys are skipped; a greater version
 * is not an error but "written by a newer Ringback": the entry waits for a worker that knows it. */
#ifndef QUEUE_ENVELOPE_H
#define QUEUE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"

enum { ENVELOPE_VERSION = 1, ENVELOPE_HEADERS_MAX = 16 };

struct envelope_header {
    struct text name, value; /* names lower case */
};

struct envelope {
    struct text source;      /* "shopify" or a voice provider's name */
    struct text topic;       /* "orders/create" */
    struct text key;         /* routing key: shop domain in lower case, or the external call id */
    struct text event_id;    /* X-Shopify-Event-Id, may be absent */
    struct text delivery_id; /* X-Shopify-Webhook-Id, may be absent */
    int64_t triggered_us;    /* INT64_MIN: absent */
    int64_t received_us;
    uint8_t digest[8]; /* of the body: base/digest.h */
    struct envelope_header
        headers[ENVELOPE_HEADERS_MAX]; /* what else a handler or a dead letter wants */
    unsigned n_headers;
    const char *body; /* raw request body */
    size_t body_len;
};

enum envelope_result {
    ENVELOPE_OK,
    ENVELOPE_NEWER,   /* version above ENVELOPE_VERSION */
    ENVELOPE_CORRUPT, /* not an envelope; `*reason` tells why */
};

/* Encodes into memory that the encoder owns and reuses; valid until its next use. NULL when out of memory.
 * Compresses the body when that makes it smaller (codec is marked inside). */
struct envelope_encoder;
struct envelope_encoder *envelope_encoder_new(void);
void envelope_encoder_free(struct envelope_encoder *e);
const void *envelope_encode(struct envelope_encoder *e, const struct envelope *in, size_t *len);

/* Texts and body point into `bytes` or `arena`; the body has EVENT_BODY_PADDING readable bytes behind it.
 * body_max bounds what a compressed body may expand to. Never reads outside [bytes, bytes+len). */
enum envelope_result envelope_decode(struct envelope *out, const void *bytes, size_t len,
                                     size_t body_max, struct arena *arena, const char **reason);

#endif
