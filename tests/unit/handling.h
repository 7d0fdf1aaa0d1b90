/* What the tests of handlers share: hand in a body, look at the rows. */
#ifndef TESTS_HANDLING_H
#define TESTS_HANDLING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "event.h"
#include "rows.h"

enum { HANDLING_ARENA = 8 << 20 };

static const struct shop test_shop = {
    .integration_id = {1}, .organization_id = {2}, .domain = "acme.myshopify.com", .country = "IN"};

static const uint8_t test_digest[8] = {0xD1, 0, 0, 0, 0, 0, 0, 0xD8};

/* The outcome of the last handle(); rows point into `memory` and stay until the next call. */
struct handled {
    enum verdict verdict;
    struct rows rows;
    struct arena arena;
    char *memory;
    char *body;
};

static struct handled handled;

/* 2021-04-13T11:11:16.5Z: what every test event was triggered at, unless it says something else. */
static const int64_t test_triggered_us = INT64_C(1618312276500000);

static struct event test_event(const char *topic, const char *body, size_t n)
{
    struct event ev = {.topic = topic,
                       .shop = &test_shop,
                       .triggered_us = test_triggered_us,
                       .received_us = test_triggered_us + 1000000,
                       .body = body,
                       .body_len = n};

    memcpy(ev.digest, test_digest, sizeof ev.digest);
    return ev;
}

/* The body is copied to a place of exactly its size and padding, so that the sanitizers see every
 * step beyond. */
static inline const struct rows *handle_event(struct event ev, size_t arena_size)
{
    handler_fn handler = handler_for(ev.topic);

    assert_non_null(handler);
    free(handled.memory);
    free(handled.body);
    handled.memory = malloc(arena_size > 0 ? arena_size : 1);
    handled.body = calloc(1, ev.body_len + EVENT_BODY_PADDING);
    assert_non_null(handled.memory);
    assert_non_null(handled.body);
    memcpy(handled.body, ev.body, ev.body_len);
    ev.body = handled.body;
    arena_init(&handled.arena, handled.memory, arena_size);
    rows_init(&handled.rows, &handled.arena);
    rows_start_event(&handled.rows, 0);
    handled.verdict = handler(&ev, &handled.rows);
    return &handled.rows;
}

static inline const struct rows *handle_bytes(const char *topic, const char *body, size_t n)
{
    return handle_event(test_event(topic, body, n), HANDLING_ARENA);
}

/* JSON with ' for ", which reads better in C. */
static inline const struct rows *handle(const char *topic, const char *body)
{
    size_t n = strlen(body);
    char *copy = malloc(n + 1);
    const struct rows *rows;

    assert_non_null(copy);
    for (size_t i = 0; i <= n; i++)
        copy[i] = body[i] == '\'' ? '"' : body[i];
    rows = handle_bytes(topic, copy, n);
    free(copy);
    return rows;
}

static inline uint32_t count_rows(const struct rows *rows)
{
    uint32_t n = 0;

    for (unsigned s = 0; s < ROWSET_COUNT; s++)
        n += rows->n[s];
    return n;
}

static inline const struct row *row_at(const struct rows *rows, enum rowset set, unsigned index)
{
    const struct row *r = rows->first[set];

    while (r != NULL && index-- > 0)
        r = r->next;
    assert_non_null(r);
    return r;
}

/* `expected` NULL: the column must be NULL. */
static inline void check_text(const struct row *r, unsigned column, const char *expected,
                              const char *file, int line)
{
    const struct value *v = &r->v[column];
    char got[512];

    if (!v->set)
        snprintf(got, sizeof got, "NULL");
    else
        snprintf(got, sizeof got, "%.*s", (int)v->text.n, v->text.p);
    if (expected == NULL ? v->set : !v->set || strcmp(got, expected) != 0) {
        print_error("%s.%s is %s, expected %s\n", rowsets[r->set].name,
                    rowsets[r->set].columns[column].name, got,
                    expected == NULL ? "NULL" : expected);
        _fail(file, line);
    }
}

#define expect_text(row, column, expected) check_text(row, column, expected, __FILE__, __LINE__)

#define expect_number(row, column, expected)                                                       \
    do {                                                                                           \
        assert_true((row)->v[column].set);                                                         \
        assert_int_equal((row)->v[column].num, expected);                                          \
    } while (0)

#define expect_null(row, column) assert_false((row)->v[column].set)

#define expect_rejected(text)                                                                      \
    do {                                                                                           \
        assert_int_equal(handled.verdict, VERDICT_REJECT);                                         \
        assert_non_null(handled.rows.reason);                                                      \
        assert_string_equal(handled.rows.reason, text);                                            \
        assert_int_equal(count_rows(&handled.rows), 0);                                            \
    } while (0)

#define expect_stored() assert_int_equal(handled.verdict, VERDICT_STORE)

static inline int64_t at(const char *timestamp)
{
    int64_t us = 0;

    assert_true(time_parse(text_of(timestamp), &us));
    return us;
}

#endif
