/* Ended reasons -> outcomes, through the providers: our own cases, and every row of the published
 * table, which is read where it lies, outside the project, where that folder exists. */
#include "voicing.h"

#include "voice/ended_reason.h"

#define TABLE SOURCE_DIR "/../shared/fixtures/voice/ended_reason_map.tsv"

static void exact_goes_before_prefix_before_part(void **state)
{
    static const struct ended_rule rules[] = {
        {ENDED_PART, "err", "busy"},
        {ENDED_PREFIX, "ab", "voicemail"},
        {ENDED_EXACT, "abc", "answered"},
        {ENDED_EXACT, NULL, NULL},
    };
    static const char *const cases[][2] = {
        {"abc", "answered"}, {"abcd", "voicemail"}, {"ab", "voicemail"}, {"aberr", "voicemail"},
        {"xerr", "busy"},    {"err", "busy"},       {"xab", "failed"},   {"a", "failed"},
        {"ABC", "failed"},   {" abc ", "answered"}, {"er", "failed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(text_equal(ended_outcome(rules, text_of(cases[i][0])), text_of(cases[i][1])));
    assert_null(ended_outcome(rules, TEXT("")).p);
    assert_null(ended_outcome(rules, TEXT(" ")).p);
    assert_null(ended_outcome(rules, TEXT_NULL).p);
}

static void retell(const char *reason)
{
    char body[512];

    snprintf(body, sizeof body,
             "{'event':'call_ended','call':{'call_id':'c','disconnection_reason':'%s'}}", reason);
    voice("retell", body);
}

static void vapi(const char *reason)
{
    char body[512];

    snprintf(body, sizeof body,
             "{'message':{'type':'end-of-call-report','endedReason':'%s','call':{'id':'c'}}}",
             reason);
    voice("vapi", body);
}

static void a_reason_nobody_knows_has_failed_and_is_kept(void **state)
{
    (void)state;
    retell("error_new_in_2027");
    expect_text(voiced_call(), COL_calls_outcome, "failed");
    expect_text(voiced_call(), COL_calls_metadata, "{\"ended_reason\":\"error_new_in_2027\"}");
    expect_text(voiced_call(), COL_calls_error_message, "error_new_in_2027");
    vapi("pipeline-error-new-llm-failed");
    expect_text(voiced_call(), COL_calls_outcome, "failed");
    expect_text(voiced_call(), COL_calls_metadata,
                "{\"ended_reason\":\"pipeline-error-new-llm-failed\"}");
    vapi("customer-ended-call-in-a-new-way");
    expect_text(voiced_call(), COL_calls_outcome, "answered");
    vapi("call.in-progress.error-providerfault-outbound-sip-480-new");
    expect_text(voiced_call(), COL_calls_outcome, "no_answer");
}

/* What the table says in words, as the callbacks that mean it. */
static const struct {
    const char *provider, *reason, *body;
} told[] = {
    {"twilio", "completed (AnsweredBy absent/human/unknown)", "CallStatus=completed"},
    {"twilio", "completed (AnsweredBy absent/human/unknown)",
     "CallStatus=completed&AnsweredBy=human"},
    {"twilio", "completed (AnsweredBy absent/human/unknown)",
     "CallStatus=completed&AnsweredBy=unknown"},
    {"twilio", "completed (AnsweredBy machine_*|fax)",
     "CallStatus=completed&AnsweredBy=machine_start"},
    {"twilio", "completed (AnsweredBy machine_*|fax)", "CallStatus=completed&AnsweredBy=fax"},
    {"twilio", "busy", "CallStatus=busy"},
    {"twilio", "no-answer", "CallStatus=no-answer"},
    {"twilio", "failed", "CallStatus=failed"},
    {"twilio", "canceled", "CallStatus=canceled"},
    {"plivo", "completed 4000/4010/4020", "CallStatus=completed&HangupCauseCode=4000"},
    {"plivo", "completed 4000/4010/4020", "CallStatus=completed&HangupCauseCode=4020"},
    {"plivo", "busy 3010", "CallStatus=busy&HangupCauseCode=3010"},
    {"plivo", "3020 callee rejected", "CallStatus=busy&HangupCauseCode=3020"},
    {"plivo", "no-answer 6010", "CallStatus=no-answer&HangupCauseCode=6010"},
    {"plivo", "timeout", "CallStatus=timeout"},
    {"plivo", "MachineDetection hangup", "CallStatus=completed&Machine=true"},
    {"plivo", "cancel 1000", "CallStatus=cancel&HangupCauseCode=1000"},
    {"plivo", "1010 out of credits", "CallStatus=failed&HangupCauseCode=1010"},
    {"plivo", "1020 dial limit", "CallStatus=failed&HangupCauseCode=1020"},
    {"plivo", "2000 invalid destination", "CallStatus=failed&HangupCauseCode=2000"},
    {"plivo", "2010 out of service", "CallStatus=failed&HangupCauseCode=2010"},
    {"plivo", "2030/2040 barred", "CallStatus=failed&HangupCauseCode=2030"},
    {"plivo", "failed (other)", "CallStatus=failed"},
    {"elevenlabs", "call_result answered", "'phone_call':{'call_result':'answered'}"},
    {"elevenlabs", "call_result voicemail", "'phone_call':{'call_result':'voicemail'}"},
    {"elevenlabs", "call_result busy", "'phone_call':{'call_result':'busy'}"},
    {"elevenlabs", "call_result no_answer", "'phone_call':{'call_result':'no_answer'}"},
    {"elevenlabs", "call_result failed", "'phone_call':{'call_result':'failed'}"},
    {"elevenlabs", "status done, no phone_call", "'phone_call':null},'status':'done','x':{"},
    {"elevenlabs", "status failed", "'phone_call':null},'status':'failed','x':{"},
    {"elevenlabs", "call_initiation_failure busy", NULL},
    {"elevenlabs", "call_initiation_failure no-answer", NULL},
    {"elevenlabs", "call_initiation_failure unknown", NULL},
};

static void tell(unsigned i)
{
    char body[512];

    if (strcmp(told[i].provider, "elevenlabs") != 0) {
        snprintf(body, sizeof body, "CallSid=c&CallUUID=c&%s", told[i].body);
        voice_form(told[i].provider, body, NULL);
        return;
    }
    if (told[i].body == NULL)
        snprintf(body, sizeof body,
                 "{'type':'call_initiation_failure','data':{'conversation_id':'c',"
                 "'failure_reason':'%s'}}",
                 strchr(told[i].reason, ' ') + 1);
    else
        snprintf(
            body, sizeof body,
            "{'type':'post_call_transcription','data':{'conversation_id':'c','metadata':{%s}}}",
            told[i].body);
    voice("elevenlabs", body);
}

/* Returns how many callbacks of ours a row stands for. */
static unsigned check_row(const char *provider, const char *reason, const char *outcome)
{
    unsigned n = 0;

    if (strcmp(provider, "retell") == 0 || strcmp(provider, "vapi") == 0) {
        (*provider == 'r' ? retell : vapi)(reason);
        expect_text(voiced_call(), COL_calls_outcome, outcome);
        return 1;
    }
    for (unsigned i = 0; i < sizeof told / sizeof *told; i++) {
        if (strcmp(told[i].provider, provider) != 0 || strcmp(told[i].reason, reason) != 0)
            continue;
        tell(i);
        expect_text(voiced_call(), COL_calls_outcome, outcome);
        n++;
    }
    return n;
}

static void every_row_of_the_table_agrees(void **state)
{
    FILE *f = fopen(TABLE, "rb");
    char line[1024];
    unsigned rows = 0, callbacks = 0;

    (void)state;
    if (f == NULL) {
        print_message("skipped: no file %s\n", TABLE);
        return;
    }
    assert_non_null(fgets(line, sizeof line, f)); /* the names of the columns */
    while (fgets(line, sizeof line, f) != NULL) {
        char *save = NULL, *provider = strtok_r(line, "\t\n", &save);
        char *reason = strtok_r(NULL, "\t\n", &save), *outcome = strtok_r(NULL, "\t\n", &save);
        unsigned n;

        assert_non_null(outcome);
        if (voice_provider_find(provider) == NULL)
            continue; /* bolna, exotel, bland */
        n = check_row(provider, reason, outcome);
        if (n == 0)
            fail_msg("no callback of ours stands for %s: %s", provider, reason);
        callbacks += n;
        rows++;
    }
    fclose(f);
    assert_true(rows >= 650);
    assert_true(callbacks >= rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_goes_before_prefix_before_part),
        cmocka_unit_test(a_reason_nobody_knows_has_failed_and_is_kept),
        cmocka_unit_test(every_row_of_the_table_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
