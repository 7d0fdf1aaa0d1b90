/* Whose the calls of a batch are: the question to schema/worker/lookup_calls.sql, and its answers. Pure.
 *
 * Every callback of the batch is asked about, with what it says itself; the statement puts together what those about one
 * call say about its tenant. No answer is kept beyond the batch: a mapping that has just been made counts at once. */
#ifndef WORKER_CALLS_H
#define WORKER_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "rows.h"
#include "voice/provider.h"

/* Parameters of lookup_calls.sql, in their order; all text[]. */
enum call_hint {
    CALL_PROVIDER,
    CALL_EXTERNAL_ID,
    CALL_ORGANIZATION,
    CALL_AGENT,
    CALL_CAMPAIGN,
    CALL_PROVIDER_AGENT,
    CALL_OUR_NUMBER,
    CALL_HINTS
};

struct batch_call {
    struct value hint[CALL_HINTS];
    struct call_owner owner; /* when known */
    bool known;
};

struct calls {
    struct batch_call *call;
    uint32_t n, room;
};

/* For at most `room` callbacks. False: the arena is full. */
bool calls_init(struct calls *c, struct arena *arena, uint32_t room);

/* The call that these events of one callback are about. What they say about its tenant: the first that says anything
 * counts. NULL: the arena is full. */
struct batch_call *calls_add(struct calls *c, struct arena *arena,
                             const struct voice_provider *provider,
                             const struct voice_event *events, unsigned n);

/* What to ask: for every enum call_hint one cell per call, in the arena. NULL: it is full. */
const struct value *const **calls_columns(const struct calls *c, struct arena *arena);

/* One row of the answer: `index` is the call's place, from 0; agent and campaign may be NULL. False: no such call, or an
 * id that is none. */
bool calls_learn(struct calls *c, uint32_t index, const char *organization_id, const char *agent_id,
                 const char *campaign_id);

#endif
