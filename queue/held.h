/* What a partition's worker holds: handed over, not yet acknowledged. A sorted array of ids, of
 * fixed capacity, and how many bytes the entries have. Needed to bound what is held, and to notice a
 * pending entry that nobody holds. Pure. */
#ifndef QUEUE_HELD_H
#define QUEUE_HELD_H

#include "entry_id.h"

/* Of the entries that a process holds, all its partitions together; a read under way comes on top
 * (READ_BYTES_MAX of cursor.h). */
enum { HELD_BYTES_MAX = 128 << 20 };

struct held {
    struct entry_id *id; /* ascending */
    size_t *len;         /* of each */
    bool *gone;
    unsigned n, capacity;
    size_t bytes;
};

/* False when out of memory. */
bool held_init(struct held *h, unsigned capacity);
void held_free(struct held *h);

enum held_added { HELD_NEW, HELD_ALREADY, HELD_FULL };
enum held_added held_add(struct held *h, struct entry_id id, size_t len);

/* Removes those of `ids` that are held; returns how many were. */
unsigned held_remove(struct held *h, const struct entry_id *ids, unsigned n);

void held_clear(struct held *h);

/* Whether nothing more may be read for now: the partition holds its share of `bytes_max`, which is
 * for all partitions that the process owns. A partition that holds nothing always has room. */
bool held_is_heavy(const struct held *h, size_t bytes_max, unsigned owned);

#endif
