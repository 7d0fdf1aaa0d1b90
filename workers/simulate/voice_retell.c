/* Retell's webhooks {event, event_timestamp, call{...}} as they were captured: call_status is
 * stale, an unconnected call has neither start nor end, the transcript comes in three forms. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "simulate/world.h"

enum { WORDS_SHOWN = 3, WORD_MS = 300, TOOLS_TURNS_MAX = 40, TRANSCRIPT_MAX = 80 * 1024 };

static void words(struct body *b, const char *said, uint32_t at_ms)
{
    char word[CALL_TURN_SIZE];

    body_open(b, "words", '[');
    for (unsigned i = 0; i < WORDS_SHOWN && *said != '\0'; i++) {
        size_t n = strcspn(said, " ");

        snprintf(word, sizeof word, "%.*s", (int)n, said);
        body_open(b, NULL, '{');
        body_text(b, "word", word);
        body_thousandths(b, "start", at_ms + i * WORD_MS);
        body_thousandths(b, "end", at_ms + (i + 1) * WORD_MS);
        body_close(b, '}');
        said += n + strspn(said + n, " ");
    }
    body_close(b, ']');
}

static void turn(struct body *b, const struct call *c, unsigned i)
{
    char said[CALL_TURN_SIZE];

    call_turn(c, i, said);
    body_open(b, NULL, '{');
    body_text(b, "role", call_turn_is_agent(i) ? "agent" : "user");
    body_text(b, "content", said);
    words(b, said, call_turn_ms(c, i));
    body_close(b, '}');
}

static void turns(struct body *b, const struct call *c, const char *key, unsigned n, bool tools)
{
    body_open(b, key, '[');
    for (unsigned i = 0; i < n; i++) {
        turn(b, c, i);
        if (tools && i == 0)
            body_raw(b, "{\"role\":\"tool_call_invocation\",\"tool_call_id\":\"t1\",\"name\":"
                        "\"find_order\",\"arguments\":\"{}\"},{\"role\":\"tool_call_result\","
                        "\"tool_call_id\":\"t1\",\"content\":\"found\"}");
    }
    body_close(b, ']');
}

static void transcript(struct body *b, const struct call *c, unsigned n)
{
    static char text[TRANSCRIPT_MAX];
    char said[CALL_TURN_SIZE];
    size_t used = 0;

    for (unsigned i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s: %s\n",
                                 call_turn_is_agent(i) ? "Agent" : "User", call_turn(c, i, said));
    assert(used < sizeof text);
    text[used] = '\0';
    body_text(b, "transcript", text);
    turns(b, c, "transcript_object", n, false);
    if (n <= TOOLS_TURNS_MAX)
        turns(b, c, "transcript_with_tool_calls", n, true);
}

static void analysis(struct body *b, const struct call *c)
{
    static const char *const sentiments[] = {
        [CALL_POSITIVE] = "Positive",
        [CALL_NEUTRAL] = "Neutral",
        [CALL_NEGATIVE] = "Negative",
        [CALL_NO_SENTIMENT] = "Unknown",
    };

    body_open(b, "call_analysis", '{');
    body_text(b, "call_summary", call_summary(c));
    body_bool(b, "in_voicemail", c->outcome == CALL_VOICEMAIL);
    body_text(b, "user_sentiment", sentiments[c->sentiment]);
    body_bool(b, "call_successful", c->outcome == CALL_ANSWERED);
    body_open(b, "custom_analysis_data", '{');
    if (call_decision(c) != NULL)
        body_text(b, "order_decision", call_decision(c));
    body_close(b, '}');
    body_close(b, '}');
}

static void end(struct body *b, const struct call *c, const char *id, enum call_beat kind)
{
    char url[128];

    if (c->connected)
        body_int(b, "end_timestamp", (uint64_t)call_ended_us(c) / 1000);
    body_int(b, "duration_ms", c->talk_ms);
    body_text(b, "disconnection_reason", call_reason(c));
    transcript(b, c, c->turns);
    snprintf(url, sizeof url, "https://recordings.example.invalid/%s/recording.wav", id);
    if (kind == BEAT_ANALYSED ? c->recorded : c->recorded_early)
        body_text(b, "recording_url", url);
    body_open(b, "call_cost", '{');
    body_thousandths(b, "combined_cost", c->talk_ms / 4);
    body_int(b, "total_duration_seconds", c->talk_ms / 1000);
    body_close(b, '}');
    if (kind == BEAT_ANALYSED)
        analysis(b, c);
}

static void call_object(struct sim *s, const struct call *c, enum call_beat kind, unsigned live)
{
    struct body *b = &s->body;
    char id[CALL_ID_SIZE], from[SIM_PHONE_SIZE], to[SIM_PHONE_SIZE];

    voice_parties(s, c, from, to);
    body_open(b, "call", '{');
    body_text(b, "call_id", call_id_text(s, c, id));
    body_text(b, "call_type", "phone_call");
    body_text(b, "agent_id", "agent_simulated");
    body_int(b, "agent_version", 3);
    body_text(b, "call_status", "registered");
    body_text(b, "direction", c->inbound ? "inbound" : "outbound");
    body_text(b, "from_number", from);
    body_text(b, "to_number", to);
    voice_metadata(s, c);
    body_raw(b, "\"retell_llm_dynamic_variables\":{\"shop\":\"demo\"},\"opt_in_signed_url\":false");
    if (c->connected)
        body_int(b, "start_timestamp", (uint64_t)call_answered_us(c) / 1000);
    if (kind == BEAT_TALK)
        transcript(b, c, call_turns_by(c, live));
    if (kind == BEAT_ENDED || kind == BEAT_ANALYSED)
        end(b, c, id, kind);
    body_close(b, '}');
}

void voice_retell(struct sim *s, const struct call *c, unsigned beat, struct sim_event *out)
{
    static const char *const topics[BEATS] = {
        [BEAT_ANSWERED] = "call_started",
        [BEAT_TALK] = "transcript_updated",
        [BEAT_ENDED] = "call_ended",
        [BEAT_ANALYSED] = "call_analyzed",
    };
    enum call_beat kind = (enum call_beat)c->beats[beat].kind;
    struct body *b = &s->body;

    out->topic = topics[kind];
    body_begin(s);
    body_open(b, NULL, '{');
    body_text(b, "event", out->topic);
    body_int(b, "event_timestamp", (uint64_t)c->beats[beat].at_us / 1000);
    call_object(s, c, kind, c->sent[BEAT_TALK]);
    body_close(b, '}');
}
