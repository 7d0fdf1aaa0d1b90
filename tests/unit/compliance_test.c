/* shopify/compliance.c. */
#include "handling.h"

static void a_data_request_is_kept(void **state)
{
    const struct row *r = row_at(handle("customers/data_request",
                                        "{'shop_id':954889,'shop_domain':'x.myshopify.com','orders_"
                                        "requested':[299938,'280263',null],"
                                        "'customer':{'id':191167,'email':'john@example.com','phone'"
                                        ":'+919800000001'},'data_request':{'id':9999}}"),
                                 ROWSET_data_requests, 0);

    (void)state;
    expect_stored();
    expect_text(r, COL_data_requests_external_request_id, "9999");
    expect_text(r, COL_data_requests_external_customer_id, "191167");
    expect_text(r, COL_data_requests_email, "john@example.com");
    expect_text(r, COL_data_requests_phone, "+919800000001");
    expect_text(r, COL_data_requests_order_ids, "[\"299938\",\"280263\"]");
    expect_number(r, COL_data_requests_requested_at, test_triggered_us);
}

static void a_request_without_an_id_is_known_by_its_digest(void **state)
{
    const struct row *r =
        row_at(handle("customers/data_request", "{'customer':{'email':'j@x.in'}}"),
               ROWSET_data_requests, 0);

    (void)state;
    expect_text(r, COL_data_requests_external_request_id, "d1000000000000d8");
    expect_null(r, COL_data_requests_external_customer_id);
    expect_null(r, COL_data_requests_order_ids);
}

static void a_customer_is_redacted_by_whatever_is_known(void **state)
{
    static const struct {
        const char *customer, *id, *email, *phone;
    } cases[] = {
        {"{'id':191167,'email':'john@example.com','phone':'555-625-1199'}", "191167",
         "john@example.com", "555-625-1199"},
        {"{'id':191167,'email':null,'phone':'098000 00001'}", "191167", "", "+919800000001"},
        {"{'email':'john@example.com'}", "", "john@example.com", NULL},
        {"{'phone':'+919800000001'}", "", "", "+919800000001"},
    };
    char body[300];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct row *r;
        snprintf(body, sizeof body, "{'customer':%s,'orders_to_redact':[299938]}",
                 cases[i].customer);
        r = row_at(handle("customers/redact", body), ROWSET_redactions, 0);
        expect_text(r, COL_redactions_kind, "customer");
        expect_text(r, COL_redactions_external_customer_id, cases[i].id);
        expect_text(r, COL_redactions_email, cases[i].email);
        expect_text(r, COL_redactions_phone, cases[i].phone);
        expect_text(r, COL_redactions_order_ids, "[\"299938\"]");
        expect_number(r, COL_redactions_redacted_at, test_triggered_us);
    }
}

static void a_request_about_nobody_is_rejected(void **state)
{
    static const char *const bodies[] = {"{}", "{'customer':null}", "{'customer':{}}",
                                         "{'customer':{'email':''},'orders_to_redact':[]}",
                                         "{'customer':[]}"};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        handle("customers/redact", bodies[i]);
        expect_rejected("customer has neither id nor email nor phone");
        handle("customers/data_request", bodies[i]);
        expect_rejected("customer has neither id nor email nor phone");
    }
    handle("customers/redact", "{'orders_to_redact':[1]}"); /* orders alone are enough to act on */
    expect_stored();
}

static void a_shop_is_redacted_whole(void **state)
{
    const struct row *r =
        row_at(handle("shop/redact", "{'shop_id':954889,'shop_domain':'x.myshopify.com'}"),
               ROWSET_redactions, 0);

    (void)state;
    expect_stored();
    expect_text(r, COL_redactions_kind, "shop");
    expect_text(r, COL_redactions_external_customer_id, "");
    expect_text(r, COL_redactions_email, "");
    expect_null(r, COL_redactions_phone);
    expect_null(r, COL_redactions_order_ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_data_request_is_kept),
        cmocka_unit_test(a_request_without_an_id_is_known_by_its_digest),
        cmocka_unit_test(a_customer_is_redacted_by_whatever_is_known),
        cmocka_unit_test(a_request_about_nobody_is_rejected),
        cmocka_unit_test(a_shop_is_redacted_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
