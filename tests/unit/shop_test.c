/* shopify/shop.c. */
#include "handling.h"

static void a_shop_update_brings_its_settings(void **state)
{
    const struct row *r =
        row_at(handle("shop/update",
                      "{'id':548380009,'name':'Super "
                      "Toys','currency':'inr','country':'India','country_code':'IN',"
                      "'iana_timezone':'Asia/Kolkata','updated_at':'2025-04-02T11:35:33-05:00'}"),
               ROWSET_shop_changes, 0);

    (void)state;
    expect_stored();
    expect_text(r, COL_shop_changes_kind, "update");
    expect_text(r, COL_shop_changes_name, "Super Toys");
    expect_text(r, COL_shop_changes_external_store_id, "548380009");
    expect_text(r, COL_shop_changes_settings,
                "{\"currency\":\"INR\",\"country\":\"IN\",\"iana_timezone\":\"Asia/Kolkata\"}");
    expect_number(r, COL_shop_changes_source_updated_at, at("2025-04-02T16:35:33Z"));

    r = row_at(
        handle("shop/update", "{'id':1,'country':'US','iana_timezone':null,'updated_at':null}"),
        ROWSET_shop_changes, 0);
    expect_text(r, COL_shop_changes_settings, "{\"country\":\"US\"}");
    expect_number(r, COL_shop_changes_source_updated_at, test_triggered_us);
    handle("shop/update", "{'name':'x'}");
    expect_rejected("id is missing");
}

static void an_uninstall_happened_when_it_was_triggered(void **state)
{
    const struct row *r =
        row_at(handle("app/uninstalled",
                      "{'id':548380009,'name':'x','updated_at':'2001-01-01T00:00:00Z'}"),
               ROWSET_shop_changes, 0);
    struct event ev = test_event("app/uninstalled", "{}", 2);

    (void)state;
    expect_stored();
    expect_text(r, COL_shop_changes_kind, "uninstalled");
    expect_text(r, COL_shop_changes_external_store_id, "548380009");
    expect_null(r, COL_shop_changes_settings);
    expect_number(r, COL_shop_changes_source_updated_at, test_triggered_us);
    ev.triggered_us = EVENT_NO_TIME;
    r = row_at(handle_event(ev, HANDLING_ARENA), ROWSET_shop_changes, 0);
    expect_number(r, COL_shop_changes_source_updated_at, ev.received_us);
}

static void scopes_are_kept_as_they_are_now(void **state)
{
    const struct row *r = row_at(
        handle("app/scopes_update", "{'id':1,'previous':['read_orders'],'current':['read_orders','"
                                    "read_products'],'updated_at':'2025-04-02T11:35:33Z'}"),
        ROWSET_shop_changes, 0);

    (void)state;
    expect_text(r, COL_shop_changes_kind, "scopes");
    expect_text(r, COL_shop_changes_settings, "{\"scopes\":[\"read_orders\",\"read_products\"]}");
    handle("app/scopes_update", "{'id':1}");
    expect_rejected("current is not a list of scopes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shop_update_brings_its_settings),
        cmocka_unit_test(an_uninstall_happened_when_it_was_triggered),
        cmocka_unit_test(scopes_are_kept_as_they_are_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
