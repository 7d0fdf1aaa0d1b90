/* Moves live updates of other writers (REST, psql, timers), and rollup rows whoever wrote them, from the
 * outbox table to the live streams of owned partitions.
 *
 * Happy path: NOTIFY ringback_outbox (or once a second) -> read_outbox -> consumer_settle per
 * partition -> confirmed -> clear_outbox -> again while there is more. Failures: not confirmed, or
 * the deletion lost: the rows are still there and are published again.
 *
 * Rows that batches publish too must not overtake each other: for these the partition is held, read once more when no batch
 * of it is under way, published, and released. */
#ifndef WORKER_RELAY_H
#define WORKER_RELAY_H

#include "consumer.h"
#include "runtime/db.h"
#include "worker/flow.h"

#define RELAY_LISTEN "LISTEN ringback_outbox"

struct relay;

/* NULL: out of memory. Needs no handle of its own: relay_tick() is called by the owner. */
struct relay *relay_new(struct db_pool *lookups, struct consumer *consumer, struct flow *flow,
                        unsigned partitions);

/* There may be something. Does nothing while a round is under way, but then another one follows. */
void relay_kick(struct relay *r);

/* A batch of this process committed, so rollup rows may wait: those of our partitions are relayed, and
 * the other workers are told, once a round. */
void relay_committed(struct relay *r);

/* No further rounds; the one under way ends by itself. Before the pool and the consumer are closed.
 */
void relay_stop(struct relay *r);

/* After both are closed. */
void relay_free(struct relay *r);

#endif
