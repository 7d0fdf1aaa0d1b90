/* Where dashboards stopped, kept in Redis so that any realtime process can go on from there: per key (user, topic, bindings) a
 * sorted set of its sockets by position, each with the number of its join. Bounded: positions older than RESUME_KEEP_MS go, and
 * so does a key that long behind its last note. Driver: resume_redis.c. */
#ifndef QUEUE_RESUME_H
#define QUEUE_RESUME_H

#include "link.h"

enum {
    RESUME_KEEP_MS = 15 * 60 * 1000,
    RESUME_LOOK_AT =
        16, /* of the oldest positions; if none of them can be the client's, the oldest is */
    RESUME_IN_FLIGHT_MAX = 100000, /* questions and notes; more are not sent */
};

struct resume;

/* `ask` is what resume_ask() was given; at_ms 0: nothing is known, or Redis is away. Exactly once, later. */
typedef void (*resume_cb)(void *ctx, void *ask, uint64_t at_ms);

/* NULL: out of memory. */
struct resume *resume_open(uv_loop_t *loop, const char *redis_url, resume_cb answered, void *ctx);

/* The oldest position of a socket that joined before the client counted up to `ref` (0: of any). False: not asked, no answer follows. */
bool resume_ask(struct resume *r, const char *key, uint64_t ref, void *ask);

/* `renew`: of a new socket, and then a few times in RESUME_KEEP_MS: each write may cost Redis a wait for its disk. */
void resume_note(struct resume *r, const char *key, uint64_t socket, uint64_t at_ms, uint64_t ref,
                 bool renew);
void resume_forget(struct resume *r, const char *key, uint64_t socket, uint64_t ref);

/* Questions under way are answered with 0. on_closed comes once, later, and frees `r`. */
void resume_close(struct resume *r, void (*on_closed)(void *ctx), void *ctx);

#endif
