/* customers/data_request, customers/redact, shop/redact: what privacy law asks of an app. */
#include "base/phone.h"
#include "handlers.h"
#include "shopify/buyer.h"
#include "shopify/version.h"

/* Whom a request is about. Often only the e-mail is known. */
struct person {
    struct text id, email, phone;
};

static struct person person_of(struct reader *in)
{
    const struct json *customer = reader_object(in->body, "customer");
    struct person p;
    struct text raw = reader_text(in, customer, "phone");

    p.id = reader_id(in, customer, "id");
    p.email = email_of(in, customer, "email");
    p.phone = phone_e164(raw, text_of(in->ev->shop->country), in->arena);
    if (p.phone.p == NULL)
        p.phone = raw;
    return p;
}

static struct text or_empty(struct text t)
{
    return t.p != NULL ? t : TEXT("");
}

/* Orders of a list that is an array of ids; absent: no list, or an empty one. */
static bool names_orders(const struct reader *in, const char *key)
{
    return json_first(reader_array(in->body, key)) != NULL;
}

static void require_somebody(struct reader *in, const struct person *p, const char *orders)
{
    if (p->id.p == NULL && p->email.p == NULL && p->phone.p == NULL && !names_orders(in, orders))
        reader_fail(in, "customer", "has neither id nor email nor phone");
}

/* The request's own id; a body without one is known by its digest, so that a second delivery is the
 * same request. */
static struct text request_id(struct reader *in)
{
    static const char hex[] = "0123456789abcdef";
    struct text id = reader_id(in, reader_object(in->body, "data_request"), "id");
    char digest[2 * sizeof in->ev->digest];
    const char *copy;

    if (id.p != NULL)
        return id;
    for (size_t i = 0; i < sizeof in->ev->digest; i++) {
        digest[2 * i] = hex[in->ev->digest[i] >> 4];
        digest[2 * i + 1] = hex[in->ev->digest[i] & 15];
    }
    copy = arena_copy(in->arena, digest, sizeof digest);
    return in->arena->failed ? TEXT_NULL : (struct text){copy, sizeof digest};
}

enum verdict customer_data_requested(const struct event *ev, struct rows *out)
{
    struct reader in;
    struct person p;

    reader_open(&in, ev, out);
    p = person_of(&in);
    require_somebody(&in, &p, "orders_requested");
    rows_begin(out, ROWSET_data_requests);
    rows_uuid(out, COL_data_requests_integration_id, ev->shop->integration_id);
    rows_text(out, COL_data_requests_external_request_id, request_id(&in));
    rows_uuid(out, COL_data_requests_organization_id, ev->shop->organization_id);
    rows_text(out, COL_data_requests_external_customer_id, p.id);
    rows_text(out, COL_data_requests_email, p.email);
    rows_text(out, COL_data_requests_phone, p.phone);
    rows_text(out, COL_data_requests_order_ids, reader_ids(&in, in.body, "orders_requested"));
    rows_time(out, COL_data_requests_requested_at, version_moment(ev));
    return reader_close(&in);
}

static void put_redaction(struct reader *in, struct text kind, const struct person *p)
{
    struct rows *out = in->out;

    rows_begin(out, ROWSET_redactions);
    rows_uuid(out, COL_redactions_integration_id, in->ev->shop->integration_id);
    rows_text(out, COL_redactions_kind, kind);
    rows_text(out, COL_redactions_external_customer_id, or_empty(p->id));
    rows_text(out, COL_redactions_email, or_empty(p->email));
    rows_uuid(out, COL_redactions_organization_id, in->ev->shop->organization_id);
    rows_text(out, COL_redactions_phone, p->phone);
    rows_text(out, COL_redactions_order_ids, reader_ids(in, in->body, "orders_to_redact"));
    rows_time(out, COL_redactions_redacted_at, version_moment(in->ev));
}

enum verdict customer_redacted(const struct event *ev, struct rows *out)
{
    struct reader in;
    struct person p;

    reader_open(&in, ev, out);
    p = person_of(&in);
    require_somebody(&in, &p, "orders_to_redact");
    put_redaction(&in, TEXT("customer"), &p);
    return reader_close(&in);
}

enum verdict shop_redacted(const struct event *ev, struct rows *out)
{
    const struct person nobody = {TEXT_NULL, TEXT_NULL, TEXT_NULL};
    struct reader in;

    reader_open(&in, ev, out);
    put_redaction(&in, TEXT("shop"), &nobody);
    return reader_close(&in);
}
