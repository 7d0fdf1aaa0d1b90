/* Small things about words: trimming, comparing without case (ASCII only; other scripts by their
 * exact bytes). */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdbool.h>

#include "base/text.h"

char words_lower(char c);
char words_upper(char c);

/* Without the spaces, tabs and line ends around it. Borrowed. */
struct text words_trim(struct text t);

/* NULL, "" or nothing but spaces. */
bool words_blank(struct text t);

/* At most `max` bytes, cut between two characters. Borrowed. */
struct text words_cut(struct text t, size_t max);

/* Equal but for the case of ASCII letters. Absent equals nothing. */
bool words_equal(struct text a, struct text b);

#endif
