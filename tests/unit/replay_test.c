/* `ringback replay`: its command line, and which events it wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/pace.h"
#include "ops/replay.h"

enum { ERROR = 300, WORDS = 40 };

static const int64_t now_us = INT64_C(1795000000000000); /* 2026-11-18T11:06:40Z */

static struct replay_options o;
static char fault[ERROR];

static bool reads(const char *line)
{
    static char text[500];
    char *argv[WORDS], *rest = NULL;
    int argc = 0;

    strcpy(text, line);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    return replay_read_options(&o, argc, argv, now_us, fault, sizeof fault);
}

static void a_command_line_becomes_options(void **state)
{
    (void)state;
    assert_true(reads("replay"));
    assert_int_equal(o.since_us, SELECTION_NO_TIME);
    assert_int_equal(o.until_us, SELECTION_NO_TIME);
    assert_null(o.tenant.organization);
    assert_string_equal(o.tenant.domain, "");
    assert_int_equal(o.limit, 0);
    assert_int_equal(o.rate, 0);
    assert_true(reads("replay --since 90m --until 2026-11-18T18:00:00+05:30 --tenant "
                      "Acme.MyShopify.com --topic orders/create --limit=5 --rate 50/s --dry-run "
                      "--json"));
    assert_int_equal(o.since_us, now_us - INT64_C(90) * 60 * 1000000);
    assert_int_equal(o.until_us, INT64_C(1795005000000000));
    assert_string_equal(o.tenant.domain, "acme.myshopify.com");
    assert_string_equal(o.topic, "orders/create");
    assert_int_equal(o.limit, 5);
    assert_int_equal(o.rate, 50);
    assert_true(o.dry_run && o.json);
    assert_true(reads("replay --tenant 3B2F0000-0000-4000-8000-00000000000a --source retell "
                      "--key call_1"));
    assert_string_equal(o.tenant.organization, "3B2F0000-0000-4000-8000-00000000000a");
    assert_string_equal(o.tenant.domain, "");
    assert_string_equal(o.source, "retell");
    assert_string_equal(o.key, "call_1");
}

static void a_wrong_command_line_is_one_line(void **state)
{
    static const char *const wrong[] = {
        "replay now",
        "replay --since",
        "replay --since yesterday",
        "replay --until -2h",
        "replay --since 1h --until 2h",
        "replay --since 1h --until 1h",
        "replay --tenant acme",
        "replay --tenant a/b.myshopify.com",
        "replay --tenant 3b2f0000-0000-4000-8000",
        "replay --limit 0",
        "replay --rate 0",
        "replay --rate 5/m",
        "replay --rate 1000001",
        "replay --json=yes",
        "replay --yes",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fault[0] = '\0';
        if (reads(wrong[i]))
            fail_msg("%s", wrong[i]);
        assert_true(strlen(fault) > 10);
        assert_null(strchr(fault, '\n'));
    }
}

static void what_is_printed_can_be_given_back(void **state)
{
    static const int64_t moments[] = {0, -1, now_us, now_us + 123456, INT64_C(-62135596800000000)};
    char text[SELECTION_TIME_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        int64_t back = 7;

        selection_time_text(text, moments[i]);
        assert_true(selection_time("since", text, now_us, &back, fault, sizeof fault));
        assert_int_equal(back, moments[i]);
    }
}

static bool wants(const char *line, const char *source, const char *topic, const char *key)
{
    struct envelope e = {.source = text_of(source), .topic = text_of(topic), .key = text_of(key)};

    assert_true(reads(line));
    return replay_wants(&o, &e);
}

static void every_filter_must_be_met(void **state)
{
    (void)state;
    assert_true(wants("replay", "shopify", "orders/create", "a.myshopify.com"));
    assert_true(wants("replay --topic orders/create", "shopify", "orders/create", "x"));
    assert_false(wants("replay --topic orders/create", "shopify", "orders/created", "x"));
    assert_false(wants("replay --topic orders/create", "shopify", "orders/creat", "x"));
    assert_true(wants("replay --tenant A.myshopify.com", "shopify", "t", "a.myshopify.com"));
    assert_false(wants("replay --tenant a.myshopify.com", "shopify", "t", "aa.myshopify.com"));
    /* A call may be called like a store. */
    assert_false(wants("replay --tenant a.myshopify.com", "retell", "t", "a.myshopify.com"));
    assert_true(wants("replay --source retell --key c1", "retell", "callback", "c1"));
    assert_false(wants("replay --source retell --key c1", "vapi", "callback", "c1"));
    assert_false(wants("replay --source retell --key c1", "retell", "callback", "c2"));
}

static void a_rate_is_kept_in_small_steps(void **state)
{
    (void)state;
    assert_int_equal(pace_step(0, 64), 64);
    assert_int_equal(pace_step(1, 64), 1);
    assert_int_equal(pace_step(50, 64), 5);
    assert_int_equal(pace_step(1000000, 64), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_line_becomes_options),
        cmocka_unit_test(a_wrong_command_line_is_one_line),
        cmocka_unit_test(what_is_printed_can_be_given_back),
        cmocka_unit_test(every_filter_must_be_met),
        cmocka_unit_test(a_rate_is_kept_in_small_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
