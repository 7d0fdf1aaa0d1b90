#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/jsontext.h"

static void jsontext_accepts_json(void **state)
{
    static const char *const good[] = {
        "{}",
        "[]",
        " { } ",
        "0",
        "-0.5e+10",
        "true",
        "null",
        "\"\"",
        "\"\\u00e9\\ud83d\\ude00\"",
        "{\"a\":[1,2,{\"b\":null}],\"c\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
        "[[[[1]]]]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!jsontext_valid(text_of(good[i])))
            fail_msg("refused: %s", good[i]);
}

static void jsontext_refuses_what_is_not_json(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "{\"a\":}",
        "{\"a\" 1}",
        "{a:1}",
        "[1 2]",
        "01",
        "1.",
        "-",
        "1e",
        "+1",
        ".5",
        "tru",
        "nul",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\t\"",
        "{} {}",
        "[1]x",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe2\x82\"",
        "{\"a\":1,}",
        "NaN",
        "'a'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (jsontext_valid(text_of(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    assert_false(jsontext_valid(TEXT_NULL));
}

static void jsontext_bounds_depth(void **state)
{
    char deep[2 * JSONTEXT_DEPTH_MAX + 2];

    (void)state;
    memset(deep, '[', JSONTEXT_DEPTH_MAX);
    memset(deep + JSONTEXT_DEPTH_MAX, ']', JSONTEXT_DEPTH_MAX);
    assert_true(jsontext_valid((struct text){deep, 2 * JSONTEXT_DEPTH_MAX}));
    memset(deep, '[', JSONTEXT_DEPTH_MAX + 1);
    memset(deep + JSONTEXT_DEPTH_MAX + 1, ']', JSONTEXT_DEPTH_MAX + 1);
    assert_false(jsontext_valid((struct text){deep, 2 * JSONTEXT_DEPTH_MAX + 2}));
}

static void jsontext_walks_and_finds(void **state)
{
    struct text doc = TEXT(" {\"a\": 1 , \"b\":[true, \"x\"],\"a\":2}"), value;
    struct jsontext_each each;

    (void)state;
    assert_true(text_equal(jsontext_get(doc, "a"), TEXT("2"))); /* the last one, as JSON.parse */
    assert_null(jsontext_get(doc, "c").p);
    jsontext_open(&each, jsontext_get(doc, "b"));
    assert_true(jsontext_element(&each, &value));
    assert_true(jsontext_bool(value, false));
    assert_true(jsontext_element(&each, &value));
    assert_int_equal(jsontext_kind(value), JSONTEXT_STRING);
    assert_false(jsontext_element(&each, &value));
    assert_null(jsontext_get(TEXT("[1]"), "a").p);
    assert_null(jsontext_get(TEXT("{\"a\":[1,}"), "a").p);
}

static void jsontext_decodes_strings(void **state)
{
    char out[16];
    size_t n;

    (void)state;
    assert_true(jsontext_string(TEXT("\"a\\n\\u00e9\\ud83d\\ude00\""), out, sizeof out, &n));
    assert_int_equal(n, 8);
    assert_string_equal(out, "a\n\xc3\xa9\xf0\x9f\x98\x80");
    assert_true(jsontext_string(TEXT("\"123456789012345\""), out, sizeof out, NULL));
    assert_false(jsontext_string(TEXT("\"1234567890123456\""), out, sizeof out,
                                 NULL)); /* no room for the NUL */
    assert_false(jsontext_string(TEXT("\"\\u0000\""), out, sizeof out, NULL));
    assert_false(jsontext_string(TEXT("\"\\ud800\""), out, sizeof out, NULL));
    assert_false(jsontext_string(TEXT("\"\\udc00x\""), out, sizeof out, NULL));
    assert_false(jsontext_string(TEXT("12"), out, sizeof out, NULL));
    assert_false(jsontext_string(TEXT_NULL, out, sizeof out, NULL));
}

static void jsontext_reads_numbers_and_booleans(void **state)
{
    int64_t n = 7;

    (void)state;
    assert_true(jsontext_int(TEXT("-12"), &n) && n == -12);
    assert_true(jsontext_int(TEXT("1700000000.9"), &n) && n == 1700000000);
    assert_true(jsontext_int(TEXT("9223372036854775807"), &n) && n == INT64_MAX);
    assert_false(jsontext_int(TEXT("9223372036854775808"), &n));
    assert_false(jsontext_int(TEXT("1e3"), &n));
    assert_false(jsontext_int(TEXT("1.5e3"), &n));
    assert_false(jsontext_int(TEXT("\"1\""), &n));
    assert_true(jsontext_bool(TEXT("\"true\""), false));
    assert_false(jsontext_bool(TEXT("\"false\""), true));
    assert_true(jsontext_bool(TEXT("null"), true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsontext_accepts_json),
        cmocka_unit_test(jsontext_refuses_what_is_not_json),
        cmocka_unit_test(jsontext_bounds_depth),
        cmocka_unit_test(jsontext_walks_and_finds),
        cmocka_unit_test(jsontext_decodes_strings),
        cmocka_unit_test(jsontext_reads_numbers_and_booleans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
