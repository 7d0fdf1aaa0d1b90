/* Vapi: server messages {message:{type, timestamp, call{...}, ...}} (docs.vapi.ai, "Server events").
 * message.call is a snapshot taken at any time before: what happened stands in the message. */
#include "base/words.h"
#include "voice/ended_reason.h"
#include "voice/metadata.h"
#include "voice/moments.h"
#include "voice/numbers.h"
#include "voice/payload.h"
#include "voice/recording.h"
#include "voice/signing.h"
#include "voice/turns.h"

#define SECRET "x-vapi-secret"
#define AUTHORIZATION "authorization"
#define SIGNATURE "x-signature"
#define TIMESTAMP "x-timestamp"

static const char *const headers[] = {SECRET, AUTHORIZATION, SIGNATURE, TIMESTAMP, NULL};

/* Of some 600 reasons all but these are failures. */
static const struct ended_rule ended[] = {
    {ENDED_PREFIX, "customer-ended-call", "answered"},
    {ENDED_PREFIX, "assistant-ended-call", "answered"},
    {ENDED_EXACT, "assistant-said-end-call-phrase", "answered"},
    {ENDED_EXACT, "assistant-forwarded-call", "answered"},
    {ENDED_EXACT, "silence-timed-out", "answered"},
    {ENDED_EXACT, "exceeded-max-duration", "answered"},
    {ENDED_EXACT, "vonage-completed", "answered"},
    {ENDED_EXACT, "vonage-disconnected", "answered"},
    {ENDED_EXACT, "phone-call-provider-closed-websocket", "answered"},
    {ENDED_EXACT, "call.in-progress.twilio-completed-call", "answered"},
    {ENDED_EXACT, "call.in-progress.sip-completed-call", "answered"},
    {ENDED_PREFIX, "call.ringing.hook-executed-", "answered"},
    {ENDED_PREFIX, "call.ending.hook-executed-", "answered"},
    {ENDED_EXACT, "customer-did-not-answer", "no_answer"},
    {ENDED_EXACT, "call.forwarding.no-answer", "no_answer"},
    {ENDED_PART, "outbound-sip-408-", "no_answer"},
    {ENDED_PART, "outbound-sip-480-", "no_answer"},
    {ENDED_EXACT, "customer-busy", "busy"},
    {ENDED_EXACT, "call.forwarding.operator-busy", "busy"},
    {ENDED_EXACT, "voicemail", "voicemail"},
    {ENDED_EXACT, NULL, NULL},
};

static const struct phase_word {
    const char *word;
    enum voice_phase phase;
} statuses[] = {
    {"scheduled", VOICE_QUEUED},
    {"queued", VOICE_QUEUED},
    {"ringing", VOICE_RINGING},
    {"in-progress", VOICE_IN_PROGRESS},
    {"forwarding", VOICE_IN_PROGRESS},
    {"ended", VOICE_ENDED},
    {NULL, VOICE_QUEUED},
};

/* Types without a status. All but the first two only prove that the call is live; "hang" means that
 * the assistant is slow. */
static const struct phase_word types[] = {
    {"end-of-call-report", VOICE_ANALYSED},
    {"assistant-request", VOICE_RINGING},
    {"transcript", VOICE_IN_PROGRESS},
    {"hang", VOICE_IN_PROGRESS},
    {"tool-calls", VOICE_IN_PROGRESS},
    {"tool.completed", VOICE_IN_PROGRESS},
    {"function-call", VOICE_IN_PROGRESS},
    {"conversation-update", VOICE_IN_PROGRESS},
    {"speech-update", VOICE_IN_PROGRESS},
    {"model-output", VOICE_IN_PROGRESS},
    {"user-interrupted", VOICE_IN_PROGRESS},
    {"voice-input", VOICE_IN_PROGRESS},
    {"voice-request", VOICE_IN_PROGRESS},
    {"phone-call-control", VOICE_IN_PROGRESS},
    {"transfer-update", VOICE_IN_PROGRESS},
    {"transfer-destination-request", VOICE_IN_PROGRESS},
    {"handoff-destination-request", VOICE_IN_PROGRESS},
    {"knowledge-base-request", VOICE_IN_PROGRESS},
    {"language-changed", VOICE_IN_PROGRESS},
    {"language-change-detected", VOICE_IN_PROGRESS},
    {"assistant.started", VOICE_IN_PROGRESS},
    {"assistant.speechStarted", VOICE_IN_PROGRESS},
    {"call.endpointing.request", VOICE_IN_PROGRESS},
    {NULL, VOICE_QUEUED},
};

static bool starts(struct text t, struct text with)
{
    return t.n >= with.n && words_equal((struct text){t.p, with.n}, with);
}

/* The unit is not documented: what would be the year 5138 in seconds is milliseconds. */
static bool is_recent(struct text timestamp, int64_t now_us)
{
    int64_t at;

    if (!signing_number(timestamp, &at) || at > INT64_MAX / MOMENT_SECOND_US)
        return false;
    at *= at >= INT64_C(100000000000) ? MOMENT_MS_US : MOMENT_SECOND_US;
    return at >= now_us - SIGNING_WINDOW_US && at <= now_us + SIGNING_WINDOW_US;
}

/* HMAC-SHA256 in hex or base64, with or without "sha256=", over "{timestamp}.{body}" or the body. */
static bool hmac_signed(const struct voice_request *r, struct text secret, struct text signature,
                        struct text timestamp)
{
    for (int with_time = timestamp.p != NULL; with_time >= 0; with_time--) {
        struct mac m;

        mac_open(&m, MAC_SHA256, secret);
        if (with_time) {
            mac_add(&m, timestamp);
            mac_add(&m, TEXT("."));
        }
        mac_add(&m, (struct text){r->body, r->body_len});
        mac_close(&m);
        if (mac_is_hex(&m, signature) || mac_is_base64(&m, signature))
            return true;
    }
    return false;
}

/* How Vapi proves itself is chosen per server: a secret, a bearer token or an HMAC. */
static bool verify(const struct voice_request *r, const char *secrets)
{
    struct text secret = signing_header(r, SECRET), bearer = signing_header(r, AUTHORIZATION);
    struct text signature = signing_header(r, SIGNATURE), time = signing_header(r, TIMESTAMP);
    const struct text scheme = TEXT("Bearer "), prefix = TEXT("sha256=");

    if (starts(bearer, scheme))
        bearer = words_trim((struct text){bearer.p + scheme.n, bearer.n - scheme.n});
    else
        bearer = TEXT_NULL;
    if (starts(signature, prefix))
        signature = (struct text){signature.p + prefix.n, signature.n - prefix.n};
    if (time.p != NULL && !is_recent(time, r->now_us))
        signature = TEXT_NULL;
    for (struct secrets s = secrets_of(secrets); secrets_next(&s);) {
        if (signing_same(secret, s.secret) || signing_same(bearer, s.secret))
            return true;
        if (!text_empty(signature) && hmac_signed(r, s.secret, signature, time))
            return true;
    }
    return false;
}

static bool call_id(const struct voice_request *r, struct arena *arena, struct text *id)
{
    const char *why;
    const struct json *message = payload_object(payload_open(r, &why), "message");

    *id = payload_id(payload_object(message, "call"), "id", arena);
    return id->p != NULL;
}

static bool find_phase(const struct phase_word *table, struct text word, enum voice_phase *phase)
{
    for (; table->word != NULL; table++) {
        if (text_equal(word, text_of(table->word))) {
            *phase = table->phase;
            return true;
        }
    }
    return false;
}

/* `name` of the message, else of the snapshot, which may be old but not wrong about it. */
static const struct json *either(const struct json *message, const struct json *call,
                                 const char *name)
{
    const struct json *v = json_member(message, name);

    return json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL ? json_member(call, name) : v;
}

static struct text number_of(const struct json *party, struct arena *arena)
{
    struct text number = payload_text(party, "number", arena);

    if (number.p == NULL)
        number = payload_text(party, "sipUri", arena);
    return number_party(number, false, arena);
}

static void put_call(struct voice_event *ev, const struct json *message, const struct json *call,
                     struct arena *arena)
{
    struct text type = payload_text(call, "type", arena);

    ev->provider_agent_id = payload_id(call, "assistantId", arena);
    if (ev->provider_agent_id.p == NULL)
        ev->provider_agent_id = payload_id(payload_object(message, "assistant"), "id", arena);
    ev->started_us = moment_json(either(message, call, "startedAt"), arena, MOMENT_MS_US);
    if (text_equal(type, TEXT("inboundPhoneCall")))
        ev->call_type = TEXT("inbound");
    else if (text_equal(type, TEXT("outboundPhoneCall")))
        ev->call_type = TEXT("outbound");
    else if (text_equal(type, TEXT("webCall")) || text_equal(type, TEXT("vapi.websocketCall")))
        ev->call_type = TEXT("webcall");
    if (ev->call_type.p == NULL || text_equal(ev->call_type, TEXT("webcall")))
        return;
    voice_event_parties(ev, number_of(either(message, call, "phoneNumber"), arena),
                        number_of(either(message, call, "customer"), arena));
}

/* The first list that is not empty: reports of 2024 have theirs on the message itself. */
static void put_turns(struct voice_event *ev, struct metadata *m, const struct json *message,
                      struct arena *arena)
{
    const struct json *artifact = payload_object(message, "artifact");
    const struct json *list = payload_array(artifact, "messages");
    struct turns turns;

    if (json_first(list) == NULL)
        list = payload_array(message, "messages");
    turns_open(&turns, arena, list);
    for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
        struct voice_turn *turn =
            turns_add(&turns, turns_speaker(payload_text(v, "role", arena)),
                      words_trim(json_string(json_member(v, "message"), arena)));
        double offset;

        if (turn == NULL)
            continue;
        turn->at_us = moment_json(json_member(v, "time"), arena, MOMENT_MS_US);
        if (number_double(json_number(json_member(v, "secondsFromStart")), &offset) &&
            offset >= 0 && offset < INT32_MAX)
            turn->offset_us = (int64_t)(offset * MOMENT_SECOND_US + 0.5);
        turns_words(turn, payload_array(payload_object(v, "metadata"), "wordLevelConfidence"));
    }
    if (turns.n == 0)
        turns_from_text(&turns, arena, json_string(either(artifact, message, "transcript"), arena));
    turns_close(&turns, ev);
    if (turns.cut)
        metadata_text(m, "transcript_cut", TEXT("more than 2000 turns"));
}

/* Recordings became private in 2026: only a presigned link can be fetched, for half an hour or so.
 * Older accounts have public ones. */
static void put_recording(struct voice_event *ev, const struct json *message, struct arena *arena)
{
    const struct json *artifact = payload_object(message, "artifact");
    const struct json *recording = payload_object(artifact, "recording");
    const struct {
        const struct json *object;
        const char *name;
    } places[] = {
        {artifact, "presignedMonoUrl"},
        {artifact, "presignedStereoUrl"},
        {payload_object(recording, "mono"), "combinedUrl"},
        {recording, "stereoUrl"},
        {artifact, "recordingUrl"},
        {artifact, "stereoRecordingUrl"},
        {message, "recordingUrl"},
        {message, "stereoRecordingUrl"},
    };
    struct text url = TEXT_NULL;
    unsigned i;

    for (i = 0; i < sizeof places / sizeof *places && url.p == NULL; i++)
        url = payload_text(places[i].object, places[i].name, arena);
    recording_set(
        ev, url,
        i <= 2 ? moment_json(json_member(artifact, "presignedUrlsExpiresAt"), arena, MOMENT_MS_US)
               : EVENT_NO_TIME);
}

static void put_outcome(struct voice_event *ev, struct metadata *m, const struct json *message,
                        const struct json *call, struct arena *arena)
{
    struct text reason = words_trim(json_string(either(message, call, "endedReason"), arena));

    ev->outcome = ended_outcome(ended, reason);
    if (text_equal(ev->outcome, TEXT("failed")))
        ev->error_message = payload_text(message, "endedMessage", arena);
    if (text_equal(ev->outcome, TEXT("failed")) && ev->error_message.p == NULL)
        ev->error_message = reason;
    metadata_text(m, "ended_reason", text_empty(reason) ? TEXT_NULL : reason);
}

/* Of the message alone: the snapshot's times are those of the line, not of the conversation. */
static int64_t duration_of(const struct json *message, struct arena *arena)
{
    int64_t seconds = number_seconds(json_number(json_member(message, "durationSeconds")), 1);
    int64_t started = moment_json(json_member(message, "startedAt"), arena, MOMENT_MS_US);
    int64_t ended_us = moment_json(json_member(message, "endedAt"), arena, MOMENT_MS_US);

    if (seconds == VOICE_NONE)
        seconds = number_seconds(json_number(json_member(message, "durationMs")), 1000);
    if (seconds == VOICE_NONE && started != EVENT_NO_TIME && ended_us >= started)
        seconds = (ended_us - started) / MOMENT_SECOND_US;
    return seconds;
}

static void put_report(struct voice_event *ev, struct metadata *m, const struct json *message,
                       const struct json *call, struct arena *arena)
{
    const struct json *analysis = payload_object(message, "analysis");
    const struct json *found = payload_object(analysis, "structuredData");

    ev->ended_us = moment_json(either(message, call, "endedAt"), arena, MOMENT_MS_US);
    ev->duration_seconds = duration_of(message, arena);
    ev->summary = payload_text(analysis, "summary", arena);
    if (ev->summary.p == NULL)
        ev->summary = payload_text(message, "summary", arena);
    metadata_object(m, "analysis", found);
    metadata_analysis(m, found, NULL);
    metadata_text(m, "success_evaluation", payload_text(analysis, "successEvaluation", arena));
    metadata_cost(m, number_decimal(json_number(json_member(message, "cost")), 0, arena),
                  "currency", TEXT("USD"));
    put_recording(ev, message, arena);
    put_turns(ev, m, message, arena);
}

/* A final one is a turn of the call as it goes; a partial one will be said again. */
static void put_live_turn(struct voice_event *ev, struct text type, const struct json *message,
                          struct arena *arena)
{
    struct text kind = payload_text(message, "transcriptType", arena);
    struct turns turns;
    struct voice_turn *turn;

    if (kind.p == NULL && memmem(type.p, type.n, "\"final\"", 7) != NULL)
        kind = TEXT("final");
    if (!text_equal(kind, TEXT("final")))
        return;
    turns_open(&turns, arena, message); /* room for more than one */
    turn = turns_add(&turns, turns_speaker(payload_text(message, "role", arena)),
                     words_trim(json_string(json_member(message, "transcript"), arena)));
    if (turn == NULL)
        return;
    turn->at_us = ev->at_us;
    ev->turns = turn;
    ev->n_turns = 1;
}

static void put_all(struct voice_event *ev, struct text type, const struct json *message,
                    const struct json *call, struct arena *arena)
{
    struct metadata m;

    metadata_open(&m, ev, arena);
    put_call(ev, message, call, arena);
    metadata_echo(&m, payload_object(call, "metadata"));
    metadata_echo(&m, payload_object(payload_object(call, "assistantOverrides"), "metadata"));
    if (ev->phase == VOICE_ANALYSED)
        put_report(ev, &m, message, call, arena);
    if (ev->phase >= VOICE_ENDED)
        put_outcome(ev, &m, message, call, arena);
    if (starts(type, TEXT("transcript")))
        put_live_turn(ev, type, message, arena);
    if (ev->phase == VOICE_IN_PROGRESS && ev->started_us == EVENT_NO_TIME &&
        text_equal(payload_text(message, "status", arena), TEXT("in-progress")))
        ev->started_us = ev->at_us; /* somebody took the call; forwarding it comes later */
    metadata_close(&m);
}

static enum verdict read_call(const struct voice_request *r, struct voice_events *out)
{
    const struct json *body = payload_open(r, &out->reason);
    const struct json *message = payload_object(body, "message");
    const struct json *call = payload_object(message, "call");
    struct text type = payload_text(message, "type", out->arena), word = type;
    struct text id = payload_id(call, "id", out->arena);
    const char *bracket = type.n > 0 ? memchr(type.p, '[', type.n) : NULL;
    struct voice_event *ev;
    enum voice_phase phase;

    if (body == NULL)
        return VERDICT_REJECT;
    if (bracket != NULL) /* transcript[transcriptType="final"] */
        word.n = (size_t)(bracket - type.p);
    if (text_equal(word, TEXT("status-update"))) {
        if (!find_phase(statuses, payload_text(message, "status", out->arena), &phase))
            return voice_events_ignore(out);
    } else if (!find_phase(types, word, &phase)) {
        return voice_events_ignore(out);
    }
    if (id.p == NULL)
        return voice_events_reject(out, "message.call.id is missing or too long");
    ev = voice_event_add(out, phase, id);
    ev->at_us = moment_json(json_member(message, "timestamp"), out->arena, MOMENT_MS_US);
    put_all(ev, type, message, call, out->arena);
    if (ev->at_us == EVENT_NO_TIME)
        ev->at_us = ev->ended_us;
    return voice_events_close(out);
}

const struct voice_provider voice_provider_vapi = {
    .name = "vapi",
    .secret_setting = "VAPI_SECRET",
    .headers = headers,
    .verify = verify,
    .call_id = call_id,
    .read = read_call,
};
