/* Phone numbers, by libphonenumber. */
#ifndef BASE_PHONE_H
#define BASE_PHONE_H

#include "base/arena.h"
#include "base/text.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PHONE_RAW_MAX = 40,      /* longer text is no phone number */
    PHONE_E164_MAX = 17,     /* "+" and 15 digits, and the end */
    PHONE_CACHE_SETS = 4096, /* of two entries each: half a megabyte a thread */
};

/* What a person typed -> "+919800000001" in the arena, if it is a valid number; else absent.
 * `country`: where it is dialled from, ISO 3166 alpha-2 in either case; absent or unknown: only
 * numbers that begin with
 * "+" can be valid. A parse costs 26 us, so answers are kept by (raw, country), the oldest of two
 * makes room. */
struct text phone_e164(struct text raw, struct text country, struct arena *arena);

#ifdef __cplusplus
}
#endif

#endif
