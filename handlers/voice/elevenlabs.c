/* ElevenLabs Agents: one webhook after the call, or one that it could not be placed
 * (elevenlabs.io/docs, "Post-call webhooks"). Nothing live. The audio, which comes in a webhook of
 * its own, is not kept: it has no link. */
#include "base/words.h"
#include "voice/ended_reason.h"
#include "voice/metadata.h"
#include "voice/moments.h"
#include "voice/numbers.h"
#include "voice/payload.h"
#include "voice/signing.h"
#include "voice/turns.h"

#define SIGNATURE "elevenlabs-signature"

/* As its SDK has it: too old is refused, the future is not looked at. */
static const int64_t window_us = INT64_C(30) * 60 * MOMENT_SECOND_US;

static const char *const headers[] = {SIGNATURE, NULL};

/* On call_result, failure_reason or, without a phone, on the conversation's status. */
static const struct ended_rule ended[] = {
    {ENDED_EXACT, "answered", "answered"},   {ENDED_EXACT, "done", "answered"},
    {ENDED_EXACT, "processing", "answered"}, {ENDED_EXACT, "no_answer", "no_answer"},
    {ENDED_EXACT, "no-answer", "no_answer"}, {ENDED_EXACT, "busy", "busy"},
    {ENDED_EXACT, "voicemail", "voicemail"}, {ENDED_EXACT, NULL, NULL},
};

/* "t=<seconds>,v0=<hex>": over "{seconds}.{body}". */
static bool verify(const struct voice_request *r, const char *secrets)
{
    struct text rest = signing_header(r, SIGNATURE), part, time = TEXT_NULL, digest = TEXT_NULL;
    int64_t at;

    while (signing_item(&rest, &part)) {
        if (part.n > 2 && memcmp(part.p, "t=", 2) == 0)
            time = (struct text){part.p + 2, part.n - 2};
        else if (part.n > 3 && memcmp(part.p, "v0=", 3) == 0)
            digest = (struct text){part.p + 3, part.n - 3};
    }
    if (!signing_number(time, &at) || at > INT64_MAX / MOMENT_SECOND_US ||
        at * MOMENT_SECOND_US < r->now_us - window_us)
        return false;
    for (struct secrets s = secrets_of(secrets); secrets_next(&s);) {
        struct mac m;

        mac_open(&m, MAC_SHA256, s.secret);
        mac_add(&m, time);
        mac_add(&m, TEXT("."));
        mac_add(&m, (struct text){r->body, r->body_len});
        mac_close(&m);
        if (mac_is_hex(&m, digest))
            return true;
    }
    return false;
}

static enum voice_phase phase_of(struct text type)
{
    if (text_equal(type, TEXT("post_call_transcription")))
        return VOICE_ANALYSED;
    return text_equal(type, TEXT("call_initiation_failure")) ? VOICE_ENDED : 0;
}

/* None for the audio: several megabytes that nobody reads need not go through the stream. */
static bool call_id(const struct voice_request *r, struct arena *arena, struct text *id)
{
    const char *why;
    const struct json *body = payload_open(r, &why);

    *id = TEXT_NULL;
    if (phase_of(payload_text(body, "type", arena)) != 0)
        *id = payload_id(payload_object(body, "data"), "conversation_id", arena);
    return id->p != NULL;
}

static struct text number_at(const struct json *object, const char *key, struct arena *arena)
{
    return number_party(payload_text(object, key, arena), true, arena); /* may be a JSON number */
}

static void put_turns(struct voice_event *ev, struct metadata *m, const struct json *data,
                      struct arena *arena)
{
    const struct json *list = payload_array(data, "transcript");
    struct turns turns;

    turns_open(&turns, arena, list);
    for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
        struct voice_turn *turn =
            turns_add(&turns, turns_speaker(payload_text(v, "role", arena)),
                      words_trim(json_string(json_member(v, "message"), arena)));
        double offset;

        if (turn != NULL &&
            number_double(json_number(json_member(v, "time_in_call_secs")), &offset) &&
            offset >= 0 && offset < INT32_MAX)
            turn->offset_us = (int64_t)(offset * MOMENT_SECOND_US + 0.5);
    }
    turns_close(&turns, ev);
    if (turns.cut)
        metadata_text(m, "transcript_cut", TEXT("more than 2000 turns"));
}

static void put_error(struct voice_event *ev, const struct json *error, struct text otherwise,
                      struct arena *arena)
{
    if (!text_equal(ev->outcome, TEXT("failed")))
        return;
    ev->error_message = payload_text(error, "reason", arena);
    if (ev->error_message.p == NULL)
        ev->error_message = otherwise;
}

/* A conversation; over the telephone if it says so, else in a browser or an app. */
static void put_conversation(struct voice_event *ev, struct metadata *m, const struct json *data,
                             struct arena *arena)
{
    const struct json *about = payload_object(data, "metadata");
    const struct json *phone = payload_object(about, "phone_call");
    const struct json *analysis = payload_object(data, "analysis");
    struct text result = payload_text(phone, "call_result", arena);
    struct text direction = payload_text(phone, "direction", arena);
    struct text reason = payload_text(about, "termination_reason", arena);

    if (phone == NULL)
        ev->call_type = TEXT("webcall");
    else if (text_equal(direction, TEXT("inbound")) || text_equal(direction, TEXT("outbound")))
        ev->call_type = direction;
    if (phone != NULL && ev->call_type.p != NULL)
        voice_event_parties(ev, number_at(phone, "agent_number", arena),
                            number_at(phone, "external_number", arena));
    ev->started_us =
        moment_json(json_member(about, "start_time_unix_secs"), arena, MOMENT_SECOND_US);
    ev->duration_seconds = number_seconds(json_number(json_member(about, "call_duration_secs")), 1);
    if (ev->duration_seconds != VOICE_NONE)
        ev->ended_us = moment_plus(ev->started_us, ev->duration_seconds);
    if (result.p == NULL)
        result = payload_text(data, "status", arena);
    ev->outcome = ended_outcome(ended, result);
    put_error(ev, payload_object(about, "error"), reason.p != NULL ? reason : result, arena);
    ev->summary = payload_text(analysis, "transcript_summary", arena);
    metadata_text(m, "ended_reason", reason.p != NULL ? reason : result);
    metadata_text(m, "call_successful", payload_text(analysis, "call_successful", arena));
    metadata_analysis(m, payload_object(analysis, "data_collection_results"), "value");
    metadata_cost(m, number_decimal(json_number(json_member(about, "cost")), 0, arena), "unit",
                  TEXT("credits"));
    put_turns(ev, m, data, arena);
}

/* A call that was placed and not taken. `body` is the carrier's own: names differ. */
static void put_failure(struct voice_event *ev, struct metadata *m, const struct json *data,
                        struct arena *arena)
{
    static const char *const ours[] = {"from_number", "Caller", "From"};
    static const char *const theirs[] = {"to_number", "Called", "To"};
    static const char *const errors[] = {"error_reason", "ErrorMessage", "sip_status"};
    const struct json *body = payload_object(payload_object(data, "metadata"), "body");
    struct text from = TEXT_NULL, to = TEXT_NULL, error = TEXT_NULL;
    struct text reason = words_trim(json_string(json_member(data, "failure_reason"), arena));

    for (unsigned i = 0; i < 3; i++) {
        from = from.p != NULL ? from : number_at(body, ours[i], arena);
        to = to.p != NULL ? to : number_at(body, theirs[i], arena);
        error = error.p != NULL ? error : payload_text(body, errors[i], arena);
    }
    ev->call_type = TEXT("outbound");
    voice_event_parties(ev, from, to);
    ev->duration_seconds = 0;
    ev->outcome = ended_outcome(ended, text_empty(reason) ? TEXT("unknown") : reason);
    put_error(ev, NULL, error.p != NULL ? error : reason, arena);
    metadata_text(m, "ended_reason", text_empty(reason) ? TEXT_NULL : reason);
}

static enum verdict read_call(const struct voice_request *r, struct voice_events *out)
{
    const struct json *body = payload_open(r, &out->reason), *data = payload_object(body, "data");
    enum voice_phase phase = phase_of(payload_text(body, "type", out->arena));
    struct text id = payload_id(data, "conversation_id", out->arena);
    const struct json *client = payload_object(data, "conversation_initiation_client_data");
    struct voice_event *ev;
    struct metadata m;

    if (body == NULL)
        return VERDICT_REJECT;
    if (phase == 0)
        return voice_events_ignore(out);
    if (id.p == NULL)
        return voice_events_reject(out, "data.conversation_id is missing or too long");
    ev = voice_event_add(out, phase, id);
    ev->at_us = moment_json(json_member(body, "event_timestamp"), out->arena, MOMENT_SECOND_US);
    ev->provider_agent_id = payload_id(data, "agent_id", out->arena);
    metadata_open(&m, ev, out->arena);
    metadata_echo_known(&m, payload_object(client, "dynamic_variables"));
    if (phase == VOICE_ANALYSED)
        put_conversation(ev, &m, data, out->arena);
    else
        put_failure(ev, &m, data, out->arena);
    metadata_close(&m);
    return voice_events_close(out);
}

const struct voice_provider voice_provider_elevenlabs = {
    .name = "elevenlabs",
    .secret_setting = "ELEVENLABS_WEBHOOK_SECRET",
    .headers = headers,
    .verify = verify,
    .call_id = call_id,
    .read = read_call,
};
