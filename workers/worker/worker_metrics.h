/* The worker's counters. Label values are bounded: topics that somebody handles, fates, reasons of
 * our own. */
#ifndef WORKER_METRICS_H
#define WORKER_METRICS_H

#include <stdint.h>

#include "runtime/metrics.h"
#include "worker/batch.h"

struct worker_metrics {
    struct metric *commit_seconds; /* request sent -> committed */
    struct metric *batch_seconds;  /* batch begun -> last range settled */
    struct metric *age_seconds;    /* received by the gateway -> committed */
    struct metric *deadlocks;
    struct metric *vanished;
    struct metric *newer; /* entries seen that a newer Ringback wrote */
    struct metric *newer_waiting;
    struct metric *live_updates, *live_dropped;
    struct metric *owned, *backlog, *oldest_seconds, *retention_seconds, *queued;
    struct metric *connections;
    struct metric *carts_settled;
    struct metric *relayed;
    struct metric *erased;
    struct metric *mended;
};

extern struct worker_metrics worker_metrics;

void worker_metrics_init(void);

void worker_count_event(const struct batch_item *item);
void worker_count_letter(const char *reason);
void worker_count_batch(uint32_t events);
/* A transaction failed; db_action_name() of what is done about it. */
void worker_count_failure(const char *action);

#endif
