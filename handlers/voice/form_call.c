#include "voice/form_call.h"

#include "base/json.h"
#include "base/words.h"
#include "voice/moments.h"
#include "voice/numbers.h"
#include "voice/payload.h"
#include "voice/recording.h"
#include "voice/signing.h"

enum { SIP_ERROR_MIN = 400, MACHINE_WORD = 7 };

static const struct {
    const char *word;
    enum voice_phase phase;
} statuses[] = {
    {"queued", VOICE_QUEUED},
    {"initiated", VOICE_QUEUED},
    {"ringing", VOICE_RINGING},
    {"early-media", VOICE_RINGING},
    {"in-progress", VOICE_IN_PROGRESS},
    {"answered", VOICE_IN_PROGRESS},
    {"completed", VOICE_ENDED},
    {"busy", VOICE_ENDED},
    {"no-answer", VOICE_ENDED},
    {"failed", VOICE_ENDED},
    {"canceled", VOICE_ENDED},
    {"cancelled", VOICE_ENDED},
    {"cancel", VOICE_ENDED},
    {"timeout", VOICE_ENDED},
    {"rejected", VOICE_ENDED},
};

static bool is_json(const struct voice_request *r)
{
    return !text_empty(words_trim((struct text){r->body, r->body_len})) &&
           *words_trim((struct text){r->body, r->body_len}).p == '{';
}

/* The members of a JSON body that the profiles which get one look at. */
static bool parse_json(struct form *f, const struct voice_request *r, struct arena *arena)
{
    static const char *const names[] = {
        "CallSid",
        "CallUUID",
        "CallStatus",
        "CallDuration",
        "Duration",
        "Direction",
        "From",
        "To",
        "Timestamp",
        "SequenceNumber",
        "AnsweredBy",
        "ErrorCode",
        "ErrorMessage",
        "SipResponseCode",
        "Price",
        "PriceUnit",
        "RecordingUrl",
        "RecordingStatus",
        "RecordingDuration",
        "RecordUrl",
        "RecordingStartTime",
    };
    const char *why;
    const struct json *body = payload_open(r, &why);

    f->n = 0;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        struct text value = payload_text(body, names[i], arena);
        if (value.p != NULL)
            f->pair[f->n++] = (struct form_pair){text_of(names[i]), value};
    }
    return body != NULL;
}

/* The body's keys and values. They live in the arena. */
static bool parse_body(struct form *f, const struct voice_request *r, struct arena *arena)
{
    char *room;

    if (is_json(r))
        return parse_json(f, r, arena);
    room = arena_alloc(arena, r->body_len + 1);
    return room != NULL && form_parse(f, (struct text){r->body, r->body_len}, room);
}

static struct text id_of(const struct form_profile *profile, const struct form *f)
{
    struct text id = form_value(f, profile->call_id);

    return id.n > PAYLOAD_ID_MAX ? TEXT_NULL : id;
}

bool form_call_id(const struct form_profile *profile, const struct voice_request *r,
                  struct arena *arena, struct text *id)
{
    struct form f;

    *id = parse_body(&f, r, arena) ? id_of(profile, &f) : TEXT_NULL;
    return id->p != NULL;
}

static void put_parties(struct voice_event *ev, const struct form *f, bool international,
                        struct arena *arena)
{
    struct text direction = form_value(f, "Direction"); /* outbound-api, outbound-dial, ... */
    struct text from = form_value(f, "From"), to = form_value(f, "To");

    ev->from_number = number_party(from, international, arena);
    ev->to_number = number_party(to, international, arena);
    if (direction.n >= 7 && words_equal((struct text){direction.p, 7}, TEXT("inbound"))) {
        ev->call_type = TEXT("inbound");
        ev->our_number = ev->to_number;
    } else if (direction.n >= 8 && words_equal((struct text){direction.p, 8}, TEXT("outbound"))) {
        ev->call_type = TEXT("outbound");
        ev->our_number = ev->from_number;
    }
}

/* False: there is none to fetch, now or ever. */
static bool put_recording(struct voice_event *ev, const struct form *f, const char *url_key)
{
    struct text status = form_value(f, "RecordingStatus"), url = form_value(f, url_key);

    if (url.p == NULL || (status.p != NULL && !words_equal(status, TEXT("completed"))))
        return false;
    recording_set(ev, url, EVENT_NO_TIME);
    if (ev->recording_url.p == NULL)
        return false;
    ev->recording_duration_seconds = number_seconds(form_value(f, "RecordingDuration"), 1);
    return true;
}

/* "machine_start", "machine_end_beep", ... and "fax". */
static bool is_machine(struct text answered_by)
{
    return words_equal(answered_by, TEXT("fax")) ||
           (answered_by.n >= MACHINE_WORD &&
            words_equal((struct text){answered_by.p, MACHINE_WORD}, TEXT("machine")));
}

static void put_error(struct voice_event *ev, const struct form *f, struct text status,
                      struct metadata *m)
{
    struct text message = form_value(f, "ErrorMessage"), sip = form_value(f, "SipResponseCode");
    int64_t code;
    char *text;

    metadata_text(m, "sip_response_code", sip);
    metadata_text(m, "error_code", form_value(f, "ErrorCode"));
    if (!text_equal(ev->outcome, TEXT("failed")))
        return;
    ev->error_message = message.p != NULL ? message : status;
    if (message.p != NULL || !signing_number(sip, &code) || code < SIP_ERROR_MIN)
        return;
    text = arena_alloc(m->arena, sip.n + 4);
    if (text == NULL)
        return;
    memcpy(text, "SIP ", 4);
    memcpy(text + 4, sip.p, sip.n);
    ev->error_message = (struct text){text, sip.n + 4};
}

static void put_end(const struct form_profile *profile, struct voice_event *ev,
                    const struct form *f, struct text status, struct metadata *m)
{
    struct text reason = TEXT_NULL;

    ev->outcome = ended_outcome(profile->ended, status);
    if (text_equal(ev->outcome, TEXT("answered")) && is_machine(form_value(f, "AnsweredBy")))
        ev->outcome = TEXT("voicemail");
    ev->duration_seconds = number_seconds(form_value(f, profile->duration), 1);
    ev->ended_us = ev->at_us;
    if (text_equal(ev->outcome, TEXT("answered")) || text_equal(ev->outcome, TEXT("voicemail")))
        ev->started_us = ev->duration_seconds == VOICE_NONE
                             ? EVENT_NO_TIME
                             : moment_plus(ev->ended_us, -ev->duration_seconds);
    if (profile->end != NULL)
        reason = profile->end(ev, f, m);
    metadata_text(m, "ended_reason", reason.p != NULL ? reason : status);
    put_error(ev, f, status, m);
}

/* A callback without a status: a recording is there, or who answered was found out. */
static enum verdict read_other(const struct form_profile *profile, const struct form *f,
                               struct voice_event *ev, struct metadata *m)
{
    int64_t number;

    ev->at_us = moment_text(form_value(f, "RecordingStartTime"));
    if (ev->at_us == EVENT_NO_TIME && signing_number(form_value(f, "RecordingStartMs"), &number))
        ev->at_us = number < INT64_MAX / MOMENT_MS_US ? number * MOMENT_MS_US : EVENT_NO_TIME;
    metadata_text(m, "answered_by", form_value(f, "AnsweredBy"));
    if (!put_recording(ev, f, profile->recording_url) && m->n == 0)
        return VERDICT_IGNORE;
    return VERDICT_STORE;
}

static bool find_phase(struct text status, enum voice_phase *phase)
{
    for (unsigned i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        if (words_equal(status, text_of(statuses[i].word))) {
            *phase = statuses[i].phase;
            return true;
        }
    }
    return false;
}

static void put_status(const struct form_profile *profile, const struct form *f, struct text status,
                       struct voice_event *ev, struct metadata *m)
{
    int64_t sequence;

    if (signing_number(form_value(f, "SequenceNumber"), &sequence) && sequence <= UINT32_MAX)
        ev->order = (uint32_t)sequence;
    ev->at_us = moment_text(form_value(f, "Timestamp"));
    put_parties(ev, f, profile->international, m->arena);
    metadata_text(m, "answered_by", form_value(f, "AnsweredBy"));
    if (ev->phase == VOICE_IN_PROGRESS)
        ev->started_us = ev->at_us;
    if (ev->phase == VOICE_ENDED)
        put_end(profile, ev, f, status, m);
    put_recording(ev, f, profile->recording_url);
}

enum verdict form_call_read(const struct form_profile *profile, const struct voice_request *r,
                            struct voice_events *out)
{
    enum voice_phase phase = VOICE_IN_PROGRESS;
    struct text id, status;
    struct voice_event *ev;
    struct metadata m;
    struct form f;

    if (!parse_body(&f, r, out->arena))
        return voice_events_reject(out, "the body is no form of at most 256 fields and 64 KiB");
    id = id_of(profile, &f);
    status = form_value(&f, "CallStatus");
    if (id.p == NULL)
        return voice_events_reject(out, profile->no_call_id);
    if (status.p != NULL && !find_phase(status, &phase))
        return voice_events_reject(out, "CallStatus is none of the words that are known");
    ev = voice_event_add(out, phase, id);
    metadata_open(&m, ev, out->arena);
    if (status.p != NULL) {
        put_status(profile, &f, status, ev, &m);
    } else if (read_other(profile, &f, ev, &m) == VERDICT_IGNORE) {
        return voice_events_ignore(out);
    }
    metadata_echo_query(&m, r->url);
    metadata_close(&m);
    return voice_events_close(out);
}
