/* What the tests of voice providers share: hand in a callback, look at the event and its rows. */
#ifndef TESTS_VOICING_H
#define TESTS_VOICING_H

#include "handling.h"

#include "voice/provider.h"

/* 2026-03-02T09:20:00Z: the clock of every request, unless it says something else. */
#define VOICING_NOW INT64_C(1772443200000000)
#define VOICING_URL "https://hooks.example.com/webhooks/voice/x"

static const struct call_owner voicing_owner = {.organization_id = {7}, .agent_id = {8}};

/* The outcome of the last voice(); everything points into `memory` until the next call. */
struct voiced {
    enum verdict verdict;
    struct voice_events events;
    struct rows rows;
    struct arena arena;
    char *memory, *body;
};

static struct voiced voiced;

static inline struct voice_request voicing_request(const char *body, size_t n)
{
    return (struct voice_request){
        .url = TEXT(VOICING_URL), .body = body, .body_len = n, .now_us = VOICING_NOW};
}

/* Reads the request with a copy of its body that ends where the sanitizers can see it, and makes
 * rows of the event if there is one. */
static inline const struct voice_event *voice_request_read(const char *provider,
                                                           struct voice_request r, size_t memory)
{
    const struct voice_provider *p = voice_provider_find(provider);
    struct text id;
    bool named;

    assert_non_null(p);
    free(voiced.memory);
    free(voiced.body);
    voiced.memory = malloc(memory > 0 ? memory : 1);
    voiced.body = calloc(1, r.body_len + EVENT_BODY_PADDING);
    assert_non_null(voiced.memory);
    assert_non_null(voiced.body);
    memcpy(voiced.body, r.body, r.body_len);
    r.body = voiced.body;
    arena_init(&voiced.arena, voiced.memory, memory);
    rows_init(&voiced.rows, &voiced.arena);
    rows_start_event(&voiced.rows, 0);
    named = p->call_id(&r, &voiced.arena, &id);
    voiced.events = (struct voice_events){.arena = &voiced.arena};
    voiced.verdict = p->read(&r, &voiced.events);
    assert_int_equal(voiced.verdict == VERDICT_STORE, voiced.events.n > 0);
    if (voiced.verdict == VERDICT_REJECT)
        assert_non_null(voiced.events.reason);
    if (voiced.verdict != VERDICT_STORE)
        return NULL;
    assert_int_equal(voiced.events.n, 1);
    assert_true(named && text_equal(id, voiced.events.event[0].external_call_id));
    voice_rows(p, &voiced.events.event[0], &voicing_owner, test_digest, &voiced.rows);
    return &voiced.events.event[0];
}

static inline const struct voice_event *voice_bytes(const char *provider, const char *body,
                                                    size_t n)
{
    return voice_request_read(provider, voicing_request(body, n), HANDLING_ARENA);
}

/* JSON with ' for ". */
static inline const struct voice_event *voice(const char *provider, const char *body)
{
    const struct voice_event *ev;
    size_t n = strlen(body);
    char *copy = strdup(body);

    assert_non_null(copy);
    for (size_t i = 0; i < n; i++) {
        if (copy[i] == '\'')
            copy[i] = '"';
    }
    ev = voice_bytes(provider, copy, n);
    free(copy);
    return ev;
}

/* A form, with a query behind the callback's URL or NULL. */
static inline const struct voice_event *voice_form(const char *provider, const char *body,
                                                   const char *query)
{
    struct voice_request r = voicing_request(body, strlen(body));
    char url[512];

    snprintf(url, sizeof url, VOICING_URL "%s%s", query == NULL ? "" : "?",
             query == NULL ? "" : query);
    r.url = text_of(url);
    return voice_request_read(provider, r, HANDLING_ARENA);
}

static inline void check_is(struct text got, const char *expected, const char *file, int line)
{
    if ((got.p == NULL) == (expected == NULL) &&
        (expected == NULL || text_equal(got, text_of(expected))))
        return;
    print_error("got %.*s, expected %s\n", got.p == NULL ? 4 : (int)got.n,
                got.p == NULL ? "NULL" : got.p, expected == NULL ? "NULL" : expected);
    _fail(file, line);
}

/* A text of an event; `expected` NULL: absent. */
#define expect_is(got, expected) check_is(got, expected, __FILE__, __LINE__)

#define voiced_call() row_at(&voiced.rows, ROWSET_calls, 0)
#define voiced_turn(i) row_at(&voiced.rows, ROWSET_call_turns, i)
#define voiced_recording() row_at(&voiced.rows, ROWSET_call_recordings, 0)

#endif
