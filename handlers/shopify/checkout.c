/* checkouts/create, checkouts/update, checkouts/delete. A checkout is only an *open* cart here; it
 * becomes a row of commerce_abandoned_carts by the passing of time: schema/worker/settle_carts.sql,
 * for the keys that this file names. */
#include "handlers.h"
#include "shopify/buyer.h"
#include "shopify/cart_keys.h"
#include "shopify/customer.h"
#include "shopify/line_items.h"
#include "base/words.h"

/* The number by which REST and the abandoned-checkouts list know it: `id` until API version
 * 2026-04, since then only `name`, which is "#" and the number. */
static struct text number_of(struct reader *in)
{
    struct text id = reader_id(in, in->body, "id"), name;

    if (id.p != NULL)
        return id;
    name = words_trim(reader_text(in, in->body, "name"));
    if (text_empty(name) || *name.p != '#' || name.n == 1 || name.n - 1 > READER_ID_DIGITS_MAX)
        return TEXT_NULL;
    for (size_t i = 1; i < name.n; i++) {
        if (name.p[i] < '0' || name.p[i] > '9')
            return TEXT_NULL;
    }
    return (struct text){name.p + 1, name.n - 1};
}

static struct text required_token(struct reader *in)
{
    struct text token = reader_token(in, in->body, "token");

    if (token.p == NULL)
        reader_fail(in, "token", "is missing");
    return token;
}

/* When somebody touched the checkout, and whether there was a way to reach them. Abandonment is
 * measured from here. */
static void put_activity(struct reader *in, struct text token, int64_t at, bool contactable)
{
    struct rows *out = in->out;

    rows_begin(out, ROWSET_checkout_activity);
    rows_uuid(out, COL_checkout_activity_integration_id, in->ev->shop->integration_id);
    rows_text(out, COL_checkout_activity_token, token);
    rows_time(out, COL_checkout_activity_at, at);
    rows_uuid(out, COL_checkout_activity_organization_id, in->ev->shop->organization_id);
    rows_bool(out, COL_checkout_activity_contactable, contactable);
}

static void put_items(struct reader *in)
{
    struct cart_items items = checkout_line_items(in);

    if (!items.known)
        return;
    rows_int(in->out, COL_checkouts_items_count, items.count);
    rows_text(in->out, COL_checkouts_items, items.json);
}

static void put_checkout(struct reader *in, struct text token, const struct buyer *b,
                         int64_t created_us, const struct version *version)
{
    struct text email = buyer_email(in, b), phone = buyer_phone(in, b);
    struct text sms = reader_text(in, in->body, "sms_marketing_phone");
    struct text cart_token = reader_token(in, in->body, "cart_token");
    int64_t completed_us = reader_time(in, in->body, "completed_at");
    bool contact = email.p != NULL || phone.p != NULL || sms.p != NULL;
    struct rows *out = in->out;

    rows_begin(out, ROWSET_checkouts);
    rows_uuid(out, COL_checkouts_integration_id, in->ev->shop->integration_id);
    rows_text(out, COL_checkouts_token, token);
    rows_uuid(out, COL_checkouts_organization_id, in->ev->shop->organization_id);
    rows_text(out, COL_checkouts_external_checkout_id, number_of(in));
    rows_text(out, COL_checkouts_cart_token, cart_token);
    rows_text(out, COL_checkouts_external_customer_id, reader_id(in, b->customer, "id"));
    rows_text(out, COL_checkouts_customer_name, buyer_name(in, b));
    rows_text(out, COL_checkouts_customer_email, email);
    rows_text(out, COL_checkouts_customer_phone, phone);
    rows_text(out, COL_checkouts_total_value, reader_money(in, in->body, "total_price"));
    rows_text(out, COL_checkouts_currency, reader_currency(in, in->body, "currency"));
    put_items(in);
    rows_text(out, COL_checkouts_recovery_url,
              reader_long_text(in, in->body, "abandoned_checkout_url"));
    rows_time(out, COL_checkouts_source_created_at, created_us);
    rows_time(out, COL_checkouts_completed_at, completed_us);
    rows_time(out, COL_checkouts_source_updated_at, version->updated_us);
    rows_time(out, COL_checkouts_source_triggered_at, version->triggered_us);
    rows_text(out, COL_checkouts_source_version, version->bytes);
    put_activity(in, token, version->updated_us, contact && completed_us == EVENT_NO_TIME);
    cart_keys(in, token, cart_token);
}

enum verdict checkout_changed(const struct event *ev, struct rows *out)
{
    struct reader in;
    struct version version;
    struct buyer b;
    struct text token;
    int64_t created_us;

    reader_open(&in, ev, out);
    b = buyer_of(in.body);
    token = required_token(&in);
    created_us = reader_time(&in, in.body, "created_at");
    version = version_of(&in, reader_time(&in, in.body, "updated_at"), created_us);
    customer_inside(&in, b.customer, &version);
    put_checkout(&in, token, &b, created_us, &version);
    return reader_close(&in);
}

/* Shopify's own sample has id and cart_token but no token. */
enum verdict checkout_deleted(const struct event *ev, struct rows *out)
{
    struct reader in;
    struct text token, cart_token;

    reader_open(&in, ev, out);
    token = reader_token(&in, in.body, "token");
    cart_token = reader_token(&in, in.body, "cart_token");
    if (token.p == NULL)
        token = number_of(&in);
    if (token.p == NULL && cart_token.p == NULL)
        reader_fail(&in, "token", "is missing, and so are id and cart_token");
    rows_begin(out, ROWSET_deletions);
    rows_uuid(out, COL_deletions_integration_id, ev->shop->integration_id);
    rows_text(out, COL_deletions_kind, TEXT("checkout"));
    rows_text(out, COL_deletions_external_id, token.p != NULL ? token : TEXT(""));
    rows_uuid(out, COL_deletions_organization_id, ev->shop->organization_id);
    rows_text(out, COL_deletions_cart_token, cart_token);
    rows_time(out, COL_deletions_deleted_at, version_moment(ev));
    cart_keys(&in, TEXT_NULL, TEXT_NULL);
    return reader_close(&in);
}
