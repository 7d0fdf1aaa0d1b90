/* Where dashboards stopped, kept in Redis so that any realtime process can go on from there: per key (user, topic, bindings) the
 * positions of its sockets, each with the number of the join. Bounded: a key lives RESUME_KEEP_MS behind its last note and holds
 * RESUME_SOCKETS_MAX positions; with more, nobody knows any more who stopped where. Driver: resume_redis.c. */
#ifndef QUEUE_RESUME_H
#define QUEUE_RESUME_H

#include "link.h"

enum {
    RESUME_KEEP_MS = 60 * 60 * 1000,
    RESUME_SOCKETS_MAX = 64,
    RESUME_IN_FLIGHT_MAX = 100000, /* questions and notes; more are not sent */
};

struct resume;

enum resume_answer {
    RESUME_NONE, /* nothing is known, or Redis is away */
    RESUME_FROM,
    RESUME_TOO_MANY,
};

/* `ask` is what resume_ask() was given. Exactly once, later. */
typedef void (*resume_cb)(void *ctx, void *ask, enum resume_answer answer, uint64_t at_ms);

/* NULL: out of memory. */
struct resume *resume_open(uv_loop_t *loop, const char *redis_url, resume_cb answered, void *ctx);

/* The oldest position of a socket that joined before the client counted up to `ref`. False: not asked, no answer follows. */
bool resume_ask(struct resume *r, const char *key, uint64_t ref, void *ask);

void resume_note(struct resume *r, const char *key, uint64_t socket, uint64_t at_ms, uint64_t ref);
void resume_forget(struct resume *r, const char *key, uint64_t socket);

/* Questions under way are answered with RESUME_NONE. on_closed comes once, later, and frees `r`. */
void resume_close(struct resume *r, void (*on_closed)(void *ctx), void *ctx);

#endif
