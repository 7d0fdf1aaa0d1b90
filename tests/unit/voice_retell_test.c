/* voice/retell.c: what its webhooks mean. */
#include "voicing.h"

#define ENDED(members)                                                                             \
    "{'event':'call_ended','event_timestamp':1772443000000,'call':{'call_id':'c1'," members "}}"

static void a_started_call_is_in_progress(void **state)
{
    const struct voice_event *ev = voice(
        "retell", "{'event':'call_started','call':{'call_id':'c1','call_type':'phone_call',"
                  "'direction':'inbound','from_number':'+14155550111',"
                  "'to_number':'+1 (415) 555-0199','agent_id':'agent_1','call_status':'ended',"
                  "'duration_ms':5000,'disconnection_reason':'user_hangup',"
                  "'start_timestamp':1772442900500}}");
    const struct row *r = voiced_call();

    (void)state;
    assert_int_equal(ev->phase, VOICE_IN_PROGRESS);
    expect_text(r, COL_calls_provider, "retell");
    expect_text(r, COL_calls_external_call_id, "c1");
    expect_text(r, COL_calls_status, "in_progress");
    expect_text(r, COL_calls_call_type, "inbound");
    expect_text(r, COL_calls_from_number, "+14155550111");
    expect_text(r, COL_calls_to_number, "+14155550199");
    expect_text(r, COL_calls_customer_phone, "+14155550111");
    expect_number(r, COL_calls_started_at, INT64_C(1772442900500000));
    expect_number(r, COL_calls_source_updated_at, INT64_C(1772442900500000));
    expect_null(r, COL_calls_outcome);
    expect_null(r, COL_calls_duration_seconds);
    expect_is(ev->our_number, "+14155550199");
    expect_is(ev->provider_agent_id, "agent_1");
}

static void an_ended_call_has_its_result(void **state)
{
    const struct row *r;

    (void)state;
    voice("retell",
          ENDED("'call_type':'phone_call','direction':'outbound','from_number':'11111',"
                "'to_number':'+919800000001','call_status':'registered','start_timestamp':"
                "1772442900000,'end_timestamp':1772442981576,'duration_ms':81576,"
                "'disconnection_reason':'agent_hangup','recording_url':'https://r.example/a.wav',"
                "'call_cost':{'combined_cost':12.345},'metadata':{'attempt_id':'a1','x':1}"));
    r = voiced_call();
    expect_text(r, COL_calls_status, "ended");
    expect_text(r, COL_calls_outcome, "answered");
    expect_text(r, COL_calls_from_number, "11111");
    expect_text(r, COL_calls_customer_phone, "+919800000001");
    expect_number(r, COL_calls_duration_seconds, 81);
    expect_number(r, COL_calls_ended_at, INT64_C(1772442981576000));
    expect_text(r, COL_calls_error_message, NULL);
    expect_text(r, COL_calls_metadata,
                "{\"attempt_id\":\"a1\",\"x\":1,\"ended_reason\":\"agent_hangup\",\"cost\":"
                "{\"amount\":\"0.12345\",\"currency\":\"USD\"}}");
    expect_text(voiced_recording(), COL_call_recordings_provider_url, "https://r.example/a.wav");
    expect_null(voiced_recording(), COL_call_recordings_url_expires_at);
    voice("retell", ENDED("'start_timestamp':1772442900000,'end_timestamp':1772442915791"));
    expect_number(voiced_call(), COL_calls_duration_seconds, 15);
    expect_text(voiced_call(), COL_calls_outcome,
                "answered"); /* no reason, but they were talking */
    voice("retell", ENDED("'duration_ms':0,'disconnection_reason':'dial_no_answer'"));
    expect_number(voiced_call(), COL_calls_duration_seconds, 0);
    expect_number(voiced_call(), COL_calls_ended_at, INT64_C(1772443000000000));
    expect_null(voiced_call(), COL_calls_started_at);
}

static void a_voicemail_found_later_turns_an_answered_call_only(void **state)
{
    static const struct {
        const char *reason, *in_voicemail, *outcome;
    } cases[] = {
        {"'user_hangup'", "false", "answered"},
        {"'user_hangup'", "true", "voicemail"},
        {"'dial_busy'", "true", "busy"},
        {"'dial_failed'", "true", "failed"},
        {"null", "true", "voicemail"},
        {"null", "false", NULL},
        {"'voicemail_reached'", "false", "voicemail"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512];

        snprintf(body, sizeof body,
                 "{'event':'call_analyzed','call':{'call_id':'c1','disconnection_reason':%s,"
                 "'call_analysis':{'in_voicemail':%s}}}",
                 cases[i].reason, cases[i].in_voicemail);
        assert_int_equal(voice("retell", body)->phase, VOICE_ANALYSED);
        expect_text(voiced_call(), COL_calls_outcome, cases[i].outcome);
        expect_text(voiced_call(), COL_calls_status, "ended");
    }
}

static void the_analysis_adds_summary_sentiment_and_decision(void **state)
{
    const struct row *r;

    (void)state;
    voice("retell",
          "{'event':'call_analyzed','call':{'call_id':'c1','call_analysis':{"
          "'call_summary':' Confirmed. ','user_sentiment':'Positive',"
          "'custom_analysis_data':{'order_decision':'cancelled','sentiment_score':70}}}}");
    r = voiced_call();
    expect_text(r, COL_calls_summary, "Confirmed.");
    expect_text(r, COL_calls_sentiment, "positive");
    expect_number(r, COL_calls_sentiment_score, 70);
    expect_text(r, COL_calls_metadata,
                "{\"analysis\":{\"order_decision\":\"cancelled\",\"sentiment_score\":70},"
                "\"order_decision\":\"cancelled\"}");
    voice("retell", "{'event':'call_analyzed','call':{'call_id':'c1','call_analysis':{"
                    "'call_summary':'','user_sentiment':'Unknown','custom_analysis_data':{}}}}");
    r = voiced_call();
    expect_null(r, COL_calls_summary);
    expect_null(r, COL_calls_sentiment);
    expect_null(r, COL_calls_metadata);
}

static void echoed_metadata_says_whose_call_it_is(void **state)
{
    const struct voice_event *ev = voice(
        "retell", "{'event':'call_started','call':{'call_id':'c1','metadata':{'organization_id':"
                  "'o','campaign_id':'p','agent_id':'a','contact_id':'k','attempt_id':7,"
                  "'attempt_number':3,'payment_type':'cod','order_id':'1'}}}");

    (void)state;
    expect_is(ev->organization_id, "o");
    expect_is(ev->campaign_id, "p");
    expect_is(ev->agent_id, "a");
    expect_is(ev->contact_id, "k");
    expect_is(ev->attempt_id, "7");
    expect_text(voiced_call(), COL_calls_contact_id, "k");
    expect_number(voiced_call(), COL_calls_attempt_number, 3);
}

static void turns_are_speech_in_order(void **state)
{
    const struct row *r;

    (void)state;
    voice("retell",
          "{'event':'transcript_updated','call':{'call_id':'c1','start_timestamp':1000000,"
          "'transcript_with_tool_calls':[{'role':'user','content':'no'}],'transcript_object':["
          "{'role':'agent','content':'Hello','words':[{'word':'Hello','start':0.25,'end':0.5}]},"
          "{'role':'tool_call_invocation','name':'x','arguments':'{}'},"
          "{'role':'agent','content':'Anyone?','words':[]},"
          "{'role':'user','content':' '},"
          "{'role':'user','content':'Yes','words':[{'word':'Yes','start':4.5,'end':5.75}]}]}}");
    assert_int_equal(voiced.rows.n[ROWSET_call_turns], 3);
    r = voiced_turn(0);
    expect_text(r, COL_call_turns_speaker, "agent");
    expect_text(r, COL_call_turns_content, "Hello");
    expect_text(r, COL_call_turns_offset_us, "250000");
    expect_number(r, COL_call_turns_whole, 1);
    expect_number(r, COL_call_turns_position, 0);
    expect_null(r, COL_call_turns_confidence);
    expect_text(voiced_turn(1), COL_call_turns_content, "Anyone?");
    expect_null(voiced_turn(1), COL_call_turns_offset_us);
    expect_text(voiced_turn(2), COL_call_turns_speaker, "caller");
    expect_number(voiced_turn(2), COL_call_turns_position, 2);
    expect_text(voiced_call(), COL_calls_status, "in_progress");
    /* it has no time of its own: the last word's second stands in */
    expect_number(voiced_call(), COL_calls_source_updated_at, INT64_C(1005000000));
}

static void plain_transcripts_stand_in_for_lists(void **state)
{
    (void)state;
    voice("retell", ENDED("'transcript_object':[],'transcript':'Agent: Hi: you?\\nUser: Yes,\\n  "
                          "it is me.\\nNote: x\\nAgent: Bye\\n'"));
    assert_int_equal(voiced.rows.n[ROWSET_call_turns], 3);
    expect_text(voiced_turn(0), COL_call_turns_content, "Hi: you?");
    expect_text(voiced_turn(1), COL_call_turns_content, "Yes,\n  it is me.\nNote: x");
    expect_text(voiced_turn(2), COL_call_turns_content, "Bye");
    voice("retell", ENDED("'transcript_object':[],'transcript':'...'"));
    assert_int_equal(voiced.rows.n[ROWSET_call_turns], 0);
}

static void links_live_as_long_as_the_agent_was_told(void **state)
{
    static const struct {
        const char *members;
        int64_t seconds; /* since the event; 0: for ever */
    } cases[] = {
        {"'recording_url':'https://r.example/a'", 0},
        {"'recording_url':'https://r.example/a','opt_in_signed_url':true", 86400},
        {"'recording_url':'https://r.example/a','opt_in_signed_url':true,"
         "'data_storage_setting':'everything'",
         86400},
        {"'recording_url':'https://r.example/a','opt_out_sensitive_data_storage':true", 600},
        {"'recording_url':'https://r.example/a','data_storage_setting':'basic_attributes_only'",
         600},
        {"'recording_url':'','scrubbed_recording_url':'https://r.example/a?X-Amz-Date="
         "20260302T091640Z&X-Amz-Expires=1800','opt_in_signed_url':true",
         1800},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512];

        snprintf(body, sizeof body,
                 "{'event':'call_analyzed','event_timestamp':1772443000000,'call':{'call_id':'c1',"
                 "%s}}",
                 cases[i].members);
        voice("retell", body);
        if (cases[i].seconds == 0)
            expect_null(voiced_recording(), COL_call_recordings_url_expires_at);
        else
            expect_number(voiced_recording(), COL_call_recordings_url_expires_at,
                          (INT64_C(1772443000) + cases[i].seconds) * 1000000);
    }
    voice("retell", ENDED("'recording_url':'file:///etc/passwd'"));
    assert_int_equal(voiced.rows.n[ROWSET_call_recordings], 0);
}

static void what_is_no_call_is_refused_or_left(void **state)
{
    char body[1024];

    (void)state;
    assert_null(voice("retell", "{'event':'chat_started','chat':{'chat_id':'x'}}"));
    assert_int_equal(voiced.verdict, VERDICT_IGNORE);
    assert_null(voice("retell", "{'event':'call_ended','call':{}}"));
    assert_int_equal(voiced.verdict, VERDICT_REJECT);
    assert_string_equal(voiced.events.reason, "call.call_id is missing or too long");
    assert_null(voice("retell", "{'event':'call_ended','call':"));
    assert_int_equal(voiced.verdict, VERDICT_REJECT);
    assert_null(voice("retell", "[]"));
    assert_int_equal(voiced.verdict, VERDICT_REJECT);
    snprintf(body, sizeof body, "{'event':'call_ended','call':{'call_id':'%0256d'}}", 1);
    assert_null(voice("retell", body));
    snprintf(body, sizeof body, "{'event':'call_ended','call':{'call_id':'%0255d'}}", 1);
    assert_non_null(voice("retell", body));
    assert_non_null(voice("retell", "{'event':'call_ended','data':{'call_id':'old'}}"));
}

static void any_arena_that_is_too_small_is_a_reject(void **state)
{
    static const char body[] =
        "{\"event\":\"call_ended\",\"call\":{\"call_id\":\"c\",\"metadata\":{\"a\":1},"
        "\"transcript_object\":[{\"role\":\"user\",\"content\":\"Hi\"}]}}";
    size_t memory = 0;

    (void)state;
    for (;; memory += 64) {
        voice_request_read("retell", voicing_request(body, sizeof body - 1), memory);
        if (voiced.verdict == VERDICT_STORE)
            break;
        assert_int_equal(voiced.verdict, VERDICT_REJECT);
        assert_true(memory < HANDLING_ARENA);
    }
    assert_true(memory > 100);
    assert_int_equal(voiced.events.event[0].n_turns, 1);
    expect_is(voiced.events.event[0].metadata, "{\"a\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_started_call_is_in_progress),
        cmocka_unit_test(an_ended_call_has_its_result),
        cmocka_unit_test(a_voicemail_found_later_turns_an_answered_call_only),
        cmocka_unit_test(the_analysis_adds_summary_sentiment_and_decision),
        cmocka_unit_test(echoed_metadata_says_whose_call_it_is),
        cmocka_unit_test(turns_are_speech_in_order),
        cmocka_unit_test(plain_transcripts_stand_in_for_lists),
        cmocka_unit_test(links_live_as_long_as_the_agent_was_told),
        cmocka_unit_test(what_is_no_call_is_refused_or_left),
        cmocka_unit_test(any_arena_that_is_too_small_is_a_reject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
