#include "rows.h"

#include <assert.h>
#include <string.h>

#include "event.h"

enum { KEY = COLUMN_KEY, VER = COLUMN_VER, FILL = COLUMN_FILL };

#define ROWSET(name) static const struct column columns_##name[] = {
#define C(set, column, type, flags) {#column, COLUMN_##type, flags},
#define ROWSET_END(name)                                                                           \
    }                                                                                              \
    ;
#include "rowsets.def"
#undef ROWSET
#undef C
#undef ROWSET_END

const struct rowset_info rowsets[ROWSET_COUNT] = {
#define ROWSET(name) {#name, columns_##name, COLUMNS_##name},
#define C(set, column, type, flags)
#undef ROWSET_END
#define ROWSET_END(name)
#include "rowsets.def"
#undef ROWSET
#undef C
#undef ROWSET_END
};

void rows_init(struct rows *out, struct arena *arena)
{
    *out = (struct rows){.arena = arena};
}

void rows_start_event(struct rows *out, uint32_t event)
{
    out->event = event;
    out->current = NULL;
    out->reason = NULL;
    memcpy(out->mark_last, out->last, sizeof out->last);
    memcpy(out->mark_n, out->n, sizeof out->n);
}

int rows_reject(struct rows *out, const char *reason)
{
    for (unsigned s = 0; s < ROWSET_COUNT; s++) {
        out->last[s] = out->mark_last[s];
        out->n[s] = out->mark_n[s];
        if (out->last[s] == NULL)
            out->first[s] = NULL;
        else
            out->last[s]->next = NULL;
    }
    out->current = NULL;
    out->reason = reason;
    return VERDICT_REJECT;
}

bool rows_failed(const struct rows *out)
{
    return out->arena->failed;
}

void rows_begin(struct rows *out, enum rowset set)
{
    struct row *r = arena_alloc(out->arena, sizeof *r);
    struct value *v = arena_alloc(out->arena, rowsets[set].n_columns * sizeof *v);

    out->current = NULL;
    if (r == NULL || v == NULL)
        return;
    *r = (struct row){.set = set, .event = out->event, .v = v};
    if (out->last[set] == NULL)
        out->first[set] = r;
    else
        out->last[set]->next = r;
    out->last[set] = r;
    out->n[set]++;
    out->current = r;
}

/* The cell to fill; NULL once the arena is full. */
static struct value *cell(struct rows *out, unsigned column)
{
    if (out->current == NULL) {
        assert(out->arena->failed); /* rows_begin() comes first */
        return NULL;
    }
    assert(column < rowsets[out->current->set].n_columns);
    return &out->current->v[column];
}

void rows_text(struct rows *out, unsigned column, struct text value)
{
    struct value *v = cell(out, column);

    if (v != NULL)
        *v = (struct value){.set = value.p != NULL, .text = value};
}

void rows_bytes(struct rows *out, unsigned column, const void *p, size_t n)
{
    rows_text(out, column, (struct text){arena_copy(out->arena, p, n), n});
}

void rows_uuid(struct rows *out, unsigned column, const uint8_t id[16])
{
    rows_text(out, column, (struct text){(const char *)id, 16});
}

static void number(struct rows *out, unsigned column, bool set, int64_t num)
{
    struct value *v = cell(out, column);

    if (v != NULL)
        *v = (struct value){.set = set, .num = num};
}

void rows_time(struct rows *out, unsigned column, int64_t us)
{
    number(out, column, us != EVENT_NO_TIME, us);
}

void rows_bool(struct rows *out, unsigned column, bool value)
{
    number(out, column, true, value);
}

void rows_int(struct rows *out, unsigned column, int64_t value)
{
    assert(value >= INT32_MIN && value <= INT32_MAX);
    number(out, column, true, value);
}
