/* Ties the hub to the bus: what it publishes goes out, what all processes published comes in. */
#ifndef REALTIME_EXCHANGE_H
#define REALTIME_EXCHANGE_H

#include <stdbool.h>
#include <uv.h>

#include "realtime/hub.h"

struct exchange;

/* NULL: out of memory. `on_input` follows everything that went into the hub. */
struct exchange *exchange_open(uv_loop_t *loop, const char *redis_url, unsigned partitions,
                               struct hub *hub, void (*on_input)(void *ctx), void *ctx);

/* Call it now and then: tells the hub when the bus has become usable. */
void exchange_watch(struct exchange *x);

/* on_closed comes once, later, and frees `x`. */
void exchange_close(struct exchange *x, void (*on_closed)(void *ctx), void *ctx);

#endif
