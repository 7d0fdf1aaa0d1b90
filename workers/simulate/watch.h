/* A dashboard: one websocket that follows orders and carts while the simulation runs. Driver:
 * simulate_watch_uv.c. Happy path: connect -> upgrade -> phx_join -> on_joined -> counts. Failure
 * of any kind: on_failed, once, and silence. */
#ifndef SIMULATE_WATCH_H
#define SIMULATE_WATCH_H

#include <stdint.h>
#include <uv.h>

#include "simulate/histogram.h"
#include "simulate/sightings.h"

/* What all dashboards of a run share: the first of them to show an order counts. */
struct watch_board {
    struct sightings orders;
    struct histogram latency; /* from sending an order's first event to seeing it, microseconds */
    uint64_t last_us;         /* when something came last, by uv_hrtime */
};

struct watch_options {
    const struct sockaddr *address;
    const char *host; /* for the Host header */
    const char *token;
    struct watch_board *board;
    void (*on_joined)(void *ctx);
    void (*on_failed)(void *ctx, const char *why);
    void *ctx;
};

struct watch_counts {
    uint64_t updates;       /* every change that came */
    uint64_t orders, carts; /* distinct ones */
};

struct watch;
struct watch *watch_open(uv_loop_t *loop, const struct watch_options *options);
const struct watch_counts *watch_counts(const struct watch *w);
/* Frees `w` when its handles are gone; the loop must still run for that. */
void watch_close(struct watch *w);

#endif
