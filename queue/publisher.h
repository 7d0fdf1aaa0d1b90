/* The gateway's end of the events streams: XADD and wait for the confirmation. Many in flight, on as many
 * pipelined links as they need; two that are in flight together may be stored in either order. */
#ifndef QUEUE_PUBLISHER_H
#define QUEUE_PUBLISHER_H

#include "link.h"

enum published {
    PUBLISHED_OK,   /* Redis confirmed: with appendfsync always it is on disk */
    PUBLISHED_FULL, /* Redis is at maxmemory: not stored */
    PUBLISHED_DOWN, /* connection lost or reply overdue: maybe stored, answer 503 and let the sender retry */
    PUBLISHED_ERROR /* any other Redis error: not stored */
};

typedef void (*publisher_cb)(void *ctx, enum published result);

struct publisher;

/* `window`: how many may be in flight; more are refused at once. */
struct publisher *publisher_new(uv_loop_t *loop, const char *redis_url, unsigned partitions,
                                size_t window,
                                void (*on_state)(void *ctx, bool up, const char *reason),
                                void *ctx);
/* A link is up, and the last answer of Redis did not refuse a write. */
bool publisher_ready(const struct publisher *p);

/* False: refused (link down or window full), cb is not called. Otherwise cb exactly once, later.
 * `bytes` is copied. */
bool publisher_append(struct publisher *p, unsigned partition, const void *bytes, size_t len,
                      publisher_cb cb, void *ctx);

void publisher_close(struct publisher *p, void (*on_closed)(void *ctx), void *ctx);

#endif
