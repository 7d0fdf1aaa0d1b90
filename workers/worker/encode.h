/* The rows of a range of a batch as one database request. Pure: no connection, no clock.
 * The request: lock_partitions; the statements of statements.def that have rows, each once per round
 * (merge.h); dead letters; current rows for entries that were delivered before; which events speak of
 * somebody who was redacted; rollup_apply. */
#ifndef WORKER_ENCODE_H
#define WORKER_ENCODE_H

#include "rows.h"
#include "runtime/db.h"
#include "worker/dead_letter.h"

struct encode_input {
    const struct rows *rows;
    uint32_t lo, hi;            /* events */
    const uint16_t *partitions; /* whose events they are, ascending */
    unsigned n_partitions;
    struct dead_letter *const *letters; /* by event; NULL: none */
    const bool *again;  /* by event: it may have been stored before, without anybody being told */
    const bool *traced; /* by event: it may speak of somebody who was redacted */
    int64_t now_us;
    uint64_t abandon_ms, expire_ms;
};

enum encode_result {
    ENCODE_OK,
    ENCODE_NOTHING,  /* no rows, no letters: nothing to run */
    ENCODE_FULL,     /* the arena is */
    ENCODE_TOO_MANY, /* more statements than one request may hold: the range must be smaller */
};

struct encoded {
    struct db_query queries[DB_QUERIES_MAX];
    unsigned n;
};

/* Everything that `out` points to lies in the arena or is static. */
enum encode_result encode_batch(const struct encode_input *in, struct arena *arena,
                                struct encoded *out);

#endif
