/* Shared by flow.c, lookup.c and store.c only. */
#ifndef WORKER_FLOW_INTERNAL_H
#define WORKER_FLOW_INTERNAL_H

#include "runtime/db_error.h"
#include "worker/batch.h"
#include "worker/bisect.h"
#include "worker/encode.h"
#include "worker/eraser.h"
#include "worker/flow.h"
#include "worker/planner.h"
#include "worker/shops.h"

enum {
    SLOTS_AHEAD = 1, /* a full batch is made ready while each connection writes one */
    SLOTS_MAX = 32 + SLOTS_AHEAD,
    SLICE_BYTES = 128 * 1024, /* of bodies in one step: about 1 ms */
    SLICES_PER_TURN = 2,
    BATCH_BYTES_MAX = 4 * 1024 * 1024, /* of entries, as they lie in Redis */
    BATCH_DEADLINE_MS = 60000, /* above statement_timeout: only a dead connection takes that long */
    LOOKUP_DEADLINE_MS = 10000,
    LOOKUPS_MAX = 2, /* stores, calls */
    OUT_ARENA_MIN = 1024 * 1024,
    OUT_ARENA_KEEP = 16 * 1024 * 1024,
    OUT_ARENA_MAX = 256 * 1024 * 1024,
    STOPPED_RETRY_MS = 3000,
    SUSPECT_RETRY_MS = 500,
};

/*   FREE -> [COUNTING] -> DECODING -> [ASKING] -> HANDLING -> SENDING -> RUNNING -> [ERASING] -> SENDING (next
 * range) ... -> FREE
 *                                                  ^------ PAUSED <----' */
enum slot_state {
    SLOT_FREE,
    SLOT_COUNTING, /* a suspect is about to be taken up; goes on as `resume` */
    SLOT_DECODING,
    SLOT_ASKING, /* whose its entries are is looked up */
    SLOT_HANDLING,
    SLOT_SENDING, /* the range under way is to be encoded and sent */
    SLOT_RUNNING, /* sent */
    SLOT_PAUSED,  /* resumes as `resume` at wake_ms */
    SLOT_ERASING, /* committed; retained entries are being erased */
};

struct slot {
    struct flow *flow;
    enum slot_state state, resume;
    uint64_t wake_ms;
    struct planner_batch plan; /* whose partitions are the slot's until slot_close() */
    bool lost[PARTITIONS_MAX]; /* of these: nothing of them is settled any more */
    unsigned n_lost;
    bool faulty; /* it was not stored at once */
    bool stored; /* something of it is */
    struct batch batch;
    struct arena out; /* encoded parameters of the range under way */
    struct encoded encoded;
    struct bisect bisect;
    uint32_t lo, hi;
    struct db_request request;
    struct db_query lookups[LOOKUPS_MAX];
    unsigned lookup_kinds[LOOKUPS_MAX]; /* of lookup.c */
    unsigned n_lookups;
    size_t lookup_mark; /* of the batch's arena, before they were made */
    bool suspect;       /* its one entry may be what kills */
    bool counted;       /* Redis was told that it is taken up, and not yet that we came back */
    struct entry_id suspect_id;
    bool refreshed;    /* its owners were asked for anew, after a foreign key had failed */
    bool minimal;      /* the letter of the range under way could not be stored in full */
    unsigned attempts; /* failures of the range under way */
    unsigned failures[DB_ACTIONS]; /* the same by kind: what was done about the first of it */
    uint64_t begun_us, sent_us;
    struct freeing { /* of the partition, from a session that should have ended long ago */
        bool busy;
        struct db_request request;
        struct db_query query;
        const char *values[1];
        char partition[12];
    } freeing;
    struct erase_job erase;
    struct erase_query { /* parameters of read_redactions.sql */
        char stores[ERASE_SUBJECTS_MAX * 37 + 3], since[24], most[12];
        const char *values[3];
    } erase_query;
    struct live_update *updates; /* kept while erasing; in `out` */
    unsigned n_updates;
};

struct flow {
    struct flow_options options;
    struct consumer *consumer;
    struct planner planner;
    struct shops *shops;
    struct slot *slots;
    unsigned n_slots, turn; /* the slot that had the last slice */
    uv_idle_t idle;         /* active while there is work for this very turn */
    uv_timer_t timer;       /* the next moment at which there is */
    unsigned open_handles;
    struct entry *newer[PARTITIONS_MAX]; /* written by a newer Ringback */
    unsigned n_newer;
    unsigned settling; /* consumer_settle() calls not yet answered */
    bool paused, draining, given_up, closed;
    bool stopped; /* the database refuses the program */
    uint64_t random;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

/* Asks for a turn of the loop. */
void flow_kick(struct flow *f);

/* Entries of several partitions. */
static inline bool slot_is_mixed(const struct slot *s)
{
    return s->plan.n_partitions > 1;
}

/* Nobody waits for its batch any more. */
static inline bool slot_is_lost(const struct slot *s)
{
    return s->n_lost == s->plan.n_partitions;
}

/* Of a batch that is not mixed. */
static inline unsigned slot_partition(const struct slot *s)
{
    return s->plan.partitions[0];
}

/* The slot's batch is over; entries that are still in it are freed. */
void slot_close(struct slot *s);

/* The same, but what is still in it comes again, unless its partition is lost. */
void slot_disband(struct slot *s);

/* The same, for a mixed batch that met with trouble: its partitions come again each in a batch of its own. So trouble is dealt
 * with (bisect.c, erasing, waiting for a lock) among the entries of one partition only, and keeps no other one waiting. */
void slot_part(struct slot *s);

/* A suspect has been survived, so far. */
void slot_absolve(struct slot *s);

/* Not before `ms` from now, then in `resume`. A suspect is none while it waits. */
void slot_pause(struct slot *s, enum slot_state resume, uint64_t ms);

/* Full jitter: between a tenth and the whole of `ms`. */
uint64_t flow_jitter(struct flow *f, uint64_t ms);

/* Logged once; ends with the next success. */
void flow_stop(struct flow *f, const char *sqlstate, const char *message);
void flow_resume(struct flow *f);

/* SLOT_ASKING: sends the questions, or goes on if there are none. */
void lookup_send(struct slot *s);

/* The batch is handled: begins with its first range. */
void store_begin(struct slot *s);
/* SLOT_SENDING: encodes the range under way and sends it. */
void store_send(struct slot *s);

#endif
