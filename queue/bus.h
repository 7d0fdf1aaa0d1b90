/* Messages that pass between processes and are kept for none: broadcasts, and who is present. A short stream per partition,
 * which every realtime process tails (live.h) from where it stands when it starts; what a slow process does not read in time
 * is a gap to it. Driver: bus_redis.c.
 *
 * Wire form of an entry of ringback:{N}:bus : fields o (organization id), t (topic), e (what), d (data), as in the live streams. */
#ifndef QUEUE_BUS_H
#define QUEUE_BUS_H

#include "link.h"

enum {
    BUS_ENTRIES_MAX = 1000,   /* about, of each stream */
    BUS_IN_FLIGHT_MAX = 4096, /* more are refused */
};

struct bus;

/* `name`: of the connection. NULL: out of memory. */
struct bus *bus_open(uv_loop_t *loop, const char *redis_url, const char *name);

bool bus_is_up(const struct bus *b);

/* All is copied. False: away, or too much is in flight. What is in flight when the connection breaks may be lost. */
bool bus_publish(struct bus *b, unsigned partition, const char *organization, const char *topic,
                 const char *what, const void *data, size_t len);

/* on_closed comes once, later, and frees `b`. */
void bus_close(struct bus *b, void (*on_closed)(void *ctx), void *ctx);

#endif
