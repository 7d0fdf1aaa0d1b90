#include "worker/planner.h"

#include <assert.h>
#include <string.h>

void planner_init(struct planner *p, const struct planner_limits *limits, unsigned random)
{
    assert(limits->partitions > 0 && limits->partitions <= PARTITIONS_MAX);
    assert(limits->batch_max > 0 && limits->batches_max > limits->ahead);
    memset(p, 0, sizeof *p);
    p->limits = *limits;
    p->turn = random % limits->partitions;
}

static struct planner_queue *queue_of(struct planner *p, unsigned partition)
{
    assert(partition < p->limits.partitions);
    return &p->queues[partition];
}

static bool is_later(struct entry_id a, struct entry_id b)
{
    return entry_id_compare(a, b) > 0;
}

void planner_add(struct planner *p, unsigned partition, struct entry *first, unsigned n,
                 uint64_t now_ms)
{
    struct planner_queue *q = queue_of(p, partition);

    if (n == 0)
        return;
    if (q->n == 0)
        q->since_ms = now_ms;
    if (q->last == NULL)
        q->first = first;
    else
        q->last->next = first;
    for (struct entry *e = first; e != NULL; e = e->next) {
        q->last = e;
        q->bytes += e->len;
        if (is_later(e->id, q->seen))
            q->seen = e->id;
    }
    q->n += n;
    p->waiting += n;
}

struct entry *planner_lose(struct planner *p, unsigned partition)
{
    struct planner_queue *q = queue_of(p, partition);
    struct entry *first = q->first;

    p->waiting -= q->n;
    q->first = q->last = NULL;
    q->n = 0;
    q->bytes = 0;
    q->taken = 0;
    q->lost = q->seen;
    q->losses++;
    return first;
}

/* Deliveries of `e` that a crash may explain; `ahead` entries are taken before it. */
static unsigned suspicion(const struct planner *p, const struct planner_queue *q,
                          const struct entry *e, unsigned ahead)
{
    if (q->taken + ahead >= p->limits.batch_max)
        return 1; /* no batch ever reached that far */
    if (is_later(e->id, q->lost))
        return e->deliveries;
    return e->deliveries > q->losses ? e->deliveries - q->losses : 1;
}

/* When the queue is a batch; PLANNER_NEVER: when it is full, or another batch is done. */
static uint64_t ripe_at(const struct planner *p, const struct planner_queue *q)
{
    if (p->batches == 0 || p->hurry || q->n >= p->limits.batch_max ||
        q->bytes >= p->limits.batch_bytes_max)
        return 0;
    if (p->batches >= p->limits.batches_max - p->limits.ahead)
        return PLANNER_NEVER;
    return q->since_ms + p->limits.linger_ms;
}

/* Cuts the batch off the head of the queue. */
static void cut(struct planner *p, struct planner_queue *q, struct planner_batch *out)
{
    struct entry *last = NULL;
    size_t bytes = 0;

    out->first = q->first;
    for (struct entry *e = q->first; e != NULL && out->n < p->limits.batch_max; e = e->next) {
        bool alone = suspicion(p, q, e, out->n) >= DELIVERIES_ALONE;

        if (out->n > 0 && (alone || bytes + e->len > p->limits.batch_bytes_max))
            break;
        last = e;
        bytes += e->len;
        out->n++;
        p->alone = alone;
        if (alone)
            break;
    }
    assert(last != NULL);
    out->suspect = p->alone;
    q->first = last->next;
    if (q->first == NULL)
        q->last = NULL;
    last->next = NULL;
    q->n -= out->n;
    q->bytes -= bytes;
    q->taken += out->n;
    p->waiting -= out->n;
}

bool planner_next(struct planner *p, uint64_t now_ms, struct planner_batch *out, uint64_t *wake_ms)
{
    unsigned n = p->limits.partitions;

    *wake_ms = PLANNER_NEVER;
    if (p->batches == p->limits.batches_max || p->waiting == 0 || p->alone)
        return false;
    for (unsigned i = 0; i < n; i++) {
        unsigned partition = (p->turn + i) % n;
        struct planner_queue *q = &p->queues[partition];
        uint64_t ripe_ms;

        if (q->n == 0 || q->busy || q->held)
            continue;
        ripe_ms = ripe_at(p, q);
        if (ripe_ms > now_ms) {
            *wake_ms = ripe_ms < *wake_ms ? ripe_ms : *wake_ms;
            continue;
        }
        if (p->batches > 0 && suspicion(p, q, q->first, 0) >= DELIVERIES_ALONE)
            return false; /* it is its turn, but it must be alone */
        *out = (struct planner_batch){.partition = partition};
        cut(p, q, out);
        q->busy = true;
        p->batches++;
        p->turn = (partition + 1) % n;
        return true;
    }
    return false;
}

void planner_put_back(struct planner *p, unsigned partition, struct entry *first, uint64_t now_ms)
{
    struct planner_queue *q = queue_of(p, partition);
    struct entry *last = first;

    assert(q->busy);
    if (first == NULL)
        return;
    if (q->n == 0)
        q->since_ms = now_ms;
    for (struct entry *e = first; e != NULL; e = e->next) {
        q->n++;
        q->bytes += e->len;
        p->waiting++;
        last = e;
    }
    last->next = q->first;
    q->first = first;
    if (q->last == NULL)
        q->last = last;
}

void planner_hold(struct planner *p, unsigned partition, bool held)
{
    queue_of(p, partition)->held = held;
}

void planner_done(struct planner *p, unsigned partition)
{
    struct planner_queue *q = queue_of(p, partition);

    assert(q->busy && p->batches > 0);
    q->busy = false;
    p->alone = false;
    p->batches--;
}
