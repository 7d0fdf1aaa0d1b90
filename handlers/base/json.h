/* Reading JSON: one pass checks the whole text and leaves a flat list of values that point into it.
 *
 *   const struct json *body = json_parse(JSON_SLOT_EVENT, p, n, &why);
 *   struct text name = json_string(json_member(body, "name"), arena);
 *
 * What PostgreSQL refuses is neutralised here and nowhere else: \u0000 and lone surrogates come out
 * as U+FFFD, a number beyond NUMERIC comes out of json_raw() as a string. Numbers are never
 * converted: ids exceed 2^53. Every function takes NULL for a value that is not there. A name that
 * occurs twice: the first counts. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    JSON_DEPTH_MAX = 64,           /* order bodies reach 12 */
    JSON_VALUES_MAX = 1024 * 1024, /* an order of 250 lines has about 60,000 */
    JSON_BYTES_MAX = 64 * 1024 * 1024,
    JSON_EXPONENT_MAX = 999,      /* of a number that json_raw() leaves as it is */
    JSON_NUMBER_BYTES_MAX = 1000, /* the same */
};

enum json_type {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* A value; belongs to the slot it was parsed into. Use the functions, not the members. */
struct json {
    const char *p;   /* a string: behind its quote; everything else: its first byte */
    const char *key; /* the raw name inside an object */
    uint32_t n;      /* bytes at p */
    uint32_t key_n;
    uint32_t span;    /* values in this subtree, itself included */
    uint16_t members; /* of an object, or elements of an array; UINT16_MAX: that many or more */
    uint8_t type;     /* enum json_type */
    uint8_t flags;
};

/* How many texts can be held at once, for two purposes at most: each thread has one of each. */
enum json_slot {
    JSON_SLOT_EVENT,    /* the body being handled */
    JSON_SLOT_SETTINGS, /* a setting that is JSON, read meanwhile */
    JSON_SLOTS,
};

/* The value of the whole text, or NULL with `*why` a sentence for a person (static).
 * `text` is borrowed: it must live as long as the values are used. They are valid until the next
 * json_parse() into the same slot on the same thread. Scratch memory is kept and grows to the
 * largest text seen. */
const struct json *json_parse(enum json_slot slot, const char *text, size_t n, const char **why);

enum json_type json_type(const struct json *v);

/* The member of an object; NULL if `v` is no object or has none of that name. */
const struct json *json_find(const struct json *v, const char *key, size_t key_n);

/* The first element of an array or member of an object; NULL if there is none. */
const struct json *json_first(const struct json *v);

/* The following element or member. */
const struct json *json_next(const struct json *v);

/* A string's characters, in the arena, valid UTF-8 without NUL; absent for everything else. */
struct text json_string(const struct json *v, struct arena *arena);

/* A number's source text, borrowed from the parsed text; absent for everything else. */
struct text json_number(const struct json *v);

/* True only for `true`. */
bool json_true(const struct json *v);

/* The JSON text of the subtree, in the arena, in a form that PostgreSQL's jsonb accepts; absent for
 * NULL. */
struct text json_raw(const struct json *v, struct arena *arena);

/* A member's name as it is written, escapes and all; absent for everything else. */
static inline struct text json_key(const struct json *v)
{
    return v == NULL ? TEXT_NULL : (struct text){v->key, v->key_n};
}

static inline const struct json *json_member(const struct json *v, const char *key)
{
    return json_find(v, key, strlen(key)); /* folded for literals */
}

#ifdef __cplusplus
}
#endif

#endif
