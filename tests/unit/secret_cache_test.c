/* workers/gateway/secret_cache.c: what is remembered about stores' secrets, for how long, and what
 * follows from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/secret_cache.h"

static void an_answer_is_remembered_with_its_age(void **state)
{
    struct secret_cache *c = secret_cache_new(4, 4);
    struct secret_view v;

    (void)state;
    assert_int_equal(secret_cache_find(c, "a", 100).state, SECRET_UNKNOWN);
    secret_cache_put(c, "a", SECRET_KNOWN, "s1", 2, 100);
    v = secret_cache_find(c, "a", 150);
    assert_int_equal(v.state, SECRET_KNOWN);
    assert_memory_equal(v.secret, "s1", 2);
    assert_int_equal(v.secret_len, 2);
    assert_int_equal(v.age_ms, 50);
    secret_cache_put(c, "a", SECRET_KNOWN, "longer", 6, 200); /* rotated */
    v = secret_cache_find(c, "a", 200);
    assert_memory_equal(v.secret, "longer", 6);
    secret_cache_put(c, "a", SECRET_NONE, NULL, 0, 300); /* disconnected */
    assert_int_equal(secret_cache_find(c, "a", 300).state, SECRET_NONE);
    assert_int_equal(secret_cache_count(c, SECRET_KNOWN), 0);
    secret_cache_put(c, "a", SECRET_BROKEN, NULL, 0, 400);
    assert_int_equal(secret_cache_find(c, "a", 400).state, SECRET_BROKEN);
    assert_int_equal(secret_cache_find(c, "a", 400).secret_len, 0);
    secret_cache_free(c);
}

static void invented_domains_never_push_out_a_secret(void **state)
{
    struct secret_cache *c = secret_cache_new(2, 10);
    char domain[SHOP_DOMAIN_MAX + 1];

    (void)state;
    secret_cache_put(c, "one", SECRET_KNOWN, "x", 1, 0);
    secret_cache_put(c, "two", SECRET_KNOWN, "y", 1, 0);
    for (int i = 0; i < 50000; i++) {
        snprintf(domain, sizeof domain, "evil-%d.myshopify.com", i);
        secret_cache_put(c, domain, SECRET_NONE, NULL, 0, 0);
        assert_true(secret_cache_count(c, SECRET_NONE) <= 10);
    }
    assert_int_equal(secret_cache_find(c, "one", 0).state, SECRET_KNOWN);
    assert_int_equal(secret_cache_find(c, "two", 0).state, SECRET_KNOWN);
    assert_int_equal(secret_cache_find(c, domain, 0).state, SECRET_NONE);
    assert_int_equal(secret_cache_find(c, "evil-0.myshopify.com", 0).state, SECRET_UNKNOWN);
    secret_cache_free(c);
}

static void past_the_limit_the_secret_unused_longest_goes(void **state)
{
    struct secret_cache *c = secret_cache_new(3, 1);

    (void)state;
    secret_cache_put(c, "one", SECRET_KNOWN, "x", 1, 0);
    secret_cache_put(c, "two", SECRET_KNOWN, "x", 1, 0);
    secret_cache_put(c, "three", SECRET_KNOWN, "x", 1, 0);
    secret_cache_find(c, "one", 0);
    secret_cache_put(c, "four", SECRET_BROKEN, NULL, 0, 0);
    assert_int_equal(secret_cache_find(c, "two", 0).state, SECRET_UNKNOWN);
    assert_int_equal(secret_cache_find(c, "one", 0).state, SECRET_KNOWN);
    assert_int_equal(secret_cache_count(c, SECRET_KNOWN), 3);
    secret_cache_free(c);
}

static void the_longest_domain_and_secret_fit(void **state)
{
    struct secret_cache *c = secret_cache_new(1, 1);
    char domain[SHOP_DOMAIN_MAX + 1], secret[STORE_SECRET_MAX];
    struct secret_view v;

    (void)state;
    memset(domain, 'd', SHOP_DOMAIN_MAX);
    domain[SHOP_DOMAIN_MAX] = '\0';
    memset(secret, 's', sizeof secret);
    secret_cache_put(c, domain, SECRET_KNOWN, secret, sizeof secret, 0);
    v = secret_cache_find(c, domain, 0);
    assert_int_equal(v.secret_len, sizeof secret);
    assert_memory_equal(v.secret, secret, sizeof secret);
    secret_cache_free(c);
}

static void verdicts_follow_from_what_is_known(void **state)
{
    static const struct {
        enum secret_state state;
        uint64_t age_ms;
        bool matches;
        enum secret_verdict verdict;
    } rows[] = {
        {SECRET_UNKNOWN, 0, false, SECRET_ASK},
        {SECRET_NONE, 0, false, SECRET_REFUSE},
        {SECRET_NONE, SECRET_FRESH_MS - 1, false, SECRET_REFUSE},
        {SECRET_NONE, SECRET_FRESH_MS, false, SECRET_ASK},
        {SECRET_KNOWN, 0, true, SECRET_ACCEPT},
        {SECRET_KNOWN, UINT64_MAX, true, SECRET_ACCEPT}, /* PostgreSQL may be away for long */
        {SECRET_KNOWN, 0, false, SECRET_REFUSE},
        {SECRET_KNOWN, SECRET_FRESH_MS, false, SECRET_ASK}, /* rotated a moment ago? */
        {SECRET_BROKEN, 0, false, SECRET_CANNOT_TELL},
        {SECRET_BROKEN, SECRET_FRESH_MS, false, SECRET_ASK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct secret_view v = {.state = rows[i].state, .age_ms = rows[i].age_ms};

        if (secret_decide(v, rows[i].matches) != rows[i].verdict)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_remembered_with_its_age),
        cmocka_unit_test(invented_domains_never_push_out_a_secret),
        cmocka_unit_test(past_the_limit_the_secret_unused_longest_goes),
        cmocka_unit_test(the_longest_domain_and_secret_fit),
        cmocka_unit_test(verdicts_follow_from_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
