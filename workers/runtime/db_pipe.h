/* Which request does the next pipeline result belong to? Two counters over one ring: results come
 * back in the order in which the requests went out. No libpq here; what the server sends is input,
 * so a wrong answer is an outcome, no assert.
 *
 * A request in flight is a run of steps (preparing or executing one statement each) closed by one
 * Sync: OK ... OK SYNC             all steps done, committed OK FAILED SKIPPED SYNC     one step
 * failed, the server skipped the rest, nothing stored OK ... OK FAILED SYNC      the commit itself
 * failed (a deferred constraint): step == n_steps A connection that dies never sends the SYNC:
 * db_pipe_abort() hands the requests back, oldest first. */
#ifndef RUNTIME_DB_PIPE_H
#define RUNTIME_DB_PIPE_H

#include <stdbool.h>
#include <stdint.h>

enum { DB_PIPE_DEPTH = 16 };

#define DB_STEP_NONE UINT32_MAX

enum db_result { DB_RESULT_OK, DB_RESULT_FAILED, DB_RESULT_SKIPPED, DB_RESULT_SYNC };

struct db_flight {
    void *owner;
    uint32_t n_steps;
    uint32_t n_results;
    uint32_t failed_step; /* DB_STEP_NONE: none so far; n_steps: the commit */
};

enum db_place_kind {
    DB_PLACE_STEP,  /* the result is that of flight.owner's step */
    DB_PLACE_END,   /* the flight is over and left the ring */
    DB_PLACE_WRONG, /* no request can have caused this result: the connection is of no use any more
                     */
};

struct db_place {
    enum db_place_kind kind;
    struct db_flight flight; /* a copy: it stays valid after the ring has moved on */
    uint32_t step;           /* DB_PLACE_STEP only */
};

struct db_pipe {
    struct db_flight ring[DB_PIPE_DEPTH]; /* flights [done, sent) are under way */
    uint32_t sent, done;                  /* only ever grow */
};

bool db_pipe_has_room(const struct db_pipe *p);
uint32_t db_pipe_in_flight(const struct db_pipe *p);

/* The number of the slot, stable until the flight's end: callers keep what belongs to it in an
 * array of their own. */
uint32_t db_pipe_push(struct db_pipe *p, void *owner, uint32_t n_steps);

/* The slot of the oldest flight. There must be one. */
uint32_t db_pipe_oldest(const struct db_pipe *p);

struct db_place db_pipe_result(struct db_pipe *p, enum db_result r);

/* The connection is gone: takes the oldest flight out. False: none is left. */
bool db_pipe_abort(struct db_pipe *p, struct db_flight *out);

#endif
