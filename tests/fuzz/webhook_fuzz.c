/* The door of webhook bodies: the first byte chooses the topic and, by its high bit, whether the
 * event was triggered at a known time; the rest is the body. Besides not crashing, what comes out
 * must be what PostgreSQL takes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "event.h"
#include "rows.h"

enum { ARENA_SIZE = 4 << 20 };

static const char *const topics[] = {
#define TOPIC(name, handler) name,
#include "topics.def"
#undef TOPIC
};

/* Valid UTF-8 without NUL. */
static void check_text(struct text t)
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
static void check_jsonb(struct text t)
{
    static char memory[ARENA_SIZE] __attribute__((aligned(16)));
    struct arena arena;
    const char *why;
    const struct json *v = json_parse(JSON_SLOT_SETTINGS, t.p, t.n, &why);
    struct text again;

    assert(v != NULL);
    arena_init(&arena, memory, sizeof memory);
    again = json_raw(v, &arena);
    assert(arena.failed || text_equal(again, t));
}

static void check_number(struct text t)
{
    assert(t.n > 0 && t.n <= 42 && strspn(t.p, "-0123456789.") >= t.n);
}

static void check_value(const struct column *column, const struct value *v)
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

static void check_rows(const struct rows *rows, enum verdict verdict)
{
    for (unsigned s = 0; s < ROWSET_COUNT; s++) {
        assert(verdict == VERDICT_STORE || rows->n[s] == 0);
        for (const struct row *r = rows->first[s]; r != NULL; r = r->next) {
            for (unsigned c = 0; c < rowsets[s].n_columns; c++)
                check_value(&rowsets[s].columns[c], &r->v[c]);
        }
    }
    assert(verdict != VERDICT_REJECT || rows->reason != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct shop shop = {.domain = "acme.myshopify.com", .country = "IN"};
    static char memory[ARENA_SIZE] __attribute__((aligned(16)));
    struct event ev = {.shop = &shop, .triggered_us = EVENT_NO_TIME, .received_us = 1};
    struct arena arena;
    struct rows rows;
    char *body;

    if (size == 0)
        return 0;
    body = calloc(1, size - 1 + EVENT_BODY_PADDING);
    assert(body != NULL);
    memcpy(body, data + 1, size - 1);
    ev.topic = topics[(data[0] & 0x7F) % (sizeof topics / sizeof *topics)];
    ev.triggered_us = data[0] & 0x80 ? 1000000 : EVENT_NO_TIME;
    ev.body = body;
    ev.body_len = size - 1;
    arena_init(&arena, memory, sizeof memory);
    rows_init(&rows, &arena);
    rows_start_event(&rows, 0);
    check_rows(&rows, handler_for(ev.topic)(&ev, &rows));
    free(body);
    return 0;
}
