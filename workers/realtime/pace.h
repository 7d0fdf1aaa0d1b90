/* Which sockets are written to when. A write costs more than what it carries, so rows that come close together share one, and
 * the first of them still goes at once, unless rows come in bursts and there is much to write. Pure.
 *
 *   pace_soon   an answer: in this turn
 *   pace_row    a row: in this turn; but when its socket was written to within PACE_SHARE_MS, together with all other sockets
 *               that wait so, at the latest PACE_SHARE_MS after the first of them began to
 *
 * A first row waits likewise when, in the PACE_LEARN_MS before, most of PACE_BUSY first rows or more were followed by another
 * one within PACE_SHARE_MS: two writes become one.
 *
 * Happy path: pace_row() of a turn's rows -> pace_next() until NULL; PACE_SHARE_MS later pace_all(), pace_next() until NULL. */
#ifndef REALTIME_PACE_H
#define REALTIME_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum pace_list { PACE_SOON, PACE_LATER, PACE_LISTS, PACE_NOWHERE = PACE_LISTS };

/* Part of each socket. It begins with {.list = PACE_NOWHERE}. */
struct paced {
    uint32_t at; /* milliseconds, the lower half: when it was written to, or its first row came */
    uint32_t place; /* in its list */
    uint8_t list;   /* enum pace_list */
    bool first;     /* a first row came, and none behind it yet */
};

struct pace {
    struct paced **sockets[PACE_LISTS];
    uint32_t n[PACE_LISTS], size;
    uint64_t learning_since;
    uint32_t firsts, followed; /* first rows since then, and those of them that others followed */
    bool bursts;               /* first rows wait */
};

/* Room for so many sockets: nothing else allocates. */
bool pace_reserve(struct pace *p, uint32_t sockets);
void pace_free(struct pace *p);

void pace_soon(struct pace *p, struct paced *s);
void pace_row(struct pace *p, struct paced *s, uint64_t now);
/* The socket is gone. */
void pace_leave(struct pace *p, struct paced *s);

/* Nobody in PACE_LATER waits any longer. */
void pace_all(struct pace *p);
/* The next one to be written to, each once; NULL: none left. */
struct paced *pace_next(struct pace *p, uint64_t now);
/* The one that pace_next() will give after `ahead` others, to be looked at early; NULL: none. */
static inline struct paced *pace_peek(const struct pace *p, uint32_t ahead)
{
    uint32_t n = p->n[PACE_SOON];

    return n > ahead ? p->sockets[PACE_SOON][n - 1 - ahead] : 0;
}

#endif
