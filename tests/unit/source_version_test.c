/* shopify/version.c: which of two events is the newer state. */
#include "handling.h"

static const unsigned char *version_of_order(const char *updated, const char *triggered,
                                             uint8_t digest)
{
    static unsigned char copies[2][24];
    static unsigned turn;
    char body[200];
    struct event ev;
    const struct row *r;

    snprintf(body, sizeof body, "{\"id\":1,\"updated_at\":%s}", updated);
    ev = test_event("orders/updated", body, strlen(body));
    ev.triggered_us = triggered == NULL ? EVENT_NO_TIME : at(triggered);
    ev.digest[0] = digest;
    r = row_at(handle_event(ev, HANDLING_ARENA), ROWSET_orders, 0);
    assert_int_equal(r->v[COL_orders_source_version].text.n, 24);
    turn = !turn;
    return memcpy(copies[turn], r->v[COL_orders_source_version].text.p, 24);
}

static void versions_order_by_update_then_trigger_then_digest(void **state)
{
    static const struct {
        const char *updated, *triggered;
        uint8_t digest;
    } ascending[] = {
        {"\"0001-01-01T00:00:00Z\"", "2030-01-01T00:00:00Z", 9},
        {"\"1969-12-31T23:59:59Z\"", "2030-01-01T00:00:00Z", 9},
        {"\"1970-01-01T00:00:00Z\"", "2030-01-01T00:00:00Z", 9},
        {"\"2021-04-13T16:41:15+05:30\"", "1960-01-01T00:00:00Z", 9},
        {"\"2021-04-13T16:41:15+05:30\"", "2021-04-13T11:11:15.000001Z", 9},
        {"\"2021-04-13T11:11:15Z\"", "2021-04-13T11:11:15.000002Z", 3},
        {"\"2021-04-13T11:11:15Z\"", "2021-04-13T11:11:15.000002Z", 200},
        {"\"2021-04-13T11:11:16Z\"", "1960-01-01T00:00:00Z", 0},
        {"\"9999-12-31T23:59:59Z\"", "1960-01-01T00:00:00Z", 0},
    };
    (void)state;
    for (size_t i = 1; i < sizeof ascending / sizeof *ascending; i++) {
        const unsigned char *a = version_of_order(
            ascending[i - 1].updated, ascending[i - 1].triggered, ascending[i - 1].digest);
        const unsigned char *b =
            version_of_order(ascending[i].updated, ascending[i].triggered, ascending[i].digest);
        assert_true(memcmp(a, b, 24) < 0);
    }
}

static void bytes_are_big_endian_with_the_sign_flipped(void **state)
{
    static const unsigned char expected[24] = {0x80, 0,   0,   0,   0,   0,   0,   1,
                                               0x7F, 255, 255, 255, 255, 255, 255, 255,
                                               7,    0,   0,   0,   0,   0,   0,   0xD8};

    (void)state;
    assert_memory_equal(
        version_of_order("\"1970-01-01T00:00:00.000001Z\"", "1969-12-31T23:59:59.999999Z", 7),
        expected, 24);
}

static void a_missing_time_is_replaced_and_never_by_now(void **state)
{
    static const struct {
        const char *body, *triggered, *updated_us, *triggered_us;
    } cases[] = {
        {"{\"id\":1}", "2021-01-01T00:00:00Z", "2021-01-01T00:00:00Z", "2021-01-01T00:00:00Z"},
        {"{\"id\":1,\"created_at\":\"2020-01-01T00:00:00Z\"}", "2021-01-01T00:00:00Z",
         "2021-01-01T00:00:00Z", "2021-01-01T00:00:00Z"},
        {"{\"id\":1,\"created_at\":\"2020-01-01T00:00:00Z\"}", NULL, "2020-01-01T00:00:00Z",
         "2020-01-01T00:00:00Z"},
        {"{\"id\":1,\"updated_at\":\"2020-02-01T00:00:00Z\"}", NULL, "2020-02-01T00:00:00Z",
         "2020-02-01T00:00:00Z"},
        {"{\"id\":1}", NULL, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct event ev = test_event("orders/updated", cases[i].body, strlen(cases[i].body));
        const struct row *r;
        ev.triggered_us = cases[i].triggered == NULL ? EVENT_NO_TIME : at(cases[i].triggered);
        r = row_at(handle_event(ev, HANDLING_ARENA), ROWSET_orders, 0);
        expect_number(r, COL_orders_source_updated_at, at(cases[i].updated_us));
        expect_number(r, COL_orders_source_triggered_at, at(cases[i].triggered_us));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_order_by_update_then_trigger_then_digest),
        cmocka_unit_test(bytes_are_big_endian_with_the_sign_flipped),
        cmocka_unit_test(a_missing_time_is_replaced_and_never_by_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
