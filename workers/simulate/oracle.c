/* What a correct Ringback has stored, counted from the simulated world by the contract's rules
 * (product.md, "Meaning"). Deliberately shares nothing with handlers/ and schema/. */
#include "simulate/locale.h"

#include "simulate/world.h"

const char *const sim_financial_names[5] = {"pending", "paid", "refunded", "partially_refunded",
                                            "voided"};
const char *const sim_fulfillment_names[4] = {"unfulfilled", "partial", "fulfilled", "restocked"};
const char *const sim_payment_names[3] = {"cod", "prepaid", "unknown"};
const char *const sim_trigger_names[3] = {"ready", "missing_phone", "not_applicable"};

enum { PAY_COD, PAY_PREPAID, PAY_UNKNOWN };
enum { READY, MISSING_PHONE, NOT_APPLICABLE };

/* The statuses that the plan lacks: authorized is pending. */
static unsigned financial_of(const struct order *o)
{
    return o->financial == FIN_AUTHORIZED ? FIN_PENDING : o->financial;
}

static unsigned payment_of(const struct order *o)
{
    bool paid =
        o->financial == FIN_PAID || o->financial == FIN_AUTHORIZED || o->financial == FIN_REFUNDED;

    switch ((enum tender)o->tender) {
    case TENDER_COD:
        return PAY_COD;
    case TENDER_ONLINE:
        return PAY_PREPAID;
    case TENDER_STRANGE:
        return paid ? PAY_PREPAID : PAY_UNKNOWN;
    case TENDER_UNKNOWN:
        break;
    }
    return PAY_UNKNOWN;
}

static unsigned order_trigger(const struct order *o)
{
    if (payment_of(o) != PAY_COD || o->cancelled_s != 0 || o->closed_s != 0 || o->test ||
        o->fulfillment == FUL_FULFILLED || o->financial == FIN_PAID ||
        o->financial == FIN_REFUNDED || o->financial == FIN_VOIDED)
        return NOT_APPLICABLE;
    return o->phone_seen ? READY : MISSING_PHONE;
}

bool sim_order_callable(const struct order *o)
{
    return order_trigger(o) == READY;
}

static void count_order(const struct sim *s, const struct order *o, struct sim_totals *t)
{
    if (!o->known)
        return;
    if (o->deleted) {
        t->orders_deleted++;
        return;
    }
    t->orders++;
    t->orders_cancelled += o->cancelled_s != 0;
    t->payment[payment_of(o)]++;
    t->financial[financial_of(o)]++;
    t->fulfillment[o->fulfillment]++;
    t->orders_trigger[order_trigger(o)]++;
    t->items += o->lines.n;
    t->total_amount += sim_order_total(s, o);
}

/* When the cart was bought, by the source's clock; 0: never. The order may be known before the
 * checkout says so. */
static int64_t bought_at(const struct sim *s, const struct checkout *c)
{
    const struct order *o = c->order == NOBODY ? NULL : &s->orders.of[c->order];

    if (o != NULL && o->known && !o->deleted)
        return o->created_s;
    return c->completed_s;
}

/* The first moment at which the checkout had been left alone, with contact details, for long
 * enough; 0: none. */
static int64_t abandoned_at_us(const struct sim *s, const struct checkout *c, int64_t now_us)
{
    int64_t bought_us = bought_at(s, c) * 1000000;

    for (unsigned i = 0; i < c->n_activity; i++) {
        int64_t until = c->activity[i].at_s * 1000000 + s->options.abandon_after_us;
        bool last = i + 1 == c->n_activity;
        if (!c->activity[i].contactable || (!last && c->activity[i + 1].at_s * 1000000 < until))
            continue;
        if (until > now_us || (bought_us != 0 && bought_us < until))
            return 0; /* later moments lie later still */
        return until;
    }
    return 0;
}

static void count_cart(const struct sim *s, const struct checkout *c, int64_t now_us,
                       struct sim_totals *t)
{
    int64_t at;
    unsigned trigger = NOT_APPLICABLE;

    if (!c->known)
        return;
    t->checkouts++;
    at = abandoned_at_us(s, c, now_us);
    if (at == 0) {
        t->carts_never++;
        return;
    }
    if (bought_at(s, c) != 0) {
        t->carts_recovered++;
        t->revenue_recovered += c->total_seen;
    } else if (c->deleted) {
        t->carts_never++;
        return;
    } else if (at + s->options.expire_after_us < now_us) {
        t->carts_expired++;
    } else {
        t->carts_abandoned++;
        trigger = c->phone_seen ? READY : MISSING_PHONE;
    }
    t->carts_trigger[trigger]++;
}

void sim_totals(const struct sim *s, unsigned store, int64_t now_us, struct sim_totals *out)
{
    struct sim_totals t = {.domain = s->stores[store].domain,
                           .currency = s->stores[store].locale->currency,
                           .events = s->stores[store].events};

    for (size_t i = 0; i < s->orders.n; i++)
        if (s->orders.of[i].store == store)
            count_order(s, &s->orders.of[i], &t);
    for (size_t i = 0; i < s->checkouts.n; i++)
        if (s->checkouts.of[i].store == store)
            count_cart(s, &s->checkouts.of[i], now_us, &t);
    for (size_t i = 0; i < s->customers.n; i++)
        t.customers += s->customers.of[i].store == store && s->customers.of[i].known &&
                       !s->customers.of[i].deleted;
    for (size_t i = 0; i < s->products.n; i++) {
        const struct product *p = &s->products.of[i];
        if (p->store != store || !p->known || p->deleted)
            continue;
        t.products++;
        t.variants += p->variants;
    }
    *out = t;
}
