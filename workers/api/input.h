/* From a request to the values of its statement: path, query and body are read and checked against the plan. Pure. */
#ifndef API_INPUT_H
#define API_INPUT_H

#include "api/plan.h"
#include "api/value.h"

struct input {
    const char *values[API_PARAMS_MAX]; /* by the plan's parameters; NULL: null, or not given */
    uint64_t given;                     /* bit i: given, or it has a default */
    char offset[24];
};

/* Memory for a request with these lengths: what input_read() takes from the arena at most. */
size_t input_room(size_t query_len, size_t body_len);

/* `path` as in struct match; `query` encoded, `body` as it came. False: *problem says what is wrong with which field. */
bool input_read(const struct plan *plan, const struct text *path, struct text query,
                struct text body, struct arena *arena, struct input *out, struct problem *problem);

#endif
