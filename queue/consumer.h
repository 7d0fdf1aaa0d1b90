/* The worker's end of the events streams: leases, the consumer group, reading, acknowledging, trimming, live updates.
 * Pure machines: lease.c (who owns what), cursor.c (what to read next), held.c (what the worker holds), trim.c (up to
 * where to trim). Drivers: consumer_redis.c (links, life), consumer_lease_redis.c, consumer_read_redis.c,
 * consumer_settle_redis.c, consumer_suspect_redis.c, consumer_survey_redis.c (stats, trimming), consumer_erase_redis.c.
 *
 * Happy path: lease gained -> group made sure of -> own pending entries (id 0...) -> new entries (>) ->
 *   on_entries -> the worker commits -> consumer_settle (XADD live and XACK in one script, if the lease is still ours).
 * Failures: link lost -> everything read but not settled is forgotten (on_lost per partition) and read again from
 *   the pending list; lease lost -> on_lost; NOGROUP -> group created again at 0; Redis full -> live updates are
 *   dropped (on_live_dropped), XACK goes through, and who missed something is noted in Redis and told to resync. */
#ifndef QUEUE_CONSUMER_H
#define QUEUE_CONSUMER_H

#include "entry_id.h"
#include "link.h"

/* One stream entry; memory belongs to the receiver of on_entries: entry_free(). */
struct entry {
    struct entry *next; /* for the receiver's lists */
    struct entry_id id;
    uint32_t partition;
    uint32_t deliveries; /* 1: first time; more: recovered from the pending list */
    bool vanished; /* pending, but its payload is gone from the stream: count, alarm, acknowledge */
    bool unanswered; /* for the receiver: it was stored, or not, nobody knows */
    size_t len;
    unsigned char bytes[]; /* the envelope */
};

void entry_free(struct entry *e);

/* One change for dashboards. All texts borrowed during the call. */
struct live_update {
    const char *organization_id; /* 36 characters */
    const char *table;
    const char *type;   /* INSERT | UPDATE | DELETE | RESYNC */
    const char *record; /* JSON object: the new row; for DELETE the old row's keys */
    size_t record_len;
    int64_t committed_us;
};

struct consumer_options {
    const char *redis_url;
    unsigned partitions;
    const char *worker_id; /* unique per process */
    uint64_t lease_ms;     /* 10000 */
    uint64_t retention_ms; /* RINGBACK_STREAM_RETENTION */
    unsigned window; /* entries held per partition between on_entries and settle: 2 * BATCH_MAX */
    size_t window_bytes; /* the same in bytes, over all partitions; 0: HELD_BYTES_MAX (held.h) */
    unsigned read_count; /* COUNT per partition and read: BATCH_MAX */
    void (*on_gained)(void *ctx, unsigned partition);
    /* The worker must forget all unsettled entries of `partition` (free them) and must not settle them. */
    void (*on_lost)(void *ctx, unsigned partition, const char *reason);
    /* Takes ownership of the list (linked by ->next, n entries, ascending ids, one partition). */
    void (*on_entries)(void *ctx, unsigned partition, struct entry *first, unsigned n);
    void (*on_live_dropped)(void *ctx, unsigned partition, unsigned n);
    void (*on_state)(void *ctx, bool up, const char *reason);
    /* Once after consumer_stop_reading(): no more on_entries will come. May be NULL. */
    void (*on_stopped)(void *ctx);
    void *ctx;
};

struct consumer;
/* NULL when out of memory. Options and their texts are copied. No callback comes from inside this call. */
struct consumer *consumer_new(uv_loop_t *loop, const struct consumer_options *options);

/* True while this process's lease on the partition has certainly not run out by the local clock. */
bool consumer_owns(const struct consumer *c, unsigned partition);

/* After COMMIT: publishes `updates` and acknowledges the entries, all or nothing. Everything is copied.
 * Does nothing when the lease has run out, by the local clock or in Redis (the next owner will do it again; that is harmless). `cb` (may be NULL)
 * exactly once, later; ok=false: Redis did not confirm, the entries will come again. n_ids may be 0 (timers' and relay's updates). */
void consumer_settle(struct consumer *c, unsigned partition, const struct live_update *updates,
                     unsigned n_updates, const struct entry_id *ids, unsigned n_ids,
                     void (*cb)(void *ctx, bool ok), void *ctx);

/* Counts that the entry is taken up by itself, because it may be what killed a process. cb(times) once, later: how often
 * processes did so and never came back from it, with this time; 0: Redis did not say. cb may be NULL. False: the link
 * is down, nothing is called. */
bool consumer_suspect(struct consumer *c, unsigned partition, struct entry_id id,
                      void (*cb)(void *ctx, unsigned times), void *ctx);
/* The process came back from it: nothing is left of the count. */
void consumer_absolve(struct consumer *c, unsigned partition, struct entry_id id);

/* Deletes entries that have been acknowledged (consumer_settle() said so) from the stream: nothing of them is to be kept. Does
 * nothing when the lease has run out. */
void consumer_forget(struct consumer *c, unsigned partition, const struct entry_id *ids,
                     unsigned n);

/* Erases retained entries of the partition's streams (personal data). Pages through both streams, entries before
 * `until`, and XDELs those for which the callback says so: for an event `payload` is its envelope, for a live update
 * its record. Events that are not acknowledged are left alone whatever `until` says (they would vanish), so
 * ENTRY_ID_LAST means: everything that has been worked off. done(ok) exactly once, later; ok=false: some of it may
 * be left, do it again. */
typedef bool (*consumer_erase_match)(void *ctx, bool live, const void *payload, size_t len,
                                     const char *organization_id);
void consumer_erase(struct consumer *c, unsigned partition, struct entry_id until,
                    consumer_erase_match match, void (*done)(void *ctx, bool ok), void *ctx);

/* A lease of another kind (timers): SET NX PX under ringback:lease:<name>, renewed until released.
 * on_change(held) is called whenever that changes. */
struct named_lease;
struct named_lease *consumer_lease(struct consumer *c, const char *name,
                                   void (*on_change)(void *ctx, bool held), void *ctx);

/* True while the lease has certainly not run out by the local clock. */
bool consumer_lease_held(const struct named_lease *lease);

/* Asks for no more entries; owned partitions stay owned until consumer_close (so that running batches can settle).
 * What a read under way brings is still handed over, else it would be delivered twice: on_stopped tells when that is
 * over (a round trip later). */
void consumer_stop_reading(struct consumer *c);

/* Hands over all leases and closes. Calls on_lost for each partition still owned, before it returns or later, and never
 * after on_closed, which comes exactly once, later. */
void consumer_close(struct consumer *c, void (*on_closed)(void *ctx), void *ctx);

struct consumer_stats {
    unsigned owned;
    uint64_t backlog; /* entries not yet acknowledged in owned partitions (lag + pending) */
    uint64_t oldest_unacked_ms; /* age of the oldest unacknowledged entry; 0: none */
    uint64_t vanished_total;
    uint64_t retention_ms; /* shorter than configured while Redis is nearly full */
};
void consumer_stats(const struct consumer *c, struct consumer_stats *out);

#endif
