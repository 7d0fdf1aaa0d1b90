#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "realtime/channel.h"
#include "realtime/limits.h"

#define ALICE "0b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3"
#define BOB "1b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3"
enum {
    T0 = 1000,
    HOUR = 3600 * 1000,
    R = CHANNEL_DO_REPLY,
    W = CHANNEL_DO_WATCH,
    S = CHANNEL_DO_SEAT,
    E = CHANNEL_DO_ERROR
};

/* One line of a story: what comes in, when, what must come out, and the state after it. */
struct line {
    uint64_t at;
    enum channel_input in;
    struct channel_token token;
    unsigned out;
    enum channel_state state;
};

#define NO_TOKEN                                                                                   \
    {                                                                                              \
        TOKEN_ABSENT, NULL, 0, false                                                               \
    }
#define ANON                                                                                       \
    {                                                                                              \
        TOKEN_ANON, NULL, 0, false                                                                 \
    }
#define USER(sub, exp, known)                                                                      \
    {                                                                                              \
        TOKEN_USER, sub, exp, known                                                                \
    }

static void play(bool rows, const struct line *line)
{
    struct channel_fsm c;

    channel_init(&c, rows, TOKEN_GRACE_MS);
    for (unsigned i = 0; line[i].at != 0; i++) {
        bool carries = line[i].in == CHANNEL_JOIN || line[i].in == CHANNEL_TOKEN;
        unsigned out = channel_step(&c, line[i].in, carries ? &line[i].token : NULL, line[i].at);

        if (out != line[i].out || c.state != line[i].state)
            fail_msg("line %u: out %u (not %u), state %d (not %d)", i, out, line[i].out, c.state,
                     line[i].state);
    }
}

#define STORY(name, rows, ...)                                                                     \
    static void name(void **state)                                                                 \
    {                                                                                              \
        static const struct line lines[] = {__VA_ARGS__,                                           \
                                            {0, CHANNEL_JOIN, NO_TOKEN, 0, CHANNEL_NEW}};          \
        (void)state;                                                                               \
        play(rows, lines);                                                                         \
    }

STORY(a_known_user_is_seated_at_once, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, true), R | W | S, CHANNEL_LIVE},
      {T0 + 1, CHANNEL_TOKEN, USER(ALICE, HOUR, true), 0, CHANNEL_LIVE})

STORY(an_unknown_user_hears_ok_when_his_memberships_are_known, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, false), W, CHANNEL_WAIT_MEMBERS},
      {T0 + 20, CHANNEL_MEMBERS, NO_TOKEN, R | S, CHANNEL_LIVE})

STORY(an_unknown_user_hears_ok_even_when_the_database_is_slow, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, false), W, CHANNEL_WAIT_MEMBERS},
      {T0 + REPLY_HOLD_MS - 1, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_WAIT_MEMBERS},
      {T0 + REPLY_HOLD_MS, CHANNEL_TIME, NO_TOKEN, R, CHANNEL_WAIT_MEMBERS},
      {T0 + 5000, CHANNEL_MEMBERS, NO_TOKEN, S, CHANNEL_LIVE})

STORY(without_memberships_the_channel_fails_after_ten_seconds, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, false), W, CHANNEL_WAIT_MEMBERS},
      {T0 + REPLY_HOLD_MS, CHANNEL_TIME, NO_TOKEN, R, CHANNEL_WAIT_MEMBERS},
      {T0 + MEMBERS_WAIT_MS - 1, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_WAIT_MEMBERS},
      {T0 + MEMBERS_WAIT_MS, CHANNEL_TIME, NO_TOKEN, E, CHANNEL_GONE})

STORY(a_late_token_starts_delivery, true, {T0, CHANNEL_JOIN, NO_TOKEN, R, CHANNEL_WAIT_TOKEN},
      {T0 + 1, CHANNEL_TOKEN, NO_TOKEN, 0, CHANNEL_WAIT_TOKEN},
      {T0 + 2, CHANNEL_TOKEN, ANON, 0, CHANNEL_WAIT_TOKEN},
      {T0 + 15, CHANNEL_TOKEN, USER(ALICE, HOUR, false), W, CHANNEL_WAIT_MEMBERS},
      {T0 + 16, CHANNEL_TOKEN, USER(ALICE, HOUR, false), 0, CHANNEL_WAIT_MEMBERS},
      {T0 + 30, CHANNEL_MEMBERS, NO_TOKEN, S, CHANNEL_LIVE})

STORY(a_late_token_of_a_known_user_starts_delivery_at_once, true,
      {T0, CHANNEL_JOIN, ANON, R, CHANNEL_WAIT_TOKEN},
      {T0 + 15, CHANNEL_TOKEN, USER(ALICE, HOUR, true), W | S, CHANNEL_LIVE})

STORY(without_a_token_the_channel_fails_after_the_grace, true,
      {T0, CHANNEL_JOIN, NO_TOKEN, R, CHANNEL_WAIT_TOKEN},
      {T0 + TOKEN_GRACE_MS - 1, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_WAIT_TOKEN},
      {T0 + TOKEN_GRACE_MS, CHANNEL_TIME, NO_TOKEN, E, CHANNEL_GONE})

STORY(a_token_that_is_just_over_counts_as_none, true,
      {T0, CHANNEL_JOIN, USER(ALICE, T0, true), R, CHANNEL_WAIT_TOKEN},
      {T0 + 5, CHANNEL_TOKEN, USER(ALICE, T0 + 5, true), 0, CHANNEL_WAIT_TOKEN},
      {T0 + 6, CHANNEL_TOKEN, USER(ALICE, HOUR, true), W | S, CHANNEL_LIVE})

STORY(a_channel_without_rows_needs_no_token, false, {T0, CHANNEL_JOIN, NO_TOKEN, R, CHANNEL_OPEN},
      {T0 + 1, CHANNEL_TOKEN, USER(ALICE, HOUR, true), 0, CHANNEL_OPEN},
      {HOUR, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_OPEN},
      {HOUR, CHANNEL_RESYNC, NO_TOKEN, 0, CHANNEL_OPEN})

STORY(delivery_stops_at_exp_and_the_channel_fails_after_the_grace, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, true), R | W | S, CHANNEL_LIVE},
      {HOUR - 1, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_LIVE},
      {HOUR, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_MUTED},
      {HOUR + EXPIRY_GRACE_MS - 1, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_MUTED},
      {HOUR + EXPIRY_GRACE_MS, CHANNEL_TIME, NO_TOKEN, E, CHANNEL_GONE})

STORY(a_new_token_in_time_moves_the_end, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, true), R | W | S, CHANNEL_LIVE},
      {HOUR - 90000, CHANNEL_TOKEN, USER(ALICE, 2 * HOUR, true), 0, CHANNEL_LIVE},
      {HOUR, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_LIVE},
      {2 * HOUR, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_MUTED})

STORY(a_new_token_in_the_grace_goes_on_when_nothing_was_withheld, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, true), R | W | S, CHANNEL_LIVE},
      {HOUR, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_MUTED},
      {HOUR + 500, CHANNEL_TOKEN, USER(ALICE, 2 * HOUR, true), 0, CHANNEL_LIVE},
      {HOUR + EXPIRY_GRACE_MS, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_LIVE})

STORY(a_new_token_in_the_grace_resyncs_when_something_was_withheld, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, true), R | W | S, CHANNEL_LIVE},
      {HOUR, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_MUTED},
      {HOUR + 400, CHANNEL_WITHHELD, NO_TOKEN, 0, CHANNEL_MUTED},
      {HOUR + 500, CHANNEL_TOKEN, USER(ALICE, 2 * HOUR, true), E, CHANNEL_GONE})

STORY(signing_out_stops_delivery, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, true), R | W | S, CHANNEL_LIVE},
      {T0 + 1, CHANNEL_TOKEN, NO_TOKEN, 0, CHANNEL_LIVE},
      {T0 + 2, CHANNEL_TOKEN, ANON, 0, CHANNEL_MUTED},
      {T0 + 2 + EXPIRY_GRACE_MS, CHANNEL_TIME, NO_TOKEN, E, CHANNEL_GONE})

STORY(another_user_begins_again, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, true), R | W | S, CHANNEL_LIVE},
      {T0 + 1, CHANNEL_TOKEN, USER(BOB, HOUR, true), E, CHANNEL_GONE})

STORY(another_user_while_waiting_begins_again, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, false), W, CHANNEL_WAIT_MEMBERS},
      {T0 + 1, CHANNEL_TOKEN, USER(BOB, HOUR, true), E, CHANNEL_GONE})

STORY(what_was_lost_is_told, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, true), R | W | S, CHANNEL_LIVE},
      {T0 + 1, CHANNEL_RESYNC, NO_TOKEN, E, CHANNEL_GONE})

STORY(stale_memberships_end_delivery, true,
      {T0, CHANNEL_JOIN, USER(ALICE, HOUR, true), R | W | S, CHANNEL_LIVE},
      {T0 + 1, CHANNEL_MEMBERS, NO_TOKEN, 0, CHANNEL_LIVE},
      {T0 + 2, CHANNEL_MEMBERS_LOST, NO_TOKEN, E, CHANNEL_GONE})

STORY(who_gets_nothing_yet_misses_nothing, true,
      {T0, CHANNEL_JOIN, NO_TOKEN, R, CHANNEL_WAIT_TOKEN},
      {T0 + 1, CHANNEL_RESYNC, NO_TOKEN, 0, CHANNEL_WAIT_TOKEN},
      {T0 + 2, CHANNEL_TOKEN, USER(ALICE, HOUR, false), W, CHANNEL_WAIT_MEMBERS},
      {T0 + 3, CHANNEL_RESYNC, NO_TOKEN, 0, CHANNEL_WAIT_MEMBERS},
      {T0 + 4, CHANNEL_MEMBERS_LOST, NO_TOKEN, 0, CHANNEL_WAIT_MEMBERS})

/* A token that ends while memberships are looked up must not deliver afterwards. */
STORY(exp_counts_from_the_first_moment_of_delivery, true,
      {T0, CHANNEL_JOIN, USER(ALICE, T0 + 100, false), W, CHANNEL_WAIT_MEMBERS},
      {T0 + 200, CHANNEL_MEMBERS, NO_TOKEN, R | S, CHANNEL_LIVE},
      {T0 + 200, CHANNEL_TIME, NO_TOKEN, 0, CHANNEL_MUTED})

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_user_is_seated_at_once),
        cmocka_unit_test(an_unknown_user_hears_ok_when_his_memberships_are_known),
        cmocka_unit_test(an_unknown_user_hears_ok_even_when_the_database_is_slow),
        cmocka_unit_test(without_memberships_the_channel_fails_after_ten_seconds),
        cmocka_unit_test(a_late_token_starts_delivery),
        cmocka_unit_test(a_late_token_of_a_known_user_starts_delivery_at_once),
        cmocka_unit_test(without_a_token_the_channel_fails_after_the_grace),
        cmocka_unit_test(a_token_that_is_just_over_counts_as_none),
        cmocka_unit_test(a_channel_without_rows_needs_no_token),
        cmocka_unit_test(delivery_stops_at_exp_and_the_channel_fails_after_the_grace),
        cmocka_unit_test(a_new_token_in_time_moves_the_end),
        cmocka_unit_test(a_new_token_in_the_grace_goes_on_when_nothing_was_withheld),
        cmocka_unit_test(a_new_token_in_the_grace_resyncs_when_something_was_withheld),
        cmocka_unit_test(signing_out_stops_delivery),
        cmocka_unit_test(another_user_begins_again),
        cmocka_unit_test(another_user_while_waiting_begins_again),
        cmocka_unit_test(what_was_lost_is_told),
        cmocka_unit_test(stale_memberships_end_delivery),
        cmocka_unit_test(who_gets_nothing_yet_misses_nothing),
        cmocka_unit_test(exp_counts_from_the_first_moment_of_delivery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
