/* Stores, their goods and their customers. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "simulate/locale.h"
#include "simulate/world.h"

enum { PRODUCTS_LEFT_MIN = 4, CUSTOMER_UPDATES_MAX = 2, PRODUCT_REVISIONS_MAX = 5 };

void sim_open_store(struct sim *s, unsigned index)
{
    struct store *t = &s->stores[index];
    uint64_t h = hash_of(s->options.seed, 'S', index);

    t->domain = s->options.stores[index];
    t->locale = sim_locale(index);
    t->shop_id = 10000000000 + h % 80000000000;
    /* Every second store has ids beyond 2^53, which a double cannot hold. */
    t->id_base =
        (index % 2 == 0 ? 5000000000000 : 9100000000000000000 / 11) + ((h >> 8) % 400000000 << 20);
    t->order_numbers = 1000;
}

void sim_stock_catalog(struct sim *s, unsigned store, uint32_t products)
{
    sim_schedule(s, STEP_SHOP, store, 0);
    for (uint32_t i = 0; i < products; i++)
        sim_schedule(s, STEP_PRODUCT, sim_new_product(s, store), 0);
}

bool sim_phone_valid(enum phone_place place)
{
    return place != PHONE_NONE && place != PHONE_GARBAGE;
}

/* ---- goods --------------------------------------------------------------------------------------
 */

uint32_t sim_new_product(struct sim *s, uint32_t store)
{
    uint32_t index = SIM_NEW(s->products);
    struct product *p = &s->products.of[index];

    *p = (struct product){.store = store, .number = index + 1};
    p->id = s->stores[store].id_base + (UINT64_C(1) << 30) + index;
    p->price = (uint32_t)rng_between(&s->rng, 199, 9999) * 5;
    p->variants = (uint8_t)rng_between(&s->rng, 1, 4);
    return index;
}

/* Out of the list that orders are made from. */
static void forget_product(struct store *t, uint32_t index)
{
    for (uint32_t i = 0; i < t->products_known; i++) {
        if (t->products[i] != index)
            continue;
        t->products[i] = t->products[--t->products_known];
        return;
    }
    assert(false && "a known product is in its store's list");
}

void sim_step_product(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct product *p = &s->products.of[index];
    struct store *t = &s->stores[p->store];

    out->store = p->store;
    p->updated_s = sim_now_s(s);
    if (!p->known) {
        p->known = true;
        p->created_s = p->updated_s;
        sim_remember(&t->products, &t->products_known, &t->products_room, index);
        out->topic = "products/create";
    } else if (t->products_known > PRODUCTS_LEFT_MIN && rng_percent(&s->rng, 8)) {
        p->deleted = true;
        forget_product(t, index);
        out->topic = "products/delete";
        body_product_deleted(s, p);
        return;
    } else {
        p->revision++;
        p->price += 50;
        if (p->variants < VARIANTS_MAX && rng_percent(&s->rng, 25))
            p->variants++;
        out->topic = "products/update";
    }
    body_product(s, p);
    if (p->revision < PRODUCT_REVISIONS_MAX)
        sim_schedule(s, STEP_PRODUCT, index,
                     sim_scaled(s, rng_between(&s->rng, 3600, INT64_C(12) * 3600)));
}

void sim_add_line(struct sim *s, uint32_t store, struct lines *lines)
{
    struct store *t = &s->stores[store];
    struct line *l = &lines->of[lines->n];
    const struct product *p;

    assert(lines->n < LINES_MAX);
    assert(t->products_known > 0); /* the catalogue comes before the first journey */
    l->product = t->products[rng_below(&s->rng, t->products_known)];
    p = &s->products.of[l->product];
    l->variant = (uint8_t)rng_below(&s->rng, p->variants);
    l->quantity = (uint8_t)(rng_percent(&s->rng, 75) ? 1 : rng_between(&s->rng, 2, 5));
    l->price = p->price;
    lines->n++;
}

void sim_fill_lines(struct sim *s, uint32_t store, struct lines *lines, unsigned n)
{
    *lines = (struct lines){.n = 0};
    while (lines->n < n)
        sim_add_line(s, store, lines);
    lines->shipping = rng_percent(&s->rng, 50) ? 0 : 4900;
    lines->discount = rng_percent(&s->rng, 70) ? 0 : (uint32_t)rng_between(&s->rng, 1, 20) * 37;
}

struct sums sim_sums(const struct sim *s, uint32_t store, const struct lines *lines)
{
    struct sums sum = {.discount = lines->discount, .shipping = lines->shipping};

    for (unsigned i = 0; i < lines->n; i++)
        sum.subtotal += (int64_t)lines->of[i].price * lines->of[i].quantity;
    if (sum.discount > sum.subtotal)
        sum.discount = sum.subtotal;
    sum.tax = ((sum.subtotal - sum.discount) * s->stores[store].locale->tax_percent + 50) / 100;
    sum.total = sum.subtotal - sum.discount + sum.tax + sum.shipping;
    return sum;
}

/* ---- people -------------------------------------------------------------------------------------
 */

uint32_t sim_new_customer(struct sim *s, uint32_t store, bool shopper)
{
    static const uint8_t places[] = {
        PHONE_NONE,     PHONE_GARBAGE,  PHONE_ORDER,   PHONE_CUSTOMER,        PHONE_CUSTOMER,
        PHONE_SHIPPING, PHONE_SHIPPING, PHONE_BILLING, PHONE_DEFAULT_ADDRESS, PHONE_ORDER};
    uint32_t index = SIM_NEW(s->customers);
    struct customer *c = &s->customers.of[index];

    *c = (struct customer){.store = store, .number = index + 1, .shopper = shopper};
    c->id = s->stores[store].id_base + (UINT64_C(3) << 30) + index;
    c->phone = places[rng_below(&s->rng, sizeof places)];
    c->has_email = sim_phone_valid((enum phone_place)c->phone) ? rng_percent(&s->rng, 90) : true;
    return index;
}

uint32_t sim_shopper(struct sim *s, uint32_t store)
{
    struct store *t = &s->stores[store];

    return t->customers_known == 0 ? NOBODY : t->customers[rng_below(&s->rng, t->customers_known)];
}

void sim_announce_customer(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct customer *c = &s->customers.of[index];
    struct store *t = &s->stores[c->store];

    assert(!c->known);
    c->known = true;
    c->created_s = c->updated_s = sim_now_s(s);
    if (c->shopper)
        sim_remember(&t->customers, &t->customers_known, &t->customers_room, index);
    out->topic = "customers/create";
    out->store = c->store;
    body_customer(s, c);
    if (rng_percent(&s->rng, c->shopper ? 15 : 80))
        sim_schedule(s, STEP_CUSTOMER, index,
                     sim_scaled(s, rng_between(&s->rng, 600, INT64_C(4) * 3600)));
}

void sim_step_customer(struct sim *s, uint32_t index, struct sim_event *out)
{
    struct customer *c = &s->customers.of[index];

    if (!c->known) {
        sim_announce_customer(s, index, out);
        return;
    }
    out->store = c->store;
    c->updated_s = sim_now_s(s);
    /* Only people without orders are deleted: Shopify refuses the others. */
    if (!c->shopper && rng_percent(&s->rng, 30)) {
        c->deleted = true;
        out->topic = "customers/delete";
        body_customer_deleted(s, c);
        return;
    }
    c->updates++;
    out->topic = "customers/update";
    body_customer(s, c);
    if (c->updates < CUSTOMER_UPDATES_MAX)
        sim_schedule(s, STEP_CUSTOMER, index,
                     sim_scaled(s, rng_between(&s->rng, 3600, INT64_C(8) * 3600)));
}

void sim_step_shop(struct sim *s, uint32_t index, struct sim_event *out)
{
    out->topic = "shop/update";
    out->store = index;
    body_shop(s, &s->stores[index]);
}
