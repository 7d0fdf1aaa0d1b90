/* What to read next: a partition's cursor, how much to ask for, and the read over many partitions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cursor.h"

enum {
    WINDOW = 100,
    GROUP = CURSOR_DO_GROUP,
    RECOVER = CURSOR_DO_RECOVER,
    READ = CURSOR_DO_READ,
    DRAINED = CURSOR_DRAINED
};

#define ID(n) ((struct entry_id){(n), 0})

static struct cursor reading(void)
{
    struct cursor c;

    cursor_init(&c, WINDOW);
    assert_int_equal(cursor_gain(&c), GROUP);
    assert_int_equal(cursor_grouped(&c, true), RECOVER);
    assert_int_equal(cursor_recovered(&c, 0, ID(0), 0), READ);
    assert_int_equal(c.state, CURSOR_READING);
    return c;
}

static void pending_entries_are_read_to_their_end_before_new_ones(void **state)
{
    struct cursor c;

    (void)state;
    cursor_init(&c, WINDOW);
    assert_int_equal(cursor_gain(&c), GROUP);
    assert_false(cursor_takes_new(&c));
    assert_int_equal(cursor_grouped(&c, true), RECOVER);
    assert_int_equal(cursor_recovered(&c, 50, ID(50), 50), RECOVER);
    assert_int_equal(c.last.ms, 50);
    assert_int_equal(cursor_recovered(&c, 50, ID(100), 100), 0); /* the window is full */
    assert_int_equal(cursor_settled(&c, 60), RECOVER);
    assert_int_equal(cursor_settled(&c, 50), 0); /* one is under way already */
    assert_int_equal(cursor_recovered(&c, 3, ID(103), 53), RECOVER);
    assert_int_equal(cursor_recovered(&c, 0, ID(0), 53), READ);
    assert_int_equal(c.last.ms, 103);
    assert_true(cursor_takes_new(&c));
}

static void recovery_and_drain_wait_for_the_read_that_is_under_way(void **state)
{
    struct cursor c = reading();

    (void)state;
    c.in_read = true;
    cursor_lose(&c);
    assert_int_equal(cursor_gain(&c), GROUP);
    assert_int_equal(cursor_grouped(&c, true), 0);
    assert_int_equal(cursor_read_over(&c), RECOVER);

    c = reading();
    c.in_read = true;
    assert_int_equal(cursor_drain(&c), 0);
    cursor_entries(&c, ID(7), 5); /* what it brings is worked off */
    assert_int_equal(cursor_read_over(&c), 0);
    assert_int_equal(cursor_settled(&c, 1), 0);
    assert_int_equal(cursor_settled(&c, 0), DRAINED);
}

static void draining_an_idle_partition_is_done_at_once_unless_a_command_is_under_way(void **state)
{
    struct cursor c = reading();

    (void)state;
    assert_int_equal(cursor_drain(&c), DRAINED);
    cursor_init(&c, WINDOW);
    assert_int_equal(cursor_gain(&c), GROUP);
    assert_int_equal(cursor_drain(&c), 0);
    assert_int_equal(cursor_grouped(&c, true), DRAINED);
    cursor_init(&c, WINDOW);
    (void)cursor_gain(&c);
    assert_int_equal(cursor_grouped(&c, true), RECOVER);
    assert_int_equal(cursor_drain(&c), 0);
    assert_int_equal(cursor_recovered(&c, 9, ID(9), 0),
                     DRAINED); /* the driver hands over nothing any more */
    assert_int_equal(c.last.ms, 0);
}

static void a_lost_group_is_made_again_and_recovery_goes_on_behind_what_is_held(void **state)
{
    struct cursor c = reading();

    (void)state;
    cursor_entries(&c, ID(30), 4);
    assert_int_equal(cursor_no_group(&c), GROUP);
    assert_int_equal(cursor_no_group(&c), 0); /* asked once */
    assert_int_equal(cursor_grouped(&c, true), RECOVER);
    assert_int_equal(c.last.ms, 30);
    assert_int_equal(c.held, 4);
    assert_int_equal(cursor_no_group(&c),
                     0); /* lost again while the recovery is under way: after its answer */
    assert_int_equal(cursor_recovered(&c, 2, ID(99), 2), GROUP);
    assert_int_equal(c.last.ms, 30);
}

static void what_failed_is_asked_again_by_retry_only(void **state)
{
    struct cursor c;

    (void)state;
    cursor_init(&c, WINDOW);
    assert_int_equal(cursor_retry(&c), 0);
    (void)cursor_gain(&c);
    assert_int_equal(cursor_retry(&c), 0); /* under way */
    assert_int_equal(cursor_grouped(&c, false), 0);
    assert_int_equal(cursor_retry(&c), GROUP);
    assert_int_equal(cursor_grouped(&c, true), RECOVER);
    assert_int_equal(cursor_recover_failed(&c), 0);
    assert_int_equal(cursor_retry(&c), RECOVER);
}

static void answers_that_come_after_the_partition_was_lost_change_nothing(void **state)
{
    struct cursor c;

    (void)state;
    cursor_init(&c, WINDOW);
    (void)cursor_gain(&c);
    cursor_lose(&c);
    assert_int_equal(cursor_grouped(&c, true), 0);
    assert_int_equal(cursor_recovered(&c, 5, ID(5), 5), 0);
    assert_int_equal(cursor_settled(&c, 3), 0);
    assert_int_equal(cursor_no_group(&c), 0);
    assert_int_equal(cursor_drain(&c), 0);
    assert_int_equal(cursor_read_over(&c), 0);
    assert_int_equal(c.held, 0);
    assert_int_equal(c.state, CURSOR_OFF);
    assert_int_equal(cursor_gain(&c), GROUP); /* and it can be gained again */
}

/* A driver and a Redis that answer at random: at most one command is under way, its answer may come
 * or fail. */
static struct model {
    struct cursor c;
    unsigned under_way, held;
} m;

static void model_obey(unsigned bits)
{
    unsigned command = bits & (GROUP | RECOVER);

    assert_true(m.c.busy || command == 0);
    if (command != 0) {
        assert_int_equal(m.under_way, 0);
        m.under_way = command;
    }
    if (bits & DRAINED)
        cursor_lose(&m.c);
    if (m.c.state == CURSOR_OFF)
        m.held = 0;
}

static unsigned model_answer(bool ok)
{
    unsigned command = m.under_way;

    m.under_way = 0;
    if (command == GROUP)
        return cursor_grouped(&m.c, ok);
    if (command == RECOVER)
        return ok ? cursor_recovered(&m.c, 0, ID(1), m.held) : cursor_recover_failed(&m.c);
    return 0;
}

static unsigned model_input(long which)
{
    switch (which) {
    case 0:
        /* Leases and reads share a connection: what was asked is answered before a lease comes back. */
        return m.c.state == CURSOR_OFF && m.under_way == 0 ? cursor_gain(&m.c) : 0;
    case 1:
        cursor_lose(&m.c);
        return 0;
    case 2:
        return cursor_drain(&m.c);
    case 3:
        return cursor_no_group(&m.c);
    case 4:
        m.held -= m.held > 0;
        return cursor_settled(&m.c, m.held);
    case 5:
        return cursor_retry(&m.c);
    case 6:
        m.c.in_read = m.c.in_read || m.c.state == CURSOR_READING;
        return 0;
    case 7:
        return m.c.in_read ? cursor_read_over(&m.c) : 0;
    case 8:
        if (m.c.in_read && cursor_takes_new(&m.c) && m.held < m.c.window)
            cursor_entries(&m.c, ID(2), ++m.held);
        return 0;
    default:
        return model_answer(random() % 3 > 0);
    }
}

/* Any order of inputs: with all answers given and everything settled it reads in the end. */
static void no_order_of_inputs_gets_it_stuck(void **state)
{
    (void)state;
    srandom(11);
    for (int round = 0; round < 5000; round++) {
        m = (struct model){0};
        cursor_init(&m.c, 10);
        for (int step = 0; step < 60; step++)
            model_obey(model_input(random() % 11));
        for (int calm = 0; calm < 10; calm++) {
            m.held = 0;
            model_obey(model_answer(true));
            model_obey(model_input(7));
            model_obey(model_input(4));
            model_obey(model_input(5));
            model_obey(model_input(0));
        }
        assert_int_equal(m.c.state, CURSOR_READING);
    }
}

/* ---- how much -----------------------------------------------------------------------------------
 */

static void the_count_grows_with_full_replies_and_shrinks_with_poor_ones(void **state)
{
    struct pacer p;

    (void)state;
    pacer_init(&p, 500);
    assert_int_equal(pacer_count(&p, 1), 16);
    for (unsigned i = 0; i < 10; i++)
        pacer_saw(&p, pacer_count(&p, 1), pacer_count(&p, 1), 100);
    assert_int_equal(pacer_count(&p, 1), 500);
    pacer_saw(&p, 500, 0, 0); /* an empty read says nothing about sizes or rates */
    assert_int_equal(pacer_count(&p, 1), 500);
    for (unsigned i = 0; i < 10; i++)
        pacer_saw(&p, pacer_count(&p, 1), 1, 100);
    assert_in_range(pacer_count(&p, 1), READ_COUNT_MIN, 2 * READ_COUNT_MIN);
    pacer_init(&p, 3);
    assert_int_equal(pacer_count(&p, 1), 3);
}

static void the_expected_reply_stays_below_the_byte_budget(void **state)
{
    struct pacer p;

    (void)state;
    pacer_init(&p, 500);
    for (unsigned i = 0; i < 10; i++)
        pacer_saw(&p, 1, 1, 1 << 20);
    assert_int_equal(pacer_count(&p, 1), 32);
    assert_int_equal(pacer_count(&p, 8), 4);
    assert_int_equal(pacer_count(&p, 256), 1); /* never nothing */
    pacer_saw(&p, 1, 1, 8 << 20);
    assert_int_equal(pacer_count(&p, 1), 4);
    for (unsigned i = 0; i < 100; i++)
        pacer_saw(&p, 1, 1, 10); /* forgotten slowly */
    assert_int_equal(p.largest, READ_LARGEST_MIN);
}

/* ---- the read over many -------------------------------------------------------------------------
 */

enum { N = 4 };

static struct cursor cursors[N];
static bool included[N];
static struct read_plan plan;

static bool make(unsigned count_max, unsigned turn)
{
    const struct cursor *all[N];
    struct pacer p;

    pacer_init(&p, count_max);
    p.count = count_max;
    for (unsigned i = 0; i < N; i++)
        all[i] = &cursors[i];
    return read_plan_make(&plan, all, included, N, &p, turn);
}

static int plan_setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N; i++) {
        cursors[i] = reading();
        included[i] = true;
    }
    return 0;
}

static void a_read_spans_all_in_turn_and_blocks_long(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 9; turn++) {
        assert_true(make(50, turn));
        assert_int_equal(plan.n, N);
        assert_int_equal(plan.count, 50);
        assert_int_equal(plan.block_ms, READ_BLOCK_MS);
        for (unsigned i = 0; i < N; i++)
            assert_int_equal(plan.partition[i], (turn + i) % N);
    }
}

static void who_has_no_room_or_is_not_ready_is_left_out_and_the_block_is_short(void **state)
{
    (void)state;
    cursors[1].held = WINDOW;
    cursors[2].state = CURSOR_RECOVERING;
    included[3] = false;
    assert_true(make(50, 0));
    assert_int_equal(plan.n, 1);
    assert_int_equal(plan.partition[0], 0);
    assert_int_equal(plan.block_ms, READ_BLOCK_SHORT_MS);
    /* Partitions of others, and those being drained, do not count. */
    cursors[1].state = CURSOR_DRAINING;
    cursors[2].state = cursors[3].state = CURSOR_OFF;
    assert_true(make(50, 0));
    assert_int_equal(plan.block_ms, READ_BLOCK_MS);
    cursors[0].held = WINDOW;
    assert_false(make(50, 0));
}

static void nobody_is_asked_for_more_than_it_has_room_for_and_nobody_starves(void **state)
{
    bool served = false;

    (void)state;
    cursors[2].held = WINDOW - 3;
    for (unsigned turn = 0; turn < 2; turn++) {
        assert_true(make(50, turn));
        for (unsigned i = 0; i < plan.n; i++) {
            assert_true(plan.count <= WINDOW - cursors[plan.partition[i]].held);
            served = served || plan.partition[i] == 2;
        }
    }
    assert_true(served);
    for (unsigned i = 0; i < N; i++)
        cursors[i].held = WINDOW - 1;
    assert_true(make(50, 0));
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan.n, N);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pending_entries_are_read_to_their_end_before_new_ones),
        cmocka_unit_test(recovery_and_drain_wait_for_the_read_that_is_under_way),
        cmocka_unit_test(draining_an_idle_partition_is_done_at_once_unless_a_command_is_under_way),
        cmocka_unit_test(a_lost_group_is_made_again_and_recovery_goes_on_behind_what_is_held),
        cmocka_unit_test(what_failed_is_asked_again_by_retry_only),
        cmocka_unit_test(answers_that_come_after_the_partition_was_lost_change_nothing),
        cmocka_unit_test(no_order_of_inputs_gets_it_stuck),
        cmocka_unit_test(the_count_grows_with_full_replies_and_shrinks_with_poor_ones),
        cmocka_unit_test(the_expected_reply_stays_below_the_byte_budget),
        cmocka_unit_test_setup(a_read_spans_all_in_turn_and_blocks_long, plan_setup),
        cmocka_unit_test_setup(who_has_no_room_or_is_not_ready_is_left_out_and_the_block_is_short,
                               plan_setup),
        cmocka_unit_test_setup(nobody_is_asked_for_more_than_it_has_room_for_and_nobody_starves,
                               plan_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
