/* Reads small JSON texts in place: websocket frames, tokens, rows of the live stream. Pure, allocates nothing.
 * Every function checks what it walks over and never reads outside its text, so untrusted text is fine everywhere;
 * a broken text looks like an empty or absent value. Names of members are compared as written (no escapes). */
#ifndef RUNTIME_JSONTEXT_H
#define RUNTIME_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum { JSONTEXT_DEPTH_MAX = 32 };

enum jsontext_kind {
    JSONTEXT_NONE, /* absent or not JSON */
    JSONTEXT_OBJECT,
    JSONTEXT_ARRAY,
    JSONTEXT_STRING,
    JSONTEXT_NUMBER,
    JSONTEXT_TRUE,
    JSONTEXT_FALSE,
    JSONTEXT_NULL,
};

/* True for exactly one JSON value (RFC 8259, valid UTF-8) nested at most JSONTEXT_DEPTH_MAX deep. */
bool jsontext_valid(struct text json);

/* What a value is, told by its first byte. */
enum jsontext_kind jsontext_kind(struct text value);

/* Walks over an object or an array:
 *   for (jsontext_open(&each, object); jsontext_member(&each, &name, &value);) ... */
struct jsontext_each {
    const char *p, *end;
};
void jsontext_open(struct jsontext_each *each, struct text container);
/* `name` is without its quotes, still escaped. */
bool jsontext_member(struct jsontext_each *each, struct text *name, struct text *value);
bool jsontext_element(struct jsontext_each *each, struct text *value);

/* The member called `name` (the last one, as JSON.parse has it), or TEXT_NULL. */
struct text jsontext_get(struct text object, const char *name);

/* Decodes a string into `out`, NUL-terminated; *n (may be NULL) is its length. False: not a string, longer than
 * size - 1 bytes, or it holds U+0000 or a lone surrogate. */
bool jsontext_string(struct text value, char *out, size_t size, size_t *n);

/* A number's whole part. False: not a number, has an exponent, or out of range. */
bool jsontext_int(struct text value, int64_t *out);

/* true, false, "true" or "false" (the Realtime server takes both); everything else is `fallback`. */
bool jsontext_bool(struct text value, bool fallback);

#endif
