/* The frames that wait for one socket, oldest first, bounded. Pure.
 * Changes belong to a channel and may be taken back (outbox_purge); control messages (replies, phx_error) have no owner. */
#ifndef REALTIME_OUTBOX_H
#define REALTIME_OUTBOX_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "realtime/frame.h"

struct outbox_slot {
    struct frame *frame;
    const void *owner; /* NULL: control */
    uint64_t row;      /* which row's newest state it tells; 0: it tells something else */
};

struct outbox {
    struct outbox_slot *slots; /* a ring of `size` (a power of two), allocated on first use */
    uint32_t size, head, n;
    size_t bytes; /* of all frames in it; shared ones count fully */
};

/* Takes a reference of its own. When more than OUTBOX_CONFLATE wait, an older state of the same `row` for the same owner
 * gives way: what a slow reader gets is the newest, still in order for each row. False: full (OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX; control messages have
 * OUTBOX_CONTROL_MAX slots more and no byte limit of their own) or out of memory. */
bool outbox_push(struct outbox *o, struct frame *f, const void *owner, uint64_t row);

/* The i-th oldest, borrowed; NULL: there are fewer. */
static inline struct frame *outbox_at(const struct outbox *o, uint32_t i)
{
    return i < o->n ? o->slots[(o->head + i) & (o->size - 1)].frame : NULL;
}

/* Lets the oldest go. */
static inline void outbox_pop(struct outbox *o)
{
    struct frame *f = outbox_at(o, 0);

    assert(o->n > 0);
    o->bytes -= f->len;
    o->head = --o->n == 0 ? 0 : o->head + 1; /* empty: the next one lies where the last one lay */
    frame_unref(f);
}

/* Lets all frames of `owner` go. Returns how many. */
uint32_t outbox_purge(struct outbox *o, const void *owner);

/* Lets everything go. */
void outbox_clear(struct outbox *o);

#endif
