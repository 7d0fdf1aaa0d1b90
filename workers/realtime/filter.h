/* The `filter` of a postgres_changes binding: column=op.value, several joined by commas (all must hold).
 *   op: eq neq lt lte gt gte in like ilike is, each also as not.op      in.(a,b,"c,d")      is.null|not_null|true|false
 * A comma that is not followed by another `column=op.` belongs to the value. Pure.
 *
 * Values compare as PostgreSQL would: numbers by value with all their digits, timestamps by instant, UUIDs and booleans without
 * regard to case, other text by bytes; NULL and an absent column satisfy nothing but `is`. */
#ifndef REALTIME_FILTER_H
#define REALTIME_FILTER_H

#include <stdbool.h>

#include "base/text.h"

struct filter;

/* NULL: *why (static) says what is wrong. */
struct filter *filter_parse(struct text text, const char **why);
void filter_free(struct filter *f);

/* `record`: a row as JSON object. `keys_only`: a deleted row's keys; a condition on a column that it lacks
 * then holds, because the row may well be on the subscriber's screen. */
bool filter_match(const struct filter *f, struct text record, bool keys_only);

#endif
