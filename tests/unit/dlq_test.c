/* `ringback dlq`: its command line, and the way from a letter back to the event that it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "event.h"
#include "ops/dlq.h"
#include "worker/dead_letter.h"
#include "worker/letter.h"

enum { MEMORY = 1 << 20, ERROR = 300 };

static const int64_t now_us = INT64_C(1795000000000000); /* 2026-11-18T13:46:40Z */

static struct dlq_options o;
static char fault[ERROR];
static struct arena arena;

static bool reads(const char *line)
{
    static char text[500];
    char *argv[40], *rest = NULL;
    int argc = 0;

    strcpy(text, line);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    return dlq_read_options(&o, argc, argv, now_us, fault, sizeof fault);
}

static void a_command_line_becomes_filters(void **state)
{
    (void)state;
    assert_true(reads("dlq list"));
    assert_int_equal(o.verb, DLQ_LIST);
    assert_int_equal(o.limit, 100);
    assert_string_equal(o.ids, "");
    assert_true(reads("dlq replay 12 7 --reason unknown_call --rate 50/s --since 90m --until "
                      "2026-11-18T00:00:00+05:30 --dry-run"));
    assert_int_equal(o.verb, DLQ_REPLAY);
    assert_string_equal(o.ids, "{12,7}");
    assert_int_equal(o.n_ids, 2);
    assert_string_equal(o.reason, "unknown_call");
    assert_int_equal(o.rate, 50);
    assert_int_equal(o.limit, 0);
    assert_true(o.dry_run);
    assert_string_equal(o.since, "2026-11-18T09:36:40.000000Z");
    assert_string_equal(o.until, "2026-11-17T18:30:00.000000Z");
    assert_true(reads("dlq list --since 2d"));
    assert_string_equal(o.since, "2026-11-16T11:06:40.000000Z");
    assert_true(reads("dlq show 3 --json"));
    assert_string_equal(o.ids, "{3}");
    assert_true(o.json);
    assert_true(reads("dlq discard --key a.myshopify.com --yes --limit=5"));
    assert_int_equal(o.limit, 5);
    assert_true(o.yes);
    assert_true(reads("dlq list --tenant A.myshopify.com"));
    assert_string_equal(o.tenant.domain, "a.myshopify.com");
    assert_true(reads("dlq list --organization 3b2f0000-0000-4000-8000-00000000000a"));
    assert_string_equal(o.tenant.organization, "3b2f0000-0000-4000-8000-00000000000a");
}

static void a_wrong_command_line_is_one_line(void **state)
{
    static const char *const wrong[] = {
        "dlq",
        "dlq mend",
        "dlq list 1x",
        "dlq list -1",
        "dlq show",
        "dlq show 1 2",
        "dlq replay 1234567890123456789",
        "dlq list --since yesterday",
        "dlq list --since 1y",
        "dlq list --since h",
        "dlq list --until -2h",
        "dlq list --limit 0",
        "dlq list --limit x",
        "dlq replay --rate 0",
        "dlq replay --rate 5/m",
        "dlq replay --rate fast",
        "dlq list --dry-run",
        "dlq list --organization 7",
        "dlq list --tenant acme",
        "dlq list --tenant a.myshopify.com --key b.myshopify.com",
        "dlq list --colour",
        "dlq list --key",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fault[0] = '\0';
        assert_false(reads(wrong[i]));
        assert_true(strlen(fault) > 10);
        assert_null(strchr(fault, '\n'));
    }
}

static void too_many_ids_are_refused_and_not_cut(void **state)
{
    static char *argv[2000] = {"dlq", "replay"};

    (void)state;
    for (int i = 2; i < 2000; i++)
        argv[i] = "123456";
    assert_false(dlq_read_options(&o, 2000, argv, now_us, fault, sizeof fault));
}

/* ---- letters ---- */

static int begin(void **state)
{
    (void)state;
    if (arena.base == NULL)
        arena_init(&arena, malloc(MEMORY), MEMORY);
    arena_reset(&arena);
    return 0;
}

static struct text cell(const struct dead_letter *d, enum dead_column c)
{
    return d->v[c].set ? d->v[c].text : TEXT_NULL;
}

/* As store_dead_letters.sql and dlq_replay.sql keep them. */
static struct letter stored(const struct dead_letter *d)
{
    return (struct letter){
        .source = cell(d, DEAD_SOURCE),
        .topic = cell(d, DEAD_TOPIC),
        .key = cell(d, DEAD_KEY),
        .headers = cell(d, DEAD_HEADERS),
        .payload = cell(d, DEAD_PAYLOAD),
        .digest = cell(d, DEAD_DIGEST),
        .received_us = d->v[DEAD_RECEIVED_AT].set ? d->v[DEAD_RECEIVED_AT].num : EVENT_NO_TIME,
    };
}

static void a_letter_becomes_the_event_that_it_was(void **state)
{
    static const char body[] = "a\0b\xFF";
    struct entry entry = {.partition = 3};
    struct dead_letter_cause cause = {.reason = "unknown_call", .detail = "x"};
    struct envelope was = {.source = TEXT("twilio"),
                           .topic = TEXT("callback"),
                           .key = TEXT("CA1"),
                           .event_id = TEXT("e \"1\""),
                           .triggered_us = -5,
                           .received_us = 77,
                           .digest = {1, 2, 3, 4, 5, 6, 7, 8},
                           .headers = {{TEXT("content-type"), TEXT("text/x; charset=\"y\"")},
                                       {TEXT("url"), TEXT("https://x/?a=1&b=\xC3\xA4")}},
                           .n_headers = 2,
                           .body = body,
                           .body_len = sizeof body - 1};
    struct dead_letter *d = dead_letter_make(&arena, 0, &entry, &was, &cause);
    struct letter letter = stored(d);
    struct envelope is;
    const char *why;

    (void)state;
    assert_true(letter_envelope(&letter, now_us, &arena, &is, &why));
    assert_true(text_equal(is.source, was.source));
    assert_true(text_equal(is.topic, was.topic));
    assert_true(text_equal(is.key, was.key));
    assert_true(text_equal(is.event_id, was.event_id));
    assert_null(is.delivery_id.p);
    assert_int_equal(is.triggered_us, -5);
    assert_int_equal(is.received_us, 77);
    assert_memory_equal(is.digest, was.digest, 8);
    assert_int_equal(is.n_headers, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(text_equal(is.headers[i].name, was.headers[i].name));
        assert_true(text_equal(is.headers[i].value, was.headers[i].value));
    }
    assert_int_equal(is.body_len, was.body_len);
    assert_memory_equal(is.body, body, is.body_len);
}

static void what_is_missing_is_made_up_for_or_refused(void **state)
{
    struct letter letter = {.source = TEXT("shopify"),
                                .topic = TEXT("orders/create"),
                                .key = TEXT("a.myshopify.com"),
                                .payload = TEXT("{}"),
                                .received_us = EVENT_NO_TIME};
    struct letter broken = letter, redacted = letter, bytes = letter;
    uint8_t digest[DIGEST_SIZE];
    struct envelope is;
    const char *why = "";

    (void)state;
    assert_true(letter_envelope(&letter, now_us, &arena, &is, &why));
    assert_int_equal(is.received_us, now_us);
    assert_int_equal(is.triggered_us, EVENT_NO_TIME);
    digest_of(digest, "{}", 2);
    assert_memory_equal(is.digest, digest, sizeof digest);
    broken.headers = TEXT("{\"url\":");
    assert_false(letter_envelope(&broken, now_us, &arena, &is, &why));
    redacted.payload = TEXT_NULL;
    assert_false(letter_envelope(&redacted, now_us, &arena, &is, &why));
    bytes.source = TEXT_NULL;
    assert_false(letter_envelope(&bytes, now_us, &arena, &is, &why));
    assert_true(strlen(why) > 10);
}

static void headers_beyond_the_envelopes_room_are_left_out(void **state)
{
    struct letter letter = {
        .source = TEXT("s"),
        .topic = TEXT("t"),
        .key = TEXT("k"),
        .payload = TEXT(""),
        .received_us = 1,
        .headers = TEXT(
            "{\"a\":\"1\",\"b\":2,\"c\":\"1\",\"d\":\"1\",\"e\":\"1\",\"f\":\"1\",\"g\":\"1\","
            "\"h\":\"1\","
            "\"i\":\"1\",\"j\":\"1\",\"k\":\"1\",\"l\":\"1\",\"m\":\"1\",\"n\":\"1\",\"o\":\"1\","
            "\"p\":\"1\",\"q\":\"1\",\"r\":\"1\",\"triggered_us\":\"nonsense\"}")};
    struct envelope is;
    const char *why;

    (void)state;
    assert_true(letter_envelope(&letter, now_us, &arena, &is, &why));
    assert_int_equal(is.n_headers, ENVELOPE_HEADERS_MAX);
    assert_true(text_equal(is.headers[1].name, TEXT("c"))); /* b is no text */
    assert_int_equal(is.triggered_us, EVENT_NO_TIME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_line_becomes_filters),
        cmocka_unit_test(a_wrong_command_line_is_one_line),
        cmocka_unit_test(too_many_ids_are_refused_and_not_cut),
        cmocka_unit_test_setup(a_letter_becomes_the_event_that_it_was, begin),
        cmocka_unit_test_setup(what_is_missing_is_made_up_for_or_refused, begin),
        cmocka_unit_test_setup(headers_beyond_the_envelopes_room_are_left_out, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
