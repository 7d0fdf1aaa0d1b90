/* voice/form.c, callback_url.c: forms as carriers send them. */
#include "handling.h"

#include "voice/callback_url.h"
#include "base/form.h"

static char room[FORM_BYTES_MAX];

static bool parse(struct form *f, const char *encoded)
{
    return form_parse(f, text_of(encoded), room);
}

static void names_and_values_are_decoded(void **state)
{
    static const struct {
        const char *encoded, *value; /* of "a"; NULL: absent */
        unsigned n;
    } cases[] = {
        {"a=1", "1", 1},
        {"a=S%C3%A3o+Paulo&b=2", "S\xC3\xA3o Paulo", 2},
        {"b=2&a=%2b1", "+1", 2},
        {"a", NULL, 1},
        {"a=", NULL, 1},
        {"a=+%20", NULL, 1},
        {"", NULL, 0},
        {"&&a=1&", "1", 1},
        {"%61=x", "x", 1},
        {"a=x=y", "x=y", 1},
        {"a=1&a=2", "1", 2},
        {"a=100%", "100%", 1},
        {"a=%4", "%4", 1},
        {"a=%zz", "%zz", 1},
        {"a=x%00y", NULL, 1},        /* a NUL */
        {"a=%C3", NULL, 1},          /* cut UTF-8 */
        {"a=%C0%80", NULL, 1},       /* an overlong NUL */
        {"a=%ED%A0%80", NULL, 1},    /* a surrogate */
        {"a=%F4%90%80%80", NULL, 1}, /* beyond Unicode */
        {"a=%E9", NULL, 1},          /* Latin-1 */
        {"a=%F0%9F%98%80", "\xF0\x9F\x98\x80", 1},
        {"A=1", NULL, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct form f;
        struct text value;

        assert_true(parse(&f, cases[i].encoded));
        assert_int_equal(f.n, cases[i].n);
        value = form_value(&f, "a");
        assert_int_equal(value.p != NULL, cases[i].value != NULL);
        if (value.p != NULL)
            assert_true(text_equal(value, text_of(cases[i].value)));
    }
}

static void a_form_is_bounded(void **state)
{
    static char long_form[FORM_BYTES_MAX + 1];
    struct form f;
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < FORM_PAIRS_MAX; i++, n += 4)
        memcpy(long_form + n, "a=1&", 4);
    assert_true(form_parse(&f, (struct text){long_form, n}, room));
    assert_int_equal(f.n, FORM_PAIRS_MAX);
    memcpy(long_form + n, "a=1&", 4);
    assert_false(form_parse(&f, (struct text){long_form, n + 4}, room));
    memset(long_form, 'x', sizeof long_form);
    assert_true(form_parse(&f, (struct text){long_form, FORM_BYTES_MAX}, room));
    assert_false(form_parse(&f, (struct text){long_form, FORM_BYTES_MAX + 1}, room));
    assert_false(form_parse(&f, (struct text){"a=\0b", 4}, room));
}

static void sorting_is_by_name_then_value(void **state)
{
    static const char *const sorted[] = {"A=9", "a=", "a=1", "a=10", "a=2", "aa=0", "b=1"};
    struct form f;

    (void)state;
    assert_true(parse(&f, "b=1&a=2&aa=0&a=10&A=9&a=1&a="));
    form_sort(&f);
    assert_int_equal(f.n, 7);
    for (unsigned i = 0; i < f.n; i++) {
        char pair[16];

        snprintf(pair, sizeof pair, "%.*s=%.*s", (int)f.pair[i].name.n, f.pair[i].name.p,
                 (int)f.pair[i].value.n, f.pair[i].value.p);
        assert_string_equal(pair, sorted[i]);
    }
}

static void a_query_stands_between_two_marks(void **state)
{
    static const char *const cases[][2] = {
        {"https://x/y?a=1#f?b=2", "a=1"},
        {"https://x/y", ""},
        {"https://x/y#a?b", ""},
        {"https://x/y?", ""},
        {"", ""},
        {"?a=?", "a=?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(text_equal(form_query(text_of(cases[i][0])), text_of(cases[i][1])));
}

static void a_url_counts_with_and_without_its_port(void **state)
{
    static const char *const cases[][2] = {
        {"https://x.example/y?z", "https://x.example:443/y?z"},
        {"http://x.example", "http://x.example:80"},
        {"https://x.example:8443/y", "https://x.example/y"},
        {"https://u:p@x.example/y", "https://u:p@x.example:443/y"},
        {"https://[::1]/y", "https://[::1]:443/y"},
        {"https://[::1]:9/y", "https://[::1]/y"},
        {"https://x.example?a=b:c", "https://x.example:443?a=b:c"},
        {"", ":80"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct callback_url urls[CALLBACK_URL_SPELLINGS];

        callback_url_spellings(text_of(cases[i][0]), urls);
        for (unsigned s = 0; s < CALLBACK_URL_SPELLINGS; s++) {
            char whole[128];

            snprintf(whole, sizeof whole, "%.*s%.*s%.*s", (int)urls[s].front.n, urls[s].front.p,
                     (int)urls[s].port.n, urls[s].port.p, (int)urls[s].rest.n, urls[s].rest.p);
            assert_string_equal(whole, cases[i][s]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_values_are_decoded),
        cmocka_unit_test(a_form_is_bounded),
        cmocka_unit_test(sorting_is_by_name_then_value),
        cmocka_unit_test(a_query_stands_between_two_marks),
        cmocka_unit_test(a_url_counts_with_and_without_its_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
