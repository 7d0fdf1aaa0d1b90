/* What is due when: a binary heap of entries that live inside their owners. Pure. */
#ifndef REALTIME_DEADLINES_H
#define REALTIME_DEADLINES_H

#include <stdbool.h>
#include <stdint.h>

enum deadline_kind {
    DEADLINE_SESSION,
    DEADLINE_CHANNEL,
    DEADLINE_USER,
    DEADLINE_BUS,
    DEADLINE_PRESENCE
};

struct deadline {
    uint64_t at;
    uint32_t pos; /* in the heap, counted from 1; 0: not set */
    enum deadline_kind kind;
};

struct deadlines {
    struct deadline **heap; /* heap[1] is the earliest */
    uint32_t n, size;
};

/* Makes room for one more owner; call when it is created, so that deadline_set() cannot fail. */
bool deadlines_reserve(struct deadlines *d, uint32_t owners);

/* Sets or moves. `at` 0 clears. */
void deadline_set(struct deadlines *d, struct deadline *e, uint64_t at);

/* Takes out the earliest one if it is due; NULL: nothing is. */
struct deadline *deadlines_due(struct deadlines *d, uint64_t now);

/* When the next one is due; UINT64_MAX: never. */
uint64_t deadlines_next(const struct deadlines *d);

void deadlines_free(struct deadlines *d);

#endif
