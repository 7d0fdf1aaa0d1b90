/* Sends deliveries to a gateway over keep-alive connections at a set rate, and again until they are
 * acknowledged, as Shopify would. Driver: simulate_drive_uv.c.
 *
 * Open loop: a delivery goes out when it is due, not when the one before has been answered; if no
 * connection is free it is late, and lateness is reported apart from the gateway's latency. Happy
 * path: 2xx. 408, 429, 5xx or a lost connection: again after a moment. Any other status: refused,
 * for good. */
#ifndef SIMULATE_DRIVE_H
#define SIMULATE_DRIVE_H

#include "simulate/deal.h"
#include "simulate/histogram.h"
#include "simulate/watch.h"

enum { DRIVE_CONNECTIONS_MAX = 512, DRIVE_WATCHES_MAX = 8, DRIVE_ERROR_MAX = 200 };

struct drive_options {
    struct deal *deal;
    const char *host; /* a name or an address */
    unsigned port;
    const char *host_header;
    bool allow_remote;
    unsigned connections;
    double rate;               /* deliveries per second; 0: as fast as they are answered */
    uint64_t patience_ms;      /* without any answer for this long: give up */
    uint64_t expected;         /* deliveries, about; for the progress line */
    bool progress;             /* on stderr */
    const char *const *tokens; /* dashboards to watch with */
    unsigned n_tokens;
};

struct drive_result {
    uint64_t events;       /* distinct ones acknowledged */
    uint64_t sent;         /* requests written, repeats included */
    uint64_t acknowledged; /* answered 2xx */
    uint64_t duplicates;   /* deliveries of events already delivered once */
    uint64_t retries;
    uint64_t refused;
    double seconds; /* from the first delivery to the last acknowledgement */
    struct histogram latency, lateness;
    bool interrupted; /* by a signal: fewer events, but all totals hold */
    bool complete;    /* everything that was taken from the model was acknowledged */
    char error[DRIVE_ERROR_MAX];
    struct watch_board board;
    struct watch_counts watches[DRIVE_WATCHES_MAX];
};

/* Blocks until all is delivered. False: *result is incomplete, and result->error says why. */
bool drive(const struct drive_options *options, struct drive_result *result);

#endif
