/* A checkout's life: created, changed a few times, then bought, left, bought later, or deleted. */
#include <assert.h>

#include "simulate/world.h"

/* Seconds from a cart's abandonment to the call about it: before its buyer comes back. */
enum { CALL_AFTER_MIN_S = 60, CALL_SPREAD_S = 220 };

enum { STAGE_NEW, STAGE_OPEN, STAGE_LAST, STAGE_DONE };

static const struct {
    enum cart_plan plan;
    unsigned percent;
} plans[] = {
    {CART_COMPLETED, 30}, {CART_LEFT, 27},  {CART_LEFT_NO_CONTACT, 7}, {CART_RETURNED, 8},
    {CART_RECOVERED, 18}, {CART_SILENT, 6}, {CART_DELETED, 4},
};

static enum cart_plan choose_plan(struct sim *s)
{
    unsigned dice = rng_below(&s->rng, 100), i = 0;

    while (dice >= plans[i].percent)
        dice -= plans[i++].percent;
    return plans[i].plan;
}

uint32_t sim_new_checkout(struct sim *s, uint32_t store)
{
    uint32_t index = SIM_NEW(s->checkouts);
    struct checkout *c = &s->checkouts.of[index];

    *c =
        (struct checkout){.store = store, .customer = NOBODY, .order = NOBODY, .number = index + 1};
    c->plan = (uint8_t)choose_plan(s);
    c->updates_left = (uint8_t)rng_below(&s->rng, 4);
    sim_fill_lines(s, store, &c->lines, (unsigned)rng_between(&s->rng, 1, 3));
    if (c->plan != CART_LEFT_NO_CONTACT) {
        uint32_t known = rng_percent(&s->rng, 25) ? sim_shopper(s, store) : NOBODY;
        c->customer = known != NOBODY ? known : sim_new_customer(s, store, true);
        c->phone = s->customers.of[c->customer].phone;
    }
    return index;
}

/* True if this version shows a valid phone number: address phones only once there are addresses. */
static bool shows_phone(const struct checkout *c)
{
    switch ((enum phone_place)c->phone) {
    case PHONE_NONE:
    case PHONE_GARBAGE:
        return false;
    case PHONE_ORDER:
    case PHONE_CUSTOMER:
    case PHONE_DEFAULT_ADDRESS:
        return true;
    case PHONE_SHIPPING:
    case PHONE_BILLING:
        return c->addresses;
    }
    return false;
}

/* A version of the checkout goes out. */
static void emit_state(struct sim *s, struct checkout *c, const char *topic, struct sim_event *out)
{
    bool phone = c->customer != NOBODY && shows_phone(c);

    assert(c->n_activity < ACTIVITY_MAX);
    c->updated_s = sim_now_s(s);
    c->phone_seen = c->phone_seen || phone;
    c->total_seen = sim_sums(s, c->store, &c->lines).total;
    c->activity[c->n_activity++] = (struct activity){
        .at_s = c->updated_s, .contactable = (c->email || phone) && c->completed_s == 0};
    out->topic = topic;
    body_checkout(s, c);
}

/* How long after the last update the plan comes to its point. Around the half hour that makes a
 * cart abandoned, nothing happens on purpose within a minute: no test should hang on that. */
static void schedule_last(struct sim *s, uint32_t index)
{
    const struct checkout *c = &s->checkouts.of[index];
    int64_t abandon_s = s->options.abandon_after_us / 1000000;

    if (c->phone_seen && (c->plan == CART_LEFT || c->plan == CART_RECOVERED))
        sim_consider_call(s, c->store, s->customers.of[c->customer].number, false,
                          abandon_s + CALL_AFTER_MIN_S + c->number % CALL_SPREAD_S);
    switch ((enum cart_plan)c->plan) {
    case CART_COMPLETED:
        sim_schedule(s, STEP_CHECKOUT, index, rng_between(&s->rng, 30, abandon_s / 3));
        break;
    case CART_LEFT:
    case CART_LEFT_NO_CONTACT:
        break;
    case CART_RETURNED:
    case CART_RECOVERED:
    case CART_SILENT:
    case CART_DELETED:
        sim_schedule(s, STEP_CHECKOUT, index,
                     abandon_s + rng_between(&s->rng, 300, INT64_C(6) * 3600));
        break;
    }
}

static void schedule_next(struct sim *s, uint32_t index)
{
    struct checkout *c = &s->checkouts.of[index];

    if (c->updates_left > 0) {
        c->updates_left--;
        c->stage = STAGE_OPEN;
        /* Never the same second twice: one checkout's updates are ordered by their updated_at. */
        sim_schedule(s, STEP_CHECKOUT, index, rng_between(&s->rng, 15, 480));
    } else {
        c->stage = STAGE_LAST;
        schedule_last(s, index);
    }
}

static void begin(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct checkout *c = &s->checkouts.of[index];

    c->known = true;
    c->created_s = sim_now_s(s);
    c->email = c->customer != NOBODY && s->customers.of[c->customer].has_email;
    c->addresses = c->customer != NOBODY && rng_percent(&s->rng, 30);
    emit_state(s, c, "checkouts/create", out);
    schedule_next(s, index);
}

/* The buyer goes on filling in the form. */
static void edit(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct checkout *c = &s->checkouts.of[index];

    if (c->customer != NOBODY)
        c->addresses = true;
    if (c->lines.n < LINES_MAX && rng_percent(&s->rng, 30))
        sim_add_line(s, c->store, &c->lines);
    emit_state(s, c, "checkouts/update", out);
    schedule_next(s, index);
}

/* The order comes first, then mostly the checkout that says it is completed. */
static void buy(struct sim *s, uint32_t index, struct sim_event *out)
{
    uint32_t store = s->checkouts.of[index].store, customer = s->checkouts.of[index].customer;
    uint32_t order = sim_new_order(s, store, customer, index);
    struct checkout *c = &s->checkouts.of[index];

    c->order = order;
    c->stage = STAGE_DONE;
    if (rng_percent(&s->rng, 65))
        sim_schedule(s, STEP_CHECKOUT, index, 2);
    sim_step_order(s, order, out);
}

static void finish(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct checkout *c = &s->checkouts.of[index];

    switch ((enum cart_plan)c->plan) {
    case CART_COMPLETED:
    case CART_RECOVERED:
        buy(s, index, out);
        return;
    case CART_SILENT:
        c->completed_s = sim_now_s(s);
        c->stage = STAGE_DONE;
        emit_state(s, c, "checkouts/update", out);
        return;
    case CART_DELETED:
        c->deleted = true;
        c->stage = STAGE_DONE;
        out->topic = "checkouts/delete";
        body_checkout_deleted(s, c);
        return;
    case CART_RETURNED:
        c->plan = CART_LEFT;
        edit(s, index, out);
        return;
    case CART_LEFT:
    case CART_LEFT_NO_CONTACT:
        break;
    }
    assert(false && "nothing was scheduled for a checkout that is left");
}

void sim_step_checkout(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct checkout *c = &s->checkouts.of[index];

    out->store = c->store;
    if (c->customer != NOBODY && !s->customers.of[c->customer].known) {
        sim_announce_customer(s, c->customer, out);
        sim_schedule(s, STEP_CHECKOUT, index, 0);
        return;
    }
    switch (c->stage) {
    case STAGE_NEW:
        begin(s, index, out);
        break;
    case STAGE_OPEN:
        edit(s, index, out);
        break;
    case STAGE_LAST:
        finish(s, index, out);
        break;
    default:
        /* Shopify's checkout is completed at the moment at which its order is created. */
        c->completed_s = s->orders.of[c->order].created_s;
        emit_state(s, c, "checkouts/update", out);
        break;
    }
}
