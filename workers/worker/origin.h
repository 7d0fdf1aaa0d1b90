/* Which entry of a batch a changed row comes from: the live stream of its partition is the one by which the row's updates
 * leave, in their order. Pure.
 *
 * A store's row names its store, a call's comes with the call's id; both were in the entry. */
#ifndef WORKER_ORIGIN_H
#define WORKER_ORIGIN_H

#include "worker/batch.h"

/* What a statement answered about a row. */
struct origin_row {
    const char *table;
    struct text record; /* its JSON, as jsonb is written */
    const char *call;   /* the external id of the call that it belongs to; NULL: none */
};

/* The item among [lo, hi) that the row comes from; the search begins at `hint`, for rows come sorted and entries do, too.
 * `hi`: it names none of them (a contact, which belongs to nobody's store). */
uint32_t origin_find(const struct batch *b, uint32_t lo, uint32_t hi, const struct origin_row *row,
                     uint32_t hint);

#endif
