/* shopify/customer.c. */
#include "handling.h"

static const struct row *customer_of(const char *body)
{
    const struct rows *rows = handle("customers/update", body);

    if (handled.verdict != VERDICT_STORE)
        print_error("rejected: %s\n", rows->reason);
    expect_stored();
    return row_at(rows, ROWSET_customers, 0);
}

static void a_customer_becomes_a_row(void **state)
{
    const struct row *r = customer_of("{'id':706405506930370084,'email':'bob@x.in','first_name':' "
                                      "Bob','last_name':'Biller','phone':'+15142546011',"
                                      "'tags':'L\\u00e9on','created_at':'2021-12-30T19:00:00-05:00'"
                                      ",'updated_at':'2021-12-31T19:00:00-05:00',"
                                      "'default_address':{'city':'Ottawa','country_code':'CA'}}");

    (void)state;
    expect_text(r, COL_customers_external_customer_id, "706405506930370084");
    expect_text(r, COL_customers_first_name, "Bob");
    expect_text(r, COL_customers_last_name, "Biller");
    expect_text(r, COL_customers_email, "bob@x.in");
    expect_text(r, COL_customers_phone, "+15142546011");
    expect_text(r, COL_customers_default_address, "{\"city\":\"Ottawa\",\"country_code\":\"CA\"}");
    expect_text(r, COL_customers_tags, "[\"L\u00e9on\"]");
    expect_number(r, COL_customers_source_created_at, at("2021-12-31T00:00:00Z"));
    expect_number(r, COL_customers_source_updated_at, at("2022-01-01T00:00:00Z"));
    expect_number(r, COL_customers_source_triggered_at, test_triggered_us);
}

static void phones_come_from_the_customer_or_the_default_address(void **state)
{
    static const struct {
        const char *parts, *phone;
    } cases[] = {
        {"'phone':'+919800000001','default_address':{'phone':'9800000002','country_code':'IN'}",
         "+919800000001"},
        {"'phone':null,'default_address':{'phone':'9800000002','country_code':'IN'}",
         "+919800000002"},
        {"'phone':'5024592181','default_address':{'country_code':'US'}", "+15024592181"},
        {"'addresses':[{'phone':'9800000003'},{'phone':'9800000004','default':true}]",
         "+919800000004"},
        {"'addresses':[{'phone':'9800000003'}]", NULL},
        {"'phone':'555-1212','default_address':{'phone':'555-1212','country_code':'CA'}", NULL},
    };
    char body[300];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'id':1,%s}", cases[i].parts);
        expect_text(customer_of(body), COL_customers_phone, cases[i].phone);
    }
}

static void what_is_unknown_is_absent(void **state)
{
    const struct row *r = customer_of("{'id':1,'first_name':'Unknown','last_name':'','email':'"
                                      "UNKNOWN','phone':null,'default_address':[],'tags':''}");

    (void)state;
    expect_null(r, COL_customers_first_name);
    expect_null(r, COL_customers_last_name);
    expect_null(r, COL_customers_email);
    expect_null(r, COL_customers_phone);
    expect_null(r, COL_customers_default_address);
    expect_null(r, COL_customers_tags);
}

static void what_is_impossible_is_rejected_by_name(void **state)
{
    (void)state;
    handle("customers/create", "{'email':'a@x.in'}");
    expect_rejected("id is missing");
    handle("customers/create", "{'id':1,'updated_at':'x'}");
    expect_rejected("updated_at is not a timestamp (RFC 3339)");
    handle("customers/delete", "{'id':'x'}");
    expect_rejected("id is not a whole number");
}

static void a_deleted_customer_is_a_deletion(void **state)
{
    const struct row *r =
        row_at(handle("customers/delete", "{'id':7,'tax_exemptions':[]}"), ROWSET_deletions, 0);

    (void)state;
    expect_text(r, COL_deletions_kind, "customer");
    expect_text(r, COL_deletions_external_id, "7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_customer_becomes_a_row),
        cmocka_unit_test(phones_come_from_the_customer_or_the_default_address),
        cmocka_unit_test(what_is_unknown_is_absent),
        cmocka_unit_test(what_is_impossible_is_rejected_by_name),
        cmocka_unit_test(a_deleted_customer_is_a_deletion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
