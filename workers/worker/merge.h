/* The rows of a batch as the statements want them: sorted by key, no key twice in one run of a
 * statement. Pure.
 *
 * Rows with equal keys are versions of one thing. The newest goes into round 0. An older one is
 * dropped if it adds nothing: each FILL column that it has is there in a newer one. One that adds
 * something goes into the next round, in which the same statement runs once more: the statement
 * itself keeps the newest non-NULL value, in whatever order versions arrive. Rowsets without a
 * version: equal rows are one, different rows with one key take a round each. */
#ifndef WORKER_MERGE_H
#define WORKER_MERGE_H

#include "rows.h"

enum { MERGE_ROUNDS_MAX = 4 };

struct round {
    struct row **rows; /* in the arena */
    uint32_t n;
};

enum merge_result {
    MERGE_OK,
    MERGE_FULL,     /* the arena is */
    MERGE_TOO_MANY, /* more rounds than MERGE_ROUNDS_MAX: the batch must be smaller */
};

/* The rows of `set` whose event is in [lo, hi). *n_rounds is 0 when there are none. */
enum merge_result merge_rows(const struct rows *rows, enum rowset set, uint32_t lo, uint32_t hi,
                             struct arena *arena, struct round out[MERGE_ROUNDS_MAX],
                             unsigned *n_rounds);

/* The rows of `children` that belong to the parents of one round: same first two key columns, same
 * version. Sorted by key, each once. */
enum merge_result merge_children(const struct rows *rows, enum rowset parents,
                                 const struct round *round, enum rowset children, uint32_t lo,
                                 uint32_t hi, struct arena *arena, struct round *out);

/* For statements that fold the versions of a thing themselves: all rows of the range in one round, by key, of one key the
 * newest first; the same row only once. */
enum merge_result merge_versions(const struct rows *rows, enum rowset set, uint32_t lo, uint32_t hi,
                                 struct arena *arena, struct round *out);

/* Rows of call_turns from merge_versions(): of a call of which there are whole lists only the newest list is left. Older
 * ones would be replaced by it, and single turns count only while there is no list; one batch may hold a hundred lists.
 * A list without a line is none. */
void merge_lists(struct round *round);

/* Number of the column with the version, or -1. */
int version_column(enum rowset set);

#endif
