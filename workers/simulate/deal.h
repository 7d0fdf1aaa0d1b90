/* Turns the model's events into deliveries: signed HTTP requests, some of them twice, within a
 * window out of order, as Shopify sends them. Pure: no socket, no clock. */
#ifndef SIMULATE_DEAL_H
#define SIMULATE_DEAL_H

#include "simulate/model.h"
#include "simulate/voice_sign.h"

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
    struct voice_head voice; /* of a voice provider's callback */
    size_t len;
    char bytes[]; /* the whole request; of a callback, without its signature */
};

void message_drop(struct message *m);

struct deal_options {
    struct sim *sim;  /* the caller's; must outlive the deal */
    const char *host; /* for the Host header */
    const char *path; /* "/webhooks/shopify" */
    const char *secret;
    const struct voice_target *voice; /* NULL: the model has no calls */
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

/* The header that signs a callback at this moment, CRLF included: it goes in after voice.head_n
 * bytes. 0: the message needs none. Providers refuse signatures that are some minutes old, and a
 * delivery may wait longer than that. */
size_t deal_sign(const struct deal *d, const struct message *m, int64_t now_ms,
                 char out[VOICE_SIGNATURE_MAX]);

void deal_free(struct deal *d);

#endif
