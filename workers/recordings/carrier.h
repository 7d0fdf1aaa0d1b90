/* Carries files: from a provider's link into a spool file, from there into the store; and erases files
 * from the store. Driver: carrier_curl.c (curl multi on the loop; folders on libuv's threads).
 *
 * Happy path: carrier_fetch -> on_carried(fetched) -> carrier_store -> on_carried(stored) ->
 * carrier_drop. Failures: on_carried with a trouble, a reason that holds no part of a link, and what the
 * other side wishes for the next attempt. One thing at a time per slot; memory does not depend on the size of
 * a file. */
#ifndef RECORDINGS_CARRIER_H
#define RECORDINGS_CARRIER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "recordings/copier.h"
#include "recordings/provider_link.h"
#include "recordings/store.h"

enum {
    CARRIER_REDIRECTS_MAX = 3,
    CARRIER_CONNECT_MS = 10000,
    CARRIER_SLOW_BYTES = 1024, /* per second; slower than that for so long is given up */
    CARRIER_SLOW_SECONDS = 30,
    CARRIER_ANSWER_SECONDS = 120, /* to erase a file */
    CARRIER_REPLY_MAX = 600,      /* of a store's answer, for the reason */
    CARRIER_STALE_S = 3600,       /* what lies in .incoming for longer is nobody's any more */
};

enum carrier_work { CARRIER_FETCH, CARRIER_STORE, CARRIER_ERASE };

struct carried {
    enum carrier_work work;
    enum copy_trouble trouble; /* TROUBLE_NONE: done */
    const char *reason;
    int64_t retry_after_ms; /* 0: no wish */
    /* of what was fetched */
    int64_t size;
    int32_t duration_seconds; /* -1: unknown */
    const char *extension;
};

struct carrier_options {
    const struct store *store; /* borrowed */
    uint64_t bytes_max;        /* of a file */
    bool allow_private; /* fetch from addresses that are not public; stores may always have them */
    /* Once for every carrier_fetch, _store and _erase that was not dropped; later, never from inside. */
    void (*on_carried)(void *ctx, unsigned slot, const struct carried *c);
    void *ctx;
};

struct carrier;

/* NULL: out of memory. */
struct carrier *carrier_new(uv_loop_t *loop, const struct carrier_options *options);

/* slot: below COPIES_MAX, with nothing under way. name: unique among slots, part of a file name. */
void carrier_fetch(struct carrier *c, unsigned slot, const char *name,
                   const struct provider_link *link);
/* What the slot has fetched. */
void carrier_store(struct carrier *c, unsigned slot, const char *path);
void carrier_erase(struct carrier *c, unsigned slot, const char *path);

/* Stops what is under way and forgets what was fetched; the slot is free at once. Harmless on a free
 * slot. Not from inside a callback of curl's. */
void carrier_drop(struct carrier *c, unsigned slot);

/* Removes what killed processes left in the store's folder for collecting. */
void carrier_sweep(struct carrier *c);

/* Drops everything; on_closed comes later, when nothing is left open. */
void carrier_close(struct carrier *c, void (*on_closed)(void *ctx), void *ctx);

#endif
