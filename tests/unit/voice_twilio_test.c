/* voice/twilio.c, plivo.c, telnyx.c: one reading of forms, three profiles. */
#include "voicing.h"

static void a_status_has_its_phase(void **state)
{
    static const struct {
        const char *word, *status, *outcome;
    } cases[] = {
        {"queued", "queued", NULL},        {"initiated", "queued", NULL},
        {"ringing", "ringing", NULL},      {"in-progress", "in_progress", NULL},
        {"answered", "in_progress", NULL}, {"completed", "ended", "answered"},
        {"busy", "ended", "busy"},         {"no-answer", "ended", "no_answer"},
        {"failed", "ended", "failed"},     {"canceled", "ended", "failed"},
    };
    static const char *const providers[] = {"twilio", "telnyx"};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const size_t c = i / 2;
        char body[256];

        snprintf(body, sizeof body, "CallSid=CA1&CallStatus=%s&CallDuration=7", cases[c].word);
        voice_form(providers[i % 2], body, NULL);
        expect_text(voiced_call(), COL_calls_provider, providers[i % 2]);
        expect_text(voiced_call(), COL_calls_status, cases[c].status);
        expect_text(voiced_call(), COL_calls_outcome, cases[c].outcome);
        assert_int_equal(voiced_call()->v[COL_calls_duration_seconds].set,
                         cases[c].outcome != NULL);
    }
    assert_null(voice_form("twilio", "CallSid=CA1&CallStatus=exploded", NULL));
    assert_int_equal(voiced.verdict, VERDICT_REJECT);
    assert_null(voice_form("twilio", "CallStatus=busy", NULL));
    assert_int_equal(voiced.verdict, VERDICT_REJECT);
}

static void a_completed_call_is_seconds_long(void **state)
{
    const struct voice_event *ev = voice_form(
        "twilio",
        "CallSid=CA1&CallStatus=completed&Duration=1&CallDuration=49&SequenceNumber=3&Direction="
        "outbound-api&From=%2B12125550100&To=%2B14155550104&Timestamp=Mon%2C%2002%20Mar%202026%20"
        "09%3A19%3A00%20%2B0000&AnsweredBy=human&Price=-0.0130&PriceUnit=USD&SipResponseCode=200",
        NULL);
    const struct row *r = voiced_call();

    (void)state;
    assert_int_equal(ev->order, 3);
    expect_is(ev->our_number, "+12125550100");
    expect_number(r, COL_calls_duration_seconds, 49);
    expect_text(r, COL_calls_call_type, "outbound");
    expect_text(r, COL_calls_customer_phone, "+14155550104");
    expect_number(r, COL_calls_ended_at, at("2026-03-02T09:19:00Z"));
    expect_number(r, COL_calls_started_at, at("2026-03-02T09:18:11Z"));
    expect_text(r, COL_calls_metadata,
                "{\"answered_by\":\"human\",\"cost\":{\"amount\":\"0.0130\",\"currency\":\"USD\"},"
                "\"ended_reason\":\"completed\",\"sip_response_code\":\"200\"}");
}

static void a_machine_that_answers_is_voicemail(void **state)
{
    static const struct {
        const char *by, *outcome;
    } cases[] = {
        {"human", "answered"},
        {"unknown", "answered"},
        {"machine_start", "voicemail"},
        {"machine_end_beep", "voicemail"},
        {"machine_end_other", "voicemail"},
        {"fax", "voicemail"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[256];

        snprintf(body, sizeof body, "CallSid=CA1&CallStatus=completed&AnsweredBy=%s", cases[i].by);
        voice_form("twilio", body, NULL);
        expect_text(voiced_call(), COL_calls_outcome, cases[i].outcome);
    }
    voice_form("twilio", "CallSid=CA1&CallStatus=busy&AnsweredBy=machine_start", NULL);
    expect_text(voiced_call(), COL_calls_outcome, "busy");
    /* found out while the call goes on: a sign of life */
    voice_form("twilio", "CallSid=CA1&AnsweredBy=machine_start", NULL);
    expect_text(voiced_call(), COL_calls_status, "in_progress");
    expect_text(voiced_call(), COL_calls_metadata, "{\"answered_by\":\"machine_start\"}");
}

static void a_failure_says_why(void **state)
{
    (void)state;
    voice_form("twilio", "CallSid=CA1&CallStatus=failed&SipResponseCode=404", NULL);
    expect_text(voiced_call(), COL_calls_error_message, "SIP 404");
    voice_form("twilio", "CallSid=CA1&CallStatus=failed&SipResponseCode=404&ErrorMessage=No+route",
               NULL);
    expect_text(voiced_call(), COL_calls_error_message, "No route");
    voice_form("twilio", "CallSid=CA1&CallStatus=canceled", NULL);
    expect_text(voiced_call(), COL_calls_error_message, "canceled");
    voice_form("twilio", "CallSid=CA1&CallStatus=busy&SipResponseCode=486", NULL);
    expect_text(voiced_call(), COL_calls_error_message, NULL);
}

static void a_recording_has_no_status(void **state)
{
    (void)state;
    voice_form("twilio",
               "CallSid=CA1&RecordingSid=RE1&RecordingUrl=https%3A%2F%2Fapi.example%2FRE1&"
               "RecordingStatus=completed&RecordingDuration=11&RecordingStartTime=Wed%2C%2020%20Apr"
               "%202022%2023%3A45%3A25%20%2B0000",
               NULL);
    expect_text(voiced_call(), COL_calls_status, "in_progress");
    expect_text(voiced_call(), COL_calls_outcome, NULL);
    expect_number(voiced_call(), COL_calls_source_updated_at, at("2022-04-20T23:45:25Z"));
    expect_null(voiced_call(), COL_calls_started_at);
    expect_text(voiced_recording(), COL_call_recordings_provider_url, "https://api.example/RE1");
    expect_number(voiced_recording(), COL_call_recordings_duration_seconds, 11);
    assert_null(voice_form("twilio",
                           "CallSid=CA1&RecordingUrl=https%3A%2F%2Fx%2Fy&RecordingStatus="
                           "absent",
                           NULL));
    assert_int_equal(voiced.verdict, VERDICT_IGNORE);
    voice_form("plivo",
               "CallUUID=u&RecordUrl=https%3A%2F%2Fx.example%2Fy.mp3&RecordingDuration=-1&"
               "RecordingStartMs=1772442900000",
               NULL);
    expect_text(voiced_recording(), COL_call_recordings_provider_url, "https://x.example/y.mp3");
    expect_null(voiced_recording(), COL_call_recordings_duration_seconds);
    expect_number(voiced_call(), COL_calls_source_updated_at, INT64_C(1772442900000000));
}

static void the_query_carries_our_keys(void **state)
{
    const struct voice_event *ev =
        voice_form("twilio", "CallSid=CA1&CallStatus=ringing&organization_id=evil",
                   "organization_id=o%201&attempt_id=t&payment_type=cod&foo=bar&attempt_number=2");

    (void)state;
    expect_is(ev->organization_id, "o 1");
    expect_is(ev->attempt_id, "t");
    expect_text(voiced_call(), COL_calls_metadata,
                "{\"organization_id\":\"o 1\",\"attempt_id\":\"t\",\"payment_type\":\"cod\","
                "\"attempt_number\":\"2\"}");
    expect_number(voiced_call(), COL_calls_attempt_number, 2);
    ev = voice_form("plivo", "CallUUID=u&CallStatus=ringing", NULL);
    expect_is(ev->organization_id, NULL);
    expect_text(voiced_call(), COL_calls_metadata, NULL);
}

static void parties_are_numbers_or_users(void **state)
{
    static const struct {
        const char *provider, *sent, *kept, *customer;
    } cases[] = {
        {"twilio", "%2B14155550104", "+14155550104", "+14155550104"},
        {"twilio", "+14155550104", "+14155550104", "+14155550104"}, /* "+" was not escaped */
        {"twilio", "client%3Aalice", "client:alice", NULL},
        {"twilio", "sip%3Aalice%40x.example", "sip:alice@x.example", NULL},
        {"twilio", "%2B266696687", "+266696687", NULL}, /* withheld */
        {"twilio", "11111", "11111", NULL},
        {"twilio", "09876543210", "09876543210", NULL}, /* national */
        {"plivo", "919800000001", "+919800000001", "+919800000001"},
        {"plivo", "6591234567", "+6591234567", "+6591234567"},
        {"twilio", "6591234567", "6591234567", NULL}, /* could be national */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[256];

        snprintf(body, sizeof body,
                 "CallSid=c&CallUUID=c&CallStatus=ringing&Direction=inbound&From=%s",
                 cases[i].sent);
        voice_form(cases[i].provider, body, NULL);
        expect_text(voiced_call(), COL_calls_from_number, cases[i].kept);
        expect_text(voiced_call(), COL_calls_customer_phone, cases[i].customer);
    }
}

static void plivo_causes_decide_what_a_status_leaves_open(void **state)
{
    static const struct {
        const char *status, *code, *more, *outcome;
    } cases[] = {
        {"completed", "4000", "", "answered"},
        {"completed", "4010", "", "answered"},
        {"completed", "4020", "", "answered"},
        {"completed", "4000", "&Machine=true", "voicemail"},
        {"completed", "7010", "&HangupCauseName=Machine+Detected", "voicemail"},
        {"busy", "3010", "", "busy"},
        {"busy", "3020", "", "no_answer"},
        {"failed", "3020", "", "no_answer"},
        {"no-answer", "6010", "", "no_answer"},
        {"timeout", "", "", "no_answer"},
        {"cancel", "1000", "", "failed"},
        {"failed", "1010", "", "failed"},
        {"failed", "2000", "", "failed"},
        {"failed", "2040", "", "failed"},
        {"failed", "9999", "", "failed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[256];

        snprintf(body, sizeof body,
                 "CallUUID=u&Event=Hangup&CallStatus=%s&HangupCauseCode=%s&Duration=6&BillDuration="
                 "60%s",
                 cases[i].status, cases[i].code, cases[i].more);
        voice_form("plivo", body, NULL);
        expect_text(voiced_call(), COL_calls_outcome, cases[i].outcome);
        expect_number(voiced_call(), COL_calls_duration_seconds, 6);
    }
}

static void plivo_times_are_local_to_the_account(void **state)
{
    static const struct {
        const char *session, *start, *answer, *end, *started, *ended;
    } cases[] = {
        {"2024-09-26+08%3A35%3A10.910772", "2024-09-26+14%3A05%3A08", "2024-09-26+14%3A05%3A18",
         "2024-09-26+14%3A06%3A23", "2024-09-26T08:35:18Z", "2024-09-26T08:36:23Z"},
        {"2024-01-01+03%3A00%3A00", "2023-12-31+22%3A00%3A02", "2023-12-31+22%3A00%3A09",
         "2023-12-31+22%3A01%3A00", "2024-01-01T03:00:09Z", "2024-01-01T03:01:00Z"},
        {"2024-01-01+03%3A00%3A00", "2024-01-01+03%3A00%3A00", "", "2024-01-01+03%3A00%3A40", NULL,
         "2024-01-01T03:00:40Z"},
        {"", "2024-01-01+03%3A00%3A00", "2024-01-01+03%3A00%3A00", "2024-01-01+03%3A00%3A40", NULL,
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512];

        snprintf(body, sizeof body,
                 "CallUUID=u&CallStatus=completed&SessionStart=%s&StartTime=%s&AnswerTime=%s&"
                 "EndTime=%s",
                 cases[i].session, cases[i].start, cases[i].answer, cases[i].end);
        voice_form("plivo", body, NULL);
        if (cases[i].started == NULL)
            expect_null(voiced_call(), COL_calls_started_at);
        else
            expect_number(voiced_call(), COL_calls_started_at, at(cases[i].started));
        if (cases[i].ended == NULL)
            expect_null(voiced_call(), COL_calls_ended_at);
        else
            expect_number(voiced_call(), COL_calls_ended_at, at(cases[i].ended));
    }
}

static void telnyx_writes_time_its_own_way(void **state)
{
    static const char json[] =
        "{\"CallSid\":\"v2:a-b\",\"CallStatus\":\"completed\",\"CallDuration\":\"2\","
        "\"SequenceNumber\":0,\"Timestamp\":\"2021-04-28 21:51:18.731479Z\"}";

    (void)state;
    voice_form("telnyx",
               "CallSid=v2%3Aa-b&CallStatus=completed&CallDuration=2&Timestamp=2021-04-28+21%3A51%"
               "3A18.731479Z",
               NULL);
    expect_text(voiced_call(), COL_calls_external_call_id, "v2:a-b");
    expect_number(voiced_call(), COL_calls_ended_at, at("2021-04-28T21:51:18.731479Z"));
    expect_text(voiced_call(), COL_calls_call_type, NULL);
    voice_form("telnyx", json, NULL); /* as its documentation shows it */
    expect_text(voiced_call(), COL_calls_external_call_id, "v2:a-b");
    expect_number(voiced_call(), COL_calls_duration_seconds, 2);
    assert_null(voice_form("telnyx", "{\"CallSid\":", NULL));
    assert_int_equal(voiced.verdict, VERDICT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_has_its_phase),
        cmocka_unit_test(a_completed_call_is_seconds_long),
        cmocka_unit_test(a_machine_that_answers_is_voicemail),
        cmocka_unit_test(a_failure_says_why),
        cmocka_unit_test(a_recording_has_no_status),
        cmocka_unit_test(the_query_carries_our_keys),
        cmocka_unit_test(parties_are_numbers_or_users),
        cmocka_unit_test(plivo_causes_decide_what_a_status_leaves_open),
        cmocka_unit_test(plivo_times_are_local_to_the_account),
        cmocka_unit_test(telnyx_writes_time_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
