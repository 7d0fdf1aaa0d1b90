/* Compares a column's JSON value with a filter's text the way PostgreSQL compares typed values. Pure. */
#ifndef REALTIME_COMPARE_H
#define REALTIME_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum comparison { LESS = -1, EQUAL = 0, GREATER = 1, UNRELATED = 2 };

/* `value`: raw JSON, not null. `text`: the filter's operand. UNRELATED: of different kinds, so no operator holds. */
enum comparison compare_value(struct text value, struct text text);

/* SQL LIKE: % any run, _ any one character, \ takes the next literally. `fold`: ILIKE (ASCII letters). */
bool compare_like(struct text value, struct text pattern, bool fold);

/* Microseconds since 1970 of "2026-01-31", "2026-01-31T10:00:00.5+05:30", with a blank instead of T, without zone (UTC).
 * False: not a time. */
bool compare_time(struct text text, int64_t *us);

#endif
