/* Finds the entries of a batch that cannot be stored, and stores the others, in order: k culprits
 * among n cost k log n transactions. Pure; the caller runs the ranges.
 *
 *   bisect_init(&b, n);
 *   while (bisect_next(&b, &lo, &hi))
 *       run [lo, hi): then bisect_stored(&b), or bisect_split(&b, ...) -- false: it is a single
 * entry
 *
 * When the left half of a range with a culprit could be stored, the culprit is in the right half:
 * that is split at once. */
#ifndef WORKER_BISECT_H
#define WORKER_BISECT_H

#include <stdbool.h>
#include <stdint.h>

enum { BISECT_DEPTH = 40 };

struct bisect_range {
    uint32_t lo, hi;
    bool left;   /* a half of a guilty range: if it can be stored, the other half, below it, is the
                    guilty one */
    bool guilty; /* known to hold a culprit */
};

struct bisect {
    struct bisect_range stack[BISECT_DEPTH]; /* the top is the range under way */
    unsigned n;
};

void bisect_init(struct bisect *b, uint32_t n);

/* The range to run now; the same until it is stored or split. False: all is done. */
bool bisect_next(struct bisect *b, uint32_t *lo, uint32_t *hi);

/* The range is stored. */
void bisect_stored(struct bisect *b);

/* The range failed; `guilty`: because of an entry in it, not because of its size. True: two halves
 * take its place. False: it is a single entry, which stays the range under way. */
bool bisect_split(struct bisect *b, bool guilty);

#endif
