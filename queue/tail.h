/* Where a reader of a live stream stands, and whether it missed something while it was away. Pure.
 *
 *   first look            -> stands at the end ("$"), or a while before it, nothing missed
 *   look after a pause    -> CONTINUE, or GAP: entries behind our position were trimmed before we
 * read them, or the stream was deleted, flushed or restored from an older copy after a GAP ->
 * stands at the end: whoever is told to resync reads rows that are newer than every entry
 *
 * Redis 7 keeps no id of the last trimmed entry, but it counts: entries_added - length entries are
 * gone, from the old end. If that is no more than what we had seen, nothing unseen is gone. Erased
 * entries (XDEL) make the estimate too careful: at worst a resync too many, never one too few. */
#ifndef QUEUE_TAIL_H
#define QUEUE_TAIL_H

#include "entry_id.h"

/* XINFO STREAM. A missing stream is all zero. */
struct tail_look {
    struct entry_id last;  /* last-generated-id */
    struct entry_id first; /* of the first entry present; zero: none */
    uint64_t added;        /* entries-added */
    uint64_t length;
};

struct tail {
    bool placed;
    struct entry_id position; /* everything up to here was read */
    uint64_t seen;            /* how many entries had been added up to `position` */
    uint64_t since_ms;        /* where it stands at first: at this time; 0: at the end */
};

enum tail_result { TAIL_CONTINUE, TAIL_GAP };

enum tail_result tail_look(struct tail *t, const struct tail_look *look);

/* An entry was read. */
void tail_read(struct tail *t, struct entry_id id);

#endif
