/* voice/vapi.c: what its server messages mean. */
#include "voicing.h"

#define CALL                                                                                       \
    "'call':{'id':'v1','type':'outboundPhoneCall','status':'queued','assistantId':'as',"           \
    "'customer':{'number':'+14155550101'},'phoneNumber':{'number':'+14155550100'},"                \
    "'metadata':{'attempt_id':'t1'}}"

static void a_status_is_that_of_the_message(void **state)
{
    static const struct {
        const char *word, *status;
    } cases[] = {
        {"scheduled", "queued"},        {"queued", "queued"},          {"ringing", "ringing"},
        {"in-progress", "in_progress"}, {"forwarding", "in_progress"}, {"ended", "ended"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[1024];

        snprintf(body, sizeof body,
                 "{'message':{'type':'status-update','status':'%s','timestamp':1772442901000," CALL
                 "}}",
                 cases[i].word);
        voice("vapi", body);
        expect_text(voiced_call(), COL_calls_status, cases[i].status);
        expect_text(voiced_call(), COL_calls_outcome, NULL);
        expect_text(voiced_call(), COL_calls_from_number, "+14155550100");
        expect_text(voiced_call(), COL_calls_to_number, "+14155550101");
        expect_text(voiced_call(), COL_calls_metadata, "{\"attempt_id\":\"t1\"}");
        assert_int_equal(voiced_call()->v[COL_calls_started_at].set,
                         strcmp(cases[i].word, "in-progress") == 0);
    }
    assert_null(
        voice("vapi", "{'message':{'type':'status-update','status':'not-found'," CALL "}}"));
    assert_int_equal(voiced.verdict, VERDICT_IGNORE);
}

static void signs_of_life_change_nothing_else(void **state)
{
    static const char *const types[] = {"hang",          "tool-calls",       "conversation-update",
                                        "speech-update", "user-interrupted", "model-output"};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char body[1024];
        const struct voice_event *ev;

        snprintf(
            body, sizeof body,
            "{'message':{'type':'%s','messages':[{'role':'user','message':'x'}],"
            "'endedReason':'voicemail','summary':'s','cost':1,'recordingUrl':'https://r/x'," CALL
            "}}",
            types[i]);
        ev = voice("vapi", body);
        assert_int_equal(ev->phase, VOICE_IN_PROGRESS);
        expect_text(voiced_call(), COL_calls_outcome, NULL);
        expect_text(voiced_call(), COL_calls_summary, NULL);
        expect_text(voiced_call(), COL_calls_metadata, "{\"attempt_id\":\"t1\"}");
        expect_null(voiced_call(), COL_calls_started_at);
        assert_int_equal(voiced.rows.n[ROWSET_call_turns], 0);
        assert_int_equal(voiced.rows.n[ROWSET_call_recordings], 0);
    }
    assert_null(voice("vapi", "{'message':{'type':'call.deleted'," CALL "}}"));
    assert_int_equal(voiced.verdict, VERDICT_IGNORE);
    assert_int_equal(voice("vapi", "{'message':{'type':'assistant-request'," CALL "}}")->phase,
                     VOICE_RINGING);
}

static void only_final_live_transcripts_are_turns(void **state)
{
    const struct voice_event *ev;

    (void)state;
    ev = voice("vapi", "{'message':{'type':'transcript','transcriptType':'partial','role':'user',"
                       "'transcript':'I d',"
                       "'timestamp':1772442901000," CALL "}}");
    assert_int_equal(ev->n_turns, 0);
    assert_int_equal(ev->phase, VOICE_IN_PROGRESS);
    for (int bracket = 0; bracket < 2; bracket++) {
        char body[1024];

        snprintf(body, sizeof body,
                 "{'message':{'type':'transcript%s','role':'user',%s'transcript':'I do',"
                 "'timestamp':1772442901000," CALL "}}",
                 bracket ? "[transcriptType=\\\"final\\\"]" : "",
                 bracket ? "" : "'transcriptType':'final',");
        ev = voice("vapi", body);
        assert_int_equal(ev->n_turns, 1);
        assert_false(ev->transcript_whole);
        expect_text(voiced_turn(0), COL_call_turns_speaker, "caller");
        expect_text(voiced_turn(0), COL_call_turns_content, "I do");
        expect_number(voiced_turn(0), COL_call_turns_whole, 0);
        expect_number(voiced_turn(0), COL_call_turns_spoken_at, INT64_C(1772442901000000));
    }
}

static void a_report_ends_the_call(void **state)
{
    const struct row *r;
    const struct voice_event *ev = voice(
        "vapi",
        "{'message':{'type':'end-of-call-report','timestamp':'2026-03-02T09:16:00.5Z','endedReason'"
        ":"
        "'customer-ended-call','startedAt':'2026-03-02T09:15:00Z','endedAt':'2026-03-02T09:15:14."
        "9Z',"
        "'durationSeconds':14.186,'cost':0.0192,'analysis':{'summary':'Yes.','structuredData':"
        "{'sentiment':'negative'},'successEvaluation':'true'},'artifact':{'messages':["
        "{'role':'system','message':'You are'},"
        "{'role':'bot','message':'Hi','time':1.7724429E12,'secondsFromStart':1.5},"
        "{'role':'tool_calls','message':'','toolCalls':[]},"
        "{'role':'tool_call_result','message':'x','result':'y'},"
        "{'role':'user','message':'Yes','time':1772442909000,'duration':500,'metadata':"
        "{'wordLevelConfidence':[{'word':'Yes','confidence':0.9},{'word':'.','confidence':0.6}]}},"
        "{'role':'assistant','message':'Bye'}],'recordingUrl':'https://r.example/old',"
        "'presignedStereoUrl':'https://r.example/new','presignedUrlsExpiresAt':"
        "'2026-03-02T09:46:00Z'}," CALL "}}");

    (void)state;
    assert_int_equal(ev->phase, VOICE_ANALYSED);
    r = voiced_call();
    expect_text(r, COL_calls_outcome, "answered");
    expect_number(r, COL_calls_duration_seconds, 14);
    expect_text(r, COL_calls_summary, "Yes.");
    expect_text(r, COL_calls_sentiment, "negative");
    expect_number(r, COL_calls_started_at, at("2026-03-02T09:15:00Z"));
    expect_number(r, COL_calls_ended_at, at("2026-03-02T09:15:14.9Z"));
    expect_number(r, COL_calls_source_updated_at, at("2026-03-02T09:16:00.5Z"));
    expect_text(r, COL_calls_metadata,
                "{\"attempt_id\":\"t1\",\"analysis\":{\"sentiment\":\"negative\"},"
                "\"success_evaluation\":\"true\",\"cost\":{\"amount\":\"0.0192\",\"currency\":"
                "\"USD\"},\"ended_reason\":\"customer-ended-call\"}");
    assert_int_equal(voiced.rows.n[ROWSET_call_turns], 3);
    expect_text(voiced_turn(0), COL_call_turns_speaker, "agent");
    expect_number(voiced_turn(0), COL_call_turns_spoken_at, INT64_C(1772442900000000));
    expect_text(voiced_turn(0), COL_call_turns_offset_us, "1500000");
    expect_text(voiced_turn(1), COL_call_turns_confidence, "0.7500");
    expect_text(voiced_recording(), COL_call_recordings_provider_url, "https://r.example/new");
    expect_number(voiced_recording(), COL_call_recordings_url_expires_at,
                  at("2026-03-02T09:46:00Z"));
}

static void an_old_report_has_everything_on_the_message(void **state)
{
    (void)state;
    voice("vapi",
          "{'message':{'type':'end-of-call-report','endedReason':'silence-timed-out',"
          "'summary':'Old.','transcript':'AI: no','messages':[{'role':'bot','message':'Hi'}],"
          "'artifact':{'messages':[]},'recordingUrl':'https://r.example/old',"
          "'call':{'id':'v1','type':'inboundPhoneCall','status':'ringing'},"
          "'customer':{'number':'+14155550101'},'phoneNumber':{'number':'+14155550100'}}}");
    expect_text(voiced_call(), COL_calls_outcome, "answered");
    expect_text(voiced_call(), COL_calls_summary, "Old.");
    expect_text(voiced_call(), COL_calls_from_number, "+14155550101");
    expect_text(voiced_call(), COL_calls_to_number, "+14155550100");
    expect_null(voiced_call(), COL_calls_duration_seconds);
    assert_int_equal(voiced.rows.n[ROWSET_call_turns], 1);
    expect_text(voiced_turn(0), COL_call_turns_content, "Hi");
    expect_text(voiced_recording(), COL_call_recordings_provider_url, "https://r.example/old");
    voice("vapi", "{'message':{'type':'end-of-call-report','call':{'id':'v1'},'artifact':"
                  "{'transcript':'AI: Hi\\nUser: Ho'}}}");
    expect_text(voiced_call(), COL_calls_outcome, NULL);
    expect_text(voiced_turn(1), COL_call_turns_speaker, "caller");
}

static void an_empty_report_takes_nothing_away(void **state)
{
    const struct voice_event *ev = voice(
        "vapi", "{'message':{'type':'end-of-call-report','analysis':{'summary':''},"
                "'artifact':{'messages':[],'transcript':''},'call':{'id':'v1','metadata':null}"
                "}}");

    (void)state;
    assert_false(ev->transcript_whole);
    assert_int_equal(count_rows(&voiced.rows), 1);
    expect_null(voiced_call(), COL_calls_outcome);
    expect_null(voiced_call(), COL_calls_summary);
    expect_null(voiced_call(), COL_calls_metadata);
}

static void durations_come_from_the_message_alone(void **state)
{
    static const struct {
        const char *members;
        int seconds; /* -1: unknown */
    } cases[] = {
        {"'durationSeconds':187.9", 187},
        {"'durationMs':14186", 14},
        {"'startedAt':'2026-03-02T09:15:00Z','endedAt':'2026-03-02T09:15:09.9Z'", 9},
        {"'durationMinutes':3", -1},
        {"'durationSeconds':-1", -1},
        {"'durationSeconds':1e300", -1},
        {"'durationSeconds':'7'", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512];

        snprintf(body, sizeof body,
                 "{'message':{'type':'end-of-call-report',%s,'call':{'id':'v','startedAt':"
                 "'2026-03-02T09:00:00Z','endedAt':'2026-03-02T09:00:30Z'}}}",
                 cases[i].members);
        voice("vapi", body);
        if (cases[i].seconds < 0)
            expect_null(voiced_call(), COL_calls_duration_seconds);
        else
            expect_number(voiced_call(), COL_calls_duration_seconds, cases[i].seconds);
        assert_true(voiced_call()->v[COL_calls_started_at].set);
    }
}

static void the_calls_own_metadata_wins(void **state)
{
    const struct voice_event *ev =
        voice("vapi", "{'message':{'type':'hang','call':{'id':'v','type':'vapi.websocketCall',"
                      "'assistantOverrides':{'metadata':{'organization_id':'b','z':1}},"
                      "'metadata':{'organization_id':'a'}}}}");

    (void)state;
    expect_is(ev->organization_id, "a");
    expect_text(voiced_call(), COL_calls_call_type, "webcall");
    expect_text(voiced_call(), COL_calls_metadata,
                "{\"organization_id\":\"b\",\"z\":1,\"organization_id\":\"a\"}");
}

static void what_is_no_call_is_refused(void **state)
{
    (void)state;
    assert_null(voice("vapi", "{'message':{'type':'hang'}}"));
    assert_int_equal(voiced.verdict, VERDICT_REJECT);
    assert_null(voice("vapi", "{}"));
    assert_int_equal(voiced.verdict, VERDICT_IGNORE);
    assert_null(voice("vapi", "nonsense"));
    assert_int_equal(voiced.verdict, VERDICT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_is_that_of_the_message),
        cmocka_unit_test(signs_of_life_change_nothing_else),
        cmocka_unit_test(only_final_live_transcripts_are_turns),
        cmocka_unit_test(a_report_ends_the_call),
        cmocka_unit_test(an_old_report_has_everything_on_the_message),
        cmocka_unit_test(an_empty_report_takes_nothing_away),
        cmocka_unit_test(durations_come_from_the_message_alone),
        cmocka_unit_test(the_calls_own_metadata_wins),
        cmocka_unit_test(what_is_no_call_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
