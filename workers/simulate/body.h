/* Writes JSON the way Shopify's servers do: no blanks, "/" as "\/", "&", "<" and ">" as \u00XX,
 * other characters raw. Failure is sticky: a body that does not fit sets `failed`. */
#ifndef SIMULATE_BODY_H
#define SIMULATE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct body {
    char *p;
    size_t n, size;
    bool comma; /* something stands before at this level */
    bool failed;
};

void body_init(struct body *b, char *memory, size_t size);

void body_open(struct body *b, const char *key,
               char bracket); /* key NULL: an element, or the whole */
void body_close(struct body *b, char bracket);
void body_text(struct body *b, const char *key, const char *value); /* NULL: null */
void body_int(struct body *b, const char *key, uint64_t value);
void body_bool(struct body *b, const char *key, bool value);
void body_thousandths(struct body *b, const char *key, int64_t value); /* a number: 12.345 */
void body_money(struct body *b, const char *key, int64_t hundredths);  /* "12.34" */

/* Ready members, as they go out: `"note":null,"tags":""`. */
void body_raw(struct body *b, const char *members);

/* Bytes as they are, without a comma before: parts of text that is no JSON. */
void body_bytes(struct body *b, const char *bytes, size_t n);

/* "2026-01-28T16:00:00+05:30" */
enum { SIM_TIME_SIZE = 40 };
void sim_time_text(char out[SIM_TIME_SIZE], int64_t at_s, int offset_minutes);

#endif
