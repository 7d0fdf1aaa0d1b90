#include "worker/batch_session.h"

#include <stddef.h>

/* jit: compiling a batch's statements takes longer than running them. enable_seqscan,
 * plan_cache_mode: all that the statements look up has an index, and a plan that was made while the
 * tables were small must still do when they are not. */
const char *const batch_session[] = {
    "SET ringback.writer = 'worker'",
    "SET timezone = 'UTC'",
    "SET statement_timeout = '20s'",
    "SET lock_timeout = '5s'",
    "SET idle_in_transaction_session_timeout = '10s'",
    "SET jit = off",
    "SET enable_seqscan = off",
    "SET plan_cache_mode = force_generic_plan",
    NULL,
};
