/* shopify/checkout.c: rows of checkouts, checkout_activity, cart_keys and customers. */
#include "handling.h"

static const struct row *checkout_of(const char *body)
{
    const struct rows *rows = handle("checkouts/update", body);

    if (handled.verdict != VERDICT_STORE)
        print_error("rejected: %s\n", rows->reason);
    expect_stored();
    assert_int_equal(rows->n[ROWSET_checkouts], 1);
    assert_int_equal(rows->n[ROWSET_checkout_activity], 1);
    assert_int_equal(rows->n[ROWSET_cart_keys], 1);
    return row_at(rows, ROWSET_checkouts, 0);
}

static void a_checkout_becomes_rows(void **state)
{
    const struct row *r =
        checkout_of("{'token':'84ad78','cart_token':'Z2NwLX','id':35550298931313,'name':'#"
                    "35550298931313','email':'a@x.in','phone':'+919800000001',"
                    "'created_at':'2021-12-31T23:59:00+00:00','updated_at':'2021-12-31T19:00:00-05:"
                    "00','completed_at':null,'currency':'INR',"
                    "'total_price':'421.88','abandoned_checkout_url':'https:\\/\\/acme.in\\/"
                    "checkouts\\/ac\\/1\\/recover?key=s\\u0026x=1',"
                    "'customer':{'id':603851970716743426,'first_name':'J','last_name':'S'},"
                    "'line_items':[{'key':'1','product_id':632910392,'variant_id':'808950810','"
                    "title':'Nano \\'8\\'','variant_title':'','quantity':2,'price':'199.00',"
                    "'line_price':'398.00','properties':null},{'title':'Gift','quantity':null,'"
                    "image_url':'https://cdn/x.png'}]}");

    (void)state;
    expect_text(r, COL_checkouts_token, "84ad78");
    expect_text(r, COL_checkouts_external_checkout_id, "35550298931313");
    expect_text(r, COL_checkouts_cart_token, "Z2NwLX");
    expect_text(r, COL_checkouts_external_customer_id, "603851970716743426");
    expect_text(r, COL_checkouts_customer_name, "J S");
    expect_text(r, COL_checkouts_customer_email, "a@x.in");
    expect_text(r, COL_checkouts_customer_phone, "+919800000001");
    expect_text(r, COL_checkouts_total_value, "421.88");
    expect_text(r, COL_checkouts_currency, "INR");
    expect_number(r, COL_checkouts_items_count, 2);
    expect_text(r, COL_checkouts_items,
                "[{\"product_id\":\"632910392\",\"variant_id\":\"808950810\",\"title\":\"Nano "
                "\\\"8\\\"\",\"variant_title\":null,\"quantity\":2,"
                "\"price\":\"199.00\",\"total\":\"398.00\",\"image_url\":null},"
                "{\"product_id\":null,\"variant_id\":null,\"title\":\"Gift\",\"variant_title\":"
                "null,\"quantity\":null,"
                "\"price\":null,\"total\":null,\"image_url\":\"https://cdn/x.png\"}]");
    expect_text(r, COL_checkouts_recovery_url, "https://acme.in/checkouts/ac/1/recover?key=s&x=1");
    expect_number(r, COL_checkouts_source_created_at, at("2021-12-31T23:59:00Z"));
    expect_null(r, COL_checkouts_completed_at);
    expect_number(r, COL_checkouts_source_updated_at, at("2022-01-01T00:00:00Z"));

    r = row_at(&handled.rows, ROWSET_checkout_activity, 0);
    expect_text(r, COL_checkout_activity_token, "84ad78");
    expect_number(r, COL_checkout_activity_at, at("2022-01-01T00:00:00Z"));
    expect_number(r, COL_checkout_activity_contactable, 1);
    r = row_at(&handled.rows, ROWSET_cart_keys, 0);
    expect_text(r, COL_cart_keys_checkout_token, "84ad78");
    expect_text(r, COL_cart_keys_cart_token, "Z2NwLX");
    r = row_at(&handled.rows, ROWSET_customers, 0);
    expect_text(r, COL_customers_external_customer_id, "603851970716743426");
}

static void a_checkout_is_contactable_by_email_or_phone_until_completed(void **state)
{
    static const struct {
        const char *parts;
        int contactable;
    } cases[] = {
        {"'email':'a@x.in'", 1},
        {"'phone':'+919800000001'", 1},
        {"'shipping_address':{'phone':'9800000001','country_code':'IN'}", 1},
        {"'customer':{'id':1,'email':'a@x.in'}", 1},
        {"'sms_marketing_phone':'+919800000001'", 1},
        {"'email':'','phone':null", 0},
        {"'email':' '", 0},
        {"'phone':'12'", 0},
        {"'shipping_address':[],'customer':[]", 0},
        {"'email':'a@x.in','completed_at':'2021-12-31T19:00:00-05:00'", 0},
        {"'email':'a@x.in','completed_at':''", 1},
    };
    char body[300];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'token':'t',%s}", cases[i].parts);
        checkout_of(body);
        expect_number(row_at(&handled.rows, ROWSET_checkout_activity, 0),
                      COL_checkout_activity_contactable, cases[i].contactable);
    }
}

static void the_number_is_the_id_or_stands_in_the_name(void **state)
{
    static const struct {
        const char *parts, *number;
    } cases[] = {
        {"'id':35550298931313,'name':'#1'", "35550298931313"},
        {"'name':'#981820079255243537'", "981820079255243537"},
        {"'id':null,'name':'#981820079255243537'", "981820079255243537"},
        {"'name':'#'", NULL},
        {"'name':'#12a'", NULL},
        {"'name':'12'", NULL},
        {"'name':null", NULL},
    };
    char body[200];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'token':'t',%s}", cases[i].parts);
        expect_text(checkout_of(body), COL_checkouts_external_checkout_id, cases[i].number);
    }
}

static void a_checkout_without_lines_leaves_its_items_alone(void **state)
{
    const struct row *r = checkout_of("{'token':'t','line_items':null}");

    (void)state;
    expect_null(r, COL_checkouts_items);
    expect_null(r, COL_checkouts_items_count);
    r = checkout_of("{'token':'t','line_items':[]}");
    expect_text(r, COL_checkouts_items, "[]");
    expect_number(r, COL_checkouts_items_count, 0);
}

static void what_is_impossible_is_rejected_by_name(void **state)
{
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"{}", "token is missing"},
        {"{'id':1}", "token is missing"},
        {"{'token':''}", "token is missing"},
        {"{'token':7}", "token is missing"},
        {"[]", "the body is not a JSON object"},
        {"{'token':'t','completed_at':'soon'}", "completed_at is not a timestamp (RFC 3339)"},
        {"{'token':'t','created_at':'2021'}", "created_at is not a timestamp (RFC 3339)"},
        {"{'token':'t','updated_at':{}}", "updated_at is not a timestamp (RFC 3339)"},
        {"{'token':'t','total_price':'12,00'}",
         "total_price is not an amount of money (up to 30 digits and 10 decimals)"},
        {"{'token':'t','line_items':[{'quantity':2147483647},{'quantity':1}]}",
         "line_items hold more pieces than can be counted"},
        {"{'token':'t','line_items':[{},{'line_price':[]}]}",
         "line_items[1].line_price is not an amount of money (up to 30 digits and 10 decimals)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        handle("checkouts/create", cases[i].body);
        if (handled.verdict != VERDICT_REJECT)
            fail_msg("accepted: %s", cases[i].body);
        expect_rejected(cases[i].reason);
    }
}

static void a_deleted_checkout_is_known_by_token_id_or_cart(void **state)
{
    static const struct {
        const char *body, *id, *cart_token;
    } cases[] = {
        {"{'token':'t','cart_token':'c','id':1}", "t", "c"},
        {"{'id':981820079255243537,'cart_token':'c'}", "981820079255243537", "c"},
        {"{'id':981820079255243537}", "981820079255243537", NULL},
        {"{'cart_token':'c'}", "", "c"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct row *r =
            row_at(handle("checkouts/delete", cases[i].body), ROWSET_deletions, 0);
        expect_stored();
        expect_text(r, COL_deletions_kind, "checkout");
        expect_text(r, COL_deletions_external_id, cases[i].id);
        expect_text(r, COL_deletions_cart_token, cases[i].cart_token);
        expect_number(r, COL_deletions_deleted_at, test_triggered_us);
    }
    handle("checkouts/delete", "{'total_price':'1.00'}");
    expect_rejected("token is missing, and so are id and cart_token");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkout_becomes_rows),
        cmocka_unit_test(a_checkout_is_contactable_by_email_or_phone_until_completed),
        cmocka_unit_test(the_number_is_the_id_or_stands_in_the_name),
        cmocka_unit_test(a_checkout_without_lines_leaves_its_items_alone),
        cmocka_unit_test(what_is_impossible_is_rejected_by_name),
        cmocka_unit_test(a_deleted_checkout_is_known_by_token_id_or_cart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
