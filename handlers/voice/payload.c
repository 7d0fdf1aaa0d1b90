#include "voice/payload.h"

#include <assert.h>

#include "base/words.h"

const struct json *payload_open(const struct voice_request *r, const char **why)
{
    const struct json *body = json_parse(JSON_SLOT_EVENT, r->body, r->body_len, why);

    if (body != NULL && json_type(body) != JSON_OBJECT) {
        *why = "the body is not a JSON object";
        return NULL;
    }
    return body;
}

struct text payload_scalar(const struct json *v, struct arena *arena)
{
    struct text number = json_number(v);

    if (number.p == NULL)
        return json_string(v, arena);
    return (struct text){arena_copy(arena, number.p, number.n), number.n};
}

struct text payload_text(const struct json *object, const char *key, struct arena *arena)
{
    const struct json *v = json_member(object, key);
    struct text t = words_trim(payload_scalar(v, arena));

    return text_empty(t) || words_equal(t, TEXT("unknown")) ? TEXT_NULL : t;
}

struct text payload_id(const struct json *object, const char *key, struct arena *arena)
{
    struct text id = payload_text(object, key, arena);

    return id.n > PAYLOAD_ID_MAX ? TEXT_NULL : id;
}

static const struct json *of_type(const struct json *object, const char *key, enum json_type type)
{
    const struct json *v = json_member(object, key);

    return json_type(v) == type ? v : NULL;
}

const struct json *payload_object(const struct json *object, const char *key)
{
    return of_type(object, key, JSON_OBJECT);
}

const struct json *payload_array(const struct json *object, const char *key)
{
    return of_type(object, key, JSON_ARRAY);
}

struct voice_event *voice_event_add(struct voice_events *out, enum voice_phase phase,
                                    struct text external_call_id)
{
    struct voice_event *ev = &out->event[out->n];

    assert(out->n < VOICE_EVENTS_MAX);
    out->n++;
    *ev = (struct voice_event){
        .phase = phase,
        .external_call_id = external_call_id,
        .at_us = EVENT_NO_TIME,
        .duration_seconds = VOICE_NONE,
        .sentiment_score = VOICE_NONE,
        .attempt_number = VOICE_NONE,
        .started_us = EVENT_NO_TIME,
        .ended_us = EVENT_NO_TIME,
        .recording_expires_us = EVENT_NO_TIME,
        .recording_duration_seconds = VOICE_NONE,
    };
    return ev;
}

void voice_event_parties(struct voice_event *ev, struct text ours, struct text other)
{
    bool inbound = text_equal(ev->call_type, TEXT("inbound"));

    ev->from_number = inbound ? other : ours;
    ev->to_number = inbound ? ours : other;
    ev->our_number = ours;
}

enum verdict voice_events_reject(struct voice_events *out, const char *reason)
{
    out->n = 0;
    out->reason = reason;
    return VERDICT_REJECT;
}

enum verdict voice_events_close(struct voice_events *out)
{
    if (out->arena->failed)
        return voice_events_reject(out, "the callback needs more memory than one event may have");
    return VERDICT_STORE;
}

enum verdict voice_events_ignore(struct voice_events *out)
{
    if (voice_events_close(out) == VERDICT_REJECT)
        return VERDICT_REJECT;
    out->n = 0;
    return VERDICT_IGNORE;
}
