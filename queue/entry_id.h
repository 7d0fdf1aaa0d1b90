/* Redis stream ids: compare, read, write. Pure. */
#ifndef QUEUE_ENTRY_ID_H
#define QUEUE_ENTRY_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Redis stream id, compared as (ms, seq). */
struct entry_id {
    uint64_t ms, seq;
};

enum { ENTRY_ID_TEXT_MAX = 42 }; /* two 20-digit numbers, a dash, NUL */

#define ENTRY_ID_ZERO ((struct entry_id){0, 0})
#define ENTRY_ID_LAST ((struct entry_id){UINT64_MAX, UINT64_MAX})

/* Below, equal, above zero: as strcmp(). */
int entry_id_compare(struct entry_id a, struct entry_id b);

struct entry_id entry_id_min(struct entry_id a, struct entry_id b);

/* The least id above `id`; the greatest of all stays itself. */
struct entry_id entry_id_next(struct entry_id id);

/* "ms-seq", or "ms" alone (sequence 0), decimal, nothing else. False leaves `out` alone. */
bool entry_id_parse(const char *text, size_t len, struct entry_id *out);

/* Writes "ms-seq" and returns its length. */
size_t entry_id_text(struct entry_id id, char out[ENTRY_ID_TEXT_MAX]);

#endif
