/* voice/elevenlabs.c: one webhook tells a whole call. */
#include "voicing.h"

static void a_telephone_call_is_told_at_once(void **state)
{
    const struct voice_event *ev = voice(
        "elevenlabs",
        "{'type':'post_call_transcription','event_timestamp':1772443000,'data':{'agent_id':'ag',"
        "'conversation_id':'conv_1','status':'done','transcript':["
        "{'role':'agent','message':'Hi','time_in_call_secs':0},"
        "{'role':'agent','message':null,'tool_calls':[{}],'time_in_call_secs':1},"
        "{'role':'user','message':'Yes','time_in_call_secs':4}],"
        "'metadata':{'start_time_unix_secs':1772442900,'call_duration_secs':31,'cost':412,"
        "'termination_reason':'ended by user','phone_call':{'direction':'inbound',"
        "'agent_number':'+14155550100','external_number':'+14155550101','call_result':'answered'}},"
        "'analysis':{'transcript_summary':'Fine.','call_successful':'success',"
        "'data_collection_results':{'sentiment':{'value':'Neutral'},'order_decision':"
        "{'value':'confirmed'}}},'conversation_initiation_client_data':{'dynamic_variables':"
        "{'customer_name':'P','organization_id':'o'}}}}");
    const struct row *r = voiced_call();

    (void)state;
    assert_int_equal(ev->phase, VOICE_ANALYSED);
    expect_is(ev->provider_agent_id, "ag");
    expect_is(ev->our_number, "+14155550100");
    expect_is(ev->organization_id, "o");
    expect_text(r, COL_calls_status, "ended");
    expect_text(r, COL_calls_outcome, "answered");
    expect_text(r, COL_calls_call_type, "inbound");
    expect_text(r, COL_calls_from_number, "+14155550101");
    expect_text(r, COL_calls_to_number, "+14155550100");
    expect_text(r, COL_calls_summary, "Fine.");
    expect_text(r, COL_calls_sentiment, "neutral");
    expect_number(r, COL_calls_duration_seconds, 31);
    expect_number(r, COL_calls_ended_at, INT64_C(1772442931000000));
    expect_text(r, COL_calls_metadata,
                "{\"organization_id\":\"o\",\"ended_reason\":\"ended by user\",\"call_successful\":"
                "\"success\",\"order_decision\":\"confirmed\",\"cost\":{\"amount\":\"412\","
                "\"unit\":\"credits\"}}");
    assert_int_equal(voiced.rows.n[ROWSET_call_turns], 2);
    expect_text(voiced_turn(1), COL_call_turns_speaker, "caller");
    expect_text(voiced_turn(1), COL_call_turns_offset_us, "4000000");
}

static void results_decide_before_the_status(void **state)
{
    static const struct {
        const char *phone, *status, *outcome, *type;
    } cases[] = {
        {"'phone_call':{'direction':'outbound','call_result':'voicemail'}", "done", "voicemail",
         "outbound"},
        {"'phone_call':{'direction':'outbound','call_result':'no_answer'}", "done", "no_answer",
         "outbound"},
        {"'phone_call':{'direction':'outbound','call_result':'busy'}", "failed", "busy",
         "outbound"},
        {"'phone_call':{'direction':'outbound','call_result':'failed'}", "done", "failed",
         "outbound"},
        {"'phone_call':{'direction':'outbound'}", "done", "answered", "outbound"},
        {"'phone_call':null", "done", "answered", "webcall"},
        {"'phone_call':{'direction':'sideways'}", "processing", "answered", NULL},
        {"'phone_call':null", "failed", "failed", "webcall"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512];

        snprintf(body, sizeof body,
                 "{'type':'post_call_transcription','data':{'conversation_id':'c','status':'%s',"
                 "'metadata':{'error':{'reason':'it broke'},%s}}}",
                 cases[i].status, cases[i].phone);
        voice("elevenlabs", body);
        expect_text(voiced_call(), COL_calls_outcome, cases[i].outcome);
        expect_text(voiced_call(), COL_calls_call_type, cases[i].type);
        expect_text(voiced_call(), COL_calls_error_message,
                    strcmp(cases[i].outcome, "failed") == 0 ? "it broke" : NULL);
    }
}

static void a_call_that_could_not_be_placed_has_ended(void **state)
{
    static const struct {
        const char *reason, *body, *outcome, *from, *error;
    } cases[] = {
        {"busy", "'from_number':15550001234,'to_number':15550005678", "busy", "+15550001234", NULL},
        {"no-answer", "'Called':'+15550005678','Caller':'+15550001234'", "no_answer",
         "+15550001234", NULL},
        {"unknown", "'from_number':'agent','to_number':'+15550005678','error_reason':'Not found'",
         "failed", "agent", "Not found"},
        {"something new", "'to_number':'+15550005678'", "failed", NULL, "something new"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512];

        snprintf(body, sizeof body,
                 "{'type':'call_initiation_failure','event_timestamp':1772443000,'data':{"
                 "'conversation_id':'c','failure_reason':'%s','metadata':{'body':{%s}}}}",
                 cases[i].reason, cases[i].body);
        assert_int_equal(voice("elevenlabs", body)->phase, VOICE_ENDED);
        expect_text(voiced_call(), COL_calls_outcome, cases[i].outcome);
        expect_text(voiced_call(), COL_calls_from_number, cases[i].from);
        expect_text(voiced_call(), COL_calls_to_number, "+15550005678");
        expect_text(voiced_call(), COL_calls_error_message, cases[i].error);
        expect_number(voiced_call(), COL_calls_duration_seconds, 0);
        expect_number(voiced_call(), COL_calls_ended_at, INT64_C(1772443000000000));
    }
}

static void audio_is_left_at_the_door(void **state)
{
    static const char body[] = "{\"type\":\"post_call_audio\",\"data\":{\"conversation_id\":\"c\","
                               "\"full_audio\":\"SUQz\"}}";
    struct voice_request r = voicing_request(body, sizeof body - 1);
    struct text id;

    (void)state;
    assert_null(voice_bytes("elevenlabs", body, sizeof body - 1));
    assert_int_equal(voiced.verdict, VERDICT_IGNORE);
    r.body = voiced.body; /* with room behind it */
    assert_false(voice_provider_find("elevenlabs")->call_id(&r, &voiced.arena, &id));
    assert_null(voice("elevenlabs", "{'type':'post_call_transcription','data':{}}"));
    assert_int_equal(voiced.verdict, VERDICT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_telephone_call_is_told_at_once),
        cmocka_unit_test(results_decide_before_the_status),
        cmocka_unit_test(a_call_that_could_not_be_placed_has_ended),
        cmocka_unit_test(audio_is_left_at_the_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
