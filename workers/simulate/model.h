/* The simulated shops: what happens in them, and what a correct Ringback must have stored
 * afterwards.
 *
 * Pure and deterministic: the same options give the same events, byte for byte. The totals (the
 * oracle) are computed from the events that were taken out, by the rules of the product's contract,
 * without looking at handlers/ or schema/: a test that compares them with SQL compares two
 * independent readings of the rules.
 *
 * Time at the source: event number i happens at start + i * span / events. Triggered-At is that
 * moment exactly, updated_at the second it lies in, so a resource's versions are ordered as they
 * were taken out. */
#ifndef SIMULATE_MODEL_H
#define SIMULATE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_STORES_MAX = 64,
    SIM_EVENTS_MAX = 20 * 1000 * 1000,
    SIM_BODY_MAX = 256 * 1024, /* no simulated body is larger */
    SIM_QUERY_MAX = 256,
};

/* Who sends an event. */
enum sim_provider { SIM_SHOPIFY, SIM_RETELL, SIM_VAPI, SIM_TWILIO, SIM_PROVIDERS };
extern const char *const sim_provider_names[SIM_PROVIDERS];

/* Whose calls a store's are, as uuids of the database under test; NULL: not said. */
struct sim_tenant {
    const char *organization, *campaign, *agent;
};

struct sim_options {
    uint64_t seed;
    const char *const *stores; /* domains; must outlive the model */
    unsigned n_stores;
    uint64_t events; /* at most SIM_EVENTS_MAX */
    int64_t start_us, span_us;
    unsigned carts_percent;   /* journeys that begin with a checkout */
    int64_t abandon_after_us; /* RINGBACK_CART_ABANDON_AFTER of the Ringback under test */
    int64_t expire_after_us;
    unsigned calls_percent; /* of COD orders and left carts with a phone that are called */
    const struct sim_tenant *tenants; /* of the stores, in their order; needed for calls only */
    enum sim_provider providers[SIM_PROVIDERS]; /* that place the calls, in turn */
    unsigned n_providers;
};

struct sim_event {
    uint64_t number; /* 0, 1, 2 ... */
    const char *topic;
    const char *domain;
    unsigned store;
    int64_t at_us;       /* the source's clock: X-Shopify-Triggered-At */
    char event_id[37];   /* shared by all deliveries of one action */
    char webhook_id[37]; /* this delivery's */
    uint64_t order_id;   /* the order whose row this event writes, else 0 */
    const char *body;    /* the model's, until the next sim_next() */
    size_t len;
    enum sim_provider provider;
    uint32_t call;             /* of a voice provider: its number */
    char query[SIM_QUERY_MAX]; /* of the URL that a voice provider calls; "": none */
};

/* Names of the plan's enums, in the order of the arrays below. */
extern const char *const sim_financial_names[5],
    *const sim_fulfillment_names[4], *const sim_payment_names[3], *const sim_trigger_names[3];

/* The same of calls. */
extern const char *const sim_call_status_names[4], *const sim_outcome_names[5],
                                                       *const sim_sentiment_names[3];

/* What must be in the database once every event has been stored. Money in hundredths. */
struct sim_totals {
    const char *domain;
    const char *currency;
    uint64_t events;
    uint64_t orders; /* rows: not deleted */
    uint64_t orders_deleted;
    uint64_t orders_cancelled;
    uint64_t payment[3];        /* cod, prepaid, unknown */
    uint64_t financial[5];      /* pending, paid, refunded, partially_refunded, voided */
    uint64_t fulfillment[4];    /* unfulfilled, partial, fulfilled, restocked */
    uint64_t orders_trigger[3]; /* ready, missing_phone, not_applicable */
    uint64_t items;
    int64_t total_amount;
    uint64_t customers, products, variants;
    uint64_t checkouts;                                       /* distinct ones that were seen */
    uint64_t carts_abandoned, carts_recovered, carts_expired; /* rows by status */
    uint64_t carts_never; /* checkouts that are no cart: still open, bought in time, deleted, no
                             contact */
    uint64_t carts_trigger[3];
    int64_t revenue_recovered;
};

/* The same of the calls of one organization. */
struct sim_call_totals {
    const char *organization; /* NULL: all of them */
    uint64_t callbacks;       /* events of voice providers */
    uint64_t calls;           /* rows: at least one callback came */
    uint64_t later_attempts;  /* with attempt_number > 1 */
    uint64_t status[4];       /* queued, ringing, in_progress, ended */
    uint64_t outcome[5];      /* answered, no_answer, busy, failed, voicemail */
    uint64_t sentiment[3];    /* positive, neutral, negative */
    uint64_t seconds;
    uint64_t turns; /* rows of call_transcripts */
    uint64_t recordings;
    uint64_t cod_confirmed;
    uint64_t contacts; /* people at the other end: distinct numbers per organization */
};

struct sim;

/* NULL when out of memory. */
struct sim *sim_new(const struct sim_options *options);

/* False after the last event. */
bool sim_next(struct sim *s, struct sim_event *out);

/* Totals of one store from all events taken out so far, as they must be at `now_us` (carts age). */
void sim_totals(const struct sim *s, unsigned store, int64_t now_us, struct sim_totals *out);

/* Of the calls of `organization`; NULL: of all. */
void sim_call_totals(const struct sim *s, const char *organization, struct sim_call_totals *out);

void sim_free(struct sim *s);

#endif
