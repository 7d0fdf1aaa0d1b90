/* The ids that a partition's worker holds: handed over, not yet acknowledged. A sorted array of
 * fixed capacity. Needed to bound what is held, and to notice a pending entry that nobody holds.
 * Pure. */
#ifndef QUEUE_HELD_H
#define QUEUE_HELD_H

#include "entry_id.h"

struct held {
    struct entry_id *id; /* ascending */
    bool *gone;
    unsigned n, capacity;
};

/* False when out of memory. */
bool held_init(struct held *h, unsigned capacity);
void held_free(struct held *h);

enum held_added { HELD_NEW, HELD_ALREADY, HELD_FULL };
enum held_added held_add(struct held *h, struct entry_id id);

/* Removes those of `ids` that are held; returns how many were. */
unsigned held_remove(struct held *h, const struct entry_id *ids, unsigned n);

void held_clear(struct held *h);

#endif
