#include "lease.h"

#include <assert.h>
#include <stddef.h>

#define TO(s) (1u << (s))

static const unsigned allowed[LEASE_N_STATES] = {
    [LEASE_FREE] = TO(LEASE_ASKING),
    [LEASE_ASKING] = TO(LEASE_HELD) | TO(LEASE_FREE) | TO(LEASE_RELEASING),
    [LEASE_HELD] = TO(LEASE_DRAINING) | TO(LEASE_FREE) | TO(LEASE_RELEASING),
    [LEASE_DRAINING] = TO(LEASE_FREE) | TO(LEASE_RELEASING),
    [LEASE_RELEASING] = TO(LEASE_FREE),
};

/* The only writer of lease.state. */
static void move(struct lease *l, enum lease_state next)
{
    assert(allowed[l->state] & TO(next));
    l->state = next;
}

static bool is_ours(const struct lease *l)
{
    return l->state == LEASE_HELD || l->state == LEASE_DRAINING;
}

static void order(struct leases *t, enum lease_order_kind kind, unsigned p, const char *reason)
{
    assert(t->n_orders < LEASE_ORDERS_MAX);
    t->order[(t->first + t->n_orders) % LEASE_ORDERS_MAX] =
        (struct lease_order){.kind = kind, .partition = p, .reason = reason};
    t->n_orders++;
}

bool leases_next(struct leases *t, struct lease_order *out)
{
    if (t->n_orders == 0)
        return false;
    *out = t->order[t->first];
    t->first = (t->first + 1) % LEASE_ORDERS_MAX;
    t->n_orders--;
    return true;
}

void leases_init(struct leases *t, unsigned partitions, uint64_t lease_ms, bool named)
{
    assert(partitions > 0 && partitions <= PARTITIONS_MAX);
    assert(lease_ms >= 100);
    *t = (struct leases){.partitions = partitions,
                         .lease_ms = lease_ms,
                         .margin_ms = lease_ms / 10,
                         .renew_ms = lease_ms * 3 / 10,
                         .tick_ms = lease_ms / 10,
                         .named = named,
                         .share = named ? 1 : 0};
}

static uint64_t ends_ms(const struct leases *t, const struct lease *l)
{
    return l->renewed_ms + t->lease_ms - t->margin_ms;
}

bool leases_owns(const struct leases *t, unsigned p, uint64_t now)
{
    assert(p < t->partitions);
    return is_ours(&t->lease[p]) && now < ends_ms(t, &t->lease[p]);
}

static unsigned count(const struct leases *t, unsigned states)
{
    unsigned n = 0;

    for (unsigned p = 0; p < t->partitions; p++)
        n += (states & TO(t->lease[p].state)) != 0;
    return n;
}

unsigned leases_owned(const struct leases *t)
{
    return count(t, TO(LEASE_HELD) | TO(LEASE_DRAINING));
}

bool leases_releasing(const struct leases *t)
{
    return count(t, TO(LEASE_RELEASING)) > 0;
}

static void lose(struct leases *t, unsigned p, const char *reason)
{
    assert(is_ours(&t->lease[p]));
    move(&t->lease[p], LEASE_FREE);
    order(t, LEASE_TELL_LOST, p, reason);
}

static void release(struct leases *t, unsigned p, const char *reason)
{
    bool told = is_ours(&t->lease[p]);

    move(&t->lease[p], LEASE_RELEASING);
    if (told)
        order(t, LEASE_TELL_LOST, p, reason);
    order(t, LEASE_DO_RELEASE, p, NULL);
}

/* The i-th partition of our preference: workers begin at different places, so that they rarely ask
 * for the same. */
static unsigned preferred(const struct leases *t, unsigned i)
{
    unsigned start = t->members == 0 ? 0 : t->rank * t->partitions / t->members;

    return (start + i) % t->partitions;
}

static void drain_excess(struct leases *t, uint64_t now)
{
    unsigned held = count(t, TO(LEASE_HELD) | TO(LEASE_ASKING));

    if (t->stopping || t->named || t->members == 0)
        return;
    for (unsigned i = t->partitions; i-- > 0 && held > t->share;) {
        unsigned p = preferred(t, i);
        struct lease *l = &t->lease[p];
        if (l->state != LEASE_HELD)
            continue;
        move(l, LEASE_DRAINING);
        l->drain_ms = now;
        order(t, LEASE_TELL_DRAIN, p, NULL);
        held--;
    }
}

/* What we want and do not have, so many leases to ask for. */
static unsigned wanted(const struct leases *t)
{
    unsigned have = count(t, TO(LEASE_HELD) | TO(LEASE_DRAINING) | TO(LEASE_ASKING));

    return t->stopping || have >= t->share ? 0 : t->share - have;
}

static void look_if_wanting(struct leases *t)
{
    if (t->looking || wanted(t) == 0)
        return;
    t->looking = true;
    order(t, LEASE_DO_LOOK, 0, NULL);
}

void leases_up(struct leases *t, uint64_t now)
{
    assert(!t->up);
    t->up = true;
    leases_tick(t, now);
}

void leases_down(struct leases *t, const char *reason)
{
    t->up = t->looking = t->counting = false;
    for (unsigned p = 0; p < t->partitions; p++) {
        struct lease *l = &t->lease[p];
        l->renewing = false;
        if (is_ours(l))
            lose(t, p, reason);
        else if (l->state != LEASE_FREE)
            move(l, LEASE_FREE);
    }
}

static void renew_or_lose(struct leases *t, unsigned p, uint64_t now)
{
    struct lease *l = &t->lease[p];

    if (now >= ends_ms(t, l)) {
        lose(t, p, "lease ran out");
    } else if (l->state == LEASE_DRAINING && now - l->drain_ms >= t->lease_ms) {
        release(t, p, "handed over with entries unsettled");
    } else if (!l->renewing && now - l->renewed_ms >= t->renew_ms) {
        l->renewing = true;
        l->sent_ms = now;
        order(t, LEASE_DO_RENEW, p, NULL);
    }
}

void leases_tick(struct leases *t, uint64_t now)
{
    if (!t->up)
        return;
    for (unsigned p = 0; p < t->partitions; p++)
        if (is_ours(&t->lease[p]))
            renew_or_lose(t, p, now);
    if (!t->named && !t->counting) {
        t->counting = true;
        order(t, LEASE_DO_HEARTBEAT, 0, NULL);
    }
    look_if_wanting(t);
}

void leases_members(struct leases *t, unsigned rank, unsigned members, uint64_t now)
{
    t->counting = false;
    if (!t->up || members == 0 || rank >= members)
        return;
    t->rank = rank;
    t->members = members;
    t->share = t->partitions / members + (rank < t->partitions % members ? 1 : 0);
    drain_excess(t, now);
    look_if_wanting(t);
}

void leases_looked(struct leases *t, const bool *could, uint64_t now)
{
    unsigned n = wanted(t);

    if (!t->up || !t->looking)
        return;
    t->looking = false;
    for (unsigned i = 0; could != NULL && n > 0 && i < t->partitions; i++) {
        unsigned p = preferred(t, i);
        struct lease *l = &t->lease[p];
        if (!could[p] || l->state != LEASE_FREE || now < l->not_before_ms)
            continue;
        move(l, LEASE_ASKING);
        l->sent_ms = now;
        order(t, LEASE_DO_ACQUIRE, p, NULL);
        n--;
    }
}

void leases_acquired(struct leases *t, unsigned p, enum lease_answer answer, uint64_t now)
{
    struct lease *l = &t->lease[p];

    assert(p < t->partitions);
    if (l->state != LEASE_ASKING)
        return; /* the link went down in between: the next look finds the lease ours */
    if (answer == LEASE_YES && t->stopping) {
        release(t, p, NULL);
    } else if (answer != LEASE_YES || now >= l->sent_ms + t->lease_ms - t->margin_ms) {
        move(l, LEASE_FREE); /* not granted, or the answer took a whole lease */
    } else {
        move(l, LEASE_HELD);
        l->renewed_ms = l->sent_ms;
        l->renewing = false;
        order(t, LEASE_TELL_GAINED, p, NULL);
    }
}

void leases_renewed(struct leases *t, unsigned p, enum lease_answer answer, uint64_t now)
{
    struct lease *l = &t->lease[p];

    assert(p < t->partitions);
    if (!is_ours(l) || !l->renewing)
        return;
    l->renewing = false;
    if (answer == LEASE_YES)
        l->renewed_ms = l->sent_ms;
    if (answer == LEASE_NO)
        lose(t, p, "lease is gone or somebody else's");
    else if (now >= ends_ms(t, l))
        lose(t, p, "lease ran out");
}

void leases_released(struct leases *t, unsigned p)
{
    assert(p < t->partitions);
    if (t->lease[p].state == LEASE_RELEASING)
        move(&t->lease[p], LEASE_FREE);
}

void leases_drained(struct leases *t, unsigned p)
{
    assert(p < t->partitions);
    if (t->lease[p].state == LEASE_DRAINING)
        release(t, p, "handed over");
}

void leases_failed(struct leases *t, unsigned p, const char *reason, uint64_t now)
{
    assert(p < t->partitions);
    if (!is_ours(&t->lease[p]))
        return;
    t->lease[p].not_before_ms = now + t->tick_ms;
    lose(t, p, reason);
}

void leases_stop(struct leases *t)
{
    t->stopping = true;
}

void leases_release_all(struct leases *t)
{
    t->stopping = true;
    for (unsigned p = 0; p < t->partitions; p++)
        if (is_ours(&t->lease[p]))
            release(t, p, "closing");
}
