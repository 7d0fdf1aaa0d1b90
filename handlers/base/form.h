/* application/x-www-form-urlencoded: bodies of the form providers, queries of callback URLs. */
#ifndef BASE_FORM_H
#define BASE_FORM_H

#include <stdbool.h>

#include "base/text.h"

enum {
    FORM_PAIRS_MAX = 256,       /* the richest callbacks have about 50 */
    FORM_BYTES_MAX = 64 * 1024, /* encoded; they have about 2 KiB */
};

struct form_pair {
    struct text name, value; /* as bytes: signatures are made over what was sent */
};

struct form {
    struct form_pair pair[FORM_PAIRS_MAX];
    unsigned n;
};

/* Decodes `encoded` into `room`, of at least encoded.n bytes, which must live as long as the form.
 * A name without "=" has the value "", nothing between two "&" is nothing, a "%" without two hex
 * digits stands for itself. False: too long, or too many pairs. */
bool form_parse(struct form *f, struct text encoded, char *room);

/* By name, then by value, byte by byte. */
void form_sort(struct form *f);

/* The first value of that name. Absent too: blank, or nothing that PostgreSQL takes as text (not
 * UTF-8, or with a NUL). */
struct text form_value(const struct form *f, const char *name);

/* What stands between "?" and "#" of a URL; "" if there is none. Borrowed. */
struct text form_query(struct text url);

#endif
