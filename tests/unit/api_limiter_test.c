/* api/limiter: a tenant's requests share one bucket once it is known whose they are; it fills with time, never past a burst, and
 * there is a bound on how many are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/limiter.h"

enum { RATE = 10, BURST = 2 * RATE };

/* How many of `n` requests go through. */
static unsigned taken(struct limiter *l, const char *user, unsigned n, uint64_t now_ms)
{
    unsigned good = 0;

    for (unsigned i = 0; i < n; i++)
        good += limiter_take(l, user, now_ms) == 0;
    return good;
}

static void a_burst_then_the_rate(void **state)
{
    static const struct {
        uint64_t at_ms; /* after the one before */
        unsigned asked, taken;
    } steps[] = {
        {0, 50, BURST},                                       /* full at the start */
        {99, 5, 0},                                           /* a token takes 100 ms */
        {1, 5, 1},        {250, 5, 2},  {50, 5, 1},           /* halves are kept */
        {1000, 50, RATE}, {1900, 5, 5}, {3600000, 50, BURST}, /* never more than a burst */
    };
    struct limiter *l = limiter_new(RATE);
    uint64_t now = 1000;

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        unsigned n;

        now += steps[i].at_ms;
        n = taken(l, "user", steps[i].asked, now);
        if (n != steps[i].taken)
            fail_msg("step %zu: %u", i, n);
    }
    limiter_free(l);
}

static void who_waits_as_told_is_served(void **state)
{
    struct limiter *l = limiter_new(3);
    uint64_t now = 5, wait;

    (void)state;
    taken(l, "user", 6, now);
    for (int i = 0; i < 1000; i++) {
        wait = limiter_take(l, "user", now);
        assert_in_range(wait, 1, 334);
        now += wait;
        assert_int_equal(limiter_take(l, "user", now), 0);
    }
    limiter_free(l);
}

static void users_of_a_tenant_share_its_bucket(void **state)
{
    struct limiter *l = limiter_new(RATE);

    (void)state;
    limiter_learn(l, "ann ", "org-1");
    limiter_learn(l, "bob ", "org-1");
    limiter_learn(l, "cleo ", "org-2");
    assert_int_equal(taken(l, "ann ", 15, 0), 15);
    assert_int_equal(taken(l, "bob ", 15, 0), BURST - 15);
    assert_int_equal(taken(l, "cleo ", 50, 0), BURST);
    assert_int_equal(taken(l, "dan ", 50, 0), BURST); /* not known yet: his own */
    limiter_learn(l, "dan ", "org-1");
    assert_int_equal(taken(l, "dan ", 5, 0), 0);
    limiter_learn(l, "dan ", "org-3"); /* moved */
    assert_int_equal(taken(l, "dan ", 5, 0), 5);
    limiter_learn(l, "dan org-1", "org-1"); /* named in the header: another line */
    assert_int_equal(taken(l, "dan org-1", 5, 0), 0);
    limiter_free(l);
}

static void what_is_kept_is_bounded_and_past_it_nobody_is_refused(void **state)
{
    struct limiter *l = limiter_new(RATE);
    char user[LIMITER_KEY_SIZE];

    (void)state;
    for (unsigned i = 0; i < LIMITER_TENANTS_MAX; i++) {
        snprintf(user, sizeof user, "user-%u", i);
        assert_int_equal(limiter_take(l, user, 0), 0);
    }
    assert_int_equal(taken(l, "one more", 3 * BURST, 0), 3 * BURST);
    assert_int_equal(taken(l, "user-7", 3 * BURST, 0),
                     BURST - 1); /* those who are kept still are limited */
    /* Buckets that have filled up make room. */
    for (unsigned i = 0; i < LIMITER_TENANTS_MAX; i++) {
        snprintf(user, sizeof user, "new-%u", i);
        assert_int_equal(limiter_take(l, user, 10000), 0);
    }
    assert_int_equal(taken(l, "new-7", 3 * BURST, 10000), BURST - 1);
    limiter_free(l);
}

static void longest_names_fit(void **state)
{
    struct limiter *l = limiter_new(RATE);
    char user[LIMITER_KEY_SIZE], organization[37];

    (void)state;
    memset(user, 'u', sizeof user - 1);
    user[sizeof user - 1] = '\0';
    memset(organization, 'o', sizeof organization - 1);
    organization[sizeof organization - 1] = '\0';
    limiter_learn(l, user, organization);
    assert_int_equal(taken(l, user, 3 * BURST, 0), BURST);
    limiter_learn(l, "other ", organization);
    assert_int_equal(taken(l, "other ", 3 * BURST, 0), 0);
    limiter_free(l);
    limiter_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_then_the_rate),
        cmocka_unit_test(who_waits_as_told_is_served),
        cmocka_unit_test(users_of_a_tenant_share_its_bucket),
        cmocka_unit_test(what_is_kept_is_bounded_and_past_it_nobody_is_refused),
        cmocka_unit_test(longest_names_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
