/* handlers/base/seal.c: what was sealed opens again, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/seal.h"

#define KEY_A "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY_B "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="

static struct seal with(const char *setting)
{
    struct seal s;
    const char *why = NULL;

    assert_true(seal_init(&s, setting, &why));
    return s;
}

static void what_was_sealed_opens_again(void **state)
{
    static const char *const secrets[] = {
        "", "x", "shpss_0123456789abcdef",
        "a secret of more than one AES block, in fact of several"};
    struct seal s = with(KEY_A);

    (void)state;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        char text[SEAL_TEXT_SIZE(100)], plain[100];
        const char *why = NULL;
        size_t n = 99;

        assert_true(seal_close(&s, text, secrets[i], strlen(secrets[i]), &why));
        assert_int_equal(strlen(text) + 1, SEAL_TEXT_SIZE(strlen(secrets[i])));
        assert_true(seal_open(&s, plain, sizeof plain, &n, text, strlen(text), &why));
        assert_int_equal(n, strlen(secrets[i]));
        assert_memory_equal(plain, secrets[i], n);
        if (n > 0)
            assert_false(seal_open(&s, plain, n - 1, &n, text, strlen(text), &why));
    }
}

static void two_sealings_of_one_secret_differ(void **state)
{
    struct seal s = with(KEY_A);
    char one[SEAL_TEXT_SIZE(3)], two[SEAL_TEXT_SIZE(3)];
    const char *why;

    (void)state;
    assert_true(seal_close(&s, one, "abc", 3, &why));
    assert_true(seal_close(&s, two, "abc", 3, &why));
    assert_string_not_equal(one, two);
}

static void rotation_opens_old_values_and_seals_with_the_new_key(void **state)
{
    struct seal old = with(KEY_A), both = with(KEY_B "," KEY_A), new = with(KEY_B);
    char text[SEAL_TEXT_SIZE(3)], plain[3];
    const char *why = NULL;
    size_t n;

    (void)state;
    assert_true(seal_close(&old, text, "abc", 3, &why));
    assert_true(seal_open(&both, plain, 3, &n, text, strlen(text), &why));
    assert_false(seal_open(&new, plain, 3, &n, text, strlen(text), &why));
    assert_non_null(strstr(why, "does not list"));
    assert_true(seal_close(&both, text, "abc", 3, &why));
    assert_true(seal_open(&new, plain, 3, &n, text, strlen(text), &why));
}

static void any_changed_character_is_noticed(void **state)
{
    struct seal s = with(KEY_A);
    char text[SEAL_TEXT_SIZE(20)], plain[20];
    const char *why = NULL;
    size_t n, len;

    (void)state;
    assert_true(seal_close(&s, text, "twenty bytes of text", 20, &why));
    len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char kept = text[i];

        text[i] = kept == 'A' ? 'B' : 'A';
        why = NULL;
        if (seal_open(&s, plain, sizeof plain, &n, text, len, &why))
            fail_msg("character %zu may change", i);
        assert_non_null(why);
        assert_int_equal(n, 0);
        text[i] = kept;
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_false(seal_open(&s, plain, sizeof plain, &n, text, cut, &why));
    assert_true(seal_open(&s, plain, sizeof plain, &n, text, len, &why));
}

static void a_bad_setting_is_refused_with_a_sentence(void **state)
{
    static const char *const rows[] = {
        "short",
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQ==", /* 31 bytes */
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYw", /* 33 bytes */
        KEY_A ",",                                      /* fine: a trailing comma ends the list */
        KEY_A ",x",
        "," KEY_A,
        KEY_A "," KEY_A "," KEY_A "," KEY_A "," KEY_A, /* five */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seal s;
        const char *why = NULL;

        assert_int_equal(seal_init(&s, rows[i], &why), i == 3);
        assert_int_equal(why == NULL, i == 3);
    }
}

static void without_a_key_nothing_is_sealed_or_opened(void **state)
{
    struct seal none = with(NULL), s = with(KEY_A);
    char text[SEAL_TEXT_SIZE(1)], plain[1];
    const char *why = NULL;
    size_t n;

    (void)state;
    assert_false(seal_close(&none, text, "x", 1, &why));
    assert_non_null(strstr(why, "RINGBACK_ENCRYPTION_KEY"));
    assert_true(seal_close(&s, text, "x", 1, &why));
    assert_false(seal_open(&none, plain, 1, &n, text, strlen(text), &why));
    assert_non_null(strstr(why, "RINGBACK_ENCRYPTION_KEY"));
}

static void a_secret_at_the_limit_fits_and_one_byte_more_does_not(void **state)
{
    static char plain[SEAL_PLAIN_MAX + 1], text[SEAL_TEXT_SIZE(SEAL_PLAIN_MAX + 1)],
        back[SEAL_PLAIN_MAX];
    struct seal s = with(KEY_A);
    const char *why;
    size_t n;

    (void)state;
    memset(plain, 'k', sizeof plain);
    assert_true(seal_close(&s, text, plain, SEAL_PLAIN_MAX, &why));
    assert_true(seal_open(&s, back, sizeof back, &n, text, strlen(text), &why));
    assert_memory_equal(plain, back, sizeof back);
    assert_false(seal_close(&s, text, plain, SEAL_PLAIN_MAX + 1, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens_again),
        cmocka_unit_test(two_sealings_of_one_secret_differ),
        cmocka_unit_test(rotation_opens_old_values_and_seals_with_the_new_key),
        cmocka_unit_test(any_changed_character_is_noticed),
        cmocka_unit_test(a_bad_setting_is_refused_with_a_sentence),
        cmocka_unit_test(without_a_key_nothing_is_sealed_or_opened),
        cmocka_unit_test(a_secret_at_the_limit_fits_and_one_byte_more_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
