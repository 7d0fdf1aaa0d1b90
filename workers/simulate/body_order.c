/* Order bodies, in the shape of API version 2026-07: orders/x topics, orders/edited, orders/delete,
 * refunds/create. */
#include <stdio.h>
#include <string.h>

#include "simulate/locale.h"
#include "simulate/world.h"

static const char *const financial_words[] = {
    [FIN_PENDING] = "pending",   [FIN_PAID] = "paid",
    [FIN_REFUNDED] = "refunded", [FIN_PARTIALLY_REFUNDED] = "partially_refunded",
    [FIN_VOIDED] = "voided",     [FIN_AUTHORIZED] = "authorized",
};
static const char *const fulfillment_words[] = {[FUL_NONE] = NULL,
                                                [FUL_PARTIAL] = "partial",
                                                [FUL_FULFILLED] = "fulfilled",
                                                [FUL_RESTOCKED] = "restocked"};

/* A total twice: as text and as a set. */
static void total(struct body *b, const char *key, int64_t hundredths, const char *currency)
{
    char set[64];

    snprintf(set, sizeof set, "%s_set", key);
    body_money(b, key, hundredths);
    body_money_set(b, set, hundredths, currency);
}

static void gateways(struct sim *s, const struct order *o)
{
    const struct locale *l = s->stores[o->store].locale;
    struct body *b = &s->body;
    unsigned name = o->tender_name;

    body_open(b, "payment_gateway_names", '[');
    switch ((enum tender)o->tender) {
    case TENDER_COD:
        body_text(b, NULL, l->cod_names[name]);
        break;
    case TENDER_ONLINE:
        body_text(b, NULL, l->online_names[name]);
        break;
    case TENDER_STRANGE:
        body_text(b, NULL, "Codfish Wallet"); /* begins like cod, and is none */
        break;
    case TENDER_UNKNOWN:
        if (name == 0)
            body_text(b, NULL, "manual");
        if (name == 1) {
            body_text(b, NULL, l->cod_names[0]);
            body_text(b, NULL, l->online_names[0]);
        }
        break;
    }
    body_close(b, ']');
}

static void line(struct sim *s, const struct order *o, unsigned i)
{
    const struct line *l = &o->lines.of[i];
    const struct locale *where = s->stores[o->store].locale;
    struct body *b = &s->body;
    bool done = o->fulfillment == FUL_FULFILLED || (o->fulfillment == FUL_PARTIAL && i == 0);

    body_open(b, NULL, '{');
    body_id(b, "LineItem", sim_line_id(s, o->id, i));
    body_line_facts(s, o->store, l);
    body_int(b, "current_quantity", l->quantity);
    body_int(b, "fulfillable_quantity", done ? 0 : l->quantity);
    body_text(b, "fulfillment_status", done ? "fulfilled" : NULL);
    body_money_set(b, "price_set", l->price, where->currency);
    body_raw(b, "\"origin_location\":{\"id\":2885892047008,\"country_code\":\"IN\",\"province_"
                "code\":\"MH\",\"name\":"
                "\"Warehouse 1\",\"address1\":\"Plot 7\\/2, Industrial "
                "Area\",\"address2\":\"\",\"city\":\"Vasai\",\"zip\":"
                "\"400001\"}");
    body_raw(
        b,
        "\"attributed_staffs\":[],\"product_exists\":true,\"sales_line_item_group_id\":null,"
        "\"variant_inventory_management\":\"shopify\",\"duties\":[],\"discount_allocations\":[]");
    body_open(b, "properties", '[');
    if (o->number % 5 == 0)
        body_raw(b, "{\"name\":\"Gift wrap\",\"value\":\"yes \\u0026 ribbon\"}");
    body_close(b, ']');
    total(b, "total_discount", 0, where->currency);
    body_tax_lines(s, o->store, (int64_t)l->price * l->quantity * where->tax_percent / 100, false);
    body_close(b, '}');
}

static void fulfillments(struct sim *s, const struct order *o)
{
    struct body *b = &s->body;

    body_open(b, "fulfillments", '[');
    if (o->fulfillment == FUL_FULFILLED || o->fulfillment == FUL_PARTIAL) {
        body_open(b, NULL, '{');
        body_id(b, "Fulfillment", o->id + 77);
        body_time(s, o->store, "created_at", o->updated_s);
        body_int(b, "order_id", o->id);
        body_raw(
            b,
            "\"receipt\":{},\"service\":\"manual\",\"shipment_status\":null,\"status\":\"success\","
            "\"tracking_company\":\"Delhivery\",\"tracking_number\":\"TRK\\/"
            "0001\",\"tracking_urls\":"
            "[\"https:\\/\\/track.example.com\\/TRK0001?a=1\\u0026b=2\"]");
        body_open(b, "line_items", '[');
        line(s, o, 0);
        body_close(b, ']');
        body_close(b, '}');
    }
    body_close(b, ']');
}

static void money(struct sim *s, const struct order *o)
{
    const char *currency = s->stores[o->store].locale->currency;
    struct sums now = sim_sums(s, o->store, &o->lines), then = sim_sums(s, o->store, &o->original);
    int64_t left = now.total - o->refunded;
    struct body *b = &s->body;
    bool owed = o->financial == FIN_PENDING || o->financial == FIN_AUTHORIZED;

    total(b, "current_subtotal_price", now.subtotal - now.discount, currency);
    total(b, "current_total_discounts", now.discount, currency);
    total(b, "current_total_price", left, currency);
    total(b, "current_total_tax", now.tax, currency);
    total(b, "subtotal_price", then.subtotal - then.discount, currency);
    total(b, "total_discounts", then.discount, currency);
    total(b, "total_line_items_price", then.subtotal, currency);
    total(b, "total_price", then.total, currency);
    total(b, "total_tax", then.tax, currency);
    body_money_set(b, "total_shipping_price_set", now.shipping, currency);
    body_money(b, "total_outstanding", owed ? left : 0);
    body_raw(
        b,
        "\"current_total_duties_set\":null,\"current_total_additional_fees_set\":null,"
        "\"original_total_duties_set\":null,\"total_tip_received\":\"0.00\",\"total_weight\":500");
    body_text(b, "currency", currency);
    body_text(b, "presentment_currency", currency);
    body_tax_lines(s, o->store, now.tax, false);
}

static void tokens(struct sim *s, const struct order *o)
{
    struct body *b = &s->body;
    char token[33], cart[33];

    if (o->checkout == NOBODY) {
        sim_token(s, 'O', o->id, token);
        body_text(b, "checkout_token", o->number % 2 == 0 ? token : NULL);
        body_text(b, "cart_token", NULL);
        return;
    }
    sim_token(s, 'T', o->checkout, token);
    sim_token(s, 'C', o->checkout, cart);
    body_text(b, "checkout_token", o->link_by_cart_token ? NULL : token);
    body_text(b, "cart_token", cart);
}

/* The order's own contact fields and the three places where a phone number may stand. */
static void people(struct sim *s, const struct order *o)
{
    struct body *b = &s->body;
    const struct locale *l = s->stores[o->store].locale;
    uint32_t person = sim_order_person(s, o);
    bool email = o->customer != NOBODY && s->customers.of[o->customer].has_email;
    char phone[SIM_PHONE_SIZE], national[SIM_PHONE_SIZE], address[64];

    sim_phone(l, person, false, phone);
    sim_phone(l, person, true, national);
    snprintf(address, sizeof address, "buyer%u@example.com", person);
    body_text(b, "email", email ? address : "");
    body_text(b, "contact_email", email ? address : NULL);
    body_text(b, "phone", o->phone == PHONE_ORDER ? phone : NULL);
    body_address(s, "billing_address", o->store, person, o->phone == PHONE_BILLING ? national : "");
    body_address(s, "shipping_address", o->store, person,
                 o->phone == PHONE_SHIPPING  ? national
                 : o->phone == PHONE_GARBAGE ? "call the shop"
                                             : NULL);
    if (o->customer == NOBODY)
        return;
    body_open(b, "customer", '{');
    body_customer_of(s, o->customer,
                     o->phone == PHONE_CUSTOMER || o->phone == PHONE_DEFAULT_ADDRESS);
    body_close(b, '}');
}

static void names(struct sim *s, const struct order *o)
{
    struct body *b = &s->body;
    char name[16], url[160];

    snprintf(name, sizeof name, "#%u", o->number);
    snprintf(url, sizeof url, "https://%s/%llu/orders/%016llx/authenticate?key=none&locale=en",
             s->stores[o->store].domain, (unsigned long long)s->stores[o->store].shop_id,
             (unsigned long long)mix64(o->id));
    body_text(b, "name", name);
    body_int(b, "number", o->number - 1000);
    body_int(b, "order_number", o->number);
    body_text(b, "order_status_url", url);
    body_text(b, "note",
              o->number % 6 == 0 ? "Please ring twice.\r\n\tLeave it with \"Asha\" at no. 4/b"
                                 : NULL);
    body_open(b, "note_attributes", '[');
    body_raw(b, "{\"name\":\"utm_source\",\"value\":\"google \\u0026 "
                "co\"},{\"name\":\"delivery_slot\",\"value\":"
                "\"10:00 \\u2013 12:00\"},{\"name\":\"ip_address\",\"value\":\"203.0.113.7\"}");
    body_close(b, ']');
    body_text(b, "tags", o->number % 3 == 0 ? "cod-check, first order" : "");
}

void body_order(struct sim *s, const struct order *o)
{
    struct body *b = &s->body;
    enum fulfillment shown = (enum fulfillment)o->fulfillment;

    body_begin(s);
    body_open(b, NULL, '{');
    body_id(b, "Order", o->id);
    body_raw(b,
             "\"app_id\":580111,\"browser_ip\":\"203.0.113.7\",\"buyer_accepts_marketing\":false");
    body_text(b, "cancel_reason", o->cancelled_s != 0 ? "customer" : NULL);
    body_time(s, o->store, "cancelled_at", o->cancelled_s);
    tokens(s, o);
    body_raw(
        b,
        "\"client_details\":{\"accept_language\":\"en-IN,en;q=0.9\",\"browser_height\":754,"
        "\"browser_ip\":"
        "\"203.0.113.7\",\"browser_width\":1519,\"session_hash\":null,\"user_agent\":\"Mozilla\\/"
        "5.0 (X11; Linux "
        "x86_64) AppleWebKit\\/537.36 (KHTML, like Gecko) Chrome\\/120.0.0.0 Safari\\/537.36\"}");
    body_time(s, o->store, "closed_at", o->closed_s);
    body_raw(
        b,
        "\"confirmed\":true,\"customer_locale\":\"en\",\"device_id\":null,\"discount_codes\":[],"
        "\"estimated_taxes\":false,\"landing_site\":\"\\/collections\\/all?sort=new\\u0026page=2\","
        "\"merchant_of_record_app_id\":null,\"payment_terms\":null,\"po_number\":null,\"referring_"
        "site\":"
        "\"https:\\/\\/www.example.com\\/"
        "\",\"source_identifier\":null,\"source_name\":\"web\",\"user_id\":null");
    body_time(s, o->store, "created_at", o->created_s);
    body_time(s, o->store, "processed_at", o->created_s);
    body_time(s, o->store, "updated_at", o->updated_s);
    body_text(b, "financial_status", financial_words[o->financial]);
    body_text(b, "fulfillment_status", fulfillment_words[shown]);
    body_bool(b, "taxes_included", false);
    body_bool(b, "test", o->test);
    names(s, o);
    gateways(s, o);
    money(s, o);
    people(s, o);
    body_raw(b,
             "\"discount_applications\":[],\"refunds\":[],\"returns\":[],\"line_item_groups\":[]");
    fulfillments(s, o);
    body_open(b, "line_items", '[');
    for (unsigned i = 0; i < o->lines.n; i++)
        line(s, o, i);
    body_close(b, ']');
    body_raw(b, "\"shipping_lines\":[{\"id\":3196344238240,\"carrier_identifier\":null,\"code\":"
                "\"Standard\",\"phone\":null,"
                "\"price\":\"0.00\",\"source\":\"shopify\",\"title\":\"Standard\",\"is_removed\":"
                "false,\"tax_lines\":[]}]");
    body_close(b, '}');
}

void body_order_deleted(struct sim *s, const struct order *o)
{
    body_begin(s);
    body_open(&s->body, NULL, '{');
    body_int(&s->body, "id", o->id);
    body_close(&s->body, '}');
}

void body_order_edited(struct sim *s, const struct order *o)
{
    struct body *b = &s->body;

    body_begin(s);
    body_open(b, NULL, '{');
    body_open(b, "order_edit", '{');
    body_int(b, "id", o->id + 99);
    body_raw(b, "\"app_id\":null");
    body_time(s, o->store, "created_at", sim_now_s(s));
    body_time(s, o->store, "committed_at", sim_now_s(s));
    body_raw(b, "\"notify_customer\":false");
    body_int(b, "order_id", o->id);
    body_raw(b, "\"staff_note\":\"\",\"user_id\":null,\"line_items\":{\"additions\":[{\"id\":"
                "78643924236718232,\"delta\":1}],"
                "\"removals\":[]},\"discounts\":{\"line_item\":{\"additions\":[],\"removals\":[]}},"
                "\"shipping_lines\":{\"additions\":[],\"removals\":[]}");
    body_close(b, '}');
    body_close(b, '}');
}

void body_refund(struct sim *s, const struct order *o)
{
    struct body *b = &s->body;
    const char *currency = s->stores[o->store].locale->currency;

    body_begin(s);
    body_open(b, NULL, '{');
    body_id(b, "Refund", o->id + 55);
    body_int(b, "order_id", o->id);
    body_time(s, o->store, "created_at", sim_now_s(s));
    body_raw(b, "\"note\":\"Things were "
                "damaged\",\"user_id\":548380009,\"restock\":false,\"duties\":[],\"return\":null");
    body_time(s, o->store, "processed_at", sim_now_s(s));
    body_money_set(b, "total_duties_set", 0, currency);
    body_open(b, "refund_line_items", '[');
    body_open(b, NULL, '{');
    body_int(b, "id", o->id + 56);
    body_int(b, "quantity", 1);
    body_int(b, "line_item_id", sim_line_id(s, o->id, 0));
    body_raw(b, "\"location_id\":null,\"restock_type\":\"no_restock\"");
    body_money_set(b, "subtotal_set", o->lines.of[0].price, currency);
    body_open(b, "line_item", '{');
    body_line_facts(s, o->store, &o->lines.of[0]);
    body_close(b, '}');
    body_close(b, '}');
    body_close(b, ']');
    body_raw(b, "\"transactions\":[],\"order_adjustments\":[]");
    body_close(b, '}');
}
