/* What the simulated shops consist of; shared by simulate_*.c only.
 * simulate_model.c moves time, simulate_order.c, simulate_checkout.c and simulate_catalog.c are the
 * lives of the things, simulate_oracle.c counts, simulate_body*.c write Shopify's JSON. Calls are
 * apart: simulate_call.h. */
#ifndef SIMULATE_WORLD_H
#define SIMULATE_WORLD_H

#include "simulate/body.h"
#include "simulate/call.h"
#include "simulate/model.h"
#include "simulate/random.h"

enum {
    LINES_MAX = 16,
    VARIANTS_MAX = 6,
    ACTIVITY_MAX = 12,
    MOVES_MAX = 6,
    NOBODY = UINT32_MAX, /* an index that points at nothing */
};

/* Where a person's phone number stands in a body. Address phones are national, the others E.164. */
enum phone_place {
    PHONE_NONE,
    PHONE_GARBAGE, /* text that is no number, in the shipping address */
    PHONE_ORDER,   /* of the order or checkout itself */
    PHONE_CUSTOMER,
    PHONE_SHIPPING,
    PHONE_BILLING,
    PHONE_DEFAULT_ADDRESS,
};

struct store {
    const char *domain;
    const struct locale *locale;
    uint64_t shop_id;
    uint64_t id_base; /* ids of this store and seed begin here */
    uint32_t order_numbers;
    uint32_t products_known, customers_known;
    uint32_t *products; /* indexes, in order of appearance */
    uint32_t *customers;
    uint32_t products_room, customers_room;
    uint64_t events;
};

struct customer {
    uint32_t store;
    uint32_t number; /* names, e-mail and phone follow from it */
    uint64_t id;
    int64_t created_s, updated_s;
    uint8_t phone; /* enum phone_place */
    bool has_email;
    bool shopper; /* may place orders; the others only sign up */
    bool known;   /* customers/create has been sent */
    bool deleted;
    uint8_t updates;
};

struct product {
    uint32_t store, number;
    uint64_t id;
    int64_t created_s, updated_s;
    uint32_t price; /* hundredths */
    uint8_t variants;
    uint8_t revision;
    bool known, deleted;
};

struct line {
    uint32_t product;
    uint8_t variant, quantity;
    uint32_t price;
};

struct lines {
    struct line of[LINES_MAX];
    uint8_t n;
    uint32_t discount; /* hundredths, of the whole order */
    uint32_t shipping;
};

/* Sums of a set of lines, hundredths. */
struct sums {
    int64_t subtotal, tax, discount, shipping, total;
};

enum financial {
    FIN_PENDING,
    FIN_PAID,
    FIN_REFUNDED,
    FIN_PARTIALLY_REFUNDED,
    FIN_VOIDED,
    FIN_AUTHORIZED
};
enum fulfillment { FUL_NONE, FUL_PARTIAL, FUL_FULFILLED, FUL_RESTOCKED };

/* What the gateway names of an order amount to. */
enum tender {
    TENDER_COD,
    TENDER_ONLINE,  /* names that everybody knows as online payment */
    TENDER_STRANGE, /* a name nobody knows: prepaid only because it is paid */
    TENDER_UNKNOWN, /* manual, mixed or no name at all */
};

/* What can happen to an order after its creation. */
enum move {
    MOVE_END,
    MOVE_PAY,
    MOVE_FULFIL,
    MOVE_PARTIAL,
    MOVE_RESTOCK,
    MOVE_CANCEL,
    MOVE_EDIT,
    MOVE_REFUND,
    MOVE_PARTIAL_REFUND,
    MOVE_TOUCH,
    MOVE_PHONE, /* the merchant adds a phone number */
    MOVE_STRIP, /* an app removes it again: what was known stays known */
    MOVE_CLOSE,
    MOVE_DELETE,
};

struct order {
    uint32_t store, customer, checkout; /* NOBODY: none */
    uint32_t number;
    uint64_t id;
    int64_t created_s, updated_s, cancelled_s, closed_s; /* 0: not */
    struct lines lines, original;
    int64_t refunded; /* hundredths */
    uint8_t tender, tender_name, financial, fulfillment, phone;
    bool test, deleted, known, link_by_cart_token;
    bool phone_seen; /* some version sent had a valid number */
    uint8_t moves[MOVES_MAX], move, phase;
    uint64_t action; /* number of the merchant action under way: its webhooks share an Event-Id */
};

enum cart_plan {
    CART_COMPLETED, /* bought while the checkout was open */
    CART_LEFT,
    CART_LEFT_NO_CONTACT,
    CART_RETURNED,  /* left, then changed once more, then left for good */
    CART_RECOVERED, /* left, bought later */
    CART_SILENT,    /* left, completed later without an order that names it */
    CART_DELETED,
};

struct activity {
    int64_t at_s;
    bool contactable;
};

struct checkout {
    uint32_t store, customer, order;
    uint32_t number;
    int64_t created_s, updated_s, completed_s;
    struct lines lines;
    struct activity activity[ACTIVITY_MAX];
    uint8_t n_activity;
    uint8_t plan, stage, updates_left, phone;
    bool email, addresses; /* present in the current version */
    bool phone_seen;
    bool known, deleted;
    int64_t total_seen; /* of the newest version sent */
};

/* Something that is due at a moment of the source's clock. */
struct step {
    int64_t due_us;
    uint64_t order; /* of scheduling: equal moments are taken in this order */
    uint32_t what;  /* index */
    uint8_t kind;   /* enum step_kind */
};
enum step_kind { STEP_CHECKOUT, STEP_ORDER, STEP_CUSTOMER, STEP_PRODUCT, STEP_SHOP, STEP_CALL };

#define SIM_LIST(type)                                                                             \
    struct {                                                                                       \
        type *of;                                                                                  \
        size_t n, room;                                                                            \
    }

struct sim {
    struct sim_options options;
    struct rng rng;
    int64_t now_us;
    uint64_t emitted;
    uint64_t scheduled, actions;
    uint64_t action; /* the merchant action that the current event belongs to; 0: one of its own */
    struct store stores[SIM_STORES_MAX];
    SIM_LIST(struct customer) customers;
    SIM_LIST(struct product) products;
    SIM_LIST(struct order) orders;
    SIM_LIST(struct checkout) checkouts;
    SIM_LIST(struct call) calls;
    uint64_t callable; /* orders and carts that might have been called so far */
    SIM_LIST(struct step) heap;
    struct body body;
    char memory[SIM_BODY_MAX];
};

/* A zeroed new element at the end of the list; its index. Out of memory ends the program: nothing
 * is at stake. */
#define SIM_NEW(list) (sim_grow((void **)&(list).of, &(list).n, &(list).room, sizeof *(list).of))
uint32_t sim_grow(void **of, size_t *n, size_t *room, size_t size);
void sim_remember(uint32_t **list, uint32_t *n, uint32_t *room, uint32_t index);

static inline int64_t sim_now_s(const struct sim *s)
{
    return s->now_us / 1000000;
}

/* Delays are meant for a day; a shorter simulated span shortens them. Carts' own clocks are never
 * scaled. */
int64_t sim_scaled(const struct sim *s, int64_t seconds);
void sim_schedule(struct sim *s, enum step_kind kind, uint32_t what, int64_t after_s);

/* Each emits exactly one event of the thing, fills topic, store and order_id of `out`, writes the
 * body into s->body, and schedules what comes next. */
void sim_step_checkout(struct sim *s, uint32_t index, struct sim_event *out);
void sim_step_order(struct sim *s, uint32_t index, struct sim_event *out);
void sim_step_customer(struct sim *s, uint32_t index, struct sim_event *out);
void sim_step_product(struct sim *s, uint32_t index, struct sim_event *out);
void sim_step_shop(struct sim *s, uint32_t index, struct sim_event *out);
void sim_step_call(struct sim *s, uint32_t index, struct sim_event *out);

/* simulate_catalog.c */
void sim_open_store(struct sim *s, unsigned index);
void sim_stock_catalog(struct sim *s, unsigned store, uint32_t products);
uint32_t sim_new_customer(struct sim *s, uint32_t store, bool shopper);
uint32_t sim_shopper(struct sim *s, uint32_t store); /* a returning one, or NOBODY */
uint32_t sim_new_product(struct sim *s, uint32_t store);
void sim_announce_customer(struct sim *s, uint32_t index, struct sim_event *out);
void sim_fill_lines(struct sim *s, uint32_t store, struct lines *lines, unsigned n);
void sim_add_line(struct sim *s, uint32_t store, struct lines *lines);
struct sums sim_sums(const struct sim *s, uint32_t store, const struct lines *lines);
bool sim_phone_valid(enum phone_place place);

/* simulate_order.c */
uint32_t sim_new_order(struct sim *s, uint32_t store, uint32_t customer, uint32_t checkout);
uint32_t sim_order_person(const struct sim *s, const struct order *o); /* who ordered */
int64_t sim_order_total(const struct sim *s, const struct order *o);   /* as it stands now */

/* simulate_checkout.c */
uint32_t sim_new_checkout(struct sim *s, uint32_t store);

/* simulate_oracle.c */
bool sim_order_callable(const struct order *o); /* a COD order whose trigger_ready is "ready" */

/* simulate_call.c: calls this customer after so long, if --calls wants it. `cod`: about an order. */
void sim_consider_call(struct sim *s, uint32_t store, uint32_t person, bool cod, int64_t after_s);

/* The bodies: each starts s->body anew. */
void body_order(struct sim *s, const struct order *o);
void body_order_deleted(struct sim *s, const struct order *o);
void body_order_edited(struct sim *s, const struct order *o);
void body_refund(struct sim *s, const struct order *o);
void body_checkout(struct sim *s, const struct checkout *c);
void body_checkout_deleted(struct sim *s, const struct checkout *c);
void body_product(struct sim *s, const struct product *p);
void body_product_deleted(struct sim *s, const struct product *p);
void body_customer(struct sim *s, const struct customer *c);
void body_customer_deleted(struct sim *s, const struct customer *c);
void body_shop(struct sim *s, const struct store *t);

/* Parts that several bodies share. */
void body_begin(struct sim *s);
void body_id(struct body *b, const char *kind, uint64_t id); /* "id" and "admin_graphql_api_id" */
void body_money_set(struct body *b, const char *key, int64_t hundredths, const char *currency);
void body_time(struct sim *s, uint32_t store, const char *key, int64_t at_s); /* 0: null */
void body_address(struct sim *s, const char *key, uint32_t store, uint32_t person,
                  const char *phone);
void body_customer_of(struct sim *s, uint32_t customer, bool with_phone);
void body_line_facts(struct sim *s, uint32_t store, const struct line *l);
void body_tax_lines(struct sim *s, uint32_t store, int64_t tax, bool details);
uint64_t sim_line_id(const struct sim *s, uint64_t parent, unsigned position);
uint64_t sim_variant_id(const struct product *p, unsigned variant);
void sim_token(const struct sim *s, uint64_t domain, uint64_t n, char out[33]);

#endif
