/* Numbers in the providers' words: seconds, amounts of money, telephone numbers. */
#ifndef VOICE_NUMBERS_H
#define VOICE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"

enum {
    NUMBER_TEXT_MAX = 63, /* characters of a number that is looked at */
    NUMBER_DIGITS_MAX = 30,
    NUMBER_PARTY_MAX = 255, /* a SIP user can be long */
    E164_DIGITS_MIN = 7,
    E164_DIGITS_MAX = 15, /* ITU-T E.164 */
    E164_BARE_MIN = 11,   /* digits that make a number without "+" an international one */
};

/* -?digits[.digits][e[+-]digits] -> a finite double. Only for times and confidences: never money.
 */
bool number_double(struct text t, double *value);

/* Whole seconds of a number of units, `per_second` of which make one; what is finer is cut.
 * VOICE_NONE: no number, negative, or beyond INT32_MAX. */
int64_t number_seconds(struct text t, int64_t per_second);

/* A number moved by `shift` decimal places, as exact plain decimal text: ("12.345", -2) ->
 * "0.12345". Absent: no number, or more than NUMBER_DIGITS_MAX digits before or behind the point.
 */
struct text number_decimal(struct text t, int shift, struct arena *arena);

/* Who called or was called. A telephone number without its spaces, brackets and dashes, in E.164;
 * digits without "+" are one if they are E164_BARE_MIN to 15 (`international`: 7 to 15, for
 * providers that leave the "+" out) and do not begin with 0. Everything else, as SIP users are,
 * stays as it is. Absent: blank or longer than NUMBER_PARTY_MAX. */
struct text number_party(struct text t, bool international, struct arena *arena);

/* "+", 7 to 15 digits, the first not 0. */
bool number_is_e164(struct text t);

#endif
