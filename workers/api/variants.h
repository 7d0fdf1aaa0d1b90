/* The texts that an endpoint's SQL file has become so far, one for each combination of given parameters and sorting. The plain
 * one of each endpoint is made at the start; others when they are first asked for, as long as there is room: what comes later
 * is "rare" and parsed by PostgreSQL each time, so that nobody can fill its memory with combinations. */
#ifndef API_VARIANTS_H
#define API_VARIANTS_H

#include "api/input.h"
#include "api/template.h"
#include "runtime/db.h"

enum { VARIANTS_MAX = 400 }; /* and as many prepared statements on each connection */

struct variant {
    struct db_statement statement;
    struct template_out sql;
    uint64_t given;
    const char *sort, *order;
    struct variant *next; /* of the same endpoint */
};

struct variants;

/* Checks every endpoint's file: each parameter alone and all together must give a text. NULL: `error` is one line. */
struct variants *variants_new(const struct plans *plans, char *error, size_t error_size);
void variants_free(struct variants *v);

/* NULL: it is a rare one, see variants_expand(). */
const struct variant *variants_get(struct variants *v, unsigned plan_no, const struct input *in);

/* The text for this input alone, in `arena`. False: no memory. */
bool variants_expand(const struct variants *v, unsigned plan_no, const struct input *in,
                     struct arena *arena, struct template_out *out);
/* Bytes that variants_expand() takes for this endpoint. */
size_t variants_room(const struct variants *v, unsigned plan_no);

#endif
