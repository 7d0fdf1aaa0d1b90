/* Timestamps as text, strictly: RFC 3339 (the profile of ISO 8601 that Shopify sends). */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { TIME_YEAR_MIN = 1, TIME_YEAR_MAX = 9999, TIME_FRACTION_DIGITS_MAX = 9 };

/* "2021-04-13T16:41:15+05:30", with up to nine decimals of a second, "Z" or an offset ->
 * microseconds since 1970 (what is finer is cut). False, `*us` untouched: anything else, or a
 * moment outside the years 1 to 9999 in UTC. A 60th second is taken as the first of the next
 * minute, as PostgreSQL does. */
bool time_parse(struct text s, int64_t *us);

#endif
