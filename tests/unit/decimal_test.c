/* base/decimal: amounts stay text, within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/decimal.h"

static char memory[1024] __attribute__((aligned(16)));

static void amounts_keep_their_digits(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"0", "0"},
        {"0.00", "0.00"},
        {"352.82", "352.82"},
        {"-12.50", "-12.50"},
        {"+12.50", "12.50"},
        {"-0.00", "0.00"},
        {"-0.01", "-0.01"},
        {"007.50", "7.50"},
        {"00", "0"},
        {"12345678901234567890.123456", "12345678901234567890.123456"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"0.1234567890", "0.1234567890"},
        {"12.500000000000000", "12.5000000000"},
        {"0000000000000000000000000000000000000001", "1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct text out = TEXT_NULL;
        arena_init(&arena, memory, sizeof memory);
        if (!decimal_parse(text_of(cases[i].text), &arena, &out))
            fail_msg("refused: %s", cases[i].text);
        assert_int_equal(out.n, strlen(cases[i].expected));
        assert_memory_equal(out.p, cases[i].expected, out.n);
    }
}

static void what_is_no_amount_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "-",
        "+",
        ".",
        ".5",
        "5.",
        "1.2.3",
        "1,000.00",
        "1 000",
        " 1",
        "1 ",
        "1e3",
        "1E3",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "abc",
        "12.3a",
        "--1",
        "+-1",
        "1234567890123456789012345678901" /* 31 digits */,
        "1234567890123456789012345678901234567890",
        "0.12345678901" /* 11 decimals */,
        "\u0661\u0662",
        "$5",
        "1\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct text out;
        arena_init(&arena, memory, sizeof memory);
        if (decimal_parse(text_of(cases[i]), &arena, &out))
            fail_msg("accepted: %s", cases[i]);
    }
}

static void a_full_arena_gives_nothing(void **state)
{
    struct arena arena;
    struct text out = TEXT("x");

    (void)state;
    arena_init(&arena, memory, 0);
    assert_true(decimal_parse(TEXT("1.00"), &arena, &out));
    assert_null(out.p);
    assert_true(arena.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_keep_their_digits),
        cmocka_unit_test(what_is_no_amount_is_refused),
        cmocka_unit_test(a_full_arena_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
