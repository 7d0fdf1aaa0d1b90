/* What a handler gets and what it answers. Handlers are pure: bytes in, rows out. */
#ifndef HANDLERS_EVENT_H
#define HANDLERS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
    EVENT_BODY_PADDING = 64
}; /* readable bytes that must follow `body` (simdjson reads ahead) */

/* The connected store that an event belongs to, as the worker read it from commerce_integrations. */
struct shop {
    uint8_t integration_id[16];
    uint8_t organization_id[16];
    const char *domain;  /* "acme.myshopify.com", lower case */
    const char *country; /* ISO 3166 alpha-2 from settings.country, or NULL */
    struct text
        cod_gateways; /* settings.cod_gateways as JSON array text; absent: the built-in list */
    const char
        *cod_gateways_default; /* comma list of the configuration, or NULL: the built-in list */
    bool redacting;            /* somebody of its customers was redacted */
};

/* One webhook. Everything is borrowed for the duration of the call. */
struct event {
    const char *topic;       /* "orders/create" */
    const struct shop *shop; /* never NULL: the worker dead-letters unknown shops itself */
    int64_t triggered_us; /* X-Shopify-Triggered-At, microseconds since 1970; INT64_MIN: absent */
    int64_t received_us;  /* the gateway's clock */
    uint8_t digest[8];    /* of the body (base/digest.h): the last tie-break between versions */
    const char *body;     /* raw JSON, EVENT_BODY_PADDING readable bytes behind it */
    size_t body_len;
};

#define EVENT_NO_TIME INT64_MIN

/* What the worker must do with an event; named after the action, not the cause. */
enum verdict {
    VERDICT_STORE,  /* write the rows, then acknowledge */
    VERDICT_IGNORE, /* acknowledge, nothing to write */
    VERDICT_REJECT, /* will never work: dead letter with rows->reason */
};

struct rows;

/* Reads `ev`, appends to `out`, touches nothing else. On REJECT no row of this event stays in `out`. */
typedef enum verdict (*handler_fn)(const struct event *ev, struct rows *out);

/* NULL if nobody handles `topic`. */
handler_fn handler_for(const char *topic);

#endif
