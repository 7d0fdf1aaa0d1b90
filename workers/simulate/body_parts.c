/* Parts that several of Shopify's bodies share: ids, money, addresses, people, lines. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "simulate/locale.h"
#include "simulate/world.h"

void body_begin(struct sim *s)
{
    body_init(&s->body, s->memory, sizeof s->memory);
}

void body_id(struct body *b, const char *kind, uint64_t id)
{
    char gid[64];

    snprintf(gid, sizeof gid, "gid://shopify/%s/%llu", kind, (unsigned long long)id);
    body_int(b, "id", id);
    body_text(b, "admin_graphql_api_id", gid);
}

static void money_of(struct body *b, const char *key, int64_t hundredths, const char *currency)
{
    body_open(b, key, '{');
    body_money(b, "amount", hundredths);
    body_text(b, "currency_code", currency);
    body_close(b, '}');
}

void body_money_set(struct body *b, const char *key, int64_t hundredths, const char *currency)
{
    body_open(b, key, '{');
    money_of(b, "shop_money", hundredths, currency);
    money_of(b, "presentment_money", hundredths, currency);
    body_close(b, '}');
}

void body_time(struct sim *s, uint32_t store, const char *key, int64_t at_s)
{
    char text[SIM_TIME_SIZE];

    if (at_s == 0) {
        body_text(&s->body, key, NULL);
        return;
    }
    sim_time_text(text, at_s, s->stores[store].locale->offset_minutes);
    body_text(&s->body, key, text);
}

static void full_name(struct body *b, uint32_t person)
{
    char name[96];

    snprintf(name, sizeof name, "%s %s", sim_first_name(person), sim_last_name(person));
    body_text(b, "name", name);
}

void body_address(struct sim *s, const char *key, uint32_t store, uint32_t person,
                  const char *phone)
{
    const struct locale *l = s->stores[store].locale;
    const struct city *city =
        &l->cities[mix64(person + 11) % (sizeof l->cities / sizeof l->cities[0])];
    struct body *b = &s->body;
    char street[64];

    snprintf(street, sizeof street, "%u/%u Sample Street", person % 97 + 1, person % 7 + 1);
    body_open(b, key, '{');
    body_text(b, "first_name", sim_first_name(person));
    body_text(b, "address1", street);
    body_text(b, "phone", phone);
    body_text(b, "city", city->city);
    body_text(b, "zip", city->zip);
    body_text(b, "province", city->province);
    body_text(b, "country", l->country);
    body_text(b, "last_name", sim_last_name(person));
    body_text(b, "address2", person % 3 == 0 ? "Flat 2 & 3" : NULL);
    body_raw(b, "\"company\":null,\"latitude\":19.0330488,\"longitude\":72.8296554");
    full_name(b, person);
    body_text(b, "country_code", l->country_code);
    body_text(b, "province_code", city->province_code);
    body_close(b, '}');
}

static void default_address(struct sim *s, const struct customer *c)
{
    const struct locale *l = s->stores[c->store].locale;
    const struct city *city =
        &l->cities[mix64(c->number + 11) % (sizeof l->cities / sizeof l->cities[0])];
    struct body *b = &s->body;
    char phone[SIM_PHONE_SIZE];

    sim_phone(l, c->number, true, phone);
    body_open(b, "default_address", '{');
    body_int(b, "id", c->id + (UINT64_C(1) << 33));
    body_int(b, "customer_id", c->id);
    body_text(b, "first_name", sim_first_name(c->number));
    body_text(b, "last_name", sim_last_name(c->number));
    body_raw(b, "\"company\":null,\"address1\":\"12\\/B Example Road\",\"address2\":\"\"");
    body_text(b, "city", city->city);
    body_text(b, "province", city->province);
    body_text(b, "country", l->country);
    body_text(b, "zip", city->zip);
    body_text(b, "phone", c->phone == PHONE_DEFAULT_ADDRESS ? phone : NULL);
    full_name(b, c->number);
    body_text(b, "province_code", city->province_code);
    body_text(b, "country_code", l->country_code);
    body_text(b, "country_name", l->country);
    body_bool(b, "default", true);
    body_close(b, '}');
}

void body_customer_of(struct sim *s, uint32_t customer, bool with_phone)
{
    struct customer *c = &s->customers.of[customer];
    const char *currency = s->stores[c->store].locale->currency;
    struct body *b = &s->body;
    char phone[SIM_PHONE_SIZE], email[64];

    sim_phone(s->stores[c->store].locale, c->number, false, phone);
    snprintf(email, sizeof email, "buyer%u@example.com", c->number);
    body_int(b, "id", c->id);
    body_text(b, "email", c->has_email ? email : NULL);
    body_time(s, c->store, "created_at", c->created_s);
    body_time(s, c->store, "updated_at", c->updated_s);
    body_text(b, "first_name", sim_first_name(c->number));
    body_text(b, "last_name", sim_last_name(c->number));
    body_raw(b, "\"state\":\"disabled\",\"note\":null,\"verified_email\":true,\"multipass_"
                "identifier\":null,"
                "\"tax_exempt\":false");
    body_text(b, "phone", with_phone && c->phone == PHONE_CUSTOMER ? phone : NULL);
    body_text(b, "tags", c->number % 4 == 0 ? "returning, newsletter" : "");
    body_text(b, "currency", currency);
    body_raw(b,
             "\"email_marketing_consent\":{\"state\":\"not_subscribed\",\"opt_in_level\":\"single_"
             "opt_in\","
             "\"consent_updated_at\":null},\"sms_marketing_consent\":null,\"tax_exemptions\":[]");
    if (with_phone || c->phone != PHONE_DEFAULT_ADDRESS)
        default_address(s, c);
}

uint64_t sim_line_id(const struct sim *s, uint64_t parent, unsigned position)
{
    uint64_t base = s->stores[0].id_base; /* any fixed number: ids need only differ */

    return parent + (UINT64_C(1) << 42) + ((parent ^ base) & 0xffffff) * LINES_MAX + position;
}

uint64_t sim_variant_id(const struct product *p, unsigned variant)
{
    return p->id + (UINT64_C(1) << 36) + (uint64_t)p->number * VARIANTS_MAX + variant;
}

void sim_token(const struct sim *s, uint64_t domain, uint64_t n, char out[33])
{
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash_of(s->options.seed, domain, n),
             (unsigned long long)hash_of(s->options.seed, domain + 1, n));
}

/* What a line says about its product, in orders and checkouts alike. */
void body_line_facts(struct sim *s, uint32_t store, const struct line *l)
{
    const struct product *p = &s->products.of[l->product];
    struct body *b = &s->body;
    char title[80], sku[48], vendor[48];

    assert(l->variant < VARIANTS_MAX);
    snprintf(sku, sizeof sku, "SKU-%u-%s", p->number, sim_sizes[l->variant]);
    snprintf(vendor, sizeof vendor, "Maker & Sons %u", store);
    body_text(b, "title", sim_product_title(p->number, title, sizeof title));
    body_text(b, "variant_title", sim_sizes[l->variant]);
    body_int(b, "product_id", p->id);
    body_int(b, "variant_id", sim_variant_id(p, l->variant));
    body_int(b, "quantity", l->quantity);
    body_text(b, "sku", sku);
    body_text(b, "vendor", vendor);
    body_money(b, "price", l->price);
    body_raw(b, "\"fulfillment_service\":\"manual\",\"gift_card\":false,\"grams\":250,\"requires_"
                "shipping\":true,"
                "\"taxable\":true");
}

/* Fields that only some of Shopify's bodies carry, all of them empty. */
static const char tax_details[] =
    "\"position\":1,\"source\":\"Shopify\",\"zone\":\"province\",\"jurisdiction_id\":null,"
    "\"jurisdiction_type\":null,"
    "\"jurisdiction_source\":null,\"reporting_taxable_amount\":null,\"reporting_non_taxable_"
    "amount\":null,"
    "\"reporting_exempt_amount\":null,\"reporting_jurisdiction_name\":null,\"reporting_"
    "jurisdiction_type\":null,"
    "\"reporting_jurisdiction_code\":null,\"tax_api_client_id\":null,\"tax_registration_id\":null";

void body_tax_lines(struct sim *s, uint32_t store, int64_t tax, bool details)
{
    const struct locale *l = s->stores[store].locale;
    struct body *b = &s->body;
    int64_t half[2] = {tax / 2, tax - tax / 2};
    char rate[32];

    snprintf(rate, sizeof rate, "\"rate\":%u.%03u", l->tax_percent / 200,
             l->tax_percent * 5 % 1000);
    body_open(b, "tax_lines", '[');
    for (unsigned i = 0; i < 2; i++) {
        body_open(b, NULL, '{');
        body_money(b, "price", half[i]);
        body_raw(b, rate);
        body_text(b, "title", l->tax_titles[i]);
        body_money_set(b, "price_set", half[i], l->currency);
        body_bool(b, "channel_liable", false);
        if (details)
            body_raw(b, tax_details);
        body_close(b, '}');
    }
    body_close(b, ']');
}
