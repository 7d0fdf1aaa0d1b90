#include "runtime/db_pipe.h"

#include <assert.h>
#include <stddef.h>

uint32_t db_pipe_in_flight(const struct db_pipe *p)
{
    return p->sent - p->done;
}

bool db_pipe_has_room(const struct db_pipe *p)
{
    return db_pipe_in_flight(p) < DB_PIPE_DEPTH;
}

uint32_t db_pipe_push(struct db_pipe *p, void *owner, uint32_t n_steps)
{
    uint32_t slot = p->sent % DB_PIPE_DEPTH;

    assert(db_pipe_has_room(p));
    p->ring[slot] =
        (struct db_flight){.owner = owner, .n_steps = n_steps, .failed_step = DB_STEP_NONE};
    p->sent++;
    return slot;
}

uint32_t db_pipe_oldest(const struct db_pipe *p)
{
    assert(db_pipe_in_flight(p) > 0);
    return p->done % DB_PIPE_DEPTH;
}

/* True if a server that keeps the protocol can send `r` now. */
static bool is_possible(const struct db_flight *f, enum db_result r)
{
    bool all_there = f->n_results == f->n_steps;
    bool failed = f->failed_step != DB_STEP_NONE;

    switch (r) {
    case DB_RESULT_OK:
        return !all_there && !failed;
    case DB_RESULT_FAILED:
        return !failed; /* with all steps there, it is the commit that failed */
    case DB_RESULT_SKIPPED:
        return !all_there && failed;
    case DB_RESULT_SYNC:
        return all_there;
    }
    return false;
}

struct db_place db_pipe_result(struct db_pipe *p, enum db_result r)
{
    struct db_place place = {.kind = DB_PLACE_WRONG};
    struct db_flight *f;

    if (db_pipe_in_flight(p) == 0)
        return place;
    f = &p->ring[p->done % DB_PIPE_DEPTH];
    if (!is_possible(f, r))
        return place;
    if (r == DB_RESULT_SYNC) {
        p->done++;
        return (struct db_place){.kind = DB_PLACE_END, .flight = *f};
    }
    place = (struct db_place){.kind = DB_PLACE_STEP, .step = f->n_results};
    if (r == DB_RESULT_FAILED)
        f->failed_step = f->n_results;
    if (f->n_results < f->n_steps)
        f->n_results++;
    place.flight = *f;
    return place;
}

bool db_pipe_abort(struct db_pipe *p, struct db_flight *out)
{
    if (db_pipe_in_flight(p) == 0)
        return false;
    *out = p->ring[p->done % DB_PIPE_DEPTH];
    p->done++;
    return true;
}
