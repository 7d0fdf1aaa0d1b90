/* base/json: what is accepted, what is refused and why, and what becomes of text that PostgreSQL
 * would refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/json_out.h"

static char memory[1 << 16] __attribute__((aligned(16)));
static struct arena arena;
static char *held;

static const struct json *parse_bytes(const char *text, size_t n, const char **why)
{
    free(held);
    held = malloc(n > 0 ? n : 1); /* exactly: a sanitizer sees a byte read behind it */
    assert_non_null(held);
    memcpy(held, text, n);
    arena_init(&arena, memory, sizeof memory);
    return json_parse(JSON_SLOT_EVENT, held, n, why);
}

static const struct json *parse(const char *text)
{
    const char *why = NULL;
    const struct json *v = parse_bytes(text, strlen(text), &why);

    if (v == NULL)
        print_error("%s: %s\n", text, why);
    assert_non_null(v);
    return v;
}

static void expect(struct text t, const char *expected)
{
    assert_non_null(t.p);
    assert_int_equal(t.n, strlen(expected));
    assert_memory_equal(t.p, expected, t.n);
}

static void values_have_their_types(void **state)
{
    static const struct {
        const char *text;
        enum json_type type;
    } cases[] = {
        {"null", JSON_NULL},   {"true", JSON_BOOL},    {"false", JSON_BOOL},
        {"0", JSON_NUMBER},    {"-0", JSON_NUMBER},    {"-1.5", JSON_NUMBER},
        {"1e9", JSON_NUMBER},  {"1E+9", JSON_NUMBER},  {"\"\"", JSON_STRING},
        {"[]", JSON_ARRAY},    {"{}", JSON_OBJECT},    {" [ ] ", JSON_ARRAY},
        {"1e-9", JSON_NUMBER}, {"\"a\"", JSON_STRING}, {"[1 , 2]", JSON_ARRAY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(json_type(parse(cases[i].text)), cases[i].type);
    assert_int_equal(json_type(NULL), JSON_ABSENT);
}

static const char *const malformed[] = {
    "",
    " ",
    "\n",
    "{",
    "[",
    "]",
    "}",
    "{]",
    "[}",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{\"a\" 1}",
    "{\"a\":}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1 \"b\":2}",
    "\"a",
    "\"a\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "tru",
    "True",
    "nul",
    "nullx",
    "truefalse",
    "01",
    "-",
    "+1",
    "1.",
    ".5",
    "1e",
    "1e+",
    "--1",
    "0x10",
    "1_000",
    "NaN",
    "Infinity",
    "'a'",
    "1 2",
    "{} {}",
    "[] 1",
    "[1]]",
    "{\"a\":1}}",
    "\"a\"b",
    "\"a\"\"b\"",
    "[\"a\"b]",
    "1\"a\"",
    "\\",
    "[\\]",
    "{\"a\":1}\\",
    "\"a\nb\"",
    "\"a\tb\"",
    ",",
    ":",
    "[:]",
    "[1:2]",
    "{\"a\",1}",
    "{\"a\"::1}",
    "{\"a\":1:2}",
    "\xef\xbb\xbf{}",
    "\xff",
    "\"\xc3\"",
    "\"\xed\xa0\x80\"",
    "\"\xc0\x80\"",
    "// c\n1",
    "[1,,2]",
    "{\"a\":{}",
    "[[]",
    "[{]}",
    "{}\x01",
};

static void malformed_texts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        const char *why = NULL;
        if (parse_bytes(malformed[i], strlen(malformed[i]), &why) != NULL)
            fail_msg("accepted: %s", malformed[i]);
        assert_non_null(why);
    }
}

static void every_cut_of_a_text_is_refused(void **state)
{
    static const char text[] = "{\"a\":[1,\"\\u00e9\\n\",{\"b\":null}],\"c\":-1.5e3,\"d\":true}";
    const char *why;

    (void)state;
    assert_non_null(parse(text));
    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_null(parse_bytes(text, n, &why));
}

static void reasons_tell_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "the body is empty"},
        {"{\"a\":\"\xff\"}", "the body is not valid UTF-8"},
        {"{\"a\":\"b", "the body ends inside a string"},
        {"{\"a\":\"b\nc\"}", "a control character stands unescaped in a string of the body"},
        {"{\"a\":1", "the body ends in the middle of its JSON"},
        {"{\"a\":1,", "the body ends in the middle of its JSON"},
        {"{\"a\":", "the body ends in the middle of its JSON"},
        {"{\"a\":b}", "the body is not valid JSON"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why = NULL;
        assert_null(parse_bytes(cases[i].text, strlen(cases[i].text), &why));
        assert_string_equal(why, cases[i].why);
    }
}

/* `n` times `open`. */
static const struct json *parse_nested(const char *open, const char *close, size_t n,
                                       const char **why)
{
    size_t each = strlen(open) + strlen(close);
    char *text = malloc(each * n + 1), *p = text;
    const struct json *v;

    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, open);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, close);
    v = parse_bytes(text, (size_t)(p - text), why);
    free(text);
    return v;
}

static void nesting_ends_at_its_limit(void **state)
{
    const char *why = NULL;

    (void)state;
    assert_non_null(parse_nested("[", "]", JSON_DEPTH_MAX, &why));
    assert_null(parse_nested("[", "]", JSON_DEPTH_MAX + 1, &why));
    assert_string_equal(why, "the body is nested too deeply");
    assert_null(parse_nested("[", "]", 100000, &why));
    assert_string_equal(why, "the body is nested too deeply");
    assert_null(parse_nested("[", "", 100000, &why));
    assert_null(parse_nested("{\"a\":", "}", 100000, &why));
    assert_string_equal(why, "the body is nested too deeply");
}

static void number_of_values_ends_at_its_limit(void **state)
{
    size_t n = 2 * (size_t)JSON_VALUES_MAX + 16;
    char *text = malloc(n);
    const char *why = NULL;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        text[i] = i % 2 == 0 ? ',' : '1';
    text[0] = '[';
    text[2 * (JSON_VALUES_MAX - 1)] = ']'; /* the array and one less than that many elements */
    assert_non_null(parse_bytes(text, 2 * (JSON_VALUES_MAX - 1) + 1, &why));
    text[2 * (JSON_VALUES_MAX - 1)] = ',';
    text[2 * JSON_VALUES_MAX] = ']';
    assert_null(parse_bytes(text, 2 * JSON_VALUES_MAX + 1, &why));
    assert_string_equal(why, "the body holds too many values");
    free(text);
}

static void members_are_found_by_name(void **state)
{
    const struct json *v =
        parse("{ \"a\" : 1 , \"bb\":{\"a\":2,\"c\":[]}, \"a\":3, \"\\u0063\\/\":4, \"\":5 }");

    (void)state;
    expect(json_number(json_member(v, "a")), "1"); /* the first of two */
    expect(json_number(json_member(json_member(v, "bb"), "a")), "2");
    expect(json_number(json_member(v, "c/")), "4");
    expect(json_number(json_member(v, "")), "5");
    assert_null(json_member(v, "b"));
    assert_null(json_member(v, "c"));
    assert_null(json_member(json_member(v, "a"), "a"));
    assert_null(json_member(NULL, "a"));
    assert_null(json_member(parse("[1]"), "a"));
}

/* {"k0":0, "k1":1, ... "k<n-1>":n-1, `last`}; the values of two digits are objects. */
static const struct json *parse_large(unsigned n, const char *last)
{
    static char text[16384];
    char *p = text;

    *p++ = '{';
    for (unsigned i = 0; i < n; i++)
        p += snprintf(p, 64, i < 10 ? "\"k%u\":%u," : "\"k%u\":{\"k0\":%u},", i, i);
    snprintf(p, 64, "%s}", last);
    return parse(text);
}

static void members_of_large_objects_are_found_by_name(void **state)
{
    static const unsigned sizes[] = {2, 25, 26, 27, 100, 190, 191, 192, 193, 400};
    static const char *const lasts[] = {"\"k1\":77", "\"k\\u0031\":77"};

    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (size_t l = 0; l < sizeof lasts / sizeof *lasts; l++) {
            const struct json *v = parse_large(sizes[s], lasts[l]);

            for (unsigned i = 0; i < sizes[s]; i++) {
                char key[16], number[16];
                const struct json *m;

                snprintf(key, sizeof key, "k%u", i);
                snprintf(number, sizeof number, "%u", i);
                m = json_member(v, key);
                expect(json_number(i < 10 ? m : json_member(m, "k0")), number);
            }
            assert_null(json_member(v, "k1000"));
            assert_null(json_member(v, "k"));
            assert_null(json_member(v, ""));
        }
    }
}

static void elements_come_in_order(void **state)
{
    const struct json *v = parse("[[1,[2]],{\"x\":[3]},\"4\",[],{},5]");
    static const enum json_type types[] = {JSON_ARRAY, JSON_OBJECT, JSON_STRING,
                                           JSON_ARRAY, JSON_OBJECT, JSON_NUMBER};
    size_t n = 0;

    (void)state;
    for (const struct json *e = json_first(v); e != NULL; e = json_next(e))
        assert_int_equal(json_type(e), types[n++]);
    assert_int_equal(n, 6);
    assert_null(json_first(parse("[]")));
    assert_null(json_first(parse("{}")));
    assert_null(json_first(parse("1")));
    assert_null(json_next(parse("1")));
}

static void strings_are_unescaped(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"gid:\\/\\/shopify\\u0026x\"", "gid://shopify&x"},
        {"\"\\\"\\\\\\b\\f\\n\\r\\t\"", "\"\\\b\f\n\r\t"},
        {"\"\\u00e9\\u0939\\u4e2d\"", "\u00e9\u0939\u4e2d"},
        {"\"\\ud83d\\ude00\\uD83D\\uDE00\"", "\U0001F600\U0001F600"},
        {"\"\u00e9\u4e2d\U0001F600\"", "\u00e9\u4e2d\U0001F600"},
        {"\"\\u007f\\u0080\\uffff\"", "\x7f\xc2\x80\uffff"},
        {"\"ends in a backslash\\\\\"", "ends in a backslash\\"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(json_string(parse(cases[i].text), &arena), cases[i].expected);
    assert_null(json_string(parse("1"), &arena).p);
    assert_null(json_string(NULL, &arena).p);
}

static void nul_and_lone_surrogates_become_the_replacement_character(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"\"a\\u0000b\"", "a\uFFFDb"},
        {"\"\\ud800\"", "\uFFFD"},
        {"\"\\udc00\"", "\uFFFD"},
        {"\"\\ude00\\ud83d\"", "\uFFFD\uFFFD"},
        {"\"\\ud83dx\"", "\uFFFDx"},
        {"\"\\ud83d\\n\"", "\uFFFD\n"},
        {"\"\\ud83d\\ud83d\\ude00\"", "\uFFFD\U0001F600"},
        {"\"\\ud83d\\u0000\"", "\uFFFD\uFFFD"},
        {"\"\\\\u0000\"", "\\u0000"}, /* an escaped backslash, not an escaped NUL */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(json_string(parse(cases[i].text), &arena), cases[i].expected);
}

static void numbers_keep_their_digits(void **state)
{
    static const char *const cases[] = {"820982911946154508",
                                        "9223372036854775807",
                                        "18446744073709551616",
                                        "1234567890123456789012345678901234567890",
                                        "0.10",
                                        "1e400",
                                        "-0.0"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(json_number(parse(cases[i])), cases[i]);
    assert_null(json_number(parse("\"1\"")).p);
}

static void subtrees_are_written_as_jsonb_takes_them(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"{\"x\":{\"a\":[1,2.50,\"\\u00e9\\/\"]}}", "{\"a\":[1,2.50,\"\\u00e9\\/\"]}"},
        {"{\"x\": \"s\\n\" }", "\"s\\n\""},
        {"{\"x\":[ ]}", "[ ]"},
        {"{\"x\":null}", "null"},
        {"{\"x\":{\"a\\u0000\":\"b\\ud800\",\"c\":1e9999}}",
         "{\"a\\ufffd\":\"b\\ufffd\",\"c\":\"1e9999\"}"},
        {"{\"x\":{\"\\u0000\":1,\"b\":[{\"c\":-1E-1000,\"\\udfff\":\"\\\\u0000\"}]},\"y\":"
         "\"\\u0000\"}",
         "{\"\\ufffd\":1,\"b\":[{\"c\":\"-1E-1000\",\"\\ufffd\":\"\\\\u0000\"}]}"},
        {"{\"x\":\"\\u0000\"}", "\"\\ufffd\""},
        {"{\"x\":1e1000}", "\"1e1000\""},
        {"{\"x\":1e999}", "1e999"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(json_raw(json_member(parse(cases[i].text), "x"), &arena), cases[i].expected);
    assert_null(json_raw(NULL, &arena).p);
}

static void two_texts_are_held_at_once(void **state)
{
    const char *why;
    const struct json *event = parse("{\"a\":1}");
    const struct json *setting = json_parse(JSON_SLOT_SETTINGS, "[\"b\"]", 5, &why);

    (void)state;
    expect(json_number(json_member(event, "a")), "1");
    expect(json_string(json_first(setting), &arena), "b");
}

static void a_full_arena_gives_nothing(void **state)
{
    const struct json *v = parse("{\"a\":\"b\\u0000\"}");

    (void)state;
    arena_init(&arena, memory, 0);
    assert_null(json_string(json_member(v, "a"), &arena).p);
    assert_null(json_raw(v, &arena).p);
    assert_true(arena.failed);
}

static void written_json_is_escaped(void **state)
{
    struct json_out o;
    char longer[400];

    (void)state;
    arena_init(&arena, memory, sizeof memory);
    json_out_open(&o, &arena, '[');
    json_out_text(&o, NULL, TEXT("a\"b\\c\n\x01\u00e9"));
    json_out_begin_object(&o);
    json_out_text(&o, "k", TEXT(""));
    json_out_text(&o, "l", TEXT_NULL);
    json_out_raw(&o, "m", TEXT("1"));
    json_out_end_object(&o);
    json_out_raw(&o, NULL, TEXT_NULL);
    expect(json_out_close(&o),
           "[\"a\\\"b\\\\c\\u000a\\u0001\u00e9\",{\"k\":\"\",\"l\":null,\"m\":1},null]");

    memset(longer, 'x', sizeof longer);
    json_out_open(&o, &arena, '{');
    json_out_text(&o, "k", (struct text){longer, sizeof longer});
    assert_int_equal(json_out_close(&o).n, sizeof longer + 8);

    arena_init(&arena, memory, 256);
    json_out_open(&o, &arena, '[');
    json_out_text(&o, NULL, (struct text){longer, sizeof longer});
    json_out_text(&o, NULL, TEXT("more"));
    assert_null(json_out_close(&o).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_their_types),
        cmocka_unit_test(malformed_texts_are_refused),
        cmocka_unit_test(every_cut_of_a_text_is_refused),
        cmocka_unit_test(reasons_tell_what_is_wrong),
        cmocka_unit_test(nesting_ends_at_its_limit),
        cmocka_unit_test(number_of_values_ends_at_its_limit),
        cmocka_unit_test(members_are_found_by_name),
        cmocka_unit_test(members_of_large_objects_are_found_by_name),
        cmocka_unit_test(elements_come_in_order),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(nul_and_lone_surrogates_become_the_replacement_character),
        cmocka_unit_test(numbers_keep_their_digits),
        cmocka_unit_test(subtrees_are_written_as_jsonb_takes_them),
        cmocka_unit_test(two_texts_are_held_at_once),
        cmocka_unit_test(a_full_arena_gives_nothing),
        cmocka_unit_test(written_json_is_escaped),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    free(held);
    return failed;
}
