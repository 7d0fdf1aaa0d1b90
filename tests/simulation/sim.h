/* A world on one thread: workers (the real consumer and flow, with everything below them) beside a Redis and a PostgreSQL
 * of our own, under a clock and a scheduler that one seed decides.
 *
 *   sim_uv.c      libuv's timers and idle handles on the simulated clock
 *   sim_redis.c   link.h and a Redis behind it: streams, groups, leases
 *   sim_pg.c      db.h and a PostgreSQL behind it: orders and dead letters
 *   sim_memory.c  malloc: whose a block is, and the n-th allocation that fails
 *   sim_worker.c  one worker's wiring, as role_worker.c has it, and its death
 *   worker_sim.c  the scenario, the scheduler, faults and the oracle
 *
 * The linker puts these in the place of the drivers; what they replace never gets into the program. */
#ifndef SIM_H
#define SIM_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "consumer.h"

enum {
    SIM_PARTITIONS = 3,
    SIM_WORKERS = 2,
    SIM_EVENTS_MAX = 96,
    SIM_KEYS = 8, /* orders per partition */
    SIM_LEASE_MS = 10000,
    NOBODY = SIM_WORKERS,
};

/* ---- chance and time ---- */

extern uint64_t sim_now_us;
void sim_seed(uint64_t seed);
/* 0 .. n - 1 */
unsigned sim_below(unsigned n);
bool sim_chance(unsigned of_thousand);
static inline uint64_t sim_now_ms(void)
{
    return sim_now_us / 1000;
}

/* Says what happens when --trace is given. */
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The promise is broken: prints seed and reason, exits with 1. */
void sim_violation(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- the events, and what became of them (worker_sim.c) ---- */

enum kind { GOOD, MALFORMED, IMPOSSIBLE, CRASHING, STRANGER };

struct sim_event {
    enum kind kind;
    unsigned partition, key, version;
    bool sent, acknowledged, letter, astray;
    struct entry_id id;
    const unsigned char *bytes; /* the envelope */
    size_t len;
    unsigned deliveries, crashes;
};

extern struct sim_event sim_events[SIM_EVENTS_MAX];
extern unsigned sim_n_events;

/* True: nothing more need be done about it. */
bool sim_is_effective(const struct sim_event *e);

void oracle_acknowledged(unsigned partition, struct entry_id id);
void oracle_trimmed(unsigned partition, struct entry_id id);
void oracle_published(unsigned partition, unsigned key, unsigned version);
void oracle_committed(unsigned partition);
void oracle_letter(unsigned partition, struct entry_id id, const char *reason);
/* astray: to a connection at whose other end nobody is any more. */
void oracle_delivered(unsigned partition, struct entry_id id, bool astray);

/* ---- memory ---- */

/* From now on, memory is `worker`'s; returns whose it was before. */
unsigned sim_memory_of(unsigned worker);
/* A worker's death: frees all that is its. Returns how many blocks that were. */
unsigned sim_memory_free_all(unsigned worker);
unsigned sim_memory_count(unsigned worker);
/* The n-th allocation of any worker from now on fails; 0: none. */
void sim_memory_fail(unsigned n);
bool sim_memory_failed(void);

/* ---- libuv ---- */

enum { SIM_HANDLES_MAX = 32 };

struct sim_loop {
    uv_loop_t uv; /* first */
    uv_handle_t *handle[SIM_HANDLES_MAX];
    unsigned n;
    uint64_t starts;
};

void sim_loop_init(struct sim_loop *l);
/* One turn: timers, idle handles, closed handles. */
void sim_loop_turn(struct sim_loop *l);
/* When the next turn has something to do; UINT64_MAX: never. */
uint64_t sim_loop_due_ms(const struct sim_loop *l);

/* ---- Redis ---- */

void redis_reset(void);
/* Appends event e. */
void redis_send(unsigned e);
/* Executes one command; false: there is none. */
bool redis_step(void);
uint64_t redis_due_us(void);
/* Hands replies to the worker, reconnects, cuts what is overdue. */
void redis_deliver(unsigned worker);
bool redis_has_news(unsigned worker);
/* The worker is gone: its connections stay at the server, for as long as the server does not notice. */
void redis_orphan(unsigned worker);
void redis_cut_one(void);
void redis_stall_one(uint64_t ms);
void redis_away(uint64_t ms);
void redis_loading(uint64_t ms);
void redis_full(uint64_t ms);
/* Of a partition that shares a batch under way: its worker gives it up, and it alone. */
void redis_refuse_settle(void);
void redis_drop_group(unsigned partition);
/* No more faults: what is stalled goes on. */
void redis_calm(void);
/* Everything sent was delivered and acknowledged. */
bool redis_is_drained(void);
/* Greatest version of the key that was published; -1: none. A RESYNC counts as everything. */
int redis_published(unsigned partition, unsigned key);

/* ---- PostgreSQL ---- */

void pg_reset(void);
bool pg_step(void);
uint64_t pg_due_us(void);
void pg_deliver(unsigned worker);
bool pg_has_news(unsigned worker);
void pg_orphan(unsigned worker);
void pg_cut_one(bool executed);
void pg_away(uint64_t ms);
void pg_fail_next(const char *sqlstate);
/* The next batch of several partitions: its worker dies while it is under way. */
void pg_kill_next_mixed(void);
/* The next batch of several partitions: its COMMIT's answer is lost, and the next try is refused, which parts it. */
void pg_part_next_mixed(void);
void pg_calm(void);
/* Version of the order that is stored; -1: none. */
int pg_version(unsigned partition, unsigned key);
/* A worker begins: none of its partitions may share a batch before it has had one to itself. */
void pg_worker_born(unsigned worker);
/* A batch of this partition and of others is under way. */
bool pg_has_mixed(unsigned partition);

/* What befell batches of several partitions, in all runs. */
struct sim_mixed {
    unsigned long committed, refused, lost, cut, orphaned, parted;
};
extern struct sim_mixed sim_mixed;

/* ---- workers ---- */

enum sim_life { SIM_DEAD, SIM_ALIVE, SIM_STOPPING };

struct sim_worker {
    enum sim_life life;
    struct sim_loop loop;
    struct db_pool *batches, *lookups;
    struct flow *flow;
    struct consumer *consumer;
    struct named_lease *named;
    char id[32];
    bool named_held, reading_stopped, closing, redis_up;
    uint64_t paused_until_ms, born_again_ms;
    bool force; /* of stopping */
    uint64_t stop_ms;
};

extern struct sim_worker sim_workers[SIM_WORKERS];

void worker_start(unsigned w);
/* A turn of its loop with everything that has arrived. A crash inside is its death. */
void worker_turn(unsigned w);
void worker_kill(unsigned w);
void worker_stop(unsigned w); /* as SIGTERM does */
bool worker_has_work(unsigned w);
uint64_t worker_due_us(unsigned w);

/* Ends the process of the worker that is running. */
void sim_crash(void) __attribute__((noreturn));

#endif
