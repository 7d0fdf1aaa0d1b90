/* Which result belongs to which request; and what happens when the connection dies, or the server says odd things. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/db_pipe.h"

/* Results as letters: O ok, F failed, S skipped, | sync. */
static enum db_result result_of(char c)
{
    return c == 'O'   ? DB_RESULT_OK
           : c == 'F' ? DB_RESULT_FAILED
           : c == 'S' ? DB_RESULT_SKIPPED
                      : DB_RESULT_SYNC;
}

/* Feeds `results`; writes one letter per outcome: the step's digit, '+' stored, '-' not stored, '!' wrong. */
static void play(struct db_pipe *p, const char *results, char *out)
{
    for (; *results != '\0'; results++) {
        struct db_place place = db_pipe_result(p, result_of(*results));

        if (place.kind == DB_PLACE_STEP)
            *out++ = (char)('0' + place.step);
        else if (place.kind == DB_PLACE_END)
            *out++ = place.flight.failed_step == DB_STEP_NONE ? '+' : '-';
        else
            *out++ = '!';
    }
    *out = '\0';
}

static int a, b;

static void a_result_belongs_to_the_oldest_unfinished_request(void **state)
{
    struct db_pipe p = {.sent = 0};
    struct db_place place;

    (void)state;
    db_pipe_push(&p, &a, 1);
    db_pipe_push(&p, &b, 2);
    assert_ptr_equal(db_pipe_result(&p, DB_RESULT_OK).flight.owner, &a);
    place = db_pipe_result(&p, DB_RESULT_SYNC);
    assert_int_equal(place.kind, DB_PLACE_END);
    assert_ptr_equal(place.flight.owner, &a);
    place = db_pipe_result(&p, DB_RESULT_OK);
    assert_ptr_equal(place.flight.owner, &b);
    assert_int_equal(place.step, 0);
    assert_int_equal(db_pipe_result(&p, DB_RESULT_OK).step, 1);
    assert_int_equal(db_pipe_result(&p, DB_RESULT_SYNC).kind, DB_PLACE_END);
    assert_int_equal(db_pipe_in_flight(&p), 0);
}

static void every_course_of_a_request_has_its_outcome(void **state)
{
    static const struct {
        uint32_t steps;
        const char *results, *outcome;
    } courses[] = {
        {3, "OOO|", "012+"}, {3, "FSS|", "012-"},   {3, "OFS|", "012-"},
        {3, "OOF|", "012-"}, {3, "OOOF|", "0123-"}, /* the commit fails: a deferred constraint */
        {0, "|", "+"},                              /* no setup commands */
        {0, "F|", "0-"},
    };
    char out[32];

    (void)state;
    for (size_t i = 0; i < sizeof courses / sizeof courses[0]; i++) {
        struct db_pipe p = {.sent = 0};

        db_pipe_push(&p, &a, courses[i].steps);
        play(&p, courses[i].results, out);
        assert_string_equal(out, courses[i].outcome);
        assert_int_equal(db_pipe_in_flight(&p), 0);
    }
}

static void an_answer_that_nobody_asked_for_is_wrong_and_never_counted(void **state)
{
    static const struct {
        uint32_t steps;
        const char *results, *outcome;
    } lies[] = {
        {2, "|", "!"},       /* the end before the results */
        {2, "O|", "0!"},     /* a skipped reply */
        {2, "OOO", "01!"},   /* a duplicate reply */
        {2, "S", "!"},       /* skipped without a failure before */
        {2, "FO", "0!"},     /* ok after a failure */
        {2, "FF", "0!"},     /* two failures */
        {2, "OOFF", "012!"}, /* two failures of the commit */
        {2, "OOFS", "012!"}, /* something skipped behind the commit */
        {1, "O||", "0+!"},   /* an end too many */
    };
    char out[32];

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct db_pipe p = {.sent = 0};

        db_pipe_push(&p, &a, lies[i].steps);
        play(&p, lies[i].results, out);
        assert_string_equal(out, lies[i].outcome);
    }
}

static void a_connection_that_dies_at_any_step_hands_back_what_is_not_finished(void **state)
{
    static const char results[] = "OO|OFS|OOF|"; /* stored; failed; the commit failed */
    static const unsigned finished_after[] = {0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3};
    static int owners[3];

    (void)state;
    for (size_t n = 0; n <= strlen(results); n++) {
        struct db_pipe p = {.sent = 0};
        struct db_flight f;
        unsigned finished = 0, handed_back = 0;

        db_pipe_push(&p, &owners[0], 2);
        db_pipe_push(&p, &owners[1], 3);
        db_pipe_push(&p, &owners[2], 2);
        for (size_t i = 0; i < n; i++)
            finished += db_pipe_result(&p, result_of(results[i])).kind == DB_PLACE_END;
        assert_int_equal(finished, finished_after[n]);
        while (db_pipe_abort(
            &p, &f)) { /* also one whose results are all there: its commit's answer is lost */
            assert_ptr_equal(f.owner, &owners[finished + handed_back]);
            handed_back++;
        }
        assert_int_equal(finished + handed_back, 3);
    }
}

/* What a server may answer to a request of that many steps. */
static const struct course {
    uint32_t n_steps;
    const char *results;
} courses[] = {{1, "O|"}, {1, "F|"}, {1, "OF|"}, {2, "OO|"}, {2, "OF|"}, {2, "FS|"}, {2, "OOF|"}};

enum { COURSES = sizeof courses / sizeof courses[0], IN_A_ROW = 3, RESULTS_MAX = 4 * IN_A_ROW };

/* Three requests, and answers as they arrived: each owner is told once, in order. `exact`: and nobody that he is stored unless
 * he is. */
static void everybody_is_told_once(const struct course *const *of, const char *arrived, bool exact)
{
    struct db_pipe p = {.sent = 0};
    struct db_place place = {.kind = DB_PLACE_STEP};
    struct db_flight f;
    bool stored[IN_A_ROW];
    unsigned told = 0;

    for (unsigned i = 0; i < IN_A_ROW; i++) {
        stored[i] = strchr(of[i]->results, 'F') == NULL;
        db_pipe_push(&p, &stored[i], of[i]->n_steps);
    }
    for (; *arrived != '\0' && place.kind != DB_PLACE_WRONG; arrived++) {
        place = db_pipe_result(&p, result_of(*arrived));
        if (place.kind != DB_PLACE_END)
            continue;
        assert_ptr_equal(place.flight.owner, &stored[told]);
        if (exact && place.flight.failed_step == DB_STEP_NONE)
            assert_true(stored[told]);
        told++;
    }
    for (; db_pipe_abort(&p, &f); told++) /* the connection is cut */
        assert_ptr_equal(f.owner, &stored[told]);
    assert_int_equal(told, IN_A_ROW);
}

/* A stream of bytes neither loses a message out of its middle nor changes their order; if it did, a failure could pass for a
 * success. One that comes twice cannot. */
static void disturb(const struct course *const *of, const char *sent)
{
    char arrived[RESULTS_MAX + 2];
    size_t n = strlen(sent);

    for (size_t i = 0; i < n; i++) {
        snprintf(arrived, sizeof arrived, "%.*s", (int)i, sent);
        everybody_is_told_once(of, arrived, true);
        snprintf(arrived, sizeof arrived, "%.*s%s", (int)i + 1, sent, sent + i);
        everybody_is_told_once(of, arrived, true);
        snprintf(arrived, sizeof arrived, "%.*s%s", (int)i, sent, sent + i + 1);
        everybody_is_told_once(of, arrived, false);
        if (i + 1 == n)
            break;
        snprintf(arrived, sizeof arrived, "%.*s%c%c%s", (int)i, sent, sent[i + 1], sent[i],
                 sent + i + 2);
        everybody_is_told_once(of, arrived, false);
    }
}

static void answers_cut_off_doubled_lost_or_out_of_place_tell_everybody_once(void **state)
{
    (void)state;
    for (unsigned no = 0; no < COURSES * COURSES * COURSES; no++) {
        const struct course *of[IN_A_ROW] = {&courses[no % COURSES],
                                             &courses[no / COURSES % COURSES],
                                             &courses[no / COURSES / COURSES]};
        char sent[RESULTS_MAX + 1];

        snprintf(sent, sizeof sent, "%s%s%s", of[0]->results, of[1]->results, of[2]->results);
        everybody_is_told_once(of, sent, true);
        disturb(of, sent);
    }
}

static void the_counters_may_run_around(void **state)
{
    struct db_pipe p = {.sent = UINT32_MAX - 1, .done = UINT32_MAX - 1};

    (void)state;
    for (unsigned i = 0; i < 3 * DB_PIPE_DEPTH; i++) {
        assert_true(db_pipe_has_room(&p));
        db_pipe_push(&p, &a, 0);
        if (i >= 3)
            assert_int_equal(db_pipe_result(&p, DB_RESULT_SYNC).kind, DB_PLACE_END);
    }
    while (db_pipe_has_room(&p))
        db_pipe_push(&p, &b, 0);
    assert_int_equal(db_pipe_in_flight(&p), DB_PIPE_DEPTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_belongs_to_the_oldest_unfinished_request),
        cmocka_unit_test(every_course_of_a_request_has_its_outcome),
        cmocka_unit_test(an_answer_that_nobody_asked_for_is_wrong_and_never_counted),
        cmocka_unit_test(a_connection_that_dies_at_any_step_hands_back_what_is_not_finished),
        cmocka_unit_test(answers_cut_off_doubled_lost_or_out_of_place_tell_everybody_once),
        cmocka_unit_test(the_counters_may_run_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
