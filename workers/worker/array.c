#include "worker/array.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* Object ids of the element types: src/include/catalog/pg_type.dat, fixed for ever. */
static const uint32_t oids[] = {
    [COLUMN_UUID] = 2950, [COLUMN_TEXT] = 25, [COLUMN_JSONB] = 3802, [COLUMN_NUMERIC] = 1700,
    [COLUMN_TIME] = 1184, [COLUMN_BOOL] = 16, [COLUMN_INT4] = 23,    [COLUMN_BYTES] = 17,
};

enum { ARRAY_HEADER = 20, NUMERIC_HEADER = 8, JSONB_VERSION = 1, NUMERIC_GROUP = 4 };

static const int64_t EPOCH_2000_US = INT64_C(946684800000000);

static char *put16(char *p, uint32_t n)
{
    *p++ = (char)(n >> 8);
    *p++ = (char)n;
    return p;
}

static char *put32(char *p, uint32_t n)
{
    return put16(put16(p, n >> 16), n & 0xFFFF);
}

static char *put64(char *p, uint64_t n)
{
    return put32(put32(p, (uint32_t)(n >> 32)), (uint32_t)n);
}

static char *put_text(char *p, struct text t)
{
    if (t.n > 0)
        memcpy(p, t.p, t.n);
    return p + t.n;
}

/* ---- numeric: base 10000 digits around the decimal point ---- */

struct decimal {
    bool negative;
    const char *whole, *fraction;
    size_t whole_n, fraction_n; /* `whole` without leading zeros */
    size_t first, last;         /* groups [first, last) are not zero at the ends */
    size_t whole_groups;
};

static unsigned group_at(const struct decimal *d, size_t group)
{
    unsigned value = 0;
    size_t at, end;

    if (group < d->whole_groups) { /* the first may have less than four */
        end = d->whole_n - (d->whole_groups - 1 - group) * NUMERIC_GROUP;
        for (at = end > NUMERIC_GROUP ? end - NUMERIC_GROUP : 0; at < end; at++)
            value = value * 10 + (unsigned)(d->whole[at] - '0');
        return value;
    }
    at = (group - d->whole_groups) * NUMERIC_GROUP;
    for (end = at + NUMERIC_GROUP; at < end; at++)
        value = value * 10 + (at < d->fraction_n ? (unsigned)(d->fraction[at] - '0') : 0);
    return value;
}

static size_t digits(const char *p, const char *end)
{
    const char *start = p;

    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return (size_t)(p - start);
}

static struct decimal decimal_of(struct text t)
{
    struct decimal d = {.negative = t.n > 0 && t.p[0] == '-'};
    const char *end = t.p + t.n;

    d.whole = t.p + d.negative;
    d.whole_n = digits(d.whole, end);
    d.fraction = d.whole + d.whole_n;
    if (d.fraction < end && *d.fraction == '.')
        d.fraction++;
    d.fraction_n = digits(d.fraction, end);
    assert(d.fraction + d.fraction_n == end && d.whole_n + d.fraction_n > 0);
    assert(d.whole_n <= SHRT_MAX && d.fraction_n <= 0x3FFF); /* NUMERIC's own limits */
    while (d.whole_n > 0 && *d.whole == '0') {
        d.whole++;
        d.whole_n--;
    }
    d.whole_groups = (d.whole_n + NUMERIC_GROUP - 1) / NUMERIC_GROUP;
    d.last = d.whole_groups + (d.fraction_n + NUMERIC_GROUP - 1) / NUMERIC_GROUP;
    while (d.last > d.first && group_at(&d, d.last - 1) == 0)
        d.last--;
    while (d.first < d.last && group_at(&d, d.first) == 0)
        d.first++;
    return d;
}

static size_t numeric_size(struct text t)
{
    struct decimal d = decimal_of(t);

    return NUMERIC_HEADER + 2 * (d.last - d.first);
}

static char *put_numeric(char *p, struct text t)
{
    struct decimal d = decimal_of(t);
    size_t n = d.last - d.first;
    long weight = n == 0 ? 0 : (long)d.whole_groups - 1 - (long)d.first;

    p = put16(p, (uint32_t)n);
    p = put16(p, (uint32_t)weight & 0xFFFF);
    p = put16(p, d.negative && n > 0 ? 0x4000 : 0);
    p = put16(p, (uint32_t)d.fraction_n);
    for (size_t g = d.first; g < d.last; g++)
        p = put16(p, group_at(&d, g));
    return p;
}

/* ---- elements ---- */

static size_t element_size(enum column_type type, const struct value *v)
{
    switch (type) {
    case COLUMN_UUID:
    case COLUMN_TEXT:
    case COLUMN_BYTES:
        return v->text.n;
    case COLUMN_JSONB:
        return 1 + v->text.n;
    case COLUMN_NUMERIC:
        return numeric_size(v->text);
    case COLUMN_TIME:
        return 8;
    case COLUMN_BOOL:
        return 1;
    case COLUMN_INT4:
        return 4;
    }
    return 0;
}

static char *put_element(char *p, enum column_type type, const struct value *v)
{
    switch (type) {
    case COLUMN_UUID:
        assert(v->text.n == 16);
        return put_text(p, v->text);
    case COLUMN_TEXT:
    case COLUMN_BYTES:
        return put_text(p, v->text);
    case COLUMN_JSONB:
        *p++ = JSONB_VERSION;
        return put_text(p, v->text);
    case COLUMN_NUMERIC:
        return put_numeric(p, v->text);
    case COLUMN_TIME:
        return put64(p, (uint64_t)v->num - (uint64_t)EPOCH_2000_US);
    case COLUMN_BOOL:
        *p++ = v->num != 0 ? 1 : 0;
        return p;
    case COLUMN_INT4:
        assert(v->num >= INT32_MIN && v->num <= INT32_MAX);
        return put32(p, (uint32_t)v->num);
    }
    return p;
}

const char *array_encode(struct arena *arena, enum column_type type,
                         const struct value *const *cells, uint32_t n, int *len)
{
    size_t size = ARRAY_HEADER;
    bool nulls = false;
    char *start, *p;

    for (uint32_t i = 0; i < n; i++) {
        size += 4 + (cells[i]->set ? element_size(type, cells[i]) : 0);
        nulls |= !cells[i]->set;
    }
    if (n == 0)
        size = ARRAY_HEADER - 8; /* an empty array has no dimension */
    if (size > INT_MAX || (start = arena_bytes(arena, size)) == NULL) {
        arena->failed = true;
        return NULL;
    }
    p = put32(start, n == 0 ? 0 : 1);
    p = put32(p, nulls);
    p = put32(p, oids[type]);
    if (n > 0)
        p = put32(put32(p, n), 1);
    for (uint32_t i = 0; i < n; i++) {
        if (!cells[i]->set) {
            p = put32(p, UINT32_MAX);
            continue;
        }
        char *element = p + 4;
        p = put_element(element, type, cells[i]);
        put32(element - 4, (uint32_t)(p - element));
    }
    assert((size_t)(p - start) == size);
    *len = (int)size;
    return start;
}

int value_compare(enum column_type type, const struct value *a, const struct value *b)
{
    size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
    int order;

    if (!a->set || !b->set)
        return a->set - b->set;
    if (type == COLUMN_TIME || type == COLUMN_BOOL || type == COLUMN_INT4)
        return (a->num > b->num) - (a->num < b->num);
    order = n == 0 ? 0 : memcmp(a->text.p, b->text.p, n);
    return order != 0 ? order : (a->text.n > b->text.n) - (a->text.n < b->text.n);
}
