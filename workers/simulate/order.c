/* An order's life: created, then a few moves. A move is one merchant action with its webhooks:
 * an announcement (orders/paid, orders/edited, refunds/create ...) and, mostly, orders/updated.
 *
 * Which event carries the new state is what matters to the oracle: orders/paid and its kin show the
 * order as it has become, orders/edited and refunds/create show no order at all, and the state
 * comes with the orders/updated after them. */
#include <assert.h>

#include "simulate/locale.h"
#include "simulate/world.h"

enum phase {
    PHASE_BEGIN,  /* the next move has not been announced */
    PHASE_UPDATE, /* its orders/updated is due */
    PHASE_ECHO,   /* the second webhook of the creation is due */
};

/* Seconds until the call that confirms an order: before anything else becomes of it. */
enum { CALL_AFTER_MIN_S = 60, CALL_SPREAD_S = 220 };

enum announcement { ANNOUNCES_STATE, ANNOUNCES_NOTHING, UNANNOUNCED };

static const struct {
    const char *topic; /* of the announcement */
    enum announcement announcement;
} moves[] = {
    [MOVE_PAY] = {"orders/paid", ANNOUNCES_STATE},
    [MOVE_FULFIL] = {"orders/fulfilled", ANNOUNCES_STATE},
    [MOVE_PARTIAL] = {"orders/partially_fulfilled", ANNOUNCES_STATE},
    [MOVE_RESTOCK] = {NULL, UNANNOUNCED},
    [MOVE_CANCEL] = {"orders/cancelled", ANNOUNCES_STATE},
    [MOVE_EDIT] = {"orders/edited", ANNOUNCES_NOTHING},
    [MOVE_REFUND] = {"refunds/create", ANNOUNCES_NOTHING},
    [MOVE_PARTIAL_REFUND] = {"refunds/create", ANNOUNCES_NOTHING},
    [MOVE_TOUCH] = {NULL, UNANNOUNCED},
    [MOVE_PHONE] = {NULL, UNANNOUNCED},
    [MOVE_STRIP] = {NULL, UNANNOUNCED},
    [MOVE_CLOSE] = {NULL, UNANNOUNCED},
    [MOVE_DELETE] = {"orders/delete", ANNOUNCES_STATE},
};

/* Lives by payment. Only orders that no checkout led to are deleted: what a deleted purchase makes
 * of a recovered cart is for nobody to say. An order of unknown payment is never paid: that would
 * decide what it is. */
static const uint8_t cod_lives[][MOVES_MAX] = {
    {MOVE_END},
    {MOVE_END},
    {MOVE_END},
    {MOVE_FULFIL, MOVE_PAY, MOVE_CLOSE},
    {MOVE_FULFIL, MOVE_PAY},
    {MOVE_FULFIL},
    {MOVE_PARTIAL, MOVE_FULFIL},
    {MOVE_PARTIAL},
    {MOVE_CANCEL},
    {MOVE_CANCEL, MOVE_CLOSE},
    {MOVE_EDIT},
    {MOVE_EDIT, MOVE_FULFIL, MOVE_PAY},
    {MOVE_TOUCH, MOVE_PHONE},
    {MOVE_PHONE, MOVE_STRIP},
    {MOVE_TOUCH, MOVE_CANCEL},
    {MOVE_CLOSE},
};
static const uint8_t online_lives[][MOVES_MAX] = {
    {MOVE_END},
    {MOVE_TOUCH},
    {MOVE_FULFIL},
    {MOVE_FULFIL, MOVE_CLOSE},
    {MOVE_PARTIAL, MOVE_FULFIL},
    {MOVE_EDIT, MOVE_FULFIL},
    {MOVE_PARTIAL_REFUND},
    {MOVE_FULFIL, MOVE_PARTIAL_REFUND},
    {MOVE_REFUND},
    {MOVE_CANCEL},
    {MOVE_FULFIL, MOVE_RESTOCK, MOVE_REFUND},
};
static const uint8_t other_lives[][MOVES_MAX] = {
    {MOVE_END}, {MOVE_TOUCH}, {MOVE_FULFIL}, {MOVE_PARTIAL}, {MOVE_EDIT, MOVE_PHONE},
};

#define PICK(s, table) ((table)[rng_below(&(s)->rng, sizeof(table) / sizeof(table)[0])])

static void choose_life(struct sim *s, struct order *o)
{
    const uint8_t *life = o->tender == TENDER_COD      ? PICK(s, cod_lives)
                          : o->tender == TENDER_ONLINE ? PICK(s, online_lives)
                                                       : PICK(s, other_lives);
    unsigned n = 0;

    if (o->financial == FIN_AUTHORIZED)
        o->moves[n++] = MOVE_PAY;
    for (unsigned i = 0; i < MOVES_MAX && life[i] != MOVE_END && n < MOVES_MAX - 1; i++)
        o->moves[n++] = life[i];
    if (o->checkout == NOBODY && rng_percent(&s->rng, 4))
        o->moves[n] = MOVE_DELETE;
}

uint32_t sim_new_order(struct sim *s, uint32_t store, uint32_t customer, uint32_t checkout)
{
    uint32_t index = SIM_NEW(s->orders);
    struct order *o = &s->orders.of[index];
    unsigned dice = rng_below(&s->rng, 100);

    *o = (struct order){.store = store, .customer = customer, .checkout = checkout};
    o->number = ++s->stores[store].order_numbers;
    o->id = s->stores[store].id_base + index;
    o->tender = dice < 50   ? TENDER_COD
                : dice < 86 ? TENDER_ONLINE
                : dice < 92 ? TENDER_STRANGE
                            : TENDER_UNKNOWN;
    o->tender_name = (uint8_t)rng_below(&s->rng, 3);
    if (o->tender == TENDER_ONLINE)
        o->financial = rng_percent(&s->rng, 15) ? FIN_AUTHORIZED : FIN_PAID;
    else
        o->financial = o->tender == TENDER_STRANGE ? FIN_PAID : FIN_PENDING;
    o->test = rng_percent(&s->rng, 1);
    o->phone = customer != NOBODY ? s->customers.of[customer].phone : PHONE_SHIPPING;
    if (checkout != NOBODY) {
        o->lines = s->checkouts.of[checkout].lines;
        o->phone = s->checkouts.of[checkout].phone;
        o->link_by_cart_token = rng_percent(&s->rng, 10);
    } else {
        unsigned n = rng_percent(&s->rng, 85) ? (unsigned)rng_between(&s->rng, 1, 4)
                                              : (unsigned)rng_between(&s->rng, 5, LINES_MAX - 2);
        sim_fill_lines(s, store, &o->lines, n);
    }
    if (customer == NOBODY && o->phone != PHONE_NONE && o->phone != PHONE_GARBAGE)
        o->phone = PHONE_SHIPPING; /* there is no customer to carry it */
    o->original = o->lines;
    choose_life(s, o);
    return index;
}

uint32_t sim_order_person(const struct sim *s, const struct order *o)
{
    return o->customer == NOBODY ? o->number : s->customers.of[o->customer].number;
}

int64_t sim_order_total(const struct sim *s, const struct order *o)
{
    return sim_sums(s, o->store, &o->lines).total - o->refunded;
}

static void change_money(struct sim *s, struct order *o, enum move move)
{
    int64_t total = sim_order_total(s, o);

    switch (move) {
    case MOVE_PAY:
        o->financial = FIN_PAID;
        break;
    case MOVE_CANCEL:
        o->cancelled_s = sim_now_s(s);
        if (o->financial == FIN_PAID)
            o->refunded += total;
        o->financial = o->financial == FIN_PAID ? FIN_REFUNDED : FIN_VOIDED;
        break;
    case MOVE_EDIT:
        if (o->lines.n < LINES_MAX)
            sim_add_line(s, o->store, &o->lines);
        break;
    case MOVE_REFUND:
        o->refunded += total;
        o->financial = FIN_REFUNDED;
        break;
    case MOVE_PARTIAL_REFUND:
        o->refunded += total / 3;
        o->financial = FIN_PARTIALLY_REFUNDED;
        break;
    default:
        break;
    }
}

/* What the move makes of the order. */
static void change(struct sim *s, struct order *o, enum move move)
{
    o->updated_s = sim_now_s(s);
    change_money(s, o, move);
    switch (move) {
    case MOVE_FULFIL:
        o->fulfillment = FUL_FULFILLED;
        break;
    case MOVE_PARTIAL:
        o->fulfillment = FUL_PARTIAL;
        break;
    case MOVE_RESTOCK:
        o->fulfillment = FUL_RESTOCKED;
        break;
    case MOVE_PHONE:
        if (!sim_phone_valid((enum phone_place)o->phone))
            o->phone = PHONE_SHIPPING;
        break;
    case MOVE_STRIP:
        o->phone = PHONE_NONE;
        break;
    case MOVE_CLOSE:
        o->closed_s = o->updated_s;
        break;
    default:
        break;
    }
}

/* A version of the order goes out. */
static void emit_state(struct sim *s, uint32_t index, const char *topic, struct sim_event *out)
{
    struct order *o = &s->orders.of[index];

    out->topic = topic;
    out->order_id = o->id;
    o->phone_seen = o->phone_seen || sim_phone_valid((enum phone_place)o->phone);
    body_order(s, o);
}

static void next_move(struct sim *s, uint32_t index)
{
    struct order *o = &s->orders.of[index];

    o->phase = PHASE_BEGIN;
    if (o->move < MOVES_MAX && o->moves[o->move] != MOVE_END)
        sim_schedule(s, STEP_ORDER, index,
                     sim_scaled(s, rng_between(&s->rng, 300, INT64_C(5) * 3600)));
}

static void create(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct order *o = &s->orders.of[index];

    o->known = true;
    o->created_s = o->updated_s = sim_now_s(s);
    s->action = o->action = ++s->actions;
    emit_state(s, index, "orders/create", out);
    if (sim_order_callable(o))
        sim_consider_call(s, o->store, sim_order_person(s, o), true,
                          sim_scaled(s, CALL_AFTER_MIN_S + (int64_t)(o->id % CALL_SPREAD_S)));
    o->phase = PHASE_ECHO;
    if (o->financial == FIN_PAID || rng_percent(&s->rng, 30))
        sim_schedule(s, STEP_ORDER, index,
                     0); /* orders/paid or orders/updated of the same moment */
    else
        next_move(s, index);
}

/* The second webhook of the creation: the same state, a moment later. */
static void echo_creation(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct order *o = &s->orders.of[index];

    emit_state(s, index, o->financial == FIN_PAID ? "orders/paid" : "orders/updated", out);
    next_move(s, index);
}

static void announce(struct sim *s, uint32_t index, enum move move, struct sim_event *out)
{
    struct order *o = &s->orders.of[index];

    out->topic = moves[move].topic;
    if (move == MOVE_DELETE) {
        o->deleted = true;
        body_order_deleted(s, o);
        return;
    }
    if (moves[move].announcement == ANNOUNCES_STATE) {
        change(s, o, move);
        emit_state(s, index, moves[move].topic, out);
    } else if (move == MOVE_EDIT) {
        body_order_edited(s, o);
    } else {
        body_refund(s, o);
    }
    if (moves[move].announcement == ANNOUNCES_STATE && rng_percent(&s->rng, 20)) {
        o->move++; /* no second webhook this time */
        next_move(s, index);
    } else {
        o->phase = PHASE_UPDATE;
        sim_schedule(s, STEP_ORDER, index, 0);
    }
}

static void update(struct sim *s, uint32_t index, enum move move, struct sim_event *out)
{
    struct order *o = &s->orders.of[index];

    if (moves[move].announcement != ANNOUNCES_STATE)
        change(s, o, move);
    emit_state(s, index, "orders/updated", out);
    o->move++;
    next_move(s, index);
}

void sim_step_order(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct order *o = &s->orders.of[index];
    enum move move;

    out->store = o->store;
    if (o->customer != NOBODY && !s->customers.of[o->customer].known) {
        sim_announce_customer(s, o->customer, out);
        sim_schedule(s, STEP_ORDER, index, 0);
        return;
    }
    if (!o->known) {
        create(s, index, out);
        return;
    }
    if (o->phase == PHASE_ECHO) {
        s->action = o->action;
        echo_creation(s, index, out);
        return;
    }
    move = (enum move)o->moves[o->move];
    assert(move != MOVE_END);
    if (o->phase == PHASE_BEGIN)
        o->action = ++s->actions;
    s->action = o->action;
    if (o->phase == PHASE_BEGIN && moves[move].announcement != UNANNOUNCED)
        announce(s, index, move, out);
    else
        update(s, index, move, out);
}
