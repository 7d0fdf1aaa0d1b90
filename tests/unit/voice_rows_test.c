/* voice/voice_rows.c, registry.c, numbers.c, moments.c: the same for every provider. */
#include "voicing.h"

#include "voice/moments.h"
#include "voice/numbers.h"
#include "voice/payload.h"

static char memory[1 << 20] __attribute__((aligned(16)));
static struct arena arena;
static struct rows rows;

static struct voice_event *event(enum voice_phase phase)
{
    static struct voice_events events;

    arena_init(&arena, memory, sizeof memory);
    rows_init(&rows, &arena);
    rows_start_event(&rows, 0);
    events = (struct voice_events){.arena = &arena};
    return voice_event_add(&events, phase, TEXT("c1"));
}

static const struct row *call_row(const struct voice_event *ev)
{
    voice_rows(voice_provider_find("vapi"), ev, &voicing_owner, test_digest, &rows);
    assert_false(rows_failed(&rows));
    return row_at(&rows, ROWSET_calls, 0);
}

static void a_version_is_phase_then_order_then_moment_then_digest(void **state)
{
    static const uint8_t expected[24] = {4, 0, 0, 0, 0,    0, 1, 2, 0x80, 0, 0, 0,
                                         0, 0, 1, 0, 0xD1, 0, 0, 0, 0,    0, 0, 0xD8};
    struct voice_event *ev = event(VOICE_ENDED);
    const struct value *v;

    (void)state;
    ev->order = 258;
    ev->at_us = 256;
    v = &call_row(ev)->v[COL_calls_source_version];
    assert_int_equal(v->text.n, sizeof expected);
    assert_memory_equal(v->text.p, expected, sizeof expected);
    ev = event(VOICE_QUEUED); /* no moment sorts before any */
    v = &call_row(ev)->v[COL_calls_source_version];
    assert_memory_equal(v->text.p, "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xD1", 17);
    expect_null(row_at(&rows, ROWSET_calls, 0), COL_calls_source_updated_at);
}

static void an_event_before_the_end_has_no_result(void **state)
{
    for (int phase = VOICE_QUEUED; phase <= VOICE_ANALYSED; phase++) {
        struct voice_event *ev = event((enum voice_phase)phase);
        const struct row *r;
        bool ended = phase >= VOICE_ENDED;

        ev->outcome = TEXT("answered");
        ev->duration_seconds = 5;
        ev->summary = TEXT("s");
        ev->sentiment = TEXT("neutral");
        ev->sentiment_score = -100;
        ev->error_message = TEXT("e");
        ev->at_us = 7;
        r = call_row(ev);
        expect_number(r, COL_calls_phase, phase);
        assert_int_equal(r->v[COL_calls_outcome].set, ended);
        assert_int_equal(r->v[COL_calls_duration_seconds].set, ended);
        assert_int_equal(r->v[COL_calls_summary].set, ended);
        assert_int_equal(r->v[COL_calls_sentiment].set, ended);
        assert_int_equal(r->v[COL_calls_sentiment_score].set, ended);
        assert_int_equal(r->v[COL_calls_error_message].set, ended);
        assert_int_equal(r->v[COL_calls_ended_at].set, phase == VOICE_ENDED);
    }
    (void)state;
}

static void impossible_values_are_left_out(void **state)
{
    struct voice_event *ev = event(VOICE_ENDED);
    const struct row *r;
    char error[1500];

    (void)state;
    memset(error, 'x', sizeof error);
    ev->duration_seconds = -1;
    ev->sentiment_score = 101;
    ev->attempt_number = 0;
    ev->summary = TEXT(" ");
    ev->from_number = TEXT("");
    ev->error_message = (struct text){error, sizeof error};
    r = call_row(ev);
    expect_null(r, COL_calls_duration_seconds);
    expect_null(r, COL_calls_sentiment_score);
    expect_null(r, COL_calls_attempt_number);
    expect_null(r, COL_calls_summary);
    expect_null(r, COL_calls_from_number);
    assert_int_equal(r->v[COL_calls_error_message].text.n, 1000);
    ev = event(VOICE_ENDED);
    ev->duration_seconds = INT64_C(1) << 40;
    expect_null(call_row(ev), COL_calls_duration_seconds);
}

static void the_owner_is_who_was_looked_up(void **state)
{
    const struct row *r = call_row(event(VOICE_RINGING));

    (void)state;
    assert_memory_equal(r->v[COL_calls_organization_id].text.p, voicing_owner.organization_id, 16);
    assert_memory_equal(r->v[COL_calls_agent_id].text.p, voicing_owner.agent_id, 16);
    expect_null(r, COL_calls_campaign_id);
    expect_text(r, COL_calls_provider, "vapi");
}

static void the_customer_is_the_other_side(void **state)
{
    static const struct {
        const char *type, *from, *to, *customer;
    } cases[] = {
        {"inbound", "+14155550101", "+14155550100", "+14155550101"},
        {"outbound", "+14155550100", "+14155550101", "+14155550101"},
        {"webcall", "+14155550100", "+14155550101", NULL},
        {NULL, "+14155550100", "+14155550101", NULL},
        {"inbound", "alice", "+14155550100", NULL},
        {"inbound", NULL, "+14155550100", NULL},
        {"outbound", "+14155550100", "+910000000001", "+910000000001"}, /* nobody's, but dialled */
        {"inbound", "+86282452253", "+14155550100", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct voice_event *ev = event(VOICE_RINGING);

        ev->call_type = text_of(cases[i].type);
        ev->from_number = text_of(cases[i].from);
        ev->to_number = text_of(cases[i].to);
        expect_text(call_row(ev), COL_calls_customer_phone, cases[i].customer);
    }
}

static void turns_belong_to_their_event(void **state)
{
    struct voice_turn turns[2] = {
        {TEXT("agent"), TEXT("Hi"), -1500000, EVENT_NO_TIME, 0.98765},
        {TEXT("caller"), TEXT("Yes"), VOICE_NONE, 42, -1},
    };
    struct voice_event *ev = event(VOICE_ANALYSED);
    const struct row *r;

    (void)state;
    ev->turns = turns;
    ev->n_turns = 2;
    ev->transcript_whole = true;
    call_row(ev);
    assert_int_equal(rows.n[ROWSET_call_turns], 2);
    r = row_at(&rows, ROWSET_call_turns, 0);
    expect_text(r, COL_call_turns_external_call_id, "c1");
    expect_text(r, COL_call_turns_offset_us, "-1500000");
    expect_text(r, COL_call_turns_confidence, "0.9877");
    expect_null(r, COL_call_turns_spoken_at);
    assert_int_equal(r->v[COL_call_turns_source_version].text.n, 24);
    r = row_at(&rows, ROWSET_call_turns, 1);
    expect_number(r, COL_call_turns_position, 1);
    expect_number(r, COL_call_turns_spoken_at, 42);
    expect_null(r, COL_call_turns_offset_us);
    expect_null(r, COL_call_turns_confidence);
    ev = event(VOICE_ANALYSED);
    ev->transcript_whole = true; /* nothing was said */
    call_row(ev);
    expect_number(row_at(&rows, ROWSET_call_turns, 0), COL_call_turns_position, -1);
    expect_null(row_at(&rows, ROWSET_call_turns, 0), COL_call_turns_content);
}

static void a_provider_is_found_by_its_name(void **state)
{
    size_t n = 0;
    const struct voice_provider *const *all = voice_providers(&n);

    (void)state;
    assert_true(n >= 6);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(voice_provider_find(all[i]->name), all[i]);
        assert_non_null(all[i]->secret_setting);
        assert_true(all[i]->verify != NULL && all[i]->call_id != NULL && all[i]->read != NULL);
        for (unsigned h = 0; all[i]->headers[h] != NULL; h++) {
            assert_true(h < VOICE_HEADERS_MAX);
            assert_int_equal(strcspn(all[i]->headers[h], "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                             strlen(all[i]->headers[h]));
        }
    }
    assert_null(voice_provider_find("shopify"));
    assert_null(voice_provider_find(""));
}

static void moments_are_read_in_three_spellings(void **state)
{
    static const char *const cases[][2] = {
        {"2026-07-15T14:32:18Z", "2026-07-15T14:32:18Z"},
        {"Wed, 15 Jul 2026 14:32:18 +0000", "2026-07-15T14:32:18Z"},
        {"15 Jul 2026 14:32:18 GMT", "2026-07-15T14:32:18Z"},
        {"Wed, 5 Jan 2026 14:32:18 -0730", "2026-01-05T22:02:18Z"},
        {"2024-09-26 14:05:18", "2024-09-26T14:05:18Z"},
        {"2021-04-28 21:51:18.731479Z", "2021-04-28T21:51:18.731479Z"},
        {"2021-04-28 21:51:18+05:30", "2021-04-28T16:21:18Z"},
        {"", NULL},
        {"yesterday", NULL},
        {"Wed, 32 Jul 2026 14:32:18 +0000", NULL},
        {"Wed, 15 Foo 2026 14:32:18 +0000", NULL},
        {"Wed, 15 Jul 2026 14:32:18 +0000 x", NULL},
        {"Wed, 15 Jul 2026 14:32:18", NULL},
        {"2024-09-26", NULL},
        {"2024-09-26 14:05:18 and something that goes on", NULL},
        {"-", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t us = moment_text(text_of(cases[i][0]));
        if (cases[i][1] == NULL)
            assert_true(us == EVENT_NO_TIME);
        else
            assert_true(us == at(cases[i][1]));
    }
}

static void json_moments_have_a_unit(void **state)
{
    static const struct {
        const char *json;
        int64_t unit, us;
    } cases[] = {
        {"1772442900123", 1000, INT64_C(1772442900123000)},
        {"1.722115418016999E12", 1000, INT64_C(1722115418016999)},
        {"1772442900", 1000000, INT64_C(1772442900000000)},
        {"\"2026-03-02T09:15:00Z\"", 1000, INT64_C(1772442900000000)},
        {"-1", 1000, EVENT_NO_TIME},
        {"1e40", 1000, EVENT_NO_TIME},
        {"null", 1000, EVENT_NO_TIME},
        {"true", 1000, EVENT_NO_TIME},
    };

    (void)state;
    arena_init(&arena, memory, sizeof memory);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char padded[128] = "";
        const char *why;

        strcpy(padded, cases[i].json);
        assert_true(moment_json(json_parse(JSON_SLOT_EVENT, padded, strlen(padded), &why), &arena,
                                cases[i].unit) == cases[i].us);
    }
}

static void amounts_are_exact(void **state)
{
    static const struct {
        const char *number;
        int shift;
        const char *amount;
    } cases[] = {
        {"0.0932", 0, "0.0932"},
        {"12.345", -2, "0.12345"},
        {"70", -2, "0.70"},
        {"0", -2, "0.00"},
        {"123456789012345678901.5", 0, "123456789012345678901.5"},
        {"9.32e-05", 0, "0.0000932"},
        {"1.5E3", 0, "1500"},
        {"-0.0130", 0, "-0.0130"},
        {"007.50", 0, "7.50"},
        {"5", 2, "500"},
        {"1e31", 0, NULL},
        {"1e-31", 0, NULL},
        {"", 0, NULL},
        {"x", 0, NULL},
        {"0x10", 0, NULL},
        {"nan", 0, NULL},
        {"1.2.3", 0, NULL},
        {"1e", 0, NULL},
        {"-", 0, NULL},
        {"1e999", 0, NULL},
    };

    (void)state;
    arena_init(&arena, memory, sizeof memory);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_is(number_decimal(text_of(cases[i].number), cases[i].shift, &arena),
                  cases[i].amount);
    assert_int_equal(number_seconds(TEXT("187.9"), 1), 187);
    assert_int_equal(number_seconds(TEXT("999"), 1000), 0);
    assert_true(number_seconds(TEXT("2147483648"), 1) == VOICE_NONE);
    assert_int_equal(number_seconds(TEXT("2147483647"), 1), INT32_MAX);
}

static void e164_has_a_plus_and_seven_to_fifteen_digits(void **state)
{
    (void)state;
    assert_true(number_is_e164(TEXT("+1234567")));
    assert_false(number_is_e164(TEXT("+123456")));
    assert_true(number_is_e164(TEXT("+123456789012345")));
    assert_false(number_is_e164(TEXT("+1234567890123456")));
    assert_false(number_is_e164(TEXT("+0123456789")));
    assert_false(number_is_e164(TEXT("14155550101")));
    assert_false(number_is_e164(TEXT("+1415555o101")));
    assert_false(number_is_e164(TEXT_NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_phase_then_order_then_moment_then_digest),
        cmocka_unit_test(an_event_before_the_end_has_no_result),
        cmocka_unit_test(impossible_values_are_left_out),
        cmocka_unit_test(the_owner_is_who_was_looked_up),
        cmocka_unit_test(the_customer_is_the_other_side),
        cmocka_unit_test(turns_belong_to_their_event),
        cmocka_unit_test(a_provider_is_found_by_its_name),
        cmocka_unit_test(moments_are_read_in_three_spellings),
        cmocka_unit_test(json_moments_have_a_unit),
        cmocka_unit_test(amounts_are_exact),
        cmocka_unit_test(e164_has_a_plus_and_seven_to_fifteen_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
