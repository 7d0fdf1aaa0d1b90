/* Which entries make the next batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker/planner.h"

enum { ENTRY_BYTES = 100 };

static const struct planner_limits limits = {.partitions = 4,
                                             .batch_max = 10,
                                             .batch_bytes_max = 10 * ENTRY_BYTES,
                                             .batches_max = 2,
                                             .linger_ms = 5};

static struct planner p;
static struct planner_batch batch;
static uint64_t wake;

/* Entries ms = from .. from + n - 1, each delivered `deliveries` times. */
static struct entry *list(uint64_t from, unsigned n, uint32_t deliveries)
{
    struct entry *first = NULL, **link = &first;

    for (unsigned i = 0; i < n; i++) {
        *link = calloc(1, sizeof **link);
        (*link)->id.ms = from + i;
        (*link)->deliveries = deliveries;
        (*link)->len = ENTRY_BYTES;
        link = &(*link)->next;
    }
    return first;
}

static void drop(struct entry *e)
{
    while (e != NULL) {
        struct entry *next = e->next;

        free(e);
        e = next;
    }
}

static void add(unsigned partition, uint64_t from, unsigned n, uint32_t deliveries, uint64_t now)
{
    struct entry *first = list(from, n, deliveries);

    for (struct entry *e = first; e != NULL; e = e->next)
        e->partition = partition;
    planner_add(&p, partition, first, n, now);
}

/* Takes the next batch: number of entries, 0 if there is none now. */
static unsigned take(uint64_t now)
{
    if (!planner_next(&p, now, &batch, &wake))
        return 0;
    return batch.n;
}

static void over(const struct planner_batch *b)
{
    drop(b->first);
    planner_done(&p, b, b->begun_ms);
}

static void done(void)
{
    over(&batch);
}

/* Every partition has had a batch of its own. */
static void together(void)
{
    for (unsigned i = 0; i < limits.partitions; i++)
        planner_apart(&p, i, false);
}

/* "0:1,2 3:7": the ids of the batch, by partition. */
static const char *contents(void)
{
    static char text[256];
    char *at = text;
    const struct entry *before = NULL;

    *at = '\0';
    for (const struct entry *e = batch.first; e != NULL; before = e, e = e->next) {
        if (before == NULL || before->partition != e->partition)
            at += sprintf(at, "%s%u:", before == NULL ? "" : " ", e->partition);
        else
            at += sprintf(at, ",");
        at += sprintf(at, "%u", (unsigned)e->id.ms);
    }
    return text;
}

static int begin(void **state)
{
    (void)state;
    planner_init(&p, &limits, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < limits.partitions; i++)
        drop(planner_lose(&p, i));
    return 0;
}

static void alone_on_an_idle_system_an_entry_goes_at_once(void **state)
{
    (void)state;
    add(1, 100, 1, 1, 1000);
    assert_int_equal(take(1000), 1);
    assert_int_equal(batch.partitions[0], 1);
    assert_int_equal(batch.first->id.ms, 100);
    done();
}

static void while_others_are_written_a_batch_may_grow_for_a_moment(void **state)
{
    struct planner_batch first;

    (void)state;
    add(0, 1, 1, 1, 1000);
    assert_int_equal(take(1000), 1);
    first = batch;
    add(1, 1, 3, 1, 1001);
    assert_int_equal(take(1002), 0);
    assert_int_equal(wake, 1006);
    add(1, 4, 2, 1, 1003);
    assert_int_equal(take(1006), 5); /* the first entry's five milliseconds */
    done();
    over(&first);
}

static void a_full_batch_does_not_linger(void **state)
{
    struct planner_batch first;

    (void)state;
    add(0, 1, 1, 1, 1000);
    assert_int_equal(take(1000), 1);
    first = batch;
    add(1, 1, 25, 1, 1000);
    assert_int_equal(take(1000), 10);
    done();
    over(&first);
    assert_int_equal(take(1000), 10); /* the rest has waited long enough */
    done();
    assert_int_equal(take(1000), 5);
    done();
}

static void what_is_made_ready_ahead_is_full(void **state)
{
    struct planner_limits ahead = limits;
    struct planner_batch first;

    (void)state;
    ahead.ahead = 1;
    planner_init(&p, &ahead, 0);
    add(0, 1, 1, 1, 1000);
    assert_int_equal(take(1000), 1);
    first = batch;
    add(1, 1, 9, 1, 1000);
    assert_int_equal(take(2000), 0); /* as many as may be written are under way */
    assert_true(wake == PLANNER_NEVER);
    add(1, 10, 1, 1, 2000);
    assert_int_equal(take(2000), 10);
    done();
    add(2, 1, 1, 1, 2000);
    assert_int_equal(take(3000), 0);
    over(&first);
    assert_int_equal(take(3000), 1); /* and now it goes at once */
    done();
}

static void a_partition_has_one_batch_under_way(void **state)
{
    (void)state;
    add(2, 1, 30, 1, 0);
    assert_int_equal(take(100), 10);
    assert_int_equal(batch.first->id.ms, 1);
    assert_false(planner_next(&p, 100, &(struct planner_batch){0}, &wake));
    assert_true(wake == PLANNER_NEVER);
    done();
    assert_int_equal(take(100), 10);
    assert_int_equal(batch.first->id.ms, 11);
    done();
}

static void a_held_partition_begins_nothing_and_others_go_on(void **state)
{
    (void)state;
    add(0, 1, 3, 1, 0);
    add(1, 1, 3, 1, 0);
    planner_hold(&p, 0, true);
    assert_int_equal(take(100), 3);
    assert_int_equal(batch.partitions[0], 1);
    done();
    assert_int_equal(take(100), 0);
    planner_hold(&p, 0, false);
    assert_int_equal(take(100), 3);
    assert_int_equal(batch.partitions[0], 0);
    done();
}

static void no_more_batches_than_connections(void **state)
{
    struct planner_batch a, b;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        add(i, 1, 10, 1, 0);
    assert_int_equal(take(100), 10);
    a = batch;
    assert_int_equal(take(100), 10);
    b = batch;
    assert_int_equal(take(100), 0);
    over(&a);
    assert_int_equal(take(100), 10);
    done();
    over(&b);
}

static void partitions_take_turns_however_much_one_of_them_has(void **state)
{
    unsigned turns[4] = {0};

    (void)state;
    add(3, 1, 500, 1, 0);
    add(0, 1, 40, 1, 0);
    add(1, 1, 40, 1, 0);
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(take(100), 10);
        turns[batch.partitions[0]]++;
        done();
    }
    assert_int_equal(turns[0], 4);
    assert_int_equal(turns[1], 4);
    assert_int_equal(turns[3], 4);
}

static void a_batch_is_bounded_in_bytes_but_never_empty(void **state)
{
    struct entry *large = list(1, 3, 1);

    (void)state;
    large->len = 5000;
    planner_add(&p, 0, large, 3, 0);
    assert_int_equal(take(100), 1);
    done();
    assert_int_equal(take(100), 2);
    done();
}

static void what_did_not_fit_comes_first_next_time(void **state)
{
    struct entry *rest;

    (void)state;
    add(0, 1, 12, 1, 0);
    assert_int_equal(take(100), 10);
    rest = batch.first->next->next;
    batch.first->next->next = NULL;
    planner_put_back(&p, 0, rest, 100);
    done();
    assert_int_equal(p.waiting, 10);
    assert_int_equal(take(100), 10);
    assert_int_equal(batch.first->id.ms, 3);
    done();
    assert_int_equal(p.waiting, 0);
}

static void a_lost_partition_forgets_its_entries_and_waits_for_its_batch(void **state)
{
    (void)state;
    add(0, 1, 12, 1, 0);
    assert_int_equal(take(100), 10);
    drop(planner_lose(&p, 0));
    assert_int_equal(p.waiting, 0);
    add(0, 1, 5, 2, 200);
    assert_false(planner_next(&p, 300, &(struct planner_batch){0},
                              &wake)); /* the old batch may still commit */
    done();
    assert_int_equal(take(300), 5);
    done();
}

static void an_entry_seen_in_two_crashes_runs_alone(void **state)
{
    struct planner_batch other;

    (void)state;
    add(1, 1, 4, 1, 0);
    assert_int_equal(take(100), 4);
    other = batch;
    add(0, 1, 3, DELIVERIES_ALONE, 0);
    assert_int_equal(take(100), 0); /* not beside another batch */
    over(&other);
    add(1, 10, 4, 1, 0);
    assert_int_equal(take(200), 1);
    assert_int_equal(batch.partitions[0], 0);
    assert_true(batch.suspect);
    other = batch;
    assert_int_equal(take(200), 0); /* and nothing beside it */
    batch = other;
    done();
    assert_int_equal(take(200), 4);
    done();
}

static void who_runs_with_others_is_no_suspect(void **state)
{
    (void)state;
    add(0, 1, 1, DELIVERIES_ALONE, 0);
    add(0, 2, 3, DELIVERIES_ALONE - 1, 0);
    assert_int_equal(take(100), 1);
    assert_true(batch.suspect);
    done();
    assert_int_equal(take(100), 3);
    assert_false(batch.suspect);
    done();
    add(0, 5, 1, 1, 0);
    assert_int_equal(take(100), 1);
    assert_false(batch.suspect);
    done();
}

static void entries_that_no_batch_can_have_reached_are_not_suspected(void **state)
{
    (void)state;
    add(0, 1, 25, DELIVERIES_ALONE, 0);
    for (unsigned i = 0; i < limits.batch_max; i++) {
        assert_int_equal(take(100), 1);
        done();
    }
    assert_int_equal(take(100), 10);
    done();
    assert_int_equal(take(100), 5);
    done();
}

static void deliveries_that_this_process_survived_do_not_count(void **state)
{
    (void)state;
    for (uint32_t deliveries = 1; deliveries < 20; deliveries++) { /* a link that comes and goes */
        add(0, 1, 5, deliveries, 0);
        drop(planner_lose(&p, 0));
    }
    add(0, 1, 5, 20, 0);
    assert_int_equal(take(100), 5);
    assert_false(batch.suspect);
    done();
    add(0, 50, 2, DELIVERIES_ALONE, 0); /* these never passed through our hands */
    assert_int_equal(take(200), 1);
    done();
}

static void at_the_end_nothing_lingers(void **state)
{
    struct planner_batch first;

    (void)state;
    add(0, 1, 1, 1, 1000);
    assert_int_equal(take(1000), 1);
    first = batch;
    add(1, 1, 1, 1, 1000);
    p.hurry = true;
    assert_int_equal(take(1000), 1);
    done();
    over(&first);
}

/* ---- several partitions in one batch ---- */

static void who_has_little_comes_along(void **state)
{
    (void)state;
    together();
    add(2, 1, 2, 1, 0);
    add(0, 5, 3, 1, 0);
    add(3, 9, 1, 1, 0);
    assert_int_equal(take(100), 6);
    assert_string_equal(contents(), "0:5,6,7 2:1,2 3:9");
    assert_int_equal(batch.n_partitions, 3);
    assert_int_equal(batch.partitions[0], 0);
    assert_int_equal(batch.partitions[1], 2);
    assert_int_equal(batch.partitions[2], 3);
    add(2, 3, 1, 1, 0);
    add(1, 1, 1, 1, 0);
    planner_put_back(&p, 3, list(9, 0, 1), 0);
    done();
    assert_int_equal(take(100), 2);
    assert_string_equal(contents(), "1:1 2:3"); /* it is partition 1's turn */
    done();
}

static void the_partition_whose_turn_it_is_comes_first_but_locks_are_in_order(void **state)
{
    (void)state;
    together();
    add(2, 1, 1, 1, 0);
    assert_int_equal(take(100), 1);
    done();
    add(0, 1, 1, 1, 0);
    add(3, 1, 1, 1, 0);
    add(1, 1, 1, 1, 0);
    assert_int_equal(take(100), 3);
    assert_string_equal(contents(), "3:1 0:1 1:1");
    assert_memory_equal(batch.partitions, ((uint16_t[]){0, 1, 3}), 3 * sizeof(uint16_t));
    done();
}

static void who_does_not_fit_waits_for_its_turn(void **state)
{
    (void)state;
    together();
    add(0, 1, 4, 1, 0);
    add(1, 1, 7, 1, 0); /* 4 + 7 > 10 */
    add(2, 1, 6, 1, 0);
    assert_int_equal(take(100), 10);
    assert_string_equal(contents(), "0:1,2,3,4 2:1,2,3,4,5,6");
    done();
    assert_int_equal(take(100), 7);
    done();
    add(0, 1, 4, 1, 0);
    p.queues[0].first->len = 6 * ENTRY_BYTES; /* bytes count, too */
    p.queues[0].bytes = 9 * ENTRY_BYTES;
    add(1, 1, 2, 1, 0);
    p.turn = 0;
    assert_int_equal(take(100), 4);
    done();
    assert_int_equal(take(100), 2);
    done();
}

static void together_they_are_full_or_have_waited(void **state)
{
    struct planner_batch first;

    (void)state;
    together();
    add(3, 1, 1, 1, 1000);
    assert_int_equal(take(1000), 1);
    first = batch;
    add(0, 1, 4, 1, 1001);
    add(1, 1, 4, 1, 1002);
    assert_int_equal(take(1003), 0);
    assert_int_equal(wake, 1006); /* the oldest one's */
    add(2, 1, 2, 1, 1003);
    assert_int_equal(take(1003), 10);
    over(&first);
    done();
}

static void who_waits_for_a_batch_under_way_waits_as_long_as_batches_take(void **state)
{
    struct planner_batch first;

    (void)state;
    together();
    for (unsigned i = 0; i < 40; i++) { /* they take 8 ms */
        add(0, i, 1, 1, 1000);
        assert_int_equal(take(1000), 1);
        drop(batch.first);
        planner_done(&p, &batch, 1008);
    }
    assert_int_equal(p.took_ms, 8);
    add(0, 100, 1, 1, 2000);
    assert_int_equal(take(2000), 1);
    first = batch;
    add(1, 1, 1, 1, 2001);
    assert_int_equal(take(2006), 0);
    assert_int_equal(wake, 2001 + 2 * 8);
    assert_int_equal(take(wake), 1);
    done();
    drop(first.first);
    planner_done(&p, &first, 2000 + 60000); /* one that was stuck */
    add(0, 101, 1, 1, 70000);
    assert_int_equal(take(70000), 1);
    first = batch;
    add(1, 2, 1, 1, 70000);
    assert_int_equal(take(70000), 0);
    assert_int_equal(wake, 70000 + PLANNER_WAIT_MS_MAX);
    assert_int_equal(take(wake), 1);
    done();
    over(&first);
}

static void a_partition_stays_apart_until_it_is_known_to_be_sound(void **state)
{
    struct planner_batch first;

    (void)state;
    together();
    planner_apart(&p, 1, true);
    for (unsigned i = 0; i < 3; i++)
        add(i, 1, 2, 1, 0);
    assert_int_equal(take(100), 4);
    assert_string_equal(contents(), "0:1,2 2:1,2");
    first = batch;
    assert_int_equal(take(100), 2);
    assert_string_equal(contents(), "1:1,2");
    done();
    over(&first);
    planner_apart(&p, 1, false);
    add(1, 3, 1, 1, 0);
    add(2, 3, 1, 1, 0);
    assert_int_equal(take(100), 2);
    done();
    drop(planner_lose(&p, 1)); /* somebody else may hold it when it comes back */
    add(1, 4, 1, 1, 0);
    add(2, 4, 1, 1, 0);
    assert_int_equal(take(100), 1);
    done();
    assert_int_equal(take(100), 1);
    done();
}

static void a_suspect_neither_comes_along_nor_takes_others(void **state)
{
    (void)state;
    together();
    add(0, 1, 2, 1, 0);
    add(1, 1, 1, 1, 0);
    add(1, 2, 1, DELIVERIES_ALONE, 0); /* behind a sound one */
    add(2, 1, 1, 1, 0);
    assert_int_equal(take(100), 3);
    assert_string_equal(contents(), "0:1,2 2:1");
    done();
    add(3, 1, 1, 1, 0);
    assert_int_equal(take(100), 2);
    assert_string_equal(contents(), "1:1 3:1");
    done();
    add(2, 2, 1, 1, 0);
    assert_int_equal(take(100), 1);
    assert_string_equal(contents(), "2:2");
    assert_false(batch.suspect);
    done();
    add(3, 2, 1, 1, 0);
    p.turn = 1;
    assert_int_equal(take(100), 1);
    assert_string_equal(contents(), "1:2");
    assert_true(batch.suspect);
    done();
    assert_int_equal(take(100), 1);
    done();
}

static void held_ones_do_not_come_along(void **state)
{
    (void)state;
    together();
    add(0, 1, 1, 1, 0);
    add(1, 1, 1, 1, 0);
    planner_hold(&p, 1, true);
    assert_int_equal(take(100), 1);
    done();
    planner_hold(&p, 1, false);
    assert_int_equal(take(100), 1);
    done();
}

static void what_is_put_back_is_suspected_as_if_it_had_not_been_taken(void **state)
{
    (void)state;
    add(0, 1, 10, 1, 0);
    add(0, 11, 1, DELIVERIES_ALONE, 0); /* no batch can have reached it */
    assert_int_equal(take(100), 10);
    planner_put_back(&p, 0, batch.first, 100);
    batch.first = NULL;
    done();
    assert_int_equal(p.queues[0].taken, 0);
    assert_int_equal(take(100), 10);
    done();
    assert_int_equal(take(100), 1);
    assert_false(batch.suspect);
    done();
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(alone_on_an_idle_system_an_entry_goes_at_once),
        T(while_others_are_written_a_batch_may_grow_for_a_moment),
        T(a_full_batch_does_not_linger),
        T(what_is_made_ready_ahead_is_full),
        T(a_partition_has_one_batch_under_way),
        T(a_held_partition_begins_nothing_and_others_go_on),
        T(no_more_batches_than_connections),
        T(partitions_take_turns_however_much_one_of_them_has),
        T(a_batch_is_bounded_in_bytes_but_never_empty),
        T(what_did_not_fit_comes_first_next_time),
        T(a_lost_partition_forgets_its_entries_and_waits_for_its_batch),
        T(an_entry_seen_in_two_crashes_runs_alone),
        T(who_runs_with_others_is_no_suspect),
        T(entries_that_no_batch_can_have_reached_are_not_suspected),
        T(deliveries_that_this_process_survived_do_not_count),
        T(at_the_end_nothing_lingers),
        T(who_has_little_comes_along),
        T(the_partition_whose_turn_it_is_comes_first_but_locks_are_in_order),
        T(who_does_not_fit_waits_for_its_turn),
        T(together_they_are_full_or_have_waited),
        T(who_waits_for_a_batch_under_way_waits_as_long_as_batches_take),
        T(a_partition_stays_apart_until_it_is_known_to_be_sound),
        T(a_suspect_neither_comes_along_nor_takes_others),
        T(held_ones_do_not_come_along),
        T(what_is_put_back_is_suspected_as_if_it_had_not_been_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
