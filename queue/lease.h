/* Who owns which partition: leases in Redis, shared evenly among the live workers. Pure: time and
 * Redis's answers are inputs, orders are outputs; consumer_lease_redis.c carries them out.
 *
 *          look: free        granted                  more than our share, or stopping
 *   FREE ─────────────► ASKING ─────────► HELD ─────────────────────────────► DRAINING
 *    ▲  ▲                  │ refused       │ lost: run out, taken, link down       │ drained, or
 * too slow │  └──────────────────┴───────────────┤◄──────────────────────────────────────┤ │ │
 * closing                               ▼ └──────────── answered
 * ─────────────────────────────────────────────────► RELEASING
 *
 * Share: floor(P / n), one more for the first P mod n workers in the order of their ids: the shares
 * add up to P.
 *
 * Safety: a lease counts from the moment its command was SENT, less a margin; Redis counts from the
 * moment it ran, which is later. So what we believe to own, Redis gives to nobody else.
 *
 * A named lease is the same machine with one partition and no members. */
#ifndef QUEUE_LEASE_H
#define QUEUE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "partition.h"

enum lease_state {
    LEASE_FREE,
    LEASE_ASKING,
    LEASE_HELD,
    LEASE_DRAINING,
    LEASE_RELEASING,
    LEASE_N_STATES
};

enum lease_answer {
    LEASE_YES,
    LEASE_NO,      /* somebody else's, or nobody's */
    LEASE_REFUSED, /* Redis could not tell: error reply */
};

enum lease_order_kind {
    /* Commands for Redis; each is answered by the function named, unless the link goes down first.
     */
    LEASE_DO_HEARTBEAT, /* register, and count the live workers -> leases_members() */
    LEASE_DO_LOOK,      /* which leases could be ours? -> leases_looked() */
    LEASE_DO_ACQUIRE,   /* take it if it is nobody's or ours already -> leases_acquired() */
    LEASE_DO_RENEW,     /* extend it if it is ours -> leases_renewed() */
    LEASE_DO_RELEASE,   /* delete it if it is ours -> leases_released() */
    /* News for the owner. */
    LEASE_TELL_GAINED,
    LEASE_TELL_DRAIN, /* take in no more; leases_drained() when nothing is held any more */
    LEASE_TELL_LOST,  /* `reason` tells why */
};

struct lease_order {
    enum lease_order_kind kind;
    unsigned partition;
    const char *reason;
};

struct lease {
    enum lease_state state;
    bool renewing;
    uint64_t sent_ms;       /* when the acquire or renewal under way was sent */
    uint64_t renewed_ms;    /* when the last successful one was sent */
    uint64_t drain_ms;      /* when draining began */
    uint64_t not_before_ms; /* do not ask again before */
};

/* At most: lost and released, or drained, per partition and input, and inputs never pile up. */
enum { LEASE_ORDERS_MAX = 4 * PARTITIONS_MAX + 8 };

struct leases {
    unsigned partitions;
    uint64_t lease_ms;  /* PX of the keys */
    uint64_t margin_ms; /* our lease ends so much earlier than Redis's */
    uint64_t renew_ms;
    uint64_t tick_ms; /* call leases_tick() so often */
    bool named;       /* no members: the one lease is wanted always */
    bool up, looking, counting, stopping;
    unsigned share, rank, members; /* members 0: not yet known */
    struct lease lease[PARTITIONS_MAX];
    struct lease_order order[LEASE_ORDERS_MAX];
    unsigned first, n_orders;
};

/* `now` is everywhere a fresh monotonic clock in milliseconds that also counts while the process is
 * stopped. */
void leases_init(struct leases *t, unsigned partitions, uint64_t lease_ms, bool named);

void leases_up(struct leases *t, uint64_t now);
void leases_down(struct leases *t, const char *reason);
void leases_tick(struct leases *t, uint64_t now);

/* We are number `rank` of `members` live workers; members 0: Redis could not tell. */
void leases_members(struct leases *t, unsigned rank, unsigned members, uint64_t now);
/* could[i]: partition i's lease is nobody's or ours. NULL: Redis could not tell. */
void leases_looked(struct leases *t, const bool *could, uint64_t now);
void leases_acquired(struct leases *t, unsigned p, enum lease_answer answer, uint64_t now);
void leases_renewed(struct leases *t, unsigned p, enum lease_answer answer, uint64_t now);
void leases_released(struct leases *t, unsigned p);

void leases_drained(struct leases *t, unsigned p);
/* The owner is in trouble with the partition: lost now, asked for again a tick later. */
void leases_failed(struct leases *t, unsigned p, const char *reason, uint64_t now);
/* Take no more, hand nothing over. */
void leases_stop(struct leases *t);
/* Give up all at once; LEASE_TELL_LOST for each held one. */
void leases_release_all(struct leases *t);

/* False: nothing more to do for now. */
bool leases_next(struct leases *t, struct lease_order *out);

/* True while our lease on `p` has certainly not run out. */
bool leases_owns(const struct leases *t, unsigned p, uint64_t now);
unsigned leases_owned(const struct leases *t);
/* True while a release waits for its answer. */
bool leases_releasing(const struct leases *t);

#endif
