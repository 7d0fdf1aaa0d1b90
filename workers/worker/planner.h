/* Which entries make the next batch. Pure: the clock is an argument, memory is the caller's.
 *
 * A partition has at most one batch under way, so its events commit in order; partitions take turns
 * with equal counts, so a tenant that floods its partition delays only that one.
 *
 * A batch is whatever waits in the partition whose turn it is, up to batch_max entries and batch_bytes_max bytes; and
 * partitions with so little that all of it still fits come along, because a small transaction costs nearly what a larger
 * one does. A partition stays apart while its last batch was not stored at once, or there was none yet: what it is troubled
 * by (poison, somebody else's lock, a redaction) must not keep others waiting.
 *
 * Alone on an idle system what waits goes at once. While a batch is being written it may wait to grow: linger_ms, or twice as
 * long as batches take (PLANNER_WAIT_MS_MAX at most), whichever is longer. Two small transactions side by side take longer than
 * one after the other, which takes along what has come meanwhile: they share the machine, and meet at the rollups' rows.
 * What would only be made ready, because as many as can be written are under way, goes on growing until it is full.
 *
 * Poison that kills the process. What the process had in its hands when it died were the first
 * entries of the partition's pending list, at most a batch of them; so an entry among those that
 * was delivered DELIVERIES_ALONE times (two processes may have died of it) is a suspect and runs
 * alone: nothing else is under way in the process. Deliveries only cast suspicion: they also count
 * when a process is killed, or loses its lease or its link and reads the entry again (those that
 * this process survived are known here and do not count). Who is guilty is found out by flow.c. */
#ifndef WORKER_PLANNER_H
#define WORKER_PLANNER_H

#include "consumer.h"
#include "entry_id.h"
#include "partition.h"

enum {
    DELIVERIES_ALONE = 3,
    PLANNER_WAIT_MS_MAX = 20, /* a batch that is stuck keeps nobody waiting */
};

#define PLANNER_NEVER UINT64_MAX

struct planner_limits {
    unsigned partitions;
    unsigned batch_max;
    size_t batch_bytes_max;
    unsigned batches_max; /* under way at once; */
    unsigned ahead;       /* so many of them only to be ready when another one is done */
    uint64_t linger_ms;   /* at least */
};

struct planner_queue {
    struct entry *first, *last;
    unsigned n;
    size_t bytes;
    uint64_t since_ms;    /* the first entry came then */
    bool busy;            /* a batch of this partition is under way */
    bool held;            /* somebody else has its turn */
    bool apart;           /* its batches are its own */
    unsigned taken;       /* how many were taken since the partition was gained */
    struct entry_id seen; /* greatest id that ever came */
    struct entry_id lost; /* greatest id that had come when the partition was last lost */
    unsigned losses;      /* how often this process gave the partition up and lived on */
};

struct planner {
    struct planner_limits limits;
    struct planner_queue queues[PARTITIONS_MAX];
    unsigned turn;    /* partition to ask first */
    unsigned batches; /* under way */
    uint64_t took_ms; /* a batch, lately */
    unsigned waiting; /* entries in all queues */
    bool alone;       /* the batch under way may be the last thing this process does */
    bool hurry;       /* do not linger: the process is to end */
};

struct planner_batch {
    struct entry
        *first; /* linked by ->next: one partition's after another's, each in ascending order */
    unsigned n;
    unsigned n_partitions;
    uint16_t partitions[PARTITIONS_MAX]; /* ascending */
    uint64_t begun_ms;
    bool suspect; /* n is 1, and nothing else is under way */
};

/* `random` decides whose turn is first: a process that dies of its first batch again and again must
 * not always leave the same partitions untried. */
void planner_init(struct planner *p, const struct planner_limits *limits, unsigned random);

/* Takes over the list, n entries in ascending order. */
void planner_add(struct planner *p, unsigned partition, struct entry *first, unsigned n,
                 uint64_t now_ms);

/* The partition is lost: gives its waiting entries back, the caller frees them. A batch under way
 * stays under way until planner_done(): nothing of the partition is started before that. */
struct entry *planner_lose(struct planner *p, unsigned partition);

/* True: `out` is to be started. False: nothing before `*wake_ms`, unless something is added or
 * done. */
bool planner_next(struct planner *p, uint64_t now_ms, struct planner_batch *out, uint64_t *wake_ms);

/* Entries of the partition's batch under way that did not stay in it: they come first in the next one. */
void planner_put_back(struct planner *p, unsigned partition, struct entry *first, uint64_t now_ms);

/* While a partition is held no batch of it is begun. */
void planner_hold(struct planner *p, unsigned partition, bool held);

/* A batch of the partition alone was stored at once: it may have company again. Or not: it stays apart, from its next batch on. */
void planner_apart(struct planner *p, unsigned partition, bool apart);

/* The batch is over. */
void planner_done(struct planner *p, const struct planner_batch *batch, uint64_t now_ms);

#endif
