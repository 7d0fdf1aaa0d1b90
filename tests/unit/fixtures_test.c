/* Real and official Shopify payloads, read where they lie (outside the project, so only where that
 * folder exists): each is stored, acknowledged or rejected as it must be, and some are checked by
 * hand. REST replies are unwrapped first. */
#include "handling.h"

#include <dirent.h>

#include "base/json.h"

#define FIXTURES SOURCE_DIR "/../shared/fixtures/shopify/"

enum { FILE_MAX = 1 << 20 };

static const struct folder {
    const char *name, *topic;
} folders[] = {
    {"orders", "orders/updated"},    {"checkouts", "checkouts/update"},
    {"products", "products/update"}, {"customers", "customers/update"},
    {"refunds", "refunds/create"},   {"app_uninstalled", "app/uninstalled"},
    {"shop", "shop/update"},         {"compliance", "customers/data_request"},
};

/* Files that are not what their folder's topic says, or not good. */
static const struct special {
    const char *file, *topic;
    enum verdict verdict;
} specials[] = {
    {"orders/official2026-2.json", "orders/edited", VERDICT_IGNORE},
    {"orders/triggerdotdev-2.json", "orders/edited", VERDICT_IGNORE},
    {"orders/official2026-3.json", "orders/delete", VERDICT_STORE},
    {"checkouts/official2026-2.json", "checkouts/delete", VERDICT_STORE},
    {"checkouts/triggerdotdev-2.json", "checkouts/delete", VERDICT_STORE},
    {"products/triggerdotdev-2.json", "products/delete", VERDICT_STORE},
    {"products/bold-commerce-2.json", "products/update", VERDICT_REJECT}, /* a variant */
    {"products/bold-commerce-3.json", "products/update", VERDICT_REJECT}, /* a variant */
    {"products/triggerdotdev-3.json", "products/update", VERDICT_REJECT}, /* an inventory item */
    {"products/triggerdotdev-4.json", "products/update", VERDICT_REJECT}, /* an inventory level */
    {"customers/triggerdotdev-2.json", "customers/delete", VERDICT_STORE},
    {"customers/triggerdotdev-3.json", "customers/update", VERDICT_REJECT}, /* customers/merge */
    {"compliance/lmigonzalez-2.json", "customers/redact", VERDICT_STORE},
    {"compliance/lmigonzalez-3.json", "shop/redact", VERDICT_STORE},
};

static char text[FILE_MAX];

static size_t read_fixture(const char *file)
{
    char path[1024];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "%s%s", FIXTURES, file);
    f = fopen(path, "rb");
    assert_non_null(f);
    n = fread(text, 1, sizeof text, f);
    assert_true(n > 0 && n < sizeof text);
    fclose(f);
    return n;
}

/* The bodies inside a REST reply: {"order":{}} has one, {"orders":[{},{}]} two; anything else is a
 * body itself. */
static unsigned unwrap(size_t n, struct text bodies[], unsigned max)
{
    const char *why;
    const struct json *whole = json_parse(JSON_SLOT_SETTINGS, text, n, &why);
    const struct json *only = json_first(whole), *v;
    unsigned found = 0;

    assert_non_null(whole);
    if (json_next(only) != NULL ||
        (json_type(only) != JSON_OBJECT && json_type(only) != JSON_ARRAY) ||
        json_member(whole, "order_edit") != NULL) {
        bodies[0] = (struct text){whole->p, whole->n};
        return 1;
    }
    for (v = json_type(only) == JSON_ARRAY ? json_first(only) : only; v != NULL; v = json_next(v)) {
        assert_true(found < max);
        bodies[found++] = (struct text){v->p, v->n};
    }
    return found;
}

static const struct rows *handle_fixture(const char *topic, const char *file, unsigned which)
{
    struct text bodies[64];
    unsigned n = unwrap(read_fixture(file), bodies, 64);

    assert_true(which < n);
    return handle_bytes(topic, bodies[which].p, bodies[which].n);
}

static void check_file(const struct folder *folder, const char *name)
{
    struct special expected = {.topic = folder->topic, .verdict = VERDICT_STORE};
    struct text bodies[64];
    char file[512];
    unsigned n;

    if (strcmp(folder->name, "refunds") == 0)
        expected.verdict = VERDICT_IGNORE;
    snprintf(file, sizeof file, "%s/%s", folder->name, name);
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        if (strcmp(specials[i].file, file) == 0)
            expected = specials[i];
    }
    n = unwrap(read_fixture(file), bodies, 64);
    for (unsigned i = 0; i < n; i++) {
        handle_bytes(expected.topic, bodies[i].p, bodies[i].n);
        if (handled.verdict != expected.verdict)
            fail_msg("%s as %s: verdict %d, expected %d (%s)", file, expected.topic,
                     (int)handled.verdict, (int)expected.verdict,
                     handled.rows.reason == NULL ? "no reason" : handled.rows.reason);
        assert_int_equal(count_rows(&handled.rows) > 0, expected.verdict == VERDICT_STORE);
    }
}

static void every_payload_is_handled_as_it_must_be(void **state)
{
    unsigned files = 0;

    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[1024];
        DIR *dir;
        snprintf(path, sizeof path, "%s%s", FIXTURES, folders[i].name);
        dir = opendir(path);
        assert_non_null(dir);
        for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
            size_t n = strlen(e->d_name);
            if (n < 5 || strcmp(e->d_name + n - 5, ".json") != 0)
                continue;
            check_file(&folders[i], e->d_name);
            files++;
        }
        closedir(dir);
    }
    assert_true(files >= 40);
}

static void the_cod_order_of_a_phone_only_buyer(void **state)
{
    const struct rows *rows = handle_fixture("orders/updated", "orders/cod-1.json", 0);
    const struct row *r = row_at(rows, ROWSET_orders, 0);

    (void)state;
    expect_text(r, COL_orders_external_order_id, "3805979312288");
    expect_text(r, COL_orders_order_number, "#1001");
    expect_text(r, COL_orders_payment_type, "cod");
    expect_text(r, COL_orders_customer_name, "masked person");
    expect_text(r, COL_orders_customer_email, NULL);
    expect_text(r, COL_orders_customer_phone, "+919800000001");
    expect_text(r, COL_orders_total_amount, "352.82");
    expect_text(r, COL_orders_financial_status, "pending");
    expect_text(r, COL_orders_fulfillment_status, "fulfilled");
    expect_text(r, COL_orders_checkout_token, "6e7aa6a33c83a0529b9200f4fe1332e4");
    expect_null(r, COL_orders_cart_token);
    expect_null(r, COL_orders_notes);
    expect_number(r, COL_orders_test, 0);
    expect_number(r, COL_orders_order_created_at, at("2021-04-13T10:52:27Z"));
    expect_number(r, COL_orders_source_updated_at, at("2021-04-13T11:11:15Z"));
    assert_int_equal(rows->n[ROWSET_order_items], 1);
    r = row_at(rows, ROWSET_order_items, 0);
    expect_text(r, COL_order_items_title, "Zippered Skinny Jeans 85");
    expect_text(r, COL_order_items_external_product_id, "6642481627296");
    expect_text(row_at(rows, ROWSET_customers, 0), COL_customers_external_customer_id,
                "5159189610656");
}

static void other_orders_checked_by_hand(void **state)
{
    static const struct {
        const char *file, *id, *number, *payment, *financial, *fulfillment, *total, *phone, *name;
    } cases[] = {
        {"orders/official2026-1.json", "820982911946154508", "#9999", "unknown", "voided",
         "unfulfilled", "414.95", NULL, "John Smith"},
        {"orders/cod-4.json", "3653782667469", "#1022", "cod", "paid", "unfulfilled", "70.00", NULL,
         NULL},
        {"orders/cod-5.json", "31", "#1025", "cod", "paid", "unfulfilled", "50.00", NULL,
         "Masked Person"},
        {"orders/pending-1.json", "219230809", "#1002", "unknown", "pending", "unfulfilled",
         "70.00", NULL, "Masked Person"},
        {"orders/bold-commerce-1.json", "123456", "#9999", "unknown", "voided", "unfulfilled",
         "9.50", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct row *r =
            row_at(handle_fixture("orders/updated", cases[i].file, 0), ROWSET_orders, 0);
        expect_text(r, COL_orders_external_order_id, cases[i].id);
        expect_text(r, COL_orders_order_number, cases[i].number);
        expect_text(r, COL_orders_payment_type, cases[i].payment);
        expect_text(r, COL_orders_financial_status, cases[i].financial);
        expect_text(r, COL_orders_fulfillment_status, cases[i].fulfillment);
        expect_text(r, COL_orders_total_amount, cases[i].total);
        expect_text(r, COL_orders_customer_phone, cases[i].phone);
        if (cases[i].name != NULL)
            expect_text(r, COL_orders_customer_name, cases[i].name);
    }
    expect_number(
        row_at(handle_fixture("orders/updated", "orders/official2026-1.json", 0), ROWSET_orders, 0),
        COL_orders_test, 1);
}

static void checkouts_checked_by_hand(void **state)
{
    const struct row *r =
        row_at(handle_fixture("checkouts/create", "checkouts/official2026-1.json", 0),
               ROWSET_checkouts, 0);

    (void)state;
    expect_text(r, COL_checkouts_token, "123123123");
    expect_text(r, COL_checkouts_external_checkout_id, "981820079255243537");
    expect_text(r, COL_checkouts_cart_token, "eeafa272cebfd4b22385bc4b645e762c");
    expect_text(r, COL_checkouts_external_customer_id, "603851970716743426");
    expect_text(r, COL_checkouts_customer_email, "example@email.com");
    expect_text(r, COL_checkouts_customer_phone,
                NULL); /* 555-555-SHIP, 555-555-BILL, 123-123-1234 */
    expect_text(r, COL_checkouts_total_value, "421.88");
    expect_number(r, COL_checkouts_items_count, 2);
    expect_text(
        r, COL_checkouts_recovery_url,
        "https://checkout.local/548380009/checkouts/123123123/recover?key=example-secret-token");
    expect_number(row_at(&handled.rows, ROWSET_checkout_activity, 0),
                  COL_checkout_activity_contactable, 1);
    expect_number(row_at(&handled.rows, ROWSET_checkout_activity, 0), COL_checkout_activity_at,
                  at("2022-01-01T00:00:00Z"));

    r = row_at(handle_fixture("checkouts/create", "checkouts/Shopify-5.json", 0), ROWSET_checkouts,
               0);
    expect_text(r, COL_checkouts_token, "2a1ace52255252df566af0faaedfbfa7");
    expect_text(r, COL_checkouts_customer_phone, "+16136120707");
    expect_text(r, COL_checkouts_total_value, "379.69");
}

static void products_and_requests_checked_by_hand(void **state)
{
    const struct row *r = row_at(
        handle_fixture("products/update", "products/triggerdotdev-1.json", 0), ROWSET_products, 0);

    (void)state;
    expect_text(r, COL_products_title, "Example T-Shirt");
    expect_text(r, COL_products_tags, "[\"example\",\"mens\",\"t-shirt\"]");
    expect_text(r, COL_products_images, "[]");
    assert_int_equal(handled.rows.n[ROWSET_product_variants], 2);
    r = row_at(handle_fixture("customers/redact", "compliance/lmigonzalez-2.json", 0),
               ROWSET_redactions, 0);
    expect_text(r, COL_redactions_external_customer_id, "191167");
    expect_text(r, COL_redactions_order_ids, "[\"299938\",\"280263\",\"220458\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_payload_is_handled_as_it_must_be),
        cmocka_unit_test(the_cod_order_of_a_phone_only_buyer),
        cmocka_unit_test(other_orders_checked_by_hand),
        cmocka_unit_test(checkouts_checked_by_hand),
        cmocka_unit_test(products_and_requests_checked_by_hand),
    };
    DIR *dir = opendir(FIXTURES);

    if (dir == NULL) {
        print_message("skipped: no folder %s\n", FIXTURES);
        return 0;
    }
    closedir(dir);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
