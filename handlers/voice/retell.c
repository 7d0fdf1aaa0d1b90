/* Retell: lifecycle webhooks {event, call{...}} (docs.retellai.com, "Webhook overview"; signature as
 * in its SDKs). What happened follows from the event's name: call_status is stale in real ones. */
#include "base/words.h"
#include "voice/ended_reason.h"
#include "voice/metadata.h"
#include "voice/moments.h"
#include "voice/numbers.h"
#include "voice/payload.h"
#include "voice/recording.h"
#include "voice/signing.h"
#include "voice/turns.h"

#define SIGNATURE "x-retell-signature"

/* Lifetimes of recording links, in seconds. */
enum { LINK_SIGNED = 24 * 3600, LINK_SENSITIVE = 10 * 60 };

static const char *const headers[] = {SIGNATURE, NULL};

static const struct ended_rule ended[] = {
    {ENDED_EXACT, "user_hangup", "answered"},
    {ENDED_EXACT, "agent_hangup", "answered"},
    {ENDED_EXACT, "inactivity", "answered"},
    {ENDED_EXACT, "max_duration_reached", "answered"},
    {ENDED_EXACT, "call_transfer", "answered"},
    {ENDED_EXACT, "call_take_over", "answered"},
    {ENDED_EXACT, "transfer_bridged", "answered"},
    {ENDED_EXACT, "transfer_cancelled", "answered"},
    {ENDED_EXACT, "voicemail_reached", "voicemail"},
    {ENDED_EXACT, "ivr_reached", "voicemail"},
    {ENDED_EXACT, "dial_no_answer", "no_answer"},
    {ENDED_EXACT, "user_declined", "no_answer"},
    {ENDED_EXACT, "dial_busy", "busy"},
    {ENDED_EXACT, NULL, NULL},
};

static const struct {
    const char *event;
    enum voice_phase phase;
} phases[] = {
    {"call_started", VOICE_IN_PROGRESS},       {"call_ended", VOICE_ENDED},
    {"call_analyzed", VOICE_ANALYSED},         {"transcript_updated", VOICE_IN_PROGRESS},
    {"transfer_started", VOICE_IN_PROGRESS},   {"transfer_bridged", VOICE_IN_PROGRESS},
    {"transfer_cancelled", VOICE_IN_PROGRESS}, {"transfer_ended", VOICE_IN_PROGRESS},
};

/* "v=<ms>,d=<hex>": the HMAC is over the body and, right behind it, the milliseconds as written. */
static bool verify(const struct voice_request *r, const char *secrets)
{
    struct text sent = signing_header(r, SIGNATURE), ms, digest;
    const char *comma = sent.n > 0 ? memchr(sent.p, ',', sent.n) : NULL;
    int64_t at;

    if (comma == NULL || sent.p + sent.n - comma < 3 || comma - sent.p < 3 ||
        words_lower(sent.p[0]) != 'v' || sent.p[1] != '=' || words_lower(comma[1]) != 'd' ||
        comma[2] != '=')
        return false;
    ms = (struct text){sent.p + 2, (size_t)(comma - sent.p) - 2};
    digest = (struct text){comma + 3, (size_t)(sent.p + sent.n - comma) - 3};
    if (!signing_number(ms, &at) || at > INT64_MAX / MOMENT_MS_US)
        return false;
    at *= MOMENT_MS_US;
    if (at < r->now_us - SIGNING_WINDOW_US || at > r->now_us + SIGNING_WINDOW_US)
        return false;
    for (struct secrets s = secrets_of(secrets); secrets_next(&s);) {
        struct mac m;

        mac_open(&m, MAC_SHA256, s.secret);
        mac_add(&m, (struct text){r->body, r->body_len});
        mac_add(&m, ms);
        mac_close(&m);
        if (mac_is_hex(&m, digest))
            return true;
    }
    return false;
}

/* Older webhooks have `data` in place of `call`. */
static const struct json *call_of(const struct json *body)
{
    const struct json *call = payload_object(body, "call");

    return call != NULL ? call : payload_object(body, "data");
}

static bool call_id(const struct voice_request *r, struct arena *arena, struct text *id)
{
    const char *why;

    *id = payload_id(call_of(payload_open(r, &why)), "call_id", arena);
    return id->p != NULL;
}

static int64_t ms_of(const struct json *object, const char *key, struct arena *arena)
{
    return moment_json(json_member(object, key), arena, MOMENT_MS_US);
}

static void put_call(struct voice_event *ev, const struct json *call, struct arena *arena)
{
    struct text direction = payload_text(call, "direction", arena);

    if (text_equal(payload_text(call, "call_type", arena), TEXT("web_call")))
        ev->call_type = TEXT("webcall");
    else if (text_equal(direction, TEXT("inbound")) || text_equal(direction, TEXT("outbound")))
        ev->call_type = direction;
    ev->from_number = number_party(payload_text(call, "from_number", arena), false, arena);
    ev->to_number = number_party(payload_text(call, "to_number", arena), false, arena);
    if (text_equal(ev->call_type, TEXT("inbound")))
        ev->our_number = ev->to_number;
    else if (text_equal(ev->call_type, TEXT("outbound")))
        ev->our_number = ev->from_number;
    ev->provider_agent_id = payload_id(call, "agent_id", arena);
    ev->started_us = ms_of(call, "start_timestamp", arena);
}

/* The list without tool calls; else the one with them; else the plain text. The newest word's end
 * tells which of several lists is the latest when the webhook has no time of its own. */
static void put_turns(struct voice_event *ev, struct metadata *m, const struct json *call,
                      struct arena *arena)
{
    const struct json *list = payload_array(call, "transcript_object"), *last = NULL;
    struct turns turns;
    double end;

    if (json_first(list) == NULL)
        list = payload_array(call, "transcript_with_tool_calls");
    turns_open(&turns, arena, list);
    for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
        struct voice_turn *turn =
            turns_add(&turns, turns_speaker(payload_text(v, "role", arena)),
                      words_trim(json_string(json_member(v, "content"), arena)));
        if (turn == NULL)
            continue;
        turns_words(turn, payload_array(v, "words"));
        if (json_first(payload_array(v, "words")) != NULL)
            last = json_first(payload_array(v, "words"));
    }
    if (turns.n == 0)
        turns_from_text(&turns, arena, json_string(json_member(call, "transcript"), arena));
    turns_close(&turns, ev);
    if (turns.cut)
        metadata_text(m, "transcript_cut", TEXT("more than 2000 turns"));
    if (ev->at_us != EVENT_NO_TIME || ev->phase != VOICE_IN_PROGRESS)
        return;
    ev->order = turns.n;
    while (json_next(last) != NULL)
        last = json_next(last);
    if (number_double(json_number(json_member(last, "end")), &end) && end > 0 && end < INT32_MAX)
        ev->at_us = moment_plus(ev->started_us, (int64_t)end);
}

/* Links are for ever unless the agent was told to sign them, or to keep nothing sensitive. */
static void put_recording(struct voice_event *ev, const struct voice_request *r,
                          const struct json *call, struct arena *arena)
{
    static const char *const names[] = {"recording_url", "recording_multi_channel_url",
                                        "scrubbed_recording_url",
                                        "scrubbed_recording_multi_channel_url"};
    struct text url = TEXT_NULL, storage = payload_text(call, "data_storage_setting", arena);
    int64_t expires = ev->at_us != EVENT_NO_TIME      ? ev->at_us
                      : ev->ended_us != EVENT_NO_TIME ? ev->ended_us
                                                      : r->now_us;

    for (unsigned i = 0; i < sizeof names / sizeof *names && url.p == NULL; i++)
        url = payload_text(call, names[i], arena);
    if (json_true(json_member(call, "opt_out_sensitive_data_storage")) ||
        (storage.p != NULL && !text_equal(storage, TEXT("everything"))))
        expires = moment_plus(expires, LINK_SENSITIVE);
    else if (json_true(json_member(call, "opt_in_signed_url")))
        expires = moment_plus(expires, LINK_SIGNED);
    else
        expires = EVENT_NO_TIME;
    recording_set(ev, url, expires);
}

/* Only what the call turned out to be may change from answered to voicemail afterwards. */
static void put_outcome(struct voice_event *ev, struct metadata *m, const struct json *call,
                        struct arena *arena)
{
    const struct json *analysis = payload_object(call, "call_analysis");
    const struct json *reason = json_member(call, "disconnection_reason");
    struct text raw = words_trim(json_string(reason, arena)); /* "unknown" is a reason too */

    ev->outcome = ended_outcome(ended, raw);
    if (ev->outcome.p == NULL && ev->duration_seconds > 0)
        ev->outcome = TEXT("answered"); /* nobody said why, but they were talking */
    if (json_true(json_member(analysis, "in_voicemail")) &&
        (ev->outcome.p == NULL || text_equal(ev->outcome, TEXT("answered"))))
        ev->outcome = TEXT("voicemail");
    if (text_equal(ev->outcome, TEXT("failed")))
        ev->error_message = raw;
    metadata_text(m, "ended_reason", text_empty(raw) ? TEXT_NULL : raw);
    ev->summary = payload_text(analysis, "call_summary", arena);
    ev->sentiment = sentiment_word(payload_text(analysis, "user_sentiment", arena));
    metadata_object(m, "analysis", payload_object(analysis, "custom_analysis_data"));
    metadata_analysis(m, payload_object(analysis, "custom_analysis_data"), NULL);
}

static void put_end(struct voice_event *ev, struct metadata *m, const struct voice_request *r,
                    const struct json *call, struct arena *arena)
{
    const struct json *cost = json_member(payload_object(call, "call_cost"), "combined_cost");

    ev->ended_us = ms_of(call, "end_timestamp", arena);
    ev->duration_seconds = number_seconds(json_number(json_member(call, "duration_ms")), 1000);
    if (ev->duration_seconds == VOICE_NONE && ev->started_us != EVENT_NO_TIME &&
        ev->ended_us >= ev->started_us)
        ev->duration_seconds = (ev->ended_us - ev->started_us) / MOMENT_SECOND_US;
    put_outcome(ev, m, call, arena);
    put_recording(ev, r, call, arena);
    metadata_cost(m, number_decimal(json_number(cost), -2, arena), "currency",
                  TEXT("USD")); /* it comes in cents */
}

static int64_t moment_of(enum voice_phase phase, struct text event, const struct json *body,
                         const struct json *call, struct arena *arena)
{
    int64_t us = ms_of(body, "event_timestamp", arena);

    if (us != EVENT_NO_TIME)
        return us;
    if (phase >= VOICE_ENDED)
        return ms_of(call, "end_timestamp", arena);
    return text_equal(event, TEXT("call_started")) ? ms_of(call, "start_timestamp", arena)
                                                   : EVENT_NO_TIME;
}

static enum verdict read_call(const struct voice_request *r, struct voice_events *out)
{
    const struct json *body = payload_open(r, &out->reason), *call = call_of(body);
    struct text event = payload_text(body, "event", out->arena);
    struct text id = payload_id(call, "call_id", out->arena);
    struct voice_event *ev;
    struct metadata m;
    unsigned i = 0;

    if (body == NULL)
        return VERDICT_REJECT;
    while (i < sizeof phases / sizeof *phases && !text_equal(event, text_of(phases[i].event)))
        i++;
    if (i == sizeof phases / sizeof *phases)
        return voice_events_ignore(out);
    if (id.p == NULL)
        return voice_events_reject(out, "call.call_id is missing or too long");
    ev = voice_event_add(out, phases[i].phase, id);
    ev->at_us = moment_of(ev->phase, event, body, call, out->arena);
    metadata_open(&m, ev, out->arena);
    put_call(ev, call, out->arena);
    metadata_echo(&m, payload_object(call, "metadata"));
    if (ev->phase >= VOICE_ENDED)
        put_end(ev, &m, r, call, out->arena);
    if (ev->phase >= VOICE_ENDED || text_equal(event, TEXT("transcript_updated")))
        put_turns(ev, &m, call, out->arena);
    metadata_close(&m);
    return voice_events_close(out);
}

const struct voice_provider voice_provider_retell = {
    .name = "retell",
    .secret_setting = "RETELL_API_KEY",
    .headers = headers,
    .verify = verify,
    .call_id = call_id,
    .read = read_call,
};
