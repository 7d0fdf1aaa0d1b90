/* Who is written to when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "realtime/limits.h"
#include "realtime/pace.h"

enum { SOCKETS = 100, NOW = 1000 };

static struct pace pace;
static struct paced s[SOCKETS];

static int begin(void **state)
{
    (void)state;
    assert_true(pace_reserve(&pace, SOCKETS));
    for (int i = 0; i < SOCKETS; i++)
        s[i] = (struct paced){.list = PACE_NOWHERE};
    return 0;
}

static int end(void **state)
{
    (void)state;
    pace_free(&pace);
    return 0;
}

static void a_first_row_goes_at_once_and_those_behind_it_share_a_write(void **state)
{
    (void)state;
    pace_row(&pace, &s[0], NOW);
    assert_ptr_equal(pace_next(&pace, NOW), &s[0]);
    assert_null(pace_next(&pace, NOW));
    for (int ms = 1; ms < PACE_SHARE_MS; ms++)
        pace_row(&pace, &s[0], NOW + (uint64_t)ms);
    assert_null(pace_next(&pace, NOW + PACE_SHARE_MS));
    pace_row(&pace, &s[1], NOW + 1); /* somebody else's first one does not wait for them */
    assert_ptr_equal(pace_next(&pace, NOW + 1), &s[1]);
    pace_all(&pace);
    assert_ptr_equal(pace_next(&pace, NOW + PACE_SHARE_MS), &s[0]);
    assert_null(pace_next(&pace, NOW + PACE_SHARE_MS)); /* once for all of its rows */
}

static void rows_far_apart_never_wait(void **state)
{
    (void)state;
    /* over the end of the 32 bits that are kept of the clock, too */
    for (uint64_t now = UINT32_MAX - 5 * PACE_SHARE_MS; now < UINT32_MAX + UINT64_C(100);
         now += PACE_SHARE_MS) {
        pace_row(&pace, &s[0], now);
        assert_ptr_equal(pace_next(&pace, now), &s[0]);
    }
    pace_row(&pace, &s[0], UINT32_MAX + UINT64_C(99));
    assert_int_equal(pace.n[PACE_LATER], 1);
}

static void an_answer_goes_at_once_and_takes_the_rows_along(void **state)
{
    (void)state;
    pace_soon(&pace, &s[0]);
    assert_ptr_equal(pace_next(&pace, NOW), &s[0]);
    pace_row(&pace, &s[0], NOW + 1);
    pace_soon(&pace, &s[0]);
    pace_row(&pace, &s[0], NOW + 1); /* stays where it is */
    assert_ptr_equal(pace_next(&pace, NOW + 1), &s[0]);
    pace_all(&pace);
    assert_null(pace_next(&pace, NOW + 1));
}

/* Every third one goes from wherever it is; all others come exactly once. */
static void sockets_may_go_at_any_time(void **state)
{
    bool seen[SOCKETS] = {false};
    struct paced *next;

    (void)state;
    for (int i = 0; i < SOCKETS; i++) {
        s[i].written_at = i % 2 == 0 ? NOW - 1 : 0;
        pace_row(&pace, &s[i], NOW);
    }
    assert_int_equal(pace.n[PACE_LATER], SOCKETS / 2);
    for (int i = 0; i < SOCKETS; i += 3)
        pace_leave(&pace, &s[i]);
    pace_leave(&pace, &s[0]); /* is nowhere any more */
    pace_all(&pace);
    assert_ptr_equal(pace_peek(&pace, 1), pace.sockets[PACE_SOON][pace.n[PACE_SOON] - 2]);
    assert_null(pace_peek(&pace, SOCKETS));
    while ((next = pace_next(&pace, NOW)) != NULL) {
        assert_false(seen[next - s]);
        seen[next - s] = true;
    }
    for (int i = 0; i < SOCKETS; i++)
        assert_int_equal(seen[i], i % 3 != 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_first_row_goes_at_once_and_those_behind_it_share_a_write),
        TEST(rows_far_apart_never_wait),
        TEST(an_answer_goes_at_once_and_takes_the_rows_along),
        TEST(sockets_may_go_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
