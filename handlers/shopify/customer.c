/* customers/create, customers/update, customers/delete, and the customer inside an order or a
 * checkout. */
#include "shopify/customer.h"

#include "handlers.h"
#include "shopify/buyer.h"
#include "shopify/deletion.h"
#include "shopify/tags.h"
#include "base/words.h"

/* default_address, or the one of addresses[] that says so. */
static const struct json *home_of(const struct json *customer)
{
    const struct json *home = reader_object(customer, "default_address");
    const struct json *a = json_first(reader_array(customer, "addresses"));

    for (; home == NULL && a != NULL; a = json_next(a)) {
        if (json_true(json_member(a, "default")))
            home = a;
    }
    return home;
}

static void customer_row(struct reader *in, const struct json *customer, struct text id,
                         int64_t created_us, const struct version *version)
{
    const struct json *home = home_of(customer);
    struct rows *out = in->out;

    rows_begin(out, ROWSET_customers);
    rows_uuid(out, COL_customers_integration_id, in->ev->shop->integration_id);
    rows_text(out, COL_customers_external_customer_id, id);
    rows_uuid(out, COL_customers_organization_id, in->ev->shop->organization_id);
    rows_text(out, COL_customers_first_name, words_trim(reader_known(in, customer, "first_name")));
    rows_text(out, COL_customers_last_name, words_trim(reader_known(in, customer, "last_name")));
    rows_text(out, COL_customers_email, email_of(in, customer, "email"));
    rows_text(out, COL_customers_phone, customer_phone(in, customer, home));
    rows_text(out, COL_customers_default_address, address_json(in, home));
    rows_text(out, COL_customers_tags, tags_json(in, customer, "tags"));
    rows_time(out, COL_customers_source_created_at, created_us);
    rows_time(out, COL_customers_source_updated_at, version->updated_us);
    rows_time(out, COL_customers_source_triggered_at, version->triggered_us);
    rows_text(out, COL_customers_source_version, version->bytes);
}

void customer_inside(struct reader *in, const struct json *customer, const struct version *outer)
{
    struct text id = reader_id(in, customer, "id");
    int64_t updated_us = reader_time_if_any(in, customer, "updated_at");
    struct version version;

    if (id.p == NULL)
        return;
    version =
        version_of(in, updated_us != EVENT_NO_TIME ? updated_us : outer->updated_us, EVENT_NO_TIME);
    customer_row(in, customer, id, reader_time_if_any(in, customer, "created_at"), &version);
}

enum verdict customer_changed(const struct event *ev, struct rows *out)
{
    struct reader in;
    struct version version;
    struct text id;
    int64_t created_us;

    reader_open(&in, ev, out);
    id = reader_required_id(&in, in.body, "id");
    created_us = reader_time(&in, in.body, "created_at");
    version = version_of(&in, reader_time(&in, in.body, "updated_at"), created_us);
    customer_row(&in, in.body, id, created_us, &version);
    return reader_close(&in);
}

enum verdict customer_deleted(const struct event *ev, struct rows *out)
{
    return deletion(ev, out, TEXT("customer"));
}
