/* Reads a webhook's body field by field. Failure is sticky: read everything, write everything, ask
 * reader_close() once.
 *
 *   reader_open(&in, ev, out);
 *   id = reader_required_id(&in, in.body, "id");
 *   rows_begin(out, ROWSET_orders); ...
 *   return reader_close(&in);                 REJECT names the first field at fault
 *
 * null, "" and a missing field are the same: absent. So is an optional object that comes as an
 * array or a string (shipping_address: [] was seen in captured checkouts). Text results are in the
 * arena. */
#ifndef SHOPIFY_READER_H
#define SHOPIFY_READER_H

#include "base/json.h"
#include "event.h"
#include "rows.h"

enum {
    READER_TEXT_MAX = 1024, /* bytes of a name, title, e-mail: a longer one is cut */
    READER_TOKEN_MAX = 255, /* of a checkout or cart token: the schema takes no more */
    READER_ID_DIGITS_MAX = 32,
    READER_CURRENCY_MAX = 8, /* "INR"; Shopify knows one of four letters, "USDC" */
    READER_REASON_MAX = 160,
};

struct reader {
    const struct event *ev;
    struct rows *out;
    struct arena *arena;
    const struct json *body; /* the top-level object; NULL after a failed open */
    const char *list;   /* while elements are read: their list's name, for reasons; else NULL */
    unsigned index;     /* and the element's number */
    const char *reason; /* the first thing that is wrong, or NULL */
};

/* Parses the body; one that is no JSON object fails. */
void reader_open(struct reader *in, const struct event *ev, struct rows *out);

/* "`field` `what`", unless something failed before. */
void reader_fail(struct reader *in, const char *field, const char *what);

/* STORE; or REJECT with the reason, and no row of this event left in `out`. */
enum verdict reader_close(struct reader *in);

/* NULL unless it is a non-empty object / an array. */
const struct json *reader_object(const struct json *object, const char *key);
const struct json *reader_array(const struct json *object, const char *key);

/* A string of at most READER_TEXT_MAX bytes, as it was sent; blank is absent. */
struct text reader_text(struct reader *in, const struct json *object, const char *key);

/* The same for what must not overwrite a value that is known: "Unknown" is absent too (product.md,
 * section 4). */
struct text reader_known(struct reader *in, const struct json *object, const char *key);

/* A string of any length. */
struct text reader_long_text(struct reader *in, const struct json *object, const char *key);

/* An opaque token; fails if it is too long. */
struct text reader_token(struct reader *in, const struct json *object, const char *key);

/* An id, number or numeric string, as digits: 64-bit ids do not fit a double. Absent if it is none.
 */
struct text reader_id(struct reader *in, const struct json *object, const char *key);

/* The same, and fails if it is none. */
struct text reader_required_id(struct reader *in, const struct json *object, const char *key);

/* An array of ids as JSON: ["1","2"]. What is no id is left out; absent if it is no array. */
struct text reader_ids(struct reader *in, const struct json *object, const char *key);

/* An amount of money, string or number; fails if it is something else or too long. */
struct text reader_money(struct reader *in, const struct json *object, const char *key);

/* A three-letter currency code; fails if it is something else. */
struct text reader_currency(struct reader *in, const struct json *object, const char *key);

/* Microseconds since 1970, or EVENT_NO_TIME; fails if it is no timestamp. */
int64_t reader_time(struct reader *in, const struct json *object, const char *key);

/* The same, absent instead of failing: for objects that only come along, such as the customer
 * inside an order. */
int64_t reader_time_if_any(struct reader *in, const struct json *object, const char *key);

/* An integer of 32 bits; fails if it is out of range or broken. Returns false if absent. */
bool reader_int(struct reader *in, const struct json *object, const char *key, int32_t *value);

#endif
