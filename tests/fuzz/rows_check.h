/* What every row must hold, whatever the input was: only what PostgreSQL takes. */
#ifndef TESTS_ROWS_CHECK_H
#define TESTS_ROWS_CHECK_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "rows.h"

enum { ROWS_CHECK_ARENA = 4 << 20 };

/* Valid UTF-8 without NUL. */
static inline void check_text(struct text t)
{
    const char *why;
    char *quoted = malloc(t.n + 2);

    assert(quoted != NULL && memchr(t.p, '\0', t.n) == NULL);
    for (size_t i = 0; i < t.n; i++)
        quoted[i + 1] =
            (unsigned char)t.p[i] < 0x20 || strchr("\"\\", t.p[i]) != NULL ? '.' : t.p[i];
    quoted[0] = quoted[t.n + 1] = '"';
    assert(json_parse(JSON_SLOT_SETTINGS, quoted, t.n + 2, &why) != NULL);
    free(quoted);
}

/* jsonb refuses \u0000 and lone surrogates: written again, the text does not change any more. */
static inline void check_jsonb(struct text t)
{
    static char memory[ROWS_CHECK_ARENA] __attribute__((aligned(16)));
    struct arena arena;
    const char *why;
    const struct json *v = json_parse(JSON_SLOT_SETTINGS, t.p, t.n, &why);
    struct text again;

    assert(v != NULL);
    arena_init(&arena, memory, sizeof memory);
    again = json_raw(v, &arena);
    assert(arena.failed || text_equal(again, t));
}

static inline void check_number(struct text t)
{
    assert(t.n > 0 && t.n <= 42 && strspn(t.p, "-0123456789.") >= t.n);
}

static inline void check_value(const struct column *column, const struct value *v)
{
    if (!v->set)
        return;
    switch (column->type) {
    case COLUMN_TEXT:
        check_text(v->text);
        break;
    case COLUMN_JSONB:
        check_jsonb(v->text);
        break;
    case COLUMN_NUMERIC:
        check_number(v->text);
        break;
    case COLUMN_INT4:
        assert(v->num >= INT32_MIN && v->num <= INT32_MAX);
        break;
    case COLUMN_UUID:
        assert(v->text.n == 16);
        break;
    case COLUMN_BYTES:
        assert((column->flags & COLUMN_VER) == 0 || v->text.n == 24);
        break;
    default:
        break;
    }
}

static inline void check_rows(const struct rows *rows)
{
    for (unsigned s = 0; s < ROWSET_COUNT; s++) {
        for (const struct row *r = rows->first[s]; r != NULL; r = r->next) {
            for (unsigned c = 0; c < rowsets[s].n_columns; c++)
                check_value(&rowsets[s].columns[c], &r->v[c]);
        }
    }
}

#endif
