/* One batch in the making: stream entries -> envelopes -> owners -> rows. Pure: bytes in, rows out,
 * no connection, no clock.
 *
 *   batch_open -> batch_decode ... -> (ask whose they are) -> batch_resolve -> batch_handle ...
 * -> encode, by ranges
 *
 * An owner is a connected store (Shopify) or a call's tenant (voice providers): source.h.
 *
 * Decoding and handling go in slices, so that no turn of the loop takes long. Memory is one bounded
 * arena, kept from batch to batch: a batch that does not fit is cut, what is behind the cut comes
 * first in the next one; an entry that does not fit alone makes the arena grow, up to its bound;
 * beyond that it is a dead letter. */
#ifndef WORKER_BATCH_H
#define WORKER_BATCH_H

#include "base/arena.h"
#include "consumer.h"
#include "envelope.h"
#include "event.h"
#include "rows.h"
#include "worker/calls.h"
#include "worker/dead_letter.h"
#include "worker/shops.h"

enum {
    BATCH_ARENA_MIN = 1024 * 1024,
    BATCH_ARENA_KEEP = 16 * 1024 * 1024,  /* a larger one is given back after its batch */
    BATCH_ARENA_EXTRA = 16 * 1024 * 1024, /* beside three times the largest body */
    BATCH_SPARE = 256 * 1024,
    TAKEN_UP_MAX = 2,    /* so often a suspect is handled; then it is a dead letter unhandled, */
    TAKEN_UP_DECODED = 4 /* and then not even decoded: that may be what kills */
};

enum batch_fate {
    FATE_STORE,     /* has rows */
    FATE_IGNORE,    /* its handler says: nothing to store */
    FATE_UNHANDLED, /* nobody handles its topic */
    FATE_VANISHED,  /* its payload is gone */
    FATE_DEAD,      /* has a dead letter */
    FATE_COUNT
};

struct batch_item {
    struct entry *entry;
    const struct envelope *envelope; /* NULL: none could be read */
    const char *topic;               /* of the envelope, NUL-terminated; "" without one */
    const struct source *source;     /* NULL: none could be read, or nobody knows it */
    const uint8_t *organization_id;  /* the owner's; NULL: not known yet, or none */
    enum batch_fate fate;
    bool open; /* waits for its owner or its handler */
    /* of Shopify */
    const struct shop *shop;
    bool asked; /* the store was asked for */
    handler_fn handler;
    /* of a voice provider */
    const struct voice_provider *provider;
    const struct voice_event *events; /* what its callback says */
    unsigned n_events;
    const struct batch_call *call; /* that was asked about */
};

enum batch_step {
    BATCH_MORE,  /* call again */
    BATCH_READY, /* done, for the items that are left */
    BATCH_GROW,  /* the first entry does not fit: close, batch_grow(), start again */
};

struct batch {
    uint32_t n, capacity;
    struct batch_item *items;
    struct dead_letter **letters; /* by item; NULL: none */
    bool *again;                  /* by item: may have been stored before */
    bool *traced;                 /* by item: it may speak of somebody who was redacted */
    bool *covered;                /* by item: it does */
    struct arena arena;
    size_t arena_max;
    size_t body_max;
    struct rows rows;
    struct calls calls;  /* that were asked about */
    struct arena spare;  /* for the letter of one condemned item */
    uint32_t at;         /* next item to decode or to handle */
    unsigned taken_up;   /* how often processes took this one entry up and never came back from it,
                          with this time; 0: nobody counts */
    bool cut;            /* it did not all fit */
    struct entry *rest;  /* behind the cut */
    struct entry *newer; /* written by a newer Ringback: they wait for one */
    unsigned n_newer;
};

/* False: out of memory. */
bool batch_init(struct batch *b, uint32_t capacity, size_t body_max);
void batch_free(struct batch *b);

/* Takes over the list: n entries, one partition's after another's. */
void batch_open(struct batch *b, struct entry *first, uint32_t n);

/* Starts anew with the same entries: their owners are to be found again. */
void batch_reopen(struct batch *b);

/* At most `budget` bytes of bodies (one entry at least). */
enum batch_step batch_decode(struct batch *b, const struct shops *shops, uint64_t now_ms,
                             size_t budget);

/* The stores to ask for, in the arena, at most n of them; the same one may come twice. *count may
 * be 0. NULL: the arena is full. */
const struct value *const *batch_unknown_shops(struct batch *b, uint32_t *count);

/* The calls to ask about, as calls_columns(); b->calls takes the answers. *count may be 0. NULL:
 * the arena is full. */
const struct value *const *const *batch_unknown_calls(struct batch *b, uint32_t *count);
/* They could not be asked about. */
void batch_forget_calls(struct batch *b);

/* After they were asked for. */
void batch_resolve(struct batch *b, const struct shops *shops, uint64_t now_ms);

enum batch_step batch_handle(struct batch *b, size_t budget);

/* Item i cannot be stored: a letter takes the place of its rows. `minimal`: a letter of the
 * envelope's bytes only, for when the full one could not be stored either. */
void batch_condemn(struct batch *b, uint32_t i, const char *reason, const char *detail,
                   const char *sqlstate, bool minimal);

/* Entries that are not part of the batch (any more), as lists; the caller takes them over. */
struct entry *batch_take_rest(struct batch *b);
struct entry *batch_take_newer(struct batch *b, unsigned *n);

/* The answer about [lo, hi) was lost: they may have been stored without anybody being told. Their entries remember it,
 * whichever batch they come into. */
void batch_note_again(struct batch *b, uint32_t lo, uint32_t hi);

/* Frees entries [lo, hi). */
void batch_drop(struct batch *b, uint32_t lo, uint32_t hi);

/* Takes all entries out as a list, in order, for another try. */
struct entry *batch_take_all(struct batch *b);

/* Between batches. False: it is as large as it may get. */
bool batch_grow(struct batch *b);
void batch_shrink(struct batch *b);

#endif
