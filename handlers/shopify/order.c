/* orders/create, updated, paid, cancelled, fulfilled, partially_fulfilled: the body is the whole
 * order each time, so one handler serves them all. Also orders/delete. */
#include "handlers.h"
#include "shopify/buyer.h"
#include "shopify/cart_keys.h"
#include "shopify/customer.h"
#include "shopify/deletion.h"
#include "shopify/line_items.h"
#include "shopify/payment_type.h"
#include "shopify/status.h"
#include "shopify/tags.h"
#include "base/words.h"

/* What edits and refunds have left of an amount, if the body says so; else the amount at checkout.
 * Shop currency. */
static struct text current_or(struct reader *in, const char *current, const char *original)
{
    struct text amount = reader_money(in, in->body, current);

    return amount.p != NULL ? amount : reader_money(in, in->body, original);
}

/* "#1001": `name` carries the shop's prefix and suffix; the bare number only stands in for it. */
static struct text number_of(struct reader *in)
{
    struct text name = words_trim(reader_known(in, in->body, "name"));
    struct text number;
    char *hashed;

    if (name.p != NULL)
        return name;
    number = reader_id(in, in->body, "order_number");
    if (number.p == NULL)
        return TEXT_NULL;
    hashed = arena_alloc(in->arena, number.n + 1);
    if (hashed == NULL)
        return TEXT_NULL;
    hashed[0] = '#';
    memcpy(hashed + 1, number.p, number.n);
    return (struct text){hashed, number.n + 1};
}

static void put_buyer(struct reader *in, const struct buyer *b)
{
    struct rows *out = in->out;

    rows_text(out, COL_orders_external_customer_id, reader_id(in, b->customer, "id"));
    rows_text(out, COL_orders_customer_name, buyer_name(in, b));
    rows_text(out, COL_orders_customer_email, buyer_email(in, b));
    rows_text(out, COL_orders_customer_phone, buyer_phone(in, b));
    rows_text(out, COL_orders_shipping_address, address_json(in, b->shipping));
    rows_text(out, COL_orders_billing_address, address_json(in, b->billing));
}

static void put_money(struct reader *in)
{
    struct rows *out = in->out;

    rows_text(out, COL_orders_total_amount, current_or(in, "current_total_price", "total_price"));
    rows_text(out, COL_orders_subtotal, current_or(in, "current_subtotal_price", "subtotal_price"));
    rows_text(out, COL_orders_total_tax, current_or(in, "current_total_tax", "total_tax"));
    rows_text(out, COL_orders_total_discounts,
              current_or(in, "current_total_discounts", "total_discounts"));
    rows_text(out, COL_orders_total_outstanding, reader_money(in, in->body, "total_outstanding"));
    rows_text(out, COL_orders_currency, reader_currency(in, in->body, "currency"));
    rows_text(out, COL_orders_presentment_currency,
              reader_currency(in, in->body, "presentment_currency"));
}

static void put_state(struct reader *in)
{
    const struct json *body = in->body;
    struct rows *out = in->out;

    rows_text(out, COL_orders_payment_type, payment_type(in, body));
    rows_text(out, COL_orders_financial_status,
              status_financial(reader_text(in, body, "financial_status")));
    rows_text(out, COL_orders_fulfillment_status,
              status_fulfillment(reader_text(in, body, "fulfillment_status")));
    rows_bool(out, COL_orders_test, json_true(json_member(body, "test")));
    rows_time(out, COL_orders_cancelled_at, reader_time(in, body, "cancelled_at"));
    rows_time(out, COL_orders_closed_at, reader_time(in, body, "closed_at"));
}

static void put_order(struct reader *in, struct text id, const struct buyer *b, int64_t created_us,
                      const struct version *version)
{
    struct text checkout_token = reader_token(in, in->body, "checkout_token");
    struct text cart_token = reader_token(in, in->body, "cart_token");
    struct rows *out = in->out;

    rows_begin(out, ROWSET_orders);
    rows_uuid(out, COL_orders_integration_id, in->ev->shop->integration_id);
    rows_text(out, COL_orders_external_order_id, id);
    rows_uuid(out, COL_orders_organization_id, in->ev->shop->organization_id);
    rows_text(out, COL_orders_order_number, number_of(in));
    put_buyer(in, b);
    put_money(in);
    put_state(in);
    rows_text(out, COL_orders_notes, reader_long_text(in, in->body, "note"));
    rows_text(out, COL_orders_tags, tags_json(in, in->body, "tags"));
    rows_text(out, COL_orders_source_name, reader_known(in, in->body, "source_name"));
    rows_text(out, COL_orders_checkout_token, checkout_token);
    rows_text(out, COL_orders_cart_token, cart_token);
    rows_time(out, COL_orders_order_created_at, created_us);
    rows_time(out, COL_orders_source_updated_at, version->updated_us);
    rows_time(out, COL_orders_source_triggered_at, version->triggered_us);
    rows_text(out, COL_orders_source_version, version->bytes);
    if (checkout_token.p != NULL || cart_token.p != NULL)
        cart_keys(in, checkout_token, cart_token); /* it may have recovered a cart */
}

enum verdict order_changed(const struct event *ev, struct rows *out)
{
    struct reader in;
    struct version version;
    struct buyer b;
    struct text id;
    int64_t created_us;

    reader_open(&in, ev, out);
    b = buyer_of(in.body);
    id = reader_required_id(&in, in.body, "id");
    created_us = reader_time(&in, in.body, "created_at");
    version = version_of(&in, reader_time(&in, in.body, "updated_at"), created_us);
    customer_inside(&in, b.customer, &version);
    put_order(&in, id, &b, created_us, &version);
    order_line_items(&in, id, &version);
    return reader_close(&in);
}

enum verdict order_deleted(const struct event *ev, struct rows *out)
{
    return deletion(ev, out, TEXT("order"));
}
