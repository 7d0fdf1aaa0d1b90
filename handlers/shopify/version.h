/* Which of two states of a thing is the newer: the order in which rows move forward. */
#ifndef SHOPIFY_VERSION_H
#define SHOPIFY_VERSION_H

#include "shopify/reader.h"

enum { VERSION_BYTES = 24 };

/* updated_us and triggered_us are never EVENT_NO_TIME. */
struct version {
    int64_t updated_us; /* the source's updated_at; missing: triggered-at, created_at, 1970 in this
                           order */
    int64_t triggered_us; /* X-Shopify-Triggered-At; missing: updated_us */
    struct text bytes;    /* both big-endian with the sign bit flipped, then the body's digest:
                             memcmp() orders */
};

/* `updated_us` and `created_us` may be EVENT_NO_TIME. Deterministic: the same event has the same
 * version whenever it is handled. updated_at has a resolution of one second, so ties are ordinary.
 */
struct version version_of(struct reader *in, int64_t updated_us, int64_t created_us);

/* When something happened that has no time of its own: triggered-at, else the gateway's clock. */
int64_t version_moment(const struct event *ev);

#endif
