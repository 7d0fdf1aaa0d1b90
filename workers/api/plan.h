/* An endpoint as requests need it: its path cut into segments, and all of its parameters in one row - those in the path, its
 * own, and those that every list has. Made once at the start. Pure. */
#ifndef API_PLAN_H
#define API_PLAN_H

#include "api/endpoint.h"
#include "base/text.h"

enum { PLAN_SEGMENTS_MAX = 8, PLAN_SEGMENT_MAX = 64, PLAN_PATH_PARAMS_MAX = 3, PLAN_NONE = -1 };

struct plan {
    const struct api_endpoint *endpoint;
    unsigned n_segments;
    char segments[PLAN_SEGMENTS_MAX][PLAN_SEGMENT_MAX]; /* ":id" */
    unsigned n_path; /* the first params, in the order of the path */
    unsigned n;
    struct api_param params[API_PARAMS_MAX];
    const char *names[API_PARAMS_MAX];
    bool list;
    unsigned page, limit, offset, sort, order; /* places in params, of lists */
    bool body;                                 /* it reads one */
};

struct plans {
    unsigned n;
    struct plan plan[API_ENDPOINTS_MAX];
};

/* Our own mistakes in the table end the process. */
void plans_make(struct plans *p, const struct api_endpoint *endpoints, size_t n);

struct match {
    const struct plan *plan; /* NULL: see `allow` */
    unsigned no;             /* of the plan */
    char allow[64];          /* the methods that this path has; "": there is no such path */
    struct text path[PLAN_PATH_PARAMS_MAX]; /* what stands in the path, as it was sent */
};

/* HEAD is GET. */
void plans_match(const struct plans *p, const char *method, const char *path, struct match *out);

#endif
