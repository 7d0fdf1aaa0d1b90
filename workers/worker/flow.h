/* The worker's heart: entries of the owned partitions -> batches -> one transaction each ->
 * acknowledged.
 *
 *   planner.c   which entries are the next batch          batch.c     entries -> rows (pure)
 *   flow.c      turns of the loop, slots                  lookup.c    whose the entries are
 *   store.c     rows -> transaction -> live updates, XACK; what failed, why
 *   origin.c    by whose stream an update leaves
 *
 * Happy path: flow_entries -> a slot takes a batch -> decoded, handled, encoded in slices ->
 * db_submit -> COMMIT -> consumer_settle -> the slot is free. Failures: PostgreSQL away: nothing
 * new is begun, at most the window of each partition waits in memory, all resumes by itself. A row
 * at fault: the batch is bisected, the culprit becomes a dead letter; a batch of several partitions is parted before, so that
 * it keeps only its own partition waiting. A program that does not fit
 * its database (42*, 28*, 3D*, XX*): nothing is begun, flow_problem() says so, one batch tries
 * again every few seconds. Partition lost: its entries are forgotten; what was sent may still
 * commit, which is harmless, and is settled for the other partitions of its batch only.
 *
 * An event that kills the process: what was in the hands of two dead processes is taken up alone, after Redis was told so.
 * Only a process that ends right then leaves that note behind; the third to find the entry so noted (TAKEN_UP_MAX)
 * makes it a dead letter without a look. So no event that is merely near a crash, a kill or an outage is condemned. */
#ifndef WORKER_FLOW_H
#define WORKER_FLOW_H

#include "consumer.h"
#include "runtime/config.h"
#include "runtime/db.h"

struct flow;

struct flow_options {
    uv_loop_t *loop;
    const struct config *config;
    struct db_pool *batches;         /* writes */
    struct db_pool *lookups;         /* reads that must not wait behind batches */
    void (*on_committed)(void *ctx); /* after each transaction */
    void (*on_quiet)(void *ctx);     /* the batch of a held partition is over */
    void (*on_idle)(void *ctx);      /* after flow_drain(): nothing is under way any more */
    void *ctx;
};

/* NULL: out of memory. */
struct flow *flow_new(const struct flow_options *options);

/* Before the first entry. */
void flow_set_consumer(struct flow *f, struct consumer *c);

/* While paused nothing new is begun; what is under way goes on. A new flow is paused. */
void flow_pause(struct flow *f, bool paused);

/* For the consumer's callbacks. */
void flow_entries(struct flow *f, unsigned partition, struct entry *first, unsigned n);
void flow_lost(struct flow *f, unsigned partition);

/* While a partition is held no batch of it is begun: whoever publishes its rows then comes neither between a batch's COMMIT
 * and its updates, nor behind updates that are newer. */
void flow_hold(struct flow *f, unsigned partition, bool held);
/* True: no batch of the partition is under way. */
bool flow_is_quiet(const struct flow *f, unsigned partition);

/* NULL, or why the database refuses the program ("database"). */
const char *flow_problem(const struct flow *f);

unsigned flow_queued(const struct flow *f);

/* What is there is still stored, without lingering; then on_idle, once, later. */
void flow_drain(struct flow *f);

/* Gives up what is not under way and what still comes, so that on_idle comes soon. The process ends. */
void flow_give_up(struct flow *f);

/* After on_idle, or after both pools were closed: nothing is called any more except `on_closed`. */
void flow_close(struct flow *f, void (*on_closed)(void *ctx), void *ctx);

#endif
