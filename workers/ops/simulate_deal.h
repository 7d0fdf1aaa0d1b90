/* Turns the model's events into deliveries: signed HTTP requests, some of them twice, within a
 * window out of order, as Shopify sends them. Pure: no socket, no clock. */
#ifndef OPS_SIMULATE_DEAL_H
#define OPS_SIMULATE_DEAL_H

#include "ops/simulate_model.h"

enum {
    DEAL_WINDOW_MAX = 10000,
    DEAL_COPIES_MAX = 10, /* further deliveries of one event */
    DEAL_DUPLICATES_MAX = 100 * DEAL_COPIES_MAX,
};

/* One event as it goes over the wire, shared by its deliveries. */
struct message {
    unsigned refs;
    bool taken; /* a delivery has gone out: the next ones are duplicates */
    uint64_t order_id;
    unsigned store;
    const char *topic;
    size_t len;
    char bytes[]; /* the whole request */
};

void message_drop(struct message *m);

struct deal_options {
    struct sim *sim;  /* the caller's; must outlive the deal */
    const char *host; /* for the Host header */
    const char *path; /* "/webhooks/shopify" */
    const char *secret;
    unsigned duplicates_percent; /* further deliveries: 150 is one for each event, and a second one
                                    for every other */
    unsigned window;             /* 1: in order */
    uint64_t seed;
};

struct deal;

/* NULL when out of memory. */
struct deal *deal_new(const struct deal_options *options);

/* The next delivery; the caller drops it. NULL: there is none left. */
struct message *deal_next(struct deal *d);

/* Takes no further events from the model; what was taken is still dealt out. */
void deal_stop(struct deal *d);

void deal_free(struct deal *d);

#endif
