/* One-dimensional arrays in PostgreSQL's binary format, from columns of values.
 * Format: array_recv() and the types' own *_recv() in src/backend/utils/adt (arrayfuncs.c,
 * numeric.c, timestamp.c, jsonb.c). */
#ifndef WORKER_ARRAY_H
#define WORKER_ARRAY_H

#include "rows.h"

/* The array of cells[0..n), in the arena; *len its bytes. NULL: the arena is full. A NUMERIC that
 * is no decimal text is our own mistake (handlers checked it). */
const char *array_encode(struct arena *arena, enum column_type type,
                         const struct value *const *cells, uint32_t n, int *len);

/* Three-way comparison of two values of one type: NULL first, numbers by size, everything else as
 * memcmp() and the shorter first. */
int value_compare(enum column_type type, const struct value *a, const struct value *b);

#endif
