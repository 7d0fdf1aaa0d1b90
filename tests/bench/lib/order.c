#include "order.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "simulate/body.h"
#include "simulate/random.h"

static const char *const first_names[] = {"Aarav", "Diya",  "Kabir", "Meera",  "Rohan", "Ishita",
                                          "Vivan", "Anaya", "Arjun", "Saanvi", "Dev",   "Tara"};
static const char *const last_names[] = {"Sharma", "Patel", "Iyer", "Khan",  "Reddy", "Das",
                                         "Mehta",  "Nair",  "Gill", "Joshi", "Bose",  "Rao"};
static const char *const cities[] = {"Pune", "Jaipur", "Kochi", "Indore", "Surat", "Lucknow"};
static const char *const goods[] = {"Block print kurta",  "Copper water bottle", "Linen cushion",
                                    "Walnut desk tray",   "Ceramic pour-over",   "Jute market bag",
                                    "Silk pocket square", "Brass oil lamp"};
static const char *const colours[] = {"Indigo", "Terracotta", "Moss", "Charcoal", "Saffron"};
static const char *const words[] = {"please", "call",    "before", "delivery", "gate",  "second",
                                    "floor",  "blue",    "door",   "evening",  "leave", "with",
                                    "guard",  "near",    "temple", "opposite", "bank",  "gift",
                                    "wrap",   "without", "bill",   "thank",    "you",   "office"};

enum { ATTRIBUTE_BYTES = 120 };

#define PICK(list, n) ((list)[(n) % (sizeof(list) / sizeof(list)[0])])

struct writer {
    struct body b;
    const struct bench_order *o;
    uint64_t dice;   /* of this order */
    uint64_t person; /* of its customer */
};

static void put(struct writer *w, const char *key, const char *format, uint64_t n)
{
    char text[200];

    snprintf(text, sizeof text, format, n);
    body_text(&w->b, key, text);
}

static void when(struct writer *w, const char *key, int64_t s)
{
    char text[SIM_TIME_SIZE];

    sim_time_text(text, s, 330);
    body_text(&w->b, key, text);
}

/* A sum as text, and again as a set in both currencies. */
static void money(struct writer *w, const char *key, int64_t hundredths)
{
    char set[64];

    snprintf(set, sizeof set, "%s_set", key);
    body_money(&w->b, key, hundredths);
    body_open(&w->b, set, '{');
    for (int i = 0; i < 2; i++) {
        body_open(&w->b, i == 0 ? "shop_money" : "presentment_money", '{');
        body_money(&w->b, "amount", hundredths);
        body_text(&w->b, "currency_code", "INR");
        body_close(&w->b, '}');
    }
    body_close(&w->b, '}');
}

static int64_t price_of(const struct writer *w, unsigned line)
{
    return (int64_t)(14900 + mix64(w->dice + line) % 350000 / 100 * 100);
}

static void address(struct writer *w, const char *key)
{
    struct body *b = &w->b;

    body_open(b, key, '{');
    body_text(b, "first_name", PICK(first_names, w->person));
    put(w, "address1", "%" PRIu64 ", Station Road", w->person % 900 + 1);
    put(w, "phone", "+9198%08" PRIu64, w->o->customer % 100000000);
    body_text(b, "city", PICK(cities, w->person >> 8));
    put(w, "zip", "4%05" PRIu64, w->person % 100000);
    body_raw(b, "\"province\":\"Maharashtra\",\"country\":\"India\"");
    body_text(b, "last_name", PICK(last_names, w->person >> 4));
    body_raw(b,
             "\"address2\":\"\",\"company\":null,\"latitude\":18.5204303,\"longitude\":73.8567437");
    body_raw(b, "\"country_code\":\"IN\",\"province_code\":\"MH\"");
    body_close(b, '}');
}

static void customer(struct writer *w)
{
    struct body *b = &w->b;

    body_open(b, "customer", '{');
    body_int(b, "id", 6100000000000 + w->o->customer);
    put(w, "email", "buyer%" PRIu64 "@example.com", w->o->customer);
    when(w, "created_at", w->o->created_s - 86400);
    when(w, "updated_at", w->o->created_s);
    body_text(b, "first_name", PICK(first_names, w->person));
    body_text(b, "last_name", PICK(last_names, w->person >> 4));
    put(w, "phone", "+9198%08" PRIu64, w->o->customer % 100000000);
    body_raw(b, "\"state\":\"disabled\",\"note\":null,\"verified_email\":true,\"multipass_"
                "identifier\":null,\"tax_exempt\":false");
    body_raw(b, "\"email_marketing_consent\":{\"state\":\"not_subscribed\",\"opt_in_level\":"
                "\"single_opt_in\",\"consent_updated_at\":null}");
    body_raw(b, "\"tags\":\"\",\"currency\":\"INR\",\"tax_exemptions\":[]");
    put(w, "admin_graphql_api_id", "gid://shopify/Customer/%" PRIu64,
        6100000000000 + w->o->customer);
    address(w, "default_address");
    body_close(b, '}');
}

static void line(struct writer *w, unsigned i)
{
    struct body *b = &w->b;
    uint64_t dice = mix64(w->dice + i), id = 13000000000000 + w->o->number * BENCH_ORDER_LINES + i;
    int64_t price = price_of(w, i);
    char title[64];

    body_open(b, NULL, '{');
    body_int(b, "id", id);
    put(w, "admin_graphql_api_id", "gid://shopify/LineItem/%" PRIu64, id);
    body_raw(b,
             "\"attributed_staffs\":[],\"current_quantity\":1,\"fulfillable_quantity\":1,"
             "\"fulfillment_service\":\"manual\",\"fulfillment_status\":null,\"gift_card\":false");
    body_int(b, "grams", 200 + dice % 900);
    snprintf(title, sizeof title, "%s - %s", PICK(goods, dice), PICK(colours, dice >> 8));
    body_text(b, "name", title);
    money(w, "price", price);
    body_raw(b, "\"product_exists\":true");
    body_int(b, "product_id", 7400000000000 + dice % 5000);
    body_raw(b, "\"properties\":[],\"quantity\":1,\"requires_shipping\":true,\"sales_line_item_"
                "group_id\":null");
    put(w, "sku", "SKU-%06" PRIu64, dice % 5000);
    body_raw(b, "\"taxable\":true");
    body_text(b, "title", PICK(goods, dice));
    money(w, "total_discount", 0);
    body_int(b, "variant_id", 42000000000000 + dice % 20000);
    body_raw(b, "\"variant_inventory_management\":\"shopify\"");
    body_text(b, "variant_title", PICK(colours, dice >> 8));
    body_text(b, "vendor", "Monsoon & Co");
    body_open(b, "tax_lines", '[');
    body_open(b, NULL, '{');
    body_raw(b, "\"channel_liable\":false,\"rate\":0.05,\"title\":\"IGST\"");
    money(w, "price", price / 20);
    body_close(b, '}');
    body_close(b, ']');
    body_raw(b, "\"duties\":[],\"discount_allocations\":[]");
    body_close(b, '}');
}

static void head(struct writer *w)
{
    struct body *b = &w->b;
    bool paid = w->o->version > 0;

    body_int(b, "id", BENCH_ORDER_ID + w->o->number);
    put(w, "admin_graphql_api_id", "gid://shopify/Order/%" PRIu64, BENCH_ORDER_ID + w->o->number);
    body_raw(b, "\"app_id\":580111,\"browser_ip\":\"203.0.113.10\",\"buyer_accepts_marketing\":"
                "false,\"cancel_reason\":null,\"cancelled_at\":null");
    put(w, "cart_token", "c1-%016" PRIx64, w->dice);
    body_int(b, "checkout_id", 29000000000000 + w->o->number);
    put(w, "checkout_token", "%016" PRIx64 "c0ffee", mix64(w->dice));
    body_raw(b, "\"client_details\":{\"accept_language\":\"en-IN,en;q=0.9\",\"browser_height\":754,"
                "\"browser_ip\":\"203.0.113.10\",\"browser_width\":1519,\"session_hash\":null,"
                "\"user_agent\":\"Mozilla\\/5.0 (Linux; Android 14; Pixel 7) AppleWebKit\\/537.36 "
                "(KHTML, like Gecko) Chrome\\/129.0.0.0 Mobile Safari\\/537.36\"}");
    body_raw(b, "\"closed_at\":null,\"confirmed\":true,\"company\":null");
    put(w, "contact_email", "buyer%" PRIu64 "@example.com", w->o->customer);
    when(w, "created_at", w->o->created_s);
    body_raw(b, "\"currency\":\"INR\",\"customer_locale\":\"en-IN\",\"device_id\":null,\"discount_"
                "codes\":[],\"estimated_taxes\":false,\"fulfillment_status\":null");
    put(w, "email", "buyer%" PRIu64 "@example.com", w->o->customer);
    body_text(b, "financial_status", paid ? "paid" : "pending");
    body_raw(b, "\"landing_site\":\"\\/collections\\/"
                "monsoon?utm_source=instagram\\u0026utm_medium=social\",\"landing_site_ref\":null,"
                "\"location_id\":null,\"merchant_business_entity_id\":null");
    put(w, "name", "#%" PRIu64, 1000 + w->o->number);
    body_raw(b, "\"note\":null");
    body_int(b, "number", w->o->number);
    body_int(b, "order_number", 1000 + w->o->number);
    put(w, "order_status_url",
        "https://checkout.example.com/orders/%016" PRIx64 "/authenticate?key=5b1f", w->dice);
    body_raw(b, "\"payment_gateway_names\":[\"Cash on Delivery (COD)\"]");
    put(w, "phone", "+9198%08" PRIu64, w->o->customer % 100000000);
    body_raw(b, "\"po_number\":null,\"presentment_currency\":\"INR\"");
    when(w, "processed_at", w->o->created_s);
    body_raw(b, "\"reference\":null,\"referring_site\":\"https:\\/\\/www.example.com\\/"
                "\",\"source_identifier\":null,\"source_name\":\"web\",\"source_url\":null,"
                "\"tags\":\"\",\"taxes_included\":false,\"tax_exempt\":false,\"test\":false");
    put(w, "token", "%016" PRIx64 "0b5e", mix64(w->dice + 99));
    when(w, "updated_at", w->o->created_s + w->o->version);
}

static void sums(struct writer *w)
{
    int64_t goods_total = 0, shipping = 4900;

    for (unsigned i = 0; i < BENCH_ORDER_LINES; i++)
        goods_total += price_of(w, i);
    body_money(&w->b, "current_subtotal_price", goods_total);
    money(w, "current_total_price", goods_total + goods_total / 20 + shipping);
    body_money(&w->b, "current_total_tax", goods_total / 20);
    money(w, "subtotal_price", goods_total);
    body_money(&w->b, "total_discounts", 0);
    body_money(&w->b, "total_line_items_price", goods_total);
    money(w, "total_price", goods_total + goods_total / 20 + shipping);
    money(w, "total_shipping_price", shipping);
    body_money(&w->b, "total_tax", goods_total / 20);
    body_money(&w->b, "total_outstanding", goods_total + goods_total / 20 + shipping);
    body_raw(&w->b, "\"total_tip_received\":\"0.00\",\"total_weight\":0,\"user_id\":null");
}

/* Words up to `end` bytes of the body. */
static void write_words(struct writer *w, size_t end)
{
    struct body *b = &w->b;

    while (b->n < end) {
        const char *word = PICK(words, mix64(w->dice + b->n));
        size_t n = strlen(word) < end - b->n ? strlen(word) : end - b->n;

        body_bytes(b, word, n);
        if (b->n < end)
            body_bytes(b, " ", 1);
    }
}

/* What a shop's other apps know about a cart, which nobody stores: it makes the body as long as it has to be. Stands last, behind
 * it only "}". */
static void attributes(struct writer *w)
{
    static const char begin[] = "{\"name\":\"attribution\",\"value\":\"", end[] = "\"}";
    struct body *b = &w->b;
    size_t last = w->o->bytes - sizeof "\"}]}" + 1;

    body_bytes(b, ",\"note_attributes\":[", sizeof ",\"note_attributes\":[" - 1);
    while (b->n + 2 * ATTRIBUTE_BYTES < last) {
        body_bytes(b, begin, sizeof begin - 1);
        write_words(w, b->n + ATTRIBUTE_BYTES - sizeof begin - sizeof end);
        body_bytes(b, end, sizeof end - 1);
        body_bytes(b, ",", 1);
    }
    body_bytes(b, begin, sizeof begin - 1);
    write_words(w, last);
    body_bytes(b, "\"}]}", sizeof "\"}]}" - 1);
}

void bench_order_write(char *out, const struct bench_order *o)
{
    struct writer w = {.o = o, .dice = mix64(o->number), .person = mix64(o->customer * 31)};

    assert(o->bytes >= BENCH_ORDER_LEAST && o->bytes <= BENCH_ORDER_MAX);
    body_init(&w.b, out, o->bytes);
    body_open(&w.b, NULL, '{');
    head(&w);
    sums(&w);
    address(&w, "billing_address");
    customer(&w);
    body_raw(&w.b, "\"discount_applications\":[],\"fulfillments\":[]");
    body_open(&w.b, "line_items", '[');
    for (unsigned i = 0; i < BENCH_ORDER_LINES; i++)
        line(&w, i);
    body_close(&w.b, ']');
    body_raw(&w.b, "\"payment_terms\":null,\"refunds\":[]");
    address(&w, "shipping_address");
    body_raw(&w.b, "\"shipping_lines\":[{\"id\":4600000000001,\"code\":\"Standard\",\"discounted_"
                   "price\":\"49.00\",\"phone\":null,\"price\":\"49.00\",\"source\":\"shopify\","
                   "\"title\":\"Standard\",\"tax_lines\":[],\"discount_allocations\":[]}]");
    attributes(&w);
    assert(!w.b.failed && w.b.n == o->bytes);
}
