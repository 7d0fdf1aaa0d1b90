/* What may be trimmed, what the worker holds, and what a tail has missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "held.h"
#include "tail.h"
#include "trim.h"

#define ID(ms, seq) ((struct entry_id){(ms), (seq)})

static void assert_id(struct entry_id a, struct entry_id b)
{
    assert_int_equal(a.ms, b.ms);
    assert_int_equal(a.seq, b.seq);
}

/* ---- trim ---------------------------------------------------------------------------------------
 */

static void events_are_trimmed_up_to_the_oldest_of_pending_delivered_and_retention(void **state)
{
    static const struct {
        struct trim_facts facts;
        bool trims;
        struct entry_id minid;
    } cases[] = {
        /* all acknowledged, retention decides */
        {{true, {900, 5}, false, {0, 0}, 1000, 300}, true, {700, 0}},
        /* all acknowledged, but little was ever delivered */
        {{true, {500, 5}, false, {0, 0}, 1000, 300}, true, {500, 6}},
        /* pending decides */
        {{true, {900, 5}, true, {600, 2}, 1000, 300}, true, {600, 2}},
        {{true, {900, 5}, true, {800, 2}, 1000, 300}, true, {700, 0}},
        /* read between the two commands */
        {{true, {500, 5}, true, {600, 2}, 1000, 300}, true, {500, 5}},
        /* nothing known, nothing trimmed */
        {{false, {900, 5}, false, {0, 0}, 1000, 300}, false, {0, 0}},
        {{true, {0, 0}, true, {0, 0}, 1000, 300}, false, {0, 0}},
        /* a clock that is unset or younger than the retention */
        {{true, {900, 5}, false, {0, 0}, 0, 300}, false, {0, 0}},
        {{true, {900, 5}, false, {0, 0}, 300, 300}, false, {0, 0}},
        /* a clock far in the future trims what is acknowledged, and no more */
        {{true, {900, 5}, true, {600, 2}, UINT64_MAX, 300}, true, {600, 2}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct entry_id minid = {0, 0};
        assert_int_equal(trim_events(&cases[i].facts, &minid), cases[i].trims);
        if (cases[i].trims)
            assert_id(minid, cases[i].minid);
    }
}

/* Random histories of a stream, with a clock that jumps: never is anything trimmed that is not
 * acknowledged. */
static void no_clock_makes_us_trim_what_is_not_acknowledged(void **state)
{
    (void)state;
    srandom(7);
    for (int round = 0; round < 200000; round++) {
        uint64_t delivered = (uint64_t)random() % 1000, oldest = (uint64_t)random() % 1000;
        bool pending = oldest <= delivered && random() % 2;
        struct trim_facts f = {true,          ID(delivered, 0),          pending,
                               ID(oldest, 0), (uint64_t)random() % 3000, (uint64_t)random() % 1000};
        struct entry_id minid;
        if (!trim_events(&f, &minid))
            continue;
        assert_true(entry_id_compare(minid, ID(delivered + 1, 0)) < 0);
        if (pending)
            assert_true(entry_id_compare(minid, ID(oldest, 0)) <= 0);
    }
}

/* ---- held ---------------------------------------------------------------------------------------
 */

static void held_ids_are_kept_in_order_once_and_up_to_the_capacity(void **state)
{
    struct held h;

    (void)state;
    assert_true(held_init(&h, 4));
    assert_int_equal(held_add(&h, ID(5, 0), 10), HELD_NEW);
    assert_int_equal(held_add(&h, ID(3, 0), 10), HELD_NEW);
    assert_int_equal(held_add(&h, ID(5, 0), 10), HELD_ALREADY);
    assert_int_equal(held_add(&h, ID(4, 0), 10), HELD_NEW);
    assert_int_equal(held_add(&h, ID(9, 0), 10), HELD_NEW);
    assert_int_equal(held_add(&h, ID(10, 0), 10), HELD_FULL);
    assert_int_equal(held_add(&h, ID(9, 0), 10), HELD_ALREADY);
    assert_id(h.id[0], ID(3, 0));
    assert_id(h.id[3], ID(9, 0));
    assert_int_equal(h.bytes, 40); /* what is there already, or did not fit, weighs nothing */
    held_clear(&h);
    assert_int_equal(h.n, 0);
    assert_int_equal(h.bytes, 0);
    held_free(&h);
}

static void removing_takes_only_what_is_held(void **state)
{
    const struct entry_id some[] = {ID(4, 0), ID(1, 0), ID(7, 0), ID(4, 0)};
    struct held h;

    (void)state;
    assert_true(held_init(&h, 8));
    for (uint64_t i = 1; i <= 5; i++)
        assert_int_equal(held_add(&h, ID(i, 0), 10), HELD_NEW);
    assert_int_equal(held_remove(&h, some, 4), 2);
    assert_int_equal(h.n, 3);
    assert_id(h.id[0], ID(2, 0));
    assert_id(h.id[1], ID(3, 0));
    assert_id(h.id[2], ID(5, 0));
    assert_int_equal(held_remove(&h, some, 4), 0);
    assert_int_equal(held_remove(&h, NULL, 0), 0);
    assert_int_equal(h.bytes, 30);
    held_free(&h);
}

static void what_is_removed_takes_its_own_weight_along(void **state)
{
    static const struct entry_id large = ID(2, 0), small[] = {ID(1, 0), ID(3, 0)};
    struct held h;

    (void)state;
    assert_true(held_init(&h, 8));
    assert_false(held_is_heavy(&h, 0, 8)); /* nothing held: there is always room for one */
    assert_int_equal(held_add(&h, ID(3, 0), 3), HELD_NEW);
    assert_int_equal(held_add(&h, ID(1, 0), 1), HELD_NEW);
    assert_int_equal(held_add(&h, ID(2, 0), 1000), HELD_NEW);
    assert_true(held_is_heavy(&h, 1004, 1));
    assert_false(held_is_heavy(&h, 1005, 1));
    assert_true(held_is_heavy(&h, 8 * 1004, 8)); /* a share of eight */
    assert_int_equal(held_remove(&h, &large, 1), 1);
    assert_int_equal(h.bytes, 4);
    assert_int_equal(held_remove(&h, small, 2), 2);
    assert_int_equal(h.bytes, 0);
    held_free(&h);
}

/* ---- tail ---------------------------------------------------------------------------------------
 */

static void a_tail_begins_at_the_end(void **state)
{
    struct tail t = {0};

    (void)state;
    assert_int_equal(tail_look(&t, &(struct tail_look){ID(9, 1), ID(4, 0), 20, 5}), TAIL_CONTINUE);
    assert_id(t.position, ID(9, 1));
    tail_read(&t, ID(10, 0));
    assert_id(t.position, ID(10, 0));
    assert_int_equal(t.seen, 21);
}

static void a_tail_notices_what_it_missed(void **state)
{
    /* It stands at 10-0 and has seen 20 entries; then it looks again. */
    static const struct {
        struct tail_look look;
        enum tail_result result;
    } cases[] = {
        {{{10, 0}, {4, 0}, 20, 5}, TAIL_CONTINUE},  /* nothing new */
        {{{10, 0}, {0, 0}, 20, 0}, TAIL_CONTINUE},  /* nothing new, all trimmed */
        {{{15, 0}, {10, 0}, 25, 6}, TAIL_CONTINUE}, /* our entry is still there */
        {{{15, 0}, {11, 0}, 25, 5}, TAIL_CONTINUE}, /* trimmed up to us, exactly */
        {{{15, 0}, {12, 0}, 25, 4}, TAIL_GAP},      /* one more */
        {{{15, 0}, {0, 0}, 25, 0}, TAIL_GAP},       /* all of it */
        {{{0, 0}, {0, 0}, 0, 0}, TAIL_GAP},         /* deleted */
        {{{9, 0}, {1, 0}, 19, 19}, TAIL_GAP},       /* restored from an older copy */
        {{{15, 0}, {11, 0}, 3, 3}, TAIL_GAP},       /* deleted, and already written to again */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tail t = {true, ID(10, 0), 20, 0};
        assert_int_equal(tail_look(&t, &cases[i].look), cases[i].result);
        /* After a gap everybody reads rows afresh: what is in the stream by now is in them. */
        assert_id(t.position, cases[i].result == TAIL_GAP ? cases[i].look.last : ID(10, 0));
    }
}

static void a_stream_that_appears_later_is_read_from_its_beginning(void **state)
{
    struct tail t = {0};

    (void)state;
    assert_int_equal(tail_look(&t, &(struct tail_look){0}), TAIL_CONTINUE);
    assert_int_equal(tail_look(&t, &(struct tail_look){ID(3, 0), ID(1, 0), 3, 3}), TAIL_CONTINUE);
    assert_id(t.position, ID(0, 0));
}

static void history_becomes_shorter_while_redis_is_nearly_full(void **state)
{
    static const struct {
        uint64_t retention, used, max, wanted;
    } cases[] = {
        {86400000, 86, 100, 21600000}, {1300, 99, 100, 1000},         {1000, 200, 100, 1000},
        {1000, 85, 100, 1000},         {1000, 71, 100, 1000},         {1000, 70, 100, 2000},
        {50000000, 10, 100, 86400000}, {86400000, 10, 100, 86400000}, {1000, 99, 0, 2000},
        {86400000, 99, 0, 86400000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(trim_retention(cases[i].retention, 86400000, cases[i].used * 1000000,
                                        cases[i].max * 1000000),
                         cases[i].wanted);
    assert_int_equal(trim_retention(500, 500, 99, 100), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_trimmed_up_to_the_oldest_of_pending_delivered_and_retention),
        cmocka_unit_test(no_clock_makes_us_trim_what_is_not_acknowledged),
        cmocka_unit_test(history_becomes_shorter_while_redis_is_nearly_full),
        cmocka_unit_test(held_ids_are_kept_in_order_once_and_up_to_the_capacity),
        cmocka_unit_test(removing_takes_only_what_is_held),
        cmocka_unit_test(what_is_removed_takes_its_own_weight_along),
        cmocka_unit_test(a_tail_begins_at_the_end),
        cmocka_unit_test(a_tail_notices_what_it_missed),
        cmocka_unit_test(a_stream_that_appears_later_is_read_from_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
