/* Which organizations a user belongs to: a small cache in front of organization_members. Pure: it says whom to look up
 * and is told the answers.
 *
 * A user is kept while a channel follows him and for MEMBERS_FRESH_MS after. Followed users are looked up again every
 * MEMBERS_REFRESH_MS, and when one of them joins with knowledge older than MEMBERS_NEWS_MS; knowledge older than
 * MEMBERS_FRESH_MS admits nobody new, older than MEMBERS_STALE_MS nobody at all. That somebody belongs nowhere is known for
 * MEMBERS_NEWS_MS only: he may be a member by now. */
#ifndef REALTIME_MEMBERS_H
#define REALTIME_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "realtime/deadlines.h"
#include "realtime/limits.h"
#include "runtime/jwt.h"

enum { ORGANIZATION_ID_SIZE = 37 };

struct channel;

struct user {
    struct user *next; /* of its hash chain */
    struct user *next_wanted;
    char sub[JWT_SUB_SIZE];
    bool known;
    bool wanted; /* in the line for a look-up */
    bool in_flight;
    uint64_t known_at; /* when the newest answer was asked for */
    uint64_t asked_at;
    struct deadline due;
    struct channel *channels; /* those that follow him, linked by next_of_user */
    unsigned n_organizations;
    char organizations[USER_ORGANIZATIONS_MAX][ORGANIZATION_ID_SIZE];
};

struct members {
    struct user **chains; /* a hash table of `size` (a power of two) */
    uint32_t size, n;
    struct user *wanted_first, **wanted_last;
    struct deadlines *deadlines;
};

/* False: out of memory. `deadlines` stays the caller's; due entries of DEADLINE_USER go to members_due(). */
bool members_init(struct members *m, struct deadlines *deadlines);
void members_free(struct members *m);

/* The user, made if need be; NULL: out of memory. `sub` is a lower-case UUID. */
struct user *members_user(struct members *m, const char *sub);
/* NULL: nobody asked for him lately. */
struct user *members_find(const struct members *m, const char *sub);

/* True when his memberships are known well enough to admit a channel. */
bool members_fresh(const struct user *u, uint64_t now);

/* Puts him in line for a look-up unless he is already, or known well enough to admit a channel. */
void members_want(struct members *m, struct user *u, uint64_t now);
/* The same unless he was looked up within MEMBERS_NEWS_MS: he joins, and may have become a member a moment ago. */
void members_want_news(struct members *m, struct user *u, uint64_t now);

/* Takes up to `max` users out of the line; each must be answered by members_answer() or members_failed(). */
unsigned members_take(struct members *m, struct user *out[], unsigned max, uint64_t now);

/* The complete list for a user that was taken; organizations beyond USER_ORGANIZATIONS_MAX are cut. */
void members_answer(struct members *m, struct user *u,
                    const char (*organizations)[ORGANIZATION_ID_SIZE], unsigned n, uint64_t now);
void members_failed(struct members *m, struct user *u, uint64_t now);

enum members_verdict {
    MEMBERS_FINE,
    MEMBERS_STALE,   /* the caller must stop delivering to his channels */
    MEMBERS_DROPPED, /* nobody follows him any more: *u is freed */
};

/* The user's deadline is due. */
enum members_verdict members_due(struct members *m, struct user *u, uint64_t now);

#endif
