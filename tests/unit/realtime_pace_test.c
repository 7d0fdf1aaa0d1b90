/* Who is written to when. */
#include <assert.h>
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
        s[i].at = i % 2 == 0 ? NOW - 1 : 0;
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

/* One burst: a row to every socket, and `more` behind it, 2 ms apart. Returns how many sockets wrote at once. */
static uint32_t burst(uint64_t now, int more)
{
    uint32_t wrote = 0;

    for (int row = 0; row <= more; row++, now += 2) {
        for (int i = 0; i < SOCKETS; i++)
            pace_row(&pace, &s[i], now);
        while (pace_next(&pace, now) != NULL)
            wrote += row == 0;
    }
    pace_all(&pace);
    while (pace_next(&pace, now) != NULL)
        ;
    return wrote;
}

static void first_rows_wait_when_others_follow_them(void **state)
{
    enum { APART = 50, AGAIN = PACE_LEARN_MS / APART };
    uint64_t now = NOW;

    (void)state;
    static_assert(SOCKETS * AGAIN > PACE_BUSY, "else nothing is learnt");
    for (int i = 0; i < 2 * AGAIN; i++, now += APART)
        burst(now, 3);
    assert_int_equal(burst(now, 3), 0); /* one write for four rows */
    for (int i = 0; i < 2 * AGAIN; i++, now += APART)
        burst(now, 0);
    assert_int_equal(burst(now, 0), SOCKETS); /* nothing follows any more */
    for (int i = 0; i < 2 * AGAIN; i++, now += APART)
        burst(now, i % 3 == 0); /* most are alone */
    assert_int_equal(burst(now, 0), SOCKETS);
}

static void a_process_with_little_to_write_lets_nobody_wait(void **state)
{
    uint64_t now = NOW;

    (void)state;
    for (int i = 0; i < 100; i++, now += PACE_SHARE_MS + 2) {
        pace_row(&pace, &s[0], now);
        assert_ptr_equal(pace_next(&pace, now), &s[0]);
        pace_row(&pace, &s[0], now + 1);
        pace_all(&pace);
        assert_ptr_equal(pace_next(&pace, now + 2), &s[0]);
    }
}

static void what_was_learnt_before_a_pause_is_forgotten(void **state)
{
    uint64_t now = NOW;

    (void)state;
    for (int i = 0; i < 10; i++, now += 50)
        burst(now, 3);
    assert_int_equal(burst(now, 3), 0);
    assert_int_equal(burst(now + UINT64_C(3600000), 3), SOCKETS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_first_row_goes_at_once_and_those_behind_it_share_a_write),
        TEST(rows_far_apart_never_wait),
        TEST(an_answer_goes_at_once_and_takes_the_rows_along),
        TEST(sockets_may_go_at_any_time),
        TEST(first_rows_wait_when_others_follow_them),
        TEST(a_process_with_little_to_write_lets_nobody_wait),
        TEST(what_was_learnt_before_a_pause_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
