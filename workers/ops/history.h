/* The retained history of the events streams: all partitions as one list in the order of their entries' ids, so that there
 * is one moment up to which everything was read. Its end is fixed when it is opened. Memory is bounded: a page of
 * each stream, READ_BYTES_MAX (cursor.h) in all, and as much again of what was handed out. */
#ifndef OPS_HISTORY_H
#define OPS_HISTORY_H

#include "entry_id.h"
#include "ops/streams.h"

enum { HISTORY_READ_MAX = 256 };

struct past_event {
    struct entry_id id;
    struct text bytes; /* the envelope; absent: the entry has none */
    bool copy;         /* `ringback replay` appended it */
};

struct history;

/* Entries of [since_ms, until_ms), by Redis' clock. NULL: one line was printed. */
struct history *history_open(struct streams *s, uint64_t since_ms, uint64_t until_ms);
void history_close(struct history *h);

/* The next ones, at most HISTORY_READ_MAX; they are the history's, until the next call. 0: that was all. Below 0: one line
 * was printed. */
int history_read(struct history *h, struct past_event out[HISTORY_READ_MAX]);

#endif
