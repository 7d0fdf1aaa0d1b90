/* base/phone: what people type -> E.164, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/phone.h"

static char memory[1 << 16] __attribute__((aligned(16)));

static const struct {
    const char *raw, *country, *expected;
} cases[] = {
    {"9800000001", "IN", "+919800000001"},
    {"9800000001", "in", "+919800000001"},
    {"09800000001", "IN", "+919800000001"},
    {"98000 00001", "IN", "+919800000001"},
    {" (980) 000-0001\n", "IN", "+919800000001"},
    {"919800000001", "IN", "+919800000001"},
    {"+919800000001", "IN", "+919800000001"},
    {"+919800000001", "US", "+919800000001"},
    {"+919800000001", NULL, "+919800000001"},
    {"+919800000001", "XX", "+919800000001"},
    {"00919800000001", "GB", "+919800000001"},
    {"+1(502)-459-2181", "US", "+15024592181"},
    {"(502) 459-2181", "US", "+15024592181"},
    {"\uFF19\uFF18\uFF10\uFF10\uFF10\uFF10\uFF10\uFF10\uFF10\uFF11", "IN", "+919800000001"},
    {"9800000001", NULL, NULL},
    {"9800000001", "", NULL},
    {"9800000001", "XX", NULL},
    {"9800000001", "India", NULL},
    {"555-555-SHIP", "US", NULL},
    {"123-123-1234", "CA", NULL},
    {"555-1212", "US", NULL},
    {"0000000000", "IN", NULL},
    {"1", "IN", NULL},
    {"", "IN", NULL},
    {"   ", "IN", NULL},
    {"call me", "IN", NULL},
    {"+", "IN", NULL},
    {"9800000001 or 9800000002 or else 9800000003", "IN", NULL},
    {NULL, "IN", NULL},
};

static void check_all(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct text got;
        arena_init(&arena, memory, sizeof memory);
        got = phone_e164(text_of(cases[i].raw), text_of(cases[i].country), &arena);
        if ((got.p == NULL) != (cases[i].expected == NULL))
            fail_msg("%s in %s gives %s", cases[i].raw, cases[i].country,
                     got.p == NULL ? "nothing" : got.p);
        if (got.p != NULL)
            assert_string_equal(got.p, cases[i].expected);
    }
}

static void numbers_become_e164_or_nothing(void **state)
{
    (void)state;
    check_all();
    check_all(); /* and once more, from the cache */
}

/* Far more numbers than the cache holds: each answer is still its own. */
static void a_full_cache_stays_right(void **state)
{
    char raw[16], expected[20];

    (void)state;
    for (int i = 0; i < 3 * PHONE_CACHE_SETS; i++) {
        struct arena arena;
        struct text got;
        arena_init(&arena, memory, sizeof memory);
        snprintf(raw, sizeof raw, "98%08d", i);
        snprintf(expected, sizeof expected, "+91%s", raw);
        got = phone_e164(text_of(raw), TEXT("IN"), &arena);
        assert_non_null(got.p);
        assert_string_equal(got.p, expected);
        assert_null(phone_e164(text_of(raw), TEXT_NULL, &arena).p);
    }
    check_all();
}

static void a_full_arena_gives_nothing(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, memory, 0);
    assert_null(phone_e164(TEXT("+919800000001"), TEXT_NULL, &arena).p);
    assert_true(arena.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_become_e164_or_nothing),
        cmocka_unit_test(a_full_cache_stays_right),
        cmocka_unit_test(a_full_arena_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
