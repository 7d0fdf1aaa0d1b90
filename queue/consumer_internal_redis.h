/* What the drivers of the consumer share. Included by consumer_*_redis.c only. */
#ifndef QUEUE_CONSUMER_INTERNAL_REDIS_H
#define QUEUE_CONSUMER_INTERNAL_REDIS_H

#include "consumer.h"
#include "cursor.h"
#include "held.h"
#include "lease.h"
#include "partition.h"
#include "reply_redis.h"
#include "trim.h"

enum {
    COMMAND_TIMEOUT_MS = 5000, /* above the longest BLOCK, below a lease */
    SURVEY_MS = 2000,
    TRIM_EVERY = 5,        /* surveys */
    TRIM_LIMIT = 200000,   /* entries per XTRIM: bounds how long Redis is busy with it */
    RESYNC_MAX = 32,       /* organizations told one by one; beyond: all */
    ORGANIZATION_MAX = 40, /* a UUID as text */
    READ_AGAIN_MS = 200,   /* pause after a read that failed */
    RECOVER_COUNT_MAX = 512,
    ERASE_MAX = 16, /* consumer_erase() under way at once */
    CLOSE_MS_MAX = 2000
};

struct partition {
    struct consumer *consumer;
    unsigned number;
    char events[STREAM_KEY_MAX], live[STREAM_KEY_MAX], lease[STREAM_KEY_MAX],
        suspects[STREAM_KEY_MAX], resync[STREAM_KEY_MAX];
    struct cursor cursor;
    struct held held;
    bool resync_due, resync_asked; /* there may be somebody to tell; we are at it */
    struct entry_id absolved;      /* Redis has not confirmed it yet; zero: none */
    unsigned absolving;            /* commands that say so are under way */
    /* recovery: ids and delivery counts of the page that is being read, from XPENDING */
    struct recovered {
        struct entry_id id;
        uint32_t deliveries;
    } * page;
    unsigned n_page, asked;
    /* survey */
    struct trim_facts facts;
    bool trim_due, lag_known;
    uint64_t pending, lag, oldest_ms;
    struct entry_id astray; /* a pending entry that nobody held at the last survey */
};

struct named_lease {
    struct named_lease *next;
    struct consumer *consumer;
    struct leases leases;
    char *key;
    bool running; /* orders are being carried out */
    void (*on_change)(void *ctx, bool held);
    void *ctx;
};

/* A callback owed from outside the caller's own call. */
struct owed {
    struct owed *next;
    void (*cb)(void *ctx, bool ok);
    void *ctx;
    bool ok;
};

/* A link's connection, as the server calls it (CLIENT INFO); "": unknown. */
struct peer {
    char id[24], address[64];
    bool gone; /* the link has lost it */
};

struct consumer {
    uv_loop_t *loop;
    struct consumer_options options; /* redis_url: not kept */
    char *worker_id;
    struct link *command, *reader;
    struct named_lease *named;
    struct partition *parts;
    unsigned partitions;
    /* reading */
    unsigned turn;
    struct pacer pacer;
    struct read_plan plan; /* of the read under way */
    /* survey */
    unsigned surveys, survey_open;
    unsigned erasing;
    uint64_t redis_ms; /* TIME at the last survey */
    uint64_t retention_ms; /* shorter than configured while Redis is nearly full */
    uint64_t vanished;
    uv_timer_t tick, survey, again, soon;
    struct owed *owed, **owed_tail;
    /* closing */
    uint64_t close_began_ms;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    unsigned open; /* handles and links */
    bool closing, released, links_closing;
    bool up, told; /* both links are up; on_state was called */
    bool running_orders, reading, stop_reading, told_stopped;
    struct peer command_peer, reader_peer;
    /* why the links went down or a partition failed, for orders that are still queued */
    char reason[200];
    struct leases leases;
};

/* Milliseconds of a clock that no stop and no sleep of the machine can fool. */
uint64_t consumer_clock_ms(void);

/* Sends a command of NUL-terminated words. */
bool consumer_command(struct consumer *c, link_cb cb, void *ctx, int argc, const char *const *argv);

/* A copy of `text` that lives as long as the consumer (until the next one). */
const char *consumer_reason(struct consumer *c, const char *text);

/* Judges an error reply; true if the link is being cut because this server cannot serve us. */
bool consumer_refused(struct consumer *c, const redisReply *r);

/* Calls cb(ctx, ok) in a later turn of the loop. */
void consumer_owe(struct consumer *c, void (*cb)(void *ctx, bool ok), void *ctx, bool ok);

/* consumer_redis.c */
void consumer_close_continue(struct consumer *c);

/* consumer_lease_redis.c */
void consumer_run_orders(struct consumer *c);
void consumer_leases_up(struct consumer *c);
void consumer_leases_down(struct consumer *c, const char *reason);
void consumer_leases_tick(struct consumer *c);
void consumer_partition_failed(struct partition *p, const char *reason);
void consumer_leases_release(struct consumer *c);
bool consumer_leases_releasing(const struct consumer *c);
void consumer_named_free(struct consumer *c);

/* consumer_read_redis.c */
void partition_gain(struct partition *p);
void partition_lose(struct partition *p);
void partition_drain(struct partition *p);
void partition_retry(struct partition *p);
void partition_settled(struct partition *p, const struct entry_id *ids, unsigned n);
void partition_no_group(struct partition *p);
void consumer_read(struct consumer *c);
void consumer_unblock(struct consumer *c);
void consumer_tell_stopped(struct consumer *c);

/* consumer_settle_redis.c */
void partition_resync(struct partition *p);

/* consumer_suspect_redis.c */
void partition_absolve(struct partition *p);

/* consumer_survey_redis.c */
void consumer_survey(struct consumer *c);

#endif
