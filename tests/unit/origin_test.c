/* Which entry of a batch a changed row comes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/origin.h"

enum { ITEMS = 6 };

static struct shop shops[3];
static struct voice_event events[2];
static struct batch_item items[ITEMS];
static struct batch b = {.n = ITEMS, .items = items};

static const char store[] = "00000000-0000-4000-8000-00000000000%u";

/* Items of stores 0, 0, 1 and 2, then callbacks of calls "a\"1" and (its second event) "b". */
static int begin(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        char id[40];

        snprintf(id, sizeof id, store, i);
        assert_true(uuid_parse(id, shops[i].integration_id));
    }
    events[0].external_call_id = TEXT("a\"1");
    events[1].external_call_id = TEXT("b");
    for (unsigned i = 0; i < 4; i++)
        items[i] = (struct batch_item){.shop = &shops[i < 2 ? 0 : i - 1]};
    items[4] = (struct batch_item){.events = events, .n_events = 1};
    items[5] = (struct batch_item){.events = events, .n_events = 2};
    return 0;
}

static uint32_t find(const char *table, const char *record, const char *call, uint32_t hint)
{
    struct origin_row row = {.table = table, .record = text_of(record), .call = call};

    return origin_find(&b, 0, ITEMS, &row, hint);
}

static const char *order(unsigned of)
{
    static char text[256];
    int n = snprintf(text, sizeof text, "{\"id\": \"x\", \"integration_id\": \"");

    n += snprintf(text + n, sizeof text - (size_t)n, store, of);
    snprintf(text + n, sizeof text - (size_t)n, "\", \"total\": 1}");
    return text;
}

static void a_store_s_row_comes_from_an_entry_of_the_store(void **state)
{
    (void)state;
    assert_int_equal(find("commerce_orders", order(0), NULL, 0), 0);
    assert_int_equal(find("commerce_orders", order(1), NULL, 0), 2);
    assert_int_equal(find("commerce_orders", order(2), NULL, 1), 3);
}

static void the_search_begins_where_it_is_told_to_and_finds_all_the_same(void **state)
{
    (void)state;
    assert_int_equal(find("commerce_orders", order(0), NULL, 1), 1);
    for (uint32_t hint = 0; hint < ITEMS + 2; hint++)
        assert_int_equal(find("commerce_orders", order(1), NULL, hint), 2);
}

static void the_row_of_a_store_itself_is_found_by_its_own_id(void **state)
{
    char record[256];

    (void)state;
    snprintf(record, sizeof record,
             "{\"id\": \"00000000-0000-4000-8000-000000000002\", \"integration_id\": \"%s\"}", "x");
    assert_int_equal(find("commerce_integrations", record, NULL, 0), 3);
    assert_int_equal(find("commerce_orders", record, NULL, 0), ITEMS);
}

static void a_call_s_row_comes_from_a_callback_about_it(void **state)
{
    (void)state;
    assert_int_equal(find("call_transcripts", "{}", "a\"1", 0), 4);
    assert_int_equal(find("call_transcripts", "{}", "b", 0), 5);
    assert_int_equal(find("calls", order(0), "b", 0), 5); /* whatever its record says */
    assert_int_equal(find("calls", "{}", "c", 0), ITEMS);
}

static void what_names_nobody_is_nobody_s(void **state)
{
    static const char *const records[] = {
        "", "{}", "{\"id\": \"00000000-0000-4000-8000-000000000000\"}",
        "{\"integration_id\": null}", "{\"integration_id\": \"0000\"}",
        "{\"integration_id\": \"00000000-0000-4000-8000-00000000000",
        /* a text that looks like it */
        "{\"notes\": \"\\\"integration_id\\\": \\\"00000000-0000-4000-8000-000000000000\\\"\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        assert_int_equal(find("contacts", records[i], NULL, 0), ITEMS);
    assert_int_equal(find("contacts", order(7), NULL, 0), ITEMS); /* a store of no entry */
}

static void only_the_range_is_searched(void **state)
{
    struct origin_row row = {.table = "commerce_orders", .record = text_of(order(0))};

    (void)state;
    assert_int_equal(origin_find(&b, 1, 3, &row, 0), 1);
    assert_int_equal(origin_find(&b, 2, 4, &row, 2), 4);
}

#define T(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_store_s_row_comes_from_an_entry_of_the_store),
        T(the_search_begins_where_it_is_told_to_and_finds_all_the_same),
        T(the_row_of_a_store_itself_is_found_by_its_own_id),
        T(a_call_s_row_comes_from_a_callback_about_it),
        T(what_names_nobody_is_nobody_s),
        T(only_the_range_is_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
