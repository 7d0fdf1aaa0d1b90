#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "realtime/deadlines.h"
#include "realtime/outbox.h"
#include "realtime/protocol.h"
#include "runtime/jsontext.h"

#define ASSERT_TEXT(t, literal) assert_true(text_equal(t, TEXT(literal)))

static void the_version_comes_from_the_query(void **state)
{
    static const struct {
        const char *query;
        bool good;
        enum protocol_version version;
    } cases[] = {
        {"", true, PROTOCOL_V1},           {"apikey=x", true, PROTOCOL_V1},
        {"vsn=1.0.0", true, PROTOCOL_V1},  {"apikey=x&vsn=2.0.0&log_level=info", true, PROTOCOL_V2},
        {"vsn=", true, PROTOCOL_V1},       {"vsn=3.0.0", false, PROTOCOL_V1},
        {"xvsn=2.0.0", true, PROTOCOL_V1}, {"&&vsn=2.0.0", true, PROTOCOL_V2},
    };
    enum protocol_version v;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(protocol_version_of(cases[i].query, &v), cases[i].good);
        if (cases[i].good)
            assert_int_equal(v, cases[i].version);
    }
    ASSERT_TEXT(protocol_query("apikey=a.b.c&vsn=2.0.0", "apikey"), "a.b.c");
}

static void both_versions_parse_to_the_same_message(void **state)
{
    struct message m;

    (void)state;
    assert_true(protocol_parse(
        PROTOCOL_V2, TEXT("[\"1\",\"2\",\"realtime:a\",\"phx_join\",{\"x\":1},\"more\"]"), &m));
    ASSERT_TEXT(m.join_ref, "\"1\"");
    ASSERT_TEXT(m.ref, "\"2\"");
    assert_string_equal(m.topic, "realtime:a");
    assert_string_equal(m.event, "phx_join");
    ASSERT_TEXT(m.payload, "{\"x\":1}");
    assert_true(protocol_parse(
        PROTOCOL_V1,
        TEXT("{\"topic\":\"realtime:\\u00e9\",\"event\":\"phx_join\",\"payload\":null,\"ref\":7}"),
        &m));
    ASSERT_TEXT(m.join_ref, "null");
    ASSERT_TEXT(m.ref, "7");
    assert_string_equal(m.topic, "realtime:\xc3\xa9");
    ASSERT_TEXT(m.payload, "{}");
}

static void what_is_no_message_is_refused(void **state)
{
    static const struct {
        enum protocol_version v;
        const char *text;
    } bad[] = {
        {PROTOCOL_V1, ""},
        {PROTOCOL_V1, "[]"},
        {PROTOCOL_V1, "{}"},
        {PROTOCOL_V1, "{\"topic\":\"a\"}"},
        {PROTOCOL_V1, "{\"topic\":1,\"event\":\"e\"}"},
        {PROTOCOL_V1, "{\"topic\":\"\",\"event\":\"e\"}"},
        {PROTOCOL_V1, "{\"topic\":\"a\",\"event\":\"e\",\"ref\":{}}"},
        {PROTOCOL_V2, "{}"},
        {PROTOCOL_V2, "[1,2,3,4]"},
        {PROTOCOL_V2, "[null,null,\"a\",\"e\"]"},
        {PROTOCOL_V2, "[[],null,\"a\",\"e\",{}]"},
        {PROTOCOL_V2, "[null,\"123456789012345678901234567890123\",\"a\",\"e\",{}]"},
        {PROTOCOL_V2, "[null,null,\"a\",\"e\",{}"},
        {PROTOCOL_V2, "[null,null,\"a\",\"an event name that is longer than any\",{}]"},
    };
    struct message m;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (protocol_parse(bad[i].v, text_of(bad[i].text), &m))
            fail_msg("accepted: %s", bad[i].text);
}

static void the_topic_has_a_limit(void **state)
{
    char text[TOPIC_MAX + 64];
    struct message m;
    int n;

    (void)state;
    n = snprintf(text, sizeof text, "[null,null,\"%0*d\",\"e\",{}]", TOPIC_MAX - 1, 0);
    assert_true(protocol_parse(PROTOCOL_V2, (struct text){text, (size_t)n}, &m));
    n = snprintf(text, sizeof text, "[null,null,\"%0*d\",\"e\",{}]", TOPIC_MAX, 0);
    assert_false(protocol_parse(PROTOCOL_V2, (struct text){text, (size_t)n}, &m));
}

static void binary_pushes_are_broadcasts(void **state)
{
    static const char good[] = "\x03\x01\x02\x0a\x04\x00\x01"
                               "1"
                               "42"
                               "realtime:a"
                               "ping"
                               "{\"a\":1}";
    struct binary_refs refs;
    struct message m;

    (void)state;
    assert_true(protocol_parse_binary((struct text){good, sizeof good - 1}, &m, &refs));
    ASSERT_TEXT(m.join_ref, "\"1\"");
    ASSERT_TEXT(m.ref, "\"42\"");
    assert_string_equal(m.topic, "realtime:a");
    assert_string_equal(m.event, "broadcast");
    for (size_t n = 0; n < 20; n++) /* cut anywhere in header, refs or topic */
        assert_false(protocol_parse_binary((struct text){good, n}, &m, &refs));
    assert_false(protocol_parse_binary(TEXT("\x04\x01\x02\x0a\x04\x00\x01"
                                            "142realtime:aping"),
                                       &m, &refs));
    assert_false(protocol_parse_binary(TEXT("\x03\x01\x02\x0a\x04\x00\x01"
                                            "\"42realtime:aping"),
                                       &m, &refs));
}

static void answers_are_written_in_the_client_s_version(void **state)
{
    struct message m = {
        .join_ref = TEXT("\"1\""), .ref = TEXT("\"2\""), .topic = "realtime:\"a\"\n"};
    struct frame *f = protocol_reply(PROTOCOL_V2, &m, "ok", "{}");

    (void)state;
    ASSERT_TEXT(frame_payload(f), "[\"1\",\"2\",\"realtime:\\\"a\\\"\\u000a\",\"phx_reply\",{"
                                  "\"status\":\"ok\",\"response\":{}}]");
    frame_unref(f);
    f = protocol_refusal(PROTOCOL_V1, &m, "Code: a \"reason\"");
    ASSERT_TEXT(frame_payload(f),
                "{\"ref\":\"2\",\"join_ref\":\"1\",\"topic\":\"realtime:\\\"a\\\"\\u000a\","
                "\"event\":\"phx_reply\",\"payload\":"
                "{\"status\":\"error\",\"response\":{\"reason\":\"Code: a \\\"reason\\\"\"}}}");
    assert_true(jsontext_valid(frame_payload(f)));
    frame_unref(f);
}

static void frames_carry_the_shortest_header(void **state)
{
    static const struct {
        size_t payload;
        uint32_t header;
    } cases[] = {{0, 2}, {1, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}, {1000000, 10}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct frame_writer w;
        struct frame *f;
        unsigned char *h;

        frame_begin(&w);
        for (size_t n = 0; n < cases[i].payload; n++)
            frame_puts(&w, "x");
        f = frame_finish(&w);
        h = f->bytes + f->start;
        assert_int_equal(f->len, cases[i].header + cases[i].payload);
        assert_int_equal(h[0], 0x81);
        assert_int_equal(h[1], cases[i].header == 2   ? cases[i].payload
                               : cases[i].header == 4 ? 126
                                                      : 127);
        if (cases[i].header == 4)
            assert_int_equal(h[2] << 8 | h[3], cases[i].payload);
        if (cases[i].header == 10)
            assert_int_equal(h[6] << 24 | h[7] << 16 | h[8] << 8 | h[9], cases[i].payload);
        assert_int_equal(frame_payload(f).n, cases[i].payload);
        frame_unref(f);
    }
}

static struct frame *frame_of_size(size_t payload)
{
    struct frame_writer w;

    frame_begin(&w);
    while (payload-- > 0)
        frame_puts(&w, "x");
    return frame_finish(&w);
}

static void an_outbox_keeps_order_and_purges_one_owner(void **state)
{
    struct outbox o = {0};
    struct frame *f[6];
    int a, b;
    const void *owners[6] = {&a, &b, NULL, &a, &b, &a};

    (void)state;
    for (int i = 0; i < 6; i++) {
        f[i] = frame_of_size((size_t)i);
        assert_true(outbox_push(&o, f[i], owners[i], 0));
        frame_unref(f[i]);
    }
    outbox_pop(&o); /* so that the ring wraps */
    f[0] = frame_of_size(9);
    assert_true(outbox_push(&o, f[0], &a, 0));
    frame_unref(f[0]);
    assert_int_equal(outbox_purge(&o, &a), 3);
    assert_ptr_equal(outbox_at(&o, 0), f[1]);
    assert_ptr_equal(outbox_at(&o, 1), f[2]);
    assert_ptr_equal(outbox_at(&o, 2), f[4]);
    assert_null(outbox_at(&o, 3));
    assert_int_equal(o.bytes, 2 * 3 + 1 + 2 + 4);
    outbox_clear(&o);
    assert_int_equal(o.bytes, 0);
}

static void an_outbox_is_bounded_and_keeps_room_for_control(void **state)
{
    struct outbox o = {0};
    struct frame *big = frame_of_size(OUTBOX_BYTES_MAX - 10), *small = frame_of_size(1);
    int owner;

    (void)state;
    assert_true(outbox_push(&o, big, &owner, 0));
    assert_false(outbox_push(&o, small, &owner, 0)); /* bytes */
    assert_true(outbox_push(&o, small, NULL, 0));    /* control goes on top */
    outbox_clear(&o);
    for (int i = 0; i < OUTBOX_FRAMES_MAX; i++)
        assert_true(outbox_push(&o, small, &owner, 0));
    assert_false(outbox_push(&o, small, &owner, 0)); /* frames */
    for (int i = 0; i < OUTBOX_CONTROL_MAX; i++)
        assert_true(outbox_push(&o, small, NULL, 0));
    assert_false(outbox_push(&o, small, NULL, 0));
    outbox_clear(&o);
    assert_int_equal(small->refs, 1);
    frame_unref(big);
    frame_unref(small);
}

static void deadlines_come_in_order(void **state)
{
    enum { N = 500 };
    static struct deadline e[N];
    struct deadlines d = {0};
    struct deadline *due;
    uint64_t last = 0;
    unsigned seed = 7, n = 0;

    (void)state;
    assert_true(deadlines_reserve(&d, N));
    assert_true(deadlines_next(&d) == UINT64_MAX);
    for (int round = 0; round < 3; round++) /* set, move, clear */
        for (int i = 0; i < N; i++) {
            seed = seed * 1103515245 + 12345;
            deadline_set(&d, &e[i], round == 2 && seed % 3 == 0 ? 0 : 1 + seed % 1000);
        }
    for (int i = 0; i < N; i++)
        n += e[i].pos != 0;
    assert_null(deadlines_due(&d, 0));
    while ((due = deadlines_due(&d, 1000)) != NULL) {
        assert_true(due->at >= last);
        last = due->at;
        n--;
    }
    assert_int_equal(n, 0);
    deadlines_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_comes_from_the_query),
        cmocka_unit_test(both_versions_parse_to_the_same_message),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(the_topic_has_a_limit),
        cmocka_unit_test(binary_pushes_are_broadcasts),
        cmocka_unit_test(answers_are_written_in_the_client_s_version),
        cmocka_unit_test(frames_carry_the_shortest_header),
        cmocka_unit_test(an_outbox_keeps_order_and_purges_one_owner),
        cmocka_unit_test(an_outbox_is_bounded_and_keeps_room_for_control),
        cmocka_unit_test(deadlines_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
