/* The plan of copies, as lists of what happens and what is ordered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recordings/copier.h"

#define ORG "00000000-0000-4000-8000-0000000000aa"
#define CALL "00000000-0000-4000-8000-0000000000bb"
#define PATH ORG "/" CALL ".wav"

enum { START_MS = 5000 };

static struct copier copier;

static struct copy *claimed(int32_t attempts)
{
    int i;

    copier_init(&copier, 2);
    i = copier_claim(&copier, CALL, ORG, attempts, INT64_MAX, START_MS);
    assert_int_equal(i, 0);
    assert_int_equal(copier.copy[0].state, COPY_FETCHING);
    return &copier.copy[0];
}

static void a_copy_is_fetched_stored_and_recorded(void **state)
{
    struct copy *c = claimed(1);

    (void)state;
    assert_int_equal(copier_busy(&copier), 1);
    assert_int_equal(copier_fetched(c, PATH, 1000, 12), COPY_DO_STORE);
    assert_int_equal(copier_tick(c, START_MS + 1000, 0, 0), COPY_DO_NOTHING);
    assert_int_equal(copier_stored(c), COPY_DO_RECORD);
    assert_string_equal(c->path, PATH);
    assert_int_equal(c->size, 1000);
    assert_int_equal(c->duration_seconds, 12);
    assert_int_equal(copier_recorded(c, true), COPY_DO_CLOSE);
    assert_int_equal(copier_busy(&copier), 0);
}

static void a_statement_that_could_not_run_is_run_again(void **state)
{
    struct copy *c = claimed(1);

    (void)state;
    copier_fetched(c, PATH, 1, -1);
    copier_stored(c);
    for (uint64_t now = START_MS; now < START_MS + 100000; now += COPY_AGAIN_MS) {
        assert_int_equal(copier_untold(c, now), COPY_DO_NOTHING);
        assert_int_equal(copier_tick(c, now + COPY_AGAIN_MS - 1, 0, 0), COPY_DO_NOTHING);
        assert_int_equal(copier_tick(c, now + COPY_AGAIN_MS, 0, 0), COPY_DO_RECORD);
        assert_int_equal(copier_tick(c, now + 2 * COPY_AGAIN_MS, 0, 0), COPY_DO_NOTHING);
    }
    assert_int_equal(copier_recorded(c, true), COPY_DO_CLOSE);
}

static void a_file_that_nobody_knows_of_is_erased(void **state)
{
    struct copy *c = claimed(1);
    unsigned tries = 0;

    (void)state;
    copier_fetched(c, PATH, 1, -1);
    copier_stored(c);
    assert_int_equal(copier_recorded(c, false), COPY_DO_ERASE);
    while (copier_erased(c, false, START_MS) == COPY_DO_NOTHING) {
        tries++;
        assert_int_equal(copier_tick(c, START_MS + COPY_AGAIN_MS, 0, 0), COPY_DO_ERASE);
    }
    assert_int_equal(tries, COPY_ERASURES_MAX - 1);
    assert_int_equal(c->state, COPY_FREE);

    c = claimed(1);
    copier_fetched(c, PATH, 1, -1);
    copier_stored(c);
    copier_recorded(c, false);
    assert_int_equal(copier_erased(c, true, START_MS), COPY_DO_CLOSE);
}

static void a_deleted_recordings_file_is_erased_and_forgotten(void **state)
{
    struct copy *c = &copier.copy[0];

    (void)state;
    copier_init(&copier, 1);
    assert_int_equal(copier_claim_erasure(&copier, CALL, ORG, PATH), 0);
    assert_int_equal(copier_claim_erasure(&copier, CALL, ORG, PATH), -1);
    assert_int_equal(copier_erased(c, true, START_MS), COPY_DO_FORGET);
    assert_int_equal(copier_untold(c, START_MS), COPY_DO_NOTHING);
    assert_int_equal(copier_tick(c, START_MS + COPY_AGAIN_MS, 0, 0), COPY_DO_FORGET);
    assert_int_equal(copier_told(c), COPY_DO_CLOSE);
    /* One that fails comes again from the database. */
    assert_int_equal(copier_claim_erasure(&copier, CALL, ORG, PATH), 0);
    assert_int_equal(copier_erased(c, false, START_MS), COPY_DO_CLOSE);
    assert_int_equal(copier_busy(&copier), 0);
}

static void time_runs_out_while_fetching_and_while_storing(void **state)
{
    struct copy *c = claimed(1);

    (void)state;
    assert_int_equal(copier_tick(c, START_MS + COPY_DEADLINE_MS - 1, 0, 0), COPY_DO_NOTHING);
    assert_int_equal(copier_tick(c, START_MS + COPY_DEADLINE_MS, 0, 0), COPY_DO_REPORT);
    assert_int_equal(c->trouble, TROUBLE_NETWORK);
    assert_true(c->retry_ms > 0);
    assert_int_equal(copier_told(c), COPY_DO_CLOSE);

    c = claimed(1);
    copier_fetched(c, PATH, 1, -1);
    assert_int_equal(copier_tick(c, START_MS + COPY_DEADLINE_MS, 0, 0), COPY_DO_REPORT);
    assert_int_equal(c->trouble, TROUBLE_STORE);
}

static void who_loses_the_claim_stops_unless_a_file_may_be_there(void **state)
{
    struct copy *c = claimed(1);

    (void)state;
    assert_int_equal(copier_lost(c), COPY_DO_CLOSE);
    c = claimed(1);
    copier_fetched(c, PATH, 1, -1);
    assert_int_equal(copier_lost(c), COPY_DO_NOTHING);
    assert_int_equal(copier_stored(c), COPY_DO_RECORD);
    assert_int_equal(copier_lost(c), COPY_DO_NOTHING);
}

static void our_own_lapsed_claim_is_taken_up_again(void **state)
{
    struct copy *c = claimed(1);

    (void)state;
    assert_int_equal(copier_claim(&copier, CALL, ORG, 2, INT64_MAX, START_MS), -1);
    assert_int_equal(c->attempts, 2);
    assert_int_equal(copier_busy(&copier), 1);
}

static void hopeless_copies_are_given_up_others_after_their_share(void **state)
{
    (void)state;
    for (int t = TROUBLE_NONE + 1; t < TROUBLE_COUNT; t++) {
        int32_t attempts = 1;
        while (copier_retry_ms((enum copy_trouble)t, attempts, 0, INT64_MAX, 0, 0) >= 0)
            attempts++;
        assert_in_range(attempts, 1, 1000);
        if (t == TROUBLE_LINK || t == TROUBLE_SIZE)
            assert_int_equal(attempts, 1);
        else
            assert_true(attempts > 5);
    }
}

static void waiting_doubles_up_to_the_most(void **state)
{
    int64_t last = COPY_RETRY_FIRST_MS / 2;

    (void)state;
    for (int32_t attempts = 1; attempts < 40; attempts++) {
        int64_t wait = copier_retry_ms(TROUBLE_STORE, attempts, 0, INT64_MAX, 0, 0);
        int64_t least = copier_retry_ms(TROUBLE_STORE, attempts, 0, INT64_MAX, 0, UINT32_MAX);
        assert_int_equal(wait, last * 2 < COPY_RETRY_MAX_MS ? last * 2 : COPY_RETRY_MAX_MS);
        assert_int_equal(least, wait / 2 < COPY_RETRY_LEAST_MS ? COPY_RETRY_LEAST_MS : wait / 2);
        last = wait;
    }
}

static void a_link_that_expires_is_tried_again_in_time(void **state)
{
    const int64_t expires_us = INT64_C(600) * 1000000;
    int64_t now_us = 0;
    int32_t attempts = 1;

    (void)state;
    while (now_us < expires_us) {
        int64_t wait = copier_retry_ms(TROUBLE_NETWORK, attempts++, now_us, expires_us, 0, 0);
        assert_in_range(wait, COPY_RETRY_LEAST_MS,
                        (expires_us - now_us) / 4000 + COPY_RETRY_LEAST_MS);
        now_us += wait * 1000;
    }
    assert_true(attempts > 12);
}

static void the_other_sides_wish_is_respected(void **state)
{
    (void)state;
    assert_int_equal(copier_retry_ms(TROUBLE_NETWORK, 1, 0, INT64_MAX, 60000, 0), 60000);
    assert_int_equal(copier_retry_ms(TROUBLE_NETWORK, 1, 0, INT64_MAX, 1, 0), COPY_RETRY_FIRST_MS);
    assert_int_equal(copier_retry_ms(TROUBLE_NETWORK, 1, 0, INT64_MAX, INT64_MAX, 0),
                     COPY_RETRY_MAX_MS);
}

static void every_slot_can_be_taken(void **state)
{
    char id[COPY_ID_SIZE];

    (void)state;
    copier_init(&copier, COPIES_MAX);
    for (int i = 0; i < COPIES_MAX; i++) {
        snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", i);
        assert_int_equal(copier_claim(&copier, id, ORG, 1, INT64_MAX, START_MS), i);
    }
    assert_int_equal(copier_busy(&copier), COPIES_MAX);
    assert_int_equal(copier_find(&copier, id), COPIES_MAX - 1);
    assert_int_equal(copier_find(&copier, CALL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_fetched_stored_and_recorded),
        cmocka_unit_test(a_statement_that_could_not_run_is_run_again),
        cmocka_unit_test(a_file_that_nobody_knows_of_is_erased),
        cmocka_unit_test(a_deleted_recordings_file_is_erased_and_forgotten),
        cmocka_unit_test(time_runs_out_while_fetching_and_while_storing),
        cmocka_unit_test(who_loses_the_claim_stops_unless_a_file_may_be_there),
        cmocka_unit_test(our_own_lapsed_claim_is_taken_up_again),
        cmocka_unit_test(hopeless_copies_are_given_up_others_after_their_share),
        cmocka_unit_test(waiting_doubles_up_to_the_most),
        cmocka_unit_test(a_link_that_expires_is_tried_again_in_time),
        cmocka_unit_test(the_other_sides_wish_is_respected),
        cmocka_unit_test(every_slot_can_be_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
