/* Finding culprits: every good entry is stored once and in order, every bad one is found, in few transactions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/bisect.h"

enum { MOST = 5000 };

static bool bad[MOST];
static unsigned transactions;

/* Runs a batch of n; returns how many culprits were found. */
static unsigned run(uint32_t n)
{
    struct bisect b;
    uint32_t lo, hi, next = 0;
    unsigned culprits = 0;

    transactions = 0;
    bisect_init(&b, n);
    while (bisect_next(&b, &lo, &hi)) {
        unsigned bads = 0;

        assert_int_equal(lo, next); /* in order, nothing left out */
        assert_true(hi > lo && hi <= n);
        for (uint32_t i = lo; i < hi; i++)
            bads += bad[i];
        transactions++;
        if (bads > 0 && bisect_split(&b, true))
            continue;
        if (bads > 0) {
            culprits++;
            transactions++; /* its letter */
        }
        bisect_stored(&b);
        next = hi;
    }
    assert_int_equal(next, n);
    return culprits;
}

static void a_good_batch_is_one_transaction(void **state)
{
    (void)state;
    memset(bad, 0, sizeof bad);
    assert_int_equal(run(500), 0);
    assert_int_equal(transactions, 1);
    assert_int_equal(run(0), 0);
    assert_int_equal(transactions, 0);
}

static void one_culprit_anywhere_costs_about_two_logarithms(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 500; at++) {
        memset(bad, 0, sizeof bad);
        bad[at] = true;
        assert_int_equal(run(500), 1);
        assert_true(transactions <= 2 * 9 + 2);
    }
}

static void any_set_of_culprits_is_found(void **state)
{
    (void)state;
    srand(7);
    for (unsigned round = 0; round < 300; round++) {
        uint32_t n = 1 + (uint32_t)rand() % 600;
        unsigned want = 0;
        int share = 1 + rand() % 100;

        memset(bad, 0, sizeof bad);
        for (uint32_t i = 0; i < n; i++) {
            bad[i] = rand() % share == 0;
            want += bad[i];
        }
        assert_int_equal(run(n), want);
    }
}

static void the_largest_batch_of_culprits_only_fits_the_stack(void **state)
{
    (void)state;
    memset(bad, 1, sizeof bad);
    assert_int_equal(run(MOST), MOST);
}

static void halving_because_of_size_accuses_nobody(void **state)
{
    struct bisect b;
    uint32_t lo, hi;

    (void)state;
    bisect_init(&b, 8);
    assert_true(bisect_next(&b, &lo, &hi));
    assert_true(bisect_split(&b, false));
    assert_true(bisect_next(&b, &lo, &hi));
    assert_int_equal(hi - lo, 4);
    bisect_stored(&b);
    assert_true(bisect_next(&b, &lo, &hi));
    assert_int_equal(lo, 4);
    assert_int_equal(hi, 8); /* tried whole */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_batch_is_one_transaction),
        cmocka_unit_test(one_culprit_anywhere_costs_about_two_logarithms),
        cmocka_unit_test(any_set_of_culprits_is_found),
        cmocka_unit_test(the_largest_batch_of_culprits_only_fits_the_stack),
        cmocka_unit_test(halving_because_of_size_accuses_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
