/* Leases: single histories as lists of inputs, then whole fleets of workers against a simulated
 * Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lease.h"

enum { P = 8, LEASE_MS = 10000 };

static struct leases t;
static bool all_free[P] = {true, true, true, true, true, true, true, true};

/* The orders waiting, as letters: Heartbeat lOok Acquire reNew Release, Gained Drain Lost. */
static const char *orders(void)
{
    static char text[256];
    static const char letters[] = "HOANRGDL";
    struct lease_order o;
    size_t n = 0;

    while (leases_next(&t, &o) && n + 2 < sizeof text) {
        text[n++] = letters[o.kind];
        if (o.kind != LEASE_DO_HEARTBEAT && o.kind != LEASE_DO_LOOK)
            text[n++] = (char)('0' + o.partition);
    }
    text[n] = '\0';
    return text;
}

/* Up, alone, owner of everything since `now`. */
static void own_all(uint64_t now)
{
    leases_init(&t, P, LEASE_MS, false);
    leases_up(&t, now);
    assert_string_equal(orders(), "H");
    leases_members(&t, 0, 1, now);
    assert_string_equal(orders(), "O");
    leases_looked(&t, all_free, now);
    assert_string_equal(orders(), "A0A1A2A3A4A5A6A7");
    for (unsigned p = 0; p < P; p++)
        leases_acquired(&t, p, LEASE_YES, now);
    assert_string_equal(orders(), "G0G1G2G3G4G5G6G7");
    assert_int_equal(leases_owned(&t), P);
}

static void a_lone_worker_takes_everything_and_renews_it(void **state)
{
    (void)state;
    own_all(1000);
    leases_tick(&t, 2000);
    assert_string_equal(orders(), "H");
    leases_members(&t, 0, 1, 2000);
    leases_tick(&t, 4000);
    assert_string_equal(orders(), "N0N1N2N3N4N5N6N7H");
    leases_tick(&t, 5000); /* one renewal at a time */
    assert_string_equal(orders(), "");
    for (unsigned p = 0; p < P; p++)
        leases_renewed(&t, p, LEASE_YES, 5000);
    assert_true(leases_owns(&t, 3, 4000 + 8999)); /* counted from when it was sent */
    assert_false(leases_owns(&t, 3, 4000 + 9000));
}

static void a_lease_ends_by_the_clock_whatever_the_machine_was_told(void **state)
{
    (void)state;
    own_all(1000);
    assert_true(leases_owns(&t, 0, 9999));
    assert_false(leases_owns(&t, 0, 10000)); /* 1000 + lease - margin */
    assert_false(leases_owns(&t, 0, 70000)); /* stopped for a minute */
    leases_tick(&t, 70000);
    assert_string_equal(orders(), "L0L1L2L3L4L5L6L7HO");
    assert_int_equal(leases_owned(&t), 0);
}

static void an_answer_that_took_a_whole_lease_gives_nothing(void **state)
{
    (void)state;
    leases_init(&t, P, LEASE_MS, false);
    leases_up(&t, 0);
    leases_members(&t, 0, 1, 0);
    leases_looked(&t, all_free, 0);
    (void)orders();
    leases_acquired(&t, 0, LEASE_YES, 9000);
    assert_string_equal(orders(), "");
    own_all(0);
    leases_tick(&t, 3000);
    (void)orders();
    leases_renewed(&t, 0, LEASE_YES, 12000); /* sent at 3000: just over */
    assert_string_equal(orders(), "L0");
    leases_renewed(&t, 1, LEASE_YES, 11999);
    assert_string_equal(orders(), "");
}

static void refused_and_lost_renewals_are_repeated_until_the_lease_ends(void **state)
{
    (void)state;
    own_all(0);
    leases_tick(&t, 3000);
    (void)orders();
    leases_renewed(&t, 0, LEASE_REFUSED, 3000);
    assert_string_equal(orders(), "");
    assert_true(leases_owns(&t, 0, 3000));
    leases_tick(&t, 4000);
    assert_string_equal(orders(),
                        "N0"); /* the other renewals and the heartbeat are still under way */
    leases_renewed(&t, 0, LEASE_NO, 4000);
    assert_string_equal(orders(), "L0");
    leases_tick(&t, 9000); /* no answer ever came for the rest */
    assert_string_equal(orders(), "L1L2L3L4L5L6L7O");
}

static void a_lost_link_loses_everything_and_late_answers_change_nothing(void **state)
{
    struct lease_order o;

    (void)state;
    own_all(0);
    leases_tick(&t, 3000);
    (void)orders();
    leases_down(&t, "gone");
    assert_true(leases_next(&t, &o));
    assert_int_equal(o.kind, LEASE_TELL_LOST);
    assert_string_equal(o.reason, "gone");
    (void)orders();
    leases_renewed(&t, 0, LEASE_YES, 3000);
    leases_acquired(&t, 1, LEASE_YES, 3000);
    leases_released(&t, 2);
    leases_looked(&t, all_free, 3000);
    leases_members(&t, 0, 1, 3000);
    leases_tick(&t, 4000);
    leases_drained(&t, 3);
    leases_failed(&t, 4, "x", 4000);
    assert_string_equal(orders(), "");
    assert_int_equal(leases_owned(&t), 0);
    leases_up(&t, 5000); /* the share is still known: look at once */
    assert_string_equal(orders(), "HO");
}

static void a_newcomer_gets_its_share_after_what_is_held_is_settled(void **state)
{
    (void)state;
    own_all(0);
    leases_members(&t, 0, 3, 0);
    assert_int_equal(t.share, 3); /* 8 over 3 workers: 3, 3, 2 */
    assert_string_equal(orders(), "D7D6D5D4D3");
    leases_drained(&t, 6);
    assert_string_equal(orders(), "L6R6");
    assert_false(leases_owns(&t, 6, 1));
    assert_true(leases_owns(&t, 5, 1)); /* still ours until drained */
    leases_released(&t, 6);
    assert_string_equal(orders(), "");
    leases_drained(&t, 6); /* twice: nothing */
    leases_drained(&t, 0); /* not draining */
    assert_string_equal(orders(), "");
}

static void draining_has_an_end(void **state)
{
    struct lease_order o;
    bool handed_over = false;

    (void)state;
    own_all(0);
    leases_members(&t, 0, 2, 0);
    (void)orders();
    for (uint64_t now = 1000; now < 10000; now += 1000) {
        leases_tick(&t, now);
        while (leases_next(&t, &o)) {
            assert_int_not_equal(o.kind, LEASE_TELL_LOST);
            if (o.kind == LEASE_DO_RENEW)
                leases_renewed(&t, o.partition, LEASE_YES, now);
        }
    }
    leases_tick(&t, 10000);
    while (leases_next(&t, &o))
        handed_over = handed_over || o.kind == LEASE_DO_RELEASE;
    assert_true(handed_over);
    assert_int_equal(leases_owned(&t), 4);
}

static void a_partition_in_trouble_is_lost_and_asked_for_again_later(void **state)
{
    (void)state;
    own_all(0);
    leases_failed(&t, 5, "trouble", 100);
    assert_string_equal(orders(), "L5");
    leases_tick(&t, 1000);
    assert_string_equal(orders(), "HO");
    leases_looked(&t, all_free, 1000);
    assert_string_equal(orders(), ""); /* a tick has not passed */
    leases_tick(&t, 2000);
    assert_string_equal(orders(), "O");
    leases_looked(&t, all_free, 2000);
    assert_string_equal(orders(), "A5");
    leases_acquired(&t, 5, LEASE_NO, 2000);
    leases_tick(&t, 2500);
    assert_string_equal(orders(), "O");
    leases_looked(&t, NULL, 2500); /* Redis could not tell */
    assert_string_equal(orders(), "");
}

static void stopping_takes_and_hands_over_nothing_and_closing_releases_all(void **state)
{
    (void)state;
    leases_init(&t, P, LEASE_MS, false);
    leases_up(&t, 0);
    leases_members(&t, 0, 2, 0);
    leases_looked(&t, all_free, 0);
    (void)orders();
    leases_acquired(&t, 0, LEASE_YES, 0);
    leases_stop(&t);
    leases_acquired(&t, 1, LEASE_YES, 0); /* granted too late: given back */
    leases_members(&t, 0, 8, 0);
    leases_tick(&t, 1000);
    assert_string_equal(orders(), "G0R1H");
    leases_release_all(&t);
    assert_string_equal(orders(), "L0R0");
    assert_true(leases_releasing(&t));
    leases_released(&t, 0);
    leases_released(&t, 1);
    assert_false(leases_releasing(&t));
}

static void a_named_lease_is_looked_for_taken_and_kept(void **state)
{
    (void)state;
    leases_init(&t, 1, LEASE_MS, true);
    leases_up(&t, 0);
    assert_string_equal(orders(), "O");
    leases_looked(&t, (bool[]){false}, 0);
    leases_tick(&t, 1000);
    assert_string_equal(orders(), "O");
    leases_looked(&t, all_free, 1000);
    leases_acquired(&t, 0, LEASE_YES, 1000);
    assert_string_equal(orders(), "A0G0");
    leases_tick(&t, 4000);
    assert_string_equal(orders(), "N0");
}

static void shares_add_up_for_every_number_of_workers(void **state)
{
    (void)state;
    for (unsigned partitions = 1; partitions <= 20; partitions++)
        for (unsigned n = 1; n <= 25; n++) {
            unsigned sum = 0;
            for (unsigned rank = 0; rank < n; rank++) {
                leases_init(&t, partitions, LEASE_MS, false);
                leases_up(&t, 0);
                leases_members(&t, rank, n, 0);
                assert_in_range(t.share, partitions / n, partitions / n + 1);
                sum += t.share;
            }
            assert_int_equal(sum, partitions);
        }
}

/* ---- a fleet ------------------------------------------------------------------------------------
 */

/* Time goes in steps; Redis answers after a delay, truthfully; links break; workers join, leave,
 * are killed and are stopped for a while. At no moment may two workers believe that they own a
 * partition, nor one believe it while Redis does not. Then the faults end, and within two leases
 * everything must be shared evenly. */
enum { WORKERS = 6, WIRE_MAX = 4096, STEP_MS = 50, DELAY_MS_MAX = 400 };

struct message {
    uint64_t due_ms; /* when Redis carries it out; the answer is there `back_ms` later */
    uint64_t back_ms;
    enum lease_order_kind kind;
    unsigned partition;
    bool done;
    int answer;
    bool could[P];
    unsigned rank, members;
};

static unsigned long gained, drained, answered;

static struct fleet {
    struct worker {
        struct leases leases;
        bool alive, linked;
        uint64_t asleep_until, drain_at[P], last_due;
        struct message wire[WIRE_MAX]; /* in order; [first, last) */
        unsigned first, last;
    } worker[WORKERS];
    struct {
        int owner; /* -1: nobody */
        uint64_t expires_ms;
    } key[P];
    uint64_t member_until[WORKERS];
    uint64_t now;
} f;

static bool key_free(unsigned p)
{
    return f.key[p].owner < 0 || f.key[p].expires_ms <= f.now;
}

static void carry_out(unsigned w, struct message *m)
{
    unsigned p = m->partition;
    bool mine = !key_free(p) && f.key[p].owner == (int)w;

    m->done = true;
    switch (m->kind) {
    case LEASE_DO_HEARTBEAT:
        f.member_until[w] = f.now + LEASE_MS;
        for (unsigned i = 0; i < WORKERS; i++) {
            m->members += f.member_until[i] > f.now;
            m->rank += f.member_until[i] > f.now && i < w;
        }
        break;
    case LEASE_DO_LOOK:
        for (unsigned i = 0; i < P; i++)
            m->could[i] = key_free(i) || f.key[i].owner == (int)w;
        break;
    case LEASE_DO_ACQUIRE:
        m->answer = key_free(p) || mine ? LEASE_YES : LEASE_NO;
        if (m->answer == LEASE_YES)
            f.key[p].owner = (int)w, f.key[p].expires_ms = f.now + LEASE_MS;
        break;
    case LEASE_DO_RENEW:
        m->answer = mine ? LEASE_YES : LEASE_NO;
        if (mine)
            f.key[p].expires_ms = f.now + LEASE_MS;
        break;
    case LEASE_DO_RELEASE:
        if (mine)
            f.key[p].owner = -1;
        break;
    default:
        fail_msg("not a command");
    }
    if (random() % 20 == 0)
        m->answer = LEASE_REFUSED;
}

static void run_orders(struct worker *w)
{
    struct lease_order o;

    while (leases_next(&w->leases, &o)) {
        if (o.kind == LEASE_TELL_DRAIN)
            w->drain_at[o.partition] =
                f.now + (uint64_t)random() % 12000; /* some are slower than a lease */
        gained += o.kind == LEASE_TELL_GAINED;
        drained += o.kind == LEASE_TELL_DRAIN;
        if (o.kind >= LEASE_TELL_GAINED)
            continue;
        assert_true(w->last - w->first < WIRE_MAX);
        struct message *m = &w->wire[w->last++ % WIRE_MAX];
        *m = (struct message){.kind = o.kind, .partition = o.partition};
        m->due_ms = f.now + (uint64_t)random() % DELAY_MS_MAX;
        m->due_ms =
            m->due_ms > w->last_due ? m->due_ms : w->last_due; /* one connection keeps the order */
        w->last_due = m->due_ms;
        m->back_ms = (uint64_t)random() % DELAY_MS_MAX;
    }
}

static void answer(struct worker *w, const struct message *m)
{
    enum lease_answer a = (enum lease_answer)m->answer;

    switch (m->kind) {
    case LEASE_DO_HEARTBEAT:
        leases_members(&w->leases, m->rank, a == LEASE_REFUSED ? 0 : m->members, f.now);
        break;
    case LEASE_DO_LOOK:
        leases_looked(&w->leases, a == LEASE_REFUSED ? NULL : m->could, f.now);
        break;
    case LEASE_DO_ACQUIRE:
        leases_acquired(&w->leases, m->partition, a, f.now);
        break;
    case LEASE_DO_RENEW:
        leases_renewed(&w->leases, m->partition, a, f.now);
        break;
    default:
        leases_released(&w->leases, m->partition);
    }
}

/* Commands reach Redis even from a worker that was killed or cut off after sending them. */
static void wires_step(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *w = &f.worker[i];
        for (unsigned k = w->first; k < w->last; k++) {
            struct message *m = &w->wire[k % WIRE_MAX];
            if (!m->done && m->due_ms <= f.now)
                carry_out(i, m);
        }
        if (!w->alive || !w->linked || w->asleep_until > f.now)
            continue;
        while (w->first < w->last) {
            struct message *m = &w->wire[w->first % WIRE_MAX];
            if (!m->done || m->due_ms + m->back_ms > f.now)
                break;
            w->first++;
            answered++;
            answer(w, m);
        }
    }
}

static void worker_start(unsigned i)
{
    struct worker *w = &f.worker[i];

    w->alive = w->linked = true;
    w->asleep_until = 0;
    leases_init(&w->leases, P, LEASE_MS, false);
    leases_up(&w->leases, f.now);
}

/* What was sent is carried out by Redis or lost, and is never answered. */
static void forget_wire(struct worker *w)
{
    for (; w->first < w->last; w->first++) {
        struct message *m = &w->wire[w->first % WIRE_MAX];
        if (!m->done && random() % 2)
            carry_out((unsigned)(w - f.worker), m);
    }
}

static void fault(void)
{
    unsigned i = (unsigned)random() % WORKERS;
    struct worker *w = &f.worker[i];

    switch (random() % 5) {
    case 0: /* killed, or started under the same name while its leases still stand */
        forget_wire(w);
        w->alive = !w->alive;
        if (w->alive)
            worker_start(i);
        break;
    case 1: /* link cut or back */
        if (!w->alive || w->asleep_until > f.now)
            break;
        forget_wire(w);
        if (w->linked)
            leases_down(&w->leases, "cut");
        else
            leases_up(&w->leases, f.now);
        w->linked = !w->linked;
        break;
    case 2: /* stopped */
        w->asleep_until = f.now + (uint64_t)random() % 60000;
        break;
    case 3: /* leaves in good order */
        if (w->alive && w->linked && w->asleep_until <= f.now) {
            leases_release_all(&w->leases);
            run_orders(w);
            f.member_until[i] = 0;
        }
        break;
    default:
        if (w->alive)
            leases_failed(&w->leases, (unsigned)random() % P, "trouble", f.now);
    }
}

static void nobody_else_owns(void)
{
    for (unsigned p = 0; p < P; p++) {
        int owner = -1;
        for (unsigned i = 0; i < WORKERS; i++) {
            const struct worker *w = &f.worker[i];
            if (!w->alive || !leases_owns(&w->leases, p, f.now))
                continue;
            assert_int_equal(owner, -1);
            assert_int_equal(f.key[p].owner, (int)i);
            assert_true(f.key[p].expires_ms > f.now);
            owner = (int)i;
        }
    }
}

static void fleet_step(void)
{
    f.now += STEP_MS;
    wires_step();
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *w = &f.worker[i];
        if (!w->alive || w->asleep_until > f.now)
            continue;
        if (f.now % 1000 == i * STEP_MS)
            leases_tick(&w->leases, f.now);
        for (unsigned p = 0; p < P; p++)
            if (w->drain_at[p] != 0 && w->drain_at[p] <= f.now) {
                w->drain_at[p] = 0;
                leases_drained(&w->leases, p);
            }
        run_orders(w);
    }
    nobody_else_owns();
}

static void calm_down(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *w = &f.worker[i];
        w->asleep_until = 0;
        if (!w->alive)
            continue;
        forget_wire(w);
        worker_start(i); /* a fresh process under its name: also ends those that were leaving */
    }
    if (!f.worker[0].alive)
        worker_start(0);
}

static void everything_is_shared_evenly(void)
{
    unsigned alive = 0, sum = 0, least = P, most = 0;

    for (unsigned i = 0; i < WORKERS; i++) {
        unsigned n;
        if (!f.worker[i].alive)
            continue;
        alive++;
        n = leases_owned(&f.worker[i].leases);
        sum += n;
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    assert_true(alive > 0);
    assert_int_equal(sum, P);
    assert_true(most - least <= 1);
}

static void a_fleet_never_has_two_owners_and_comes_to_rest_evenly(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        srandom(seed);
        memset(&f, 0, sizeof f);
        for (unsigned p = 0; p < P; p++)
            f.key[p].owner = -1;
        for (unsigned i = 0; i < WORKERS; i++)
            if (random() % 2)
                worker_start(i);
        for (unsigned step = 0; step < 3000; step++) {
            if (random() % 40 == 0)
                fault();
            fleet_step();
        }
        calm_down();
        for (unsigned step = 0; step < 3 * LEASE_MS / STEP_MS; step++)
            fleet_step();
        everything_is_shared_evenly();
    }
    /* The histories were worth it. */
    assert_true(gained > 10000 && drained > 2500 && answered > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_worker_takes_everything_and_renews_it),
        cmocka_unit_test(a_lease_ends_by_the_clock_whatever_the_machine_was_told),
        cmocka_unit_test(an_answer_that_took_a_whole_lease_gives_nothing),
        cmocka_unit_test(refused_and_lost_renewals_are_repeated_until_the_lease_ends),
        cmocka_unit_test(a_lost_link_loses_everything_and_late_answers_change_nothing),
        cmocka_unit_test(a_newcomer_gets_its_share_after_what_is_held_is_settled),
        cmocka_unit_test(draining_has_an_end),
        cmocka_unit_test(a_partition_in_trouble_is_lost_and_asked_for_again_later),
        cmocka_unit_test(stopping_takes_and_hands_over_nothing_and_closing_releases_all),
        cmocka_unit_test(a_named_lease_is_looked_for_taken_and_kept),
        cmocka_unit_test(shares_add_up_for_every_number_of_workers),
        cmocka_unit_test(a_fleet_never_has_two_owners_and_comes_to_rest_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
