/* The realtime process's end of the live streams: tails all of them on one link, XREAD BLOCK, from where it was.
 * A lost link resumes from the last id seen, so nothing within the retention is missed. Pure machine: tail.c. Driver:
 * live_redis.c.
 *
 * Wire form of an entry of ringback:{N}:live : fields o (organization id), t (table), e (type), d (record JSON), c (committed_us). */
#ifndef QUEUE_LIVE_H
#define QUEUE_LIVE_H

#include "consumer.h"

struct live_tail_options {
    const char *redis_url;
    unsigned partitions;
    uint64_t since_ms; /* begins with what was added after this time; 0: with what comes next */
    bool bus;          /* tails the bus streams (bus.h) instead of the live ones */
    /* Borrowed during the call. */
    void (*on_update)(void *ctx, unsigned partition, struct entry_id id,
                      const struct live_update *u);
    /* Ids were trimmed before we could read them, or the stream was lost: everybody must resync. */
    void (*on_gap)(void *ctx, unsigned partition);
    void (*on_state)(void *ctx, bool up, const char *reason);
    /* Asked after each read that brought something: how long the next one may wait, so that it brings more. NULL: never. */
    unsigned (*pause_ms)(void *ctx);
    void *ctx;
};

struct live_tail;
struct live_tail *live_tail_new(uv_loop_t *loop, const struct live_tail_options *options);
/* Since the link came up, a read came back that left nothing unread on any partition. */
bool live_tail_ready(const struct live_tail *t);
/* Every entry with an id before this time (in ms) was handed over, as of the last such read; 0: there is none. */
uint64_t live_tail_caught_up(const struct live_tail *t);
void live_tail_close(struct live_tail *t, void (*on_closed)(void *ctx), void *ctx);

#endif
