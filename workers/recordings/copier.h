/* The plan of copying recordings from the provider into the store, and of erasing files from it. Pure:
 * time, chance and what others did are inputs, orders are outputs; recordings.c carries them out.
 *
 *                 fetched            stored              known
 *   FREE -> FETCHING --> STORING --> RECORDING ------------------------> FREE
 *             |  |          |            |   nobody knows of the file
 *        lost |  | failed,  |            '-----------> ERASING --> FREE
 *             v  v too late v
 *           FREE REPORTING <' --> FREE
 *                                              erased
 *   FREE -> ERASING (of a deleted recording) ---------> FORGETTING --> FREE
 *
 * A claim on a recording is a lease in the database that is kept up while we are at it. Whoever loses
 * it while fetching stops; who has begun to store goes on, because then somebody must tell what
 * became of the file. */
#ifndef RECORDINGS_COPIER_H
#define RECORDINGS_COPIER_H

#include <stdbool.h>
#include <stdint.h>

#include "recordings/store.h"

enum {
    COPIES_MAX = 32,
    COPY_ID_SIZE = 37, /* a uuid as text */
    COPY_REASON_MAX = 240,
    COPY_DEADLINE_MS = 15 * 60 * 1000, /* from the claim to the file's being in the store */
    COPY_RETRY_FIRST_MS = 2000,        /* then twice as long each time */
    COPY_RETRY_MAX_MS = 30 * 60 * 1000,
    COPY_RETRY_LEAST_MS = 1000,
    COPY_AGAIN_MS = 2000,   /* a statement that could not run, an erasure that failed */
    COPY_ERASURES_MAX = 30, /* attempts at a file that nobody knows of */
};

enum copy_trouble {
    TROUBLE_NONE,
#define TROUBLE(name, label, tries) TROUBLE_##name,
#include "recordings/troubles.def"
#undef TROUBLE
    TROUBLE_COUNT
};

/* "network" */
const char *copy_trouble_label(enum copy_trouble trouble);

enum copy_state {
    COPY_FREE,
    COPY_FETCHING,
    COPY_STORING,
    COPY_RECORDING,
    COPY_REPORTING,
    COPY_ERASING,
    COPY_FORGETTING,
    COPY_N_STATES
};

/* What is to be done next about a slot. */
enum copy_order {
    COPY_DO_NOTHING,
    COPY_DO_FETCH,
    COPY_DO_STORE,  /* what was fetched, as `path` */
    COPY_DO_RECORD, /* tell the database: recording_copied.sql */
    COPY_DO_REPORT, /* and the other way: recording_failed.sql */
    COPY_DO_ERASE,  /* `path` */
    COPY_DO_FORGET, /* recording_erased.sql */
    COPY_DO_CLOSE,  /* stop what is under way; the slot is free again */
};

struct copy {
    enum copy_state state;
    bool orphan; /* of an erasure: nobody knows of the file but us */
    char call_id[COPY_ID_SIZE], organization_id[COPY_ID_SIZE];
    char path[STORE_PATH_MAX];
    int32_t attempts;
    int64_t expires_us; /* of the link; INT64_MAX: never */
    uint64_t deadline_ms;
    int64_t size;             /* of what was fetched */
    int32_t duration_seconds; /* -1: unknown */
    enum copy_trouble trouble;
    char reason[COPY_REASON_MAX];
    int64_t retry_ms;  /* -1: never again */
    unsigned erasures; /* attempts so far */
    uint64_t again_ms; /* the order of this state is given again then; 0: it is under way */
};

struct copier {
    unsigned parallel;
    struct copy copy[COPIES_MAX];
};

/* parallel: from 1 to COPIES_MAX. */
void copier_init(struct copier *c, unsigned parallel);

unsigned copier_busy(const struct copier *c);

/* The slot in which this recording is being copied or erased; -1: none. */
int copier_find(const struct copier *c, const char *call_id);

/* Takes a claim into a free slot and returns it; there must be one. A recording that a slot is at
 * already (its lease had run out, and it was we who claimed it again) is only renewed: -1. */
int copier_claim(struct copier *c, const char *call_id, const char *organization_id,
                 int32_t attempts, int64_t expires_us, uint64_t now_ms);
/* The same for a file to erase. */
int copier_claim_erasure(struct copier *c, const char *call_id, const char *organization_id,
                         const char *path);

/* What happened, and what is to be done now. */
enum copy_order copier_fetched(struct copy *c, const char *path, int64_t size,
                               int32_t duration_seconds);
enum copy_order copier_stored(struct copy *c);
enum copy_order copier_recorded(struct copy *c, bool known);
enum copy_order copier_erased(struct copy *c, bool ok, uint64_t now_ms);
/* Reported, or forgotten. */
enum copy_order copier_told(struct copy *c);
/* Fetching or storing failed. retry_after_ms: not before, as the other side wishes; 0: no wish. */
enum copy_order copier_failed(struct copy *c, enum copy_trouble trouble, const char *reason,
                              int64_t retry_after_ms, int64_t now_us, uint32_t chance);
/* The statement of RECORDING, REPORTING or FORGETTING could not run. */
enum copy_order copier_untold(struct copy *c, uint64_t now_ms);
/* The database knows nothing of our claim any more. */
enum copy_order copier_lost(struct copy *c);
/* Time passes. */
enum copy_order copier_tick(struct copy *c, uint64_t now_ms, int64_t now_us, uint32_t chance);

/* How long to wait before the next attempt after this many; -1: none is worth it. Doubles from
 * COPY_RETRY_FIRST_MS, but before a link expires there are always some more attempts; `chance`
 * shortens it by up to a half, so that what failed together does not come back together. */
int64_t copier_retry_ms(enum copy_trouble trouble, int32_t attempts, int64_t now_us,
                        int64_t expires_us, int64_t retry_after_ms, uint32_t chance);

#endif
