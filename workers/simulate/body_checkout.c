/* Checkout bodies. Every second store still gets the numeric `id` that API versions before 2026-04
 * sent. */
#include <stdio.h>

#include "simulate/locale.h"
#include "simulate/world.h"

static uint64_t checkout_id(const struct sim *s, const struct checkout *c)
{
    return s->stores[c->store].id_base + (UINT64_C(5) << 30) + c->number;
}

static void line(struct sim *s, const struct checkout *c, unsigned i)
{
    const struct line *l = &c->lines.of[i];
    struct body *b = &s->body;
    char key[33], title[80];

    sim_token(s, 'K', (uint64_t)c->number * LINES_MAX + i, key);
    body_open(b, NULL, '{');
    body_raw(b, "\"applied_discounts\":[],\"discount_allocations\":[],\"destination_location_id\":"
                "1015975142,"
                "\"origin_location_id\":1015975141,\"properties\":null,\"rank\":null,\"compare_at_"
                "price\":null");
    body_text(b, "key", key);
    body_line_facts(s, c->store, l);
    body_text(b, "presentment_title",
              sim_product_title(s->products.of[l->product].number, title, sizeof title));
    body_text(b, "presentment_variant_title", sim_sizes[l->variant]);
    body_money(b, "variant_price", l->price);
    body_money(b, "line_price", (int64_t)l->price * l->quantity);
    body_tax_lines(s, c->store,
                   (int64_t)l->price * l->quantity * s->stores[c->store].locale->tax_percent / 100,
                   true);
    body_raw(b, "\"unit_price_measurement\":{\"measured_type\":null,\"quantity_value\":null,"
                "\"quantity_unit\":null,"
                "\"reference_value\":null,\"reference_unit\":null}");
    body_close(b, '}');
}

static void contact(struct sim *s, const struct checkout *c)
{
    struct body *b = &s->body;
    char phone[SIM_PHONE_SIZE], national[SIM_PHONE_SIZE], address[64];
    uint32_t person;

    if (c->customer == NOBODY) {
        body_raw(b, "\"email\":null,\"phone\":null"); /* no customer, no addresses yet */
        return;
    }
    person = s->customers.of[c->customer].number;
    sim_phone(s->stores[c->store].locale, person, false, phone);
    sim_phone(s->stores[c->store].locale, person, true, national);
    snprintf(address, sizeof address, "buyer%u@example.com", person);
    body_text(b, "email", c->email ? address : "");
    body_text(b, "phone", c->phone == PHONE_ORDER ? phone : NULL);
    if (c->addresses) {
        body_address(s, "billing_address", c->store, person,
                     c->phone == PHONE_BILLING ? national : NULL);
        body_address(s, "shipping_address", c->store, person,
                     c->phone == PHONE_SHIPPING  ? national
                     : c->phone == PHONE_GARBAGE ? "000"
                                                 : "");
    }
    body_open(b, "customer", '{');
    body_customer_of(s, c->customer,
                     c->phone == PHONE_CUSTOMER || c->phone == PHONE_DEFAULT_ADDRESS);
    body_close(b, '}');
}

static void money(struct sim *s, const struct checkout *c)
{
    struct sums sum = sim_sums(s, c->store, &c->lines);
    const char *currency = s->stores[c->store].locale->currency;
    struct body *b = &s->body;

    body_text(b, "currency", currency);
    body_text(b, "presentment_currency", currency);
    body_money(b, "subtotal_price", sum.subtotal - sum.discount);
    body_money(b, "total_discounts", sum.discount);
    body_money(b, "total_line_items_price", sum.subtotal);
    body_money(b, "total_tax", sum.tax);
    body_money(b, "total_price", sum.total);
    body_tax_lines(s, c->store, sum.tax, false);
}

static void identity(struct sim *s, const struct checkout *c)
{
    const struct store *t = &s->stores[c->store];
    struct body *b = &s->body;
    char token[33], cart[33], name[24], url[200];
    uint64_t id = checkout_id(s, c);

    sim_token(s, 'T', c->number - 1, token);
    sim_token(s, 'C', c->number - 1, cart);
    snprintf(name, sizeof name, "#%llu", (unsigned long long)id);
    snprintf(url, sizeof url, "https://%s/%llu/checkouts/ac/%s/recover?key=example&locale=en",
             t->domain, (unsigned long long)t->shop_id, cart);
    if (c->store % 2 == 1)
        body_int(b, "id", id);
    body_text(b, "token", token);
    body_text(b, "cart_token", cart);
    body_text(b, "name", name);
    body_text(b, "abandoned_checkout_url", url);
}

void body_checkout(struct sim *s, const struct checkout *c)
{
    struct body *b = &s->body;

    body_begin(s);
    body_open(b, NULL, '{');
    identity(s, c);
    body_raw(
        b,
        "\"gateway\":null,\"buyer_accepts_marketing\":false,\"buyer_accepts_sms_marketing\":false,"
        "\"sms_marketing_phone\":null,\"landing_site\":\"\\/products\\/"
        "new?ref=a\\u0026b=1\",\"note\":null,"
        "\"note_attributes\":[{\"name\":\"utm_medium\",\"value\":\"cpc\"}],\"referring_site\":"
        "\"https:\\/\\/www.example.com\\/"
        "\",\"shipping_lines\":[],\"taxes_included\":false,\"total_weight\":500,"
        "\"closed_at\":null,\"user_id\":null,\"location_id\":null,\"source_identifier\":null,"
        "\"source_url\":null,"
        "\"device_id\":null,\"customer_locale\":\"en\",\"source\":null,\"source_name\":\"web\","
        "\"discount_codes\":[],"
        "\"total_duties\":null,\"reservation_token\":null");
    body_time(s, c->store, "created_at", c->created_s);
    body_time(s, c->store, "updated_at", c->updated_s);
    body_time(s, c->store, "completed_at", c->completed_s);
    contact(s, c);
    money(s, c);
    body_open(b, "line_items", '[');
    for (unsigned i = 0; i < c->lines.n; i++)
        line(s, c, i);
    body_close(b, ']');
    body_close(b, '}');
}

/* Shopify's own sample of checkouts/delete has the id and the cart token, not the token. */
void body_checkout_deleted(struct sim *s, const struct checkout *c)
{
    struct body *b = &s->body;
    char cart[33];

    sim_token(s, 'C', c->number - 1, cart);
    body_begin(s);
    body_open(b, NULL, '{');
    body_int(b, "id", checkout_id(s, c));
    body_raw(
        b,
        "\"buyer_accepts_sms_marketing\":false,\"sms_marketing_phone\":null,\"total_duties\":null,"
        "\"reservation_token\":null");
    body_text(b, "cart_token", cart);
    money(s, c);
    body_close(b, '}');
}
