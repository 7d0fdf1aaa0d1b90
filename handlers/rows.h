/* Rows that handlers want stored. A plain value: building it writes nothing anywhere.
 *
 *   rows_begin(out, ROWSET_orders);
 *   rows_uuid(out, COL_orders_integration_id, ev->shop->integration_id);
 *   rows_text(out, COL_orders_external_order_id, id);
 *   ...
 * Columns not set are NULL. Failure is sticky (arena full, too many rows): check once with rows_failed(). */
#ifndef HANDLERS_ROWS_H
#define HANDLERS_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"

enum column_type {
    COLUMN_UUID,    /* 16 bytes */
    COLUMN_TEXT,    /* valid UTF-8 without NUL */
    COLUMN_JSONB,   /* JSON text that PostgreSQL accepts */
    COLUMN_NUMERIC, /* decimal text: -?digits[.digits], bounded by DECIMAL_DIGITS_MAX */
    COLUMN_TIME,    /* int64 microseconds since 1970 */
    COLUMN_BOOL,
    COLUMN_INT4,
    COLUMN_BYTES,
};

enum { COLUMN_KEY = 1, COLUMN_VER = 2, COLUMN_FILL = 4 };

struct column {
    const char *name;
    enum column_type type;
    unsigned flags;
};

/* Numbers of the rowsets and of the columns inside each. */
enum rowset {
#define ROWSET(name) ROWSET_##name,
#define C(set, column, type, flags)
#define ROWSET_END(name)
#include "rowsets.def"
#undef ROWSET
#undef C
#undef ROWSET_END
    ROWSET_COUNT
};

#define ROWSET(name) enum {
#define C(set, column, type, flags) COL_##set##_##column,
#define ROWSET_END(name)                                                                           \
    COLUMNS_##name                                                                                 \
    }                                                                                              \
    ;
#include "rowsets.def"
#undef ROWSET
#undef C
#undef ROWSET_END

struct rowset_info {
    const char *name;
    const struct column *columns;
    unsigned n_columns;
};

extern const struct rowset_info rowsets[ROWSET_COUNT];

enum { ROWSET_COLUMNS_MAX = 40 };

/* One value. Which member counts follows from the column's type: UUID and BYTES and all text types use `text`
 * (borrowed from the arena or from the event), TIME, INT4 and BOOL use `num`. */
struct value {
    bool set; /* false: NULL */
    struct text text;
    int64_t num;
};

struct row {
    enum rowset set;
    uint32_t event;   /* index of the event in its batch: rows_start_event() */
    struct row *next; /* of the same rowset, in the order of production */
    struct value *v;  /* rowsets[set].n_columns of them */
};

struct rows {
    struct arena *arena;
    struct row *first[ROWSET_COUNT], *last[ROWSET_COUNT];
    uint32_t n[ROWSET_COUNT];
    struct row *current;
    uint32_t event;
    const char
        *reason; /* why the event was rejected, a sentence for a person; static or in the arena */
    /* where the current event began, so that a rejected event leaves nothing */
    struct row *mark_last[ROWSET_COUNT];
    uint32_t mark_n[ROWSET_COUNT];
};

void rows_init(struct rows *out, struct arena *arena);

/* The following rows belong to event number `event` of the batch. */
void rows_start_event(struct rows *out, uint32_t event);

/* Drops all rows since rows_start_event() and keeps `reason`; returns VERDICT_REJECT's value for `return rows_reject(...)`. */
int rows_reject(struct rows *out, const char *reason);

/* True when the arena is full: the event is too large. */
bool rows_failed(const struct rows *out);

void rows_begin(struct rows *out, enum rowset set);
void rows_text(struct rows *out, unsigned column,
               struct text value); /* also JSONB, NUMERIC; absent -> NULL */
void rows_bytes(struct rows *out, unsigned column, const void *p,
                size_t n); /* copied into the arena */
void rows_uuid(struct rows *out, unsigned column,
               const uint8_t id[16]); /* borrowed: must outlive the batch */
void rows_time(struct rows *out, unsigned column, int64_t us); /* EVENT_NO_TIME -> NULL */
void rows_bool(struct rows *out, unsigned column, bool value);
void rows_int(struct rows *out, unsigned column,
              int64_t value); /* INT4; out of range: the caller rejects */

#endif
