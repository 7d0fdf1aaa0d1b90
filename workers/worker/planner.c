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
    for (unsigned i = 0; i < limits->partitions; i++)
        p->queues[i].apart = true;
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
    q->apart = true;
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

static bool can_begin(const struct planner_queue *q)
{
    return q->n > 0 && !q->busy && !q->held;
}

/* What may become one batch. */
struct waiting {
    unsigned n;
    size_t bytes;
    uint64_t since_ms;
};

static struct waiting waiting_of(const struct planner_queue *q)
{
    return (struct waiting){.n = q->n, .bytes = q->bytes, .since_ms = q->since_ms};
}

/* In all partitions that do not stay apart. */
static struct waiting waiting_together(const struct planner *p)
{
    struct waiting all = {.since_ms = PLANNER_NEVER};

    for (unsigned i = 0; i < p->limits.partitions; i++) {
        const struct planner_queue *q = &p->queues[i];

        if (q->apart || !can_begin(q))
            continue;
        all.n += q->n;
        all.bytes += q->bytes;
        all.since_ms = q->since_ms < all.since_ms ? q->since_ms : all.since_ms;
    }
    return all;
}

static uint64_t patience_ms(const struct planner *p)
{
    uint64_t ms = 2 * p->took_ms < PLANNER_WAIT_MS_MAX ? 2 * p->took_ms : PLANNER_WAIT_MS_MAX;

    return ms > p->limits.linger_ms ? ms : p->limits.linger_ms;
}

/* When it is a batch; PLANNER_NEVER: when it is full, or another batch is done. */
static uint64_t ripe_at(const struct planner *p, const struct waiting *w)
{
    if (p->batches == 0 || p->hurry || w->n >= p->limits.batch_max ||
        w->bytes >= p->limits.batch_bytes_max)
        return 0;
    if (p->batches >= p->limits.batches_max - p->limits.ahead)
        return PLANNER_NEVER;
    return w->since_ms + patience_ms(p);
}

static void add_partition(struct planner_batch *out, unsigned partition)
{
    unsigned at = out->n_partitions++;

    for (; at > 0 && out->partitions[at - 1] > partition; at--)
        out->partitions[at] = out->partitions[at - 1];
    out->partitions[at] = (uint16_t)partition;
}

/* Moves n entries with these bytes, the last of which is `last`, off the head of the queue, behind *link. Returns where the
 * next ones go. */
static struct entry **move(struct planner *p, unsigned partition, struct entry *last, unsigned n,
                           size_t bytes, struct planner_batch *out, struct entry **link)
{
    struct planner_queue *q = queue_of(p, partition);

    assert(last != NULL);
    *link = q->first;
    q->first = last->next;
    if (q->first == NULL)
        q->last = NULL;
    last->next = NULL;
    q->n -= n;
    q->bytes -= bytes;
    q->taken += n;
    q->busy = true;
    p->waiting -= n;
    out->n += n;
    add_partition(out, partition);
    return &last->next;
}

/* Cuts the batch off the head of the queue whose turn it is. Returns how many bytes it has. */
static size_t cut(struct planner *p, unsigned partition, struct planner_batch *out,
                  struct entry ***link)
{
    struct planner_queue *q = queue_of(p, partition);
    struct entry *last = NULL;
    size_t bytes = 0;
    unsigned n = 0;

    for (struct entry *e = q->first; e != NULL && n < p->limits.batch_max; e = e->next) {
        bool alone = suspicion(p, q, e, n) >= DELIVERIES_ALONE;

        if (n > 0 && (alone || bytes + e->len > p->limits.batch_bytes_max))
            break;
        last = e;
        bytes += e->len;
        n++;
        p->alone = alone;
        if (alone)
            break;
    }
    out->suspect = p->alone;
    *link = move(p, partition, last, n, bytes, out, &out->first);
    return bytes;
}

static bool has_suspects(const struct planner *p, const struct planner_queue *q)
{
    unsigned ahead = 0;

    for (const struct entry *e = q->first; e != NULL && q->taken + ahead < p->limits.batch_max;
         e = e->next)
        if (suspicion(p, q, e, ahead++) >= DELIVERIES_ALONE)
            return true;
    return false;
}

/* Whoever has so little that all of it fits. */
static void take_along(struct planner *p, struct planner_batch *out, size_t bytes,
                       struct entry **link)
{
    unsigned n = p->limits.partitions;

    for (unsigned i = 0; i < n && out->n < p->limits.batch_max; i++) {
        unsigned partition = (p->turn + i) % n;
        const struct planner_queue *q = &p->queues[partition];
        size_t more = q->bytes;

        if (q->apart || !can_begin(q) || q->n > p->limits.batch_max - out->n ||
            bytes + more > p->limits.batch_bytes_max || has_suspects(p, q))
            continue;
        link = move(p, partition, q->last, q->n, more, out, link);
        bytes += more;
    }
}

static void begin(struct planner *p, unsigned partition, uint64_t now_ms, struct planner_batch *out)
{
    struct entry **link;
    size_t bytes;

    *out = (struct planner_batch){.begun_ms = now_ms};
    bytes = cut(p, partition, out, &link);
    p->batches++;
    p->turn = (partition + 1) % p->limits.partitions;
    if (!p->queues[partition].apart && !out->suspect)
        take_along(p, out, bytes, link);
}

bool planner_next(struct planner *p, uint64_t now_ms, struct planner_batch *out, uint64_t *wake_ms)
{
    unsigned n = p->limits.partitions;
    struct waiting together;

    *wake_ms = PLANNER_NEVER;
    if (p->batches == p->limits.batches_max || p->waiting == 0 || p->alone)
        return false;
    together = waiting_together(p);
    for (unsigned i = 0; i < n; i++) {
        unsigned partition = (p->turn + i) % n;
        struct planner_queue *q = &p->queues[partition];
        struct waiting w = q->apart ? waiting_of(q) : together;
        uint64_t ripe_ms;

        if (!can_begin(q))
            continue;
        ripe_ms = ripe_at(p, &w);
        if (ripe_ms > now_ms) {
            *wake_ms = ripe_ms < *wake_ms ? ripe_ms : *wake_ms;
            continue;
        }
        if (p->batches > 0 && suspicion(p, q, q->first, 0) >= DELIVERIES_ALONE)
            return false; /* it is its turn, but it must be alone */
        begin(p, partition, now_ms, out);
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
        assert(q->taken > 0);
        q->taken--;
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

void planner_apart(struct planner *p, unsigned partition, bool apart)
{
    queue_of(p, partition)->apart = apart;
}

void planner_done(struct planner *p, const struct planner_batch *batch, uint64_t now_ms)
{
    assert(p->batches > 0);
    for (unsigned i = 0; i < batch->n_partitions; i++) {
        struct planner_queue *q = queue_of(p, batch->partitions[i]);

        assert(q->busy);
        q->busy = false;
    }
    p->took_ms = (3 * p->took_ms + (now_ms - batch->begun_ms) + 3) / 4;
    p->alone = false;
    p->batches--;
}
