/* What happens because time passes: checkouts become abandoned carts, carts expire, old rows go.
 * One process at a time, by the lease "timers"; two that both believe in it for a moment do no
 * harm, the statements skip what the other has locked.
 *
 * Happy path: lease held -> every second due_carts.sql, again at once while more are due; every few
 * minutes prune.sql. Failures: a statement that fails is run again at the next tick. */
#ifndef WORKER_TIMERS_H
#define WORKER_TIMERS_H

#include "consumer.h"
#include "runtime/config.h"
#include "runtime/db.h"

struct timers;

/* NULL: out of memory. Needs no handle of its own: timers_tick() is called every second by the
 * owner. */
struct timers *timers_new(struct db_pool *lookups, struct consumer *consumer,
                          const struct config *config);

void timers_tick(struct timers *t, uint64_t now_ms);

/* Nothing new is begun. Before the pool and the consumer are closed. */
void timers_stop(struct timers *t);

/* After both are closed. */
void timers_free(struct timers *t);

#endif
