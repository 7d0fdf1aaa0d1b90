/* How many requests a tenant may still send: a token bucket for each, and which tenant a user's requests belong to, learned from
 * earlier answers (only PostgreSQL knows). Pure: time is an input. Counts what this process sees. */
#ifndef API_LIMITER_H
#define API_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LIMITER_TENANTS_MAX = 16384, /* buckets; past it requests are not limited rather than refused */
    LIMITER_USERS_MAX = 8192,    /* remembered users; a forgotten one counts for himself once */
    LIMITER_KEY_SIZE = 80,       /* a user, and the organization that he names */
};

struct limiter;

/* `rate` per second, twice as many at once. NULL: out of memory. */
struct limiter *limiter_new(uint64_t rate);
void limiter_free(struct limiter *l);

/* Takes one token of the tenant that `user` (at most LIMITER_KEY_SIZE - 1 bytes) is known to belong to, else of the user's own.
 * 0: go on; else milliseconds until there will be one. */
uint64_t limiter_take(struct limiter *l, const char *user, uint64_t now_ms);

/* The answer told that `user` works for `organization` (a UUID as text). */
void limiter_learn(struct limiter *l, const char *user, const char *organization);

#endif
