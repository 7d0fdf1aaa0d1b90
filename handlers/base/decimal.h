/* Amounts as text: money never passes through a double. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/text.h"

/* The largest amounts of any currency have 17 digits; what is far beyond is not money. */
enum {
    DECIMAL_INTEGER_DIGITS_MAX = 30,
    DECIMAL_FRACTION_DIGITS_MAX = 10,
    DECIMAL_DIGITS_MAX = DECIMAL_INTEGER_DIGITS_MAX + DECIMAL_FRACTION_DIGITS_MAX,
};

/* "-12.50" -> the same, in the arena, without a plus sign, leading zeros, and zeros beyond the
 * tenth decimal. False: no such number, an exponent, or too many digits. Absent on a full arena,
 * with true. */
bool decimal_parse(struct text s, struct arena *arena, struct text *out);

#endif
