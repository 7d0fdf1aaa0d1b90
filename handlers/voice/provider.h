/* A voice provider is a value: one file handlers/voice/<name>.c and one line in providers.def. The route /webhooks/voice/<name>,
 * the setting that holds its secret and the metrics labels follow from it. Pure: bytes in, neutral events out. */
#ifndef HANDLERS_VOICE_PROVIDER_H
#define HANDLERS_VOICE_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"
#include "event.h"

enum { VOICE_HEADERS_MAX = 8, VOICE_TURNS_MAX = 2000, VOICE_EVENTS_MAX = 8 };

struct voice_header {
    const char *name; /* lower case; only those that the provider lists in `headers` */
    struct text value;
};

/* One callback as it came in. Everything borrowed. */
struct voice_request {
    struct text url; /* as the provider called it: RINGBACK_PUBLIC_URL + path + '?' + raw query */
    struct voice_header headers[VOICE_HEADERS_MAX];
    unsigned n_headers;
    const char *body; /* raw; EVENT_BODY_PADDING readable bytes behind it */
    size_t body_len;
    int64_t now_us; /* for replay windows */
};

/* What happened on a call, in our words. Absent texts are TEXT_NULL, absent numbers VOICE_NONE, absent times EVENT_NO_TIME. */
#define VOICE_NONE INT64_MIN

enum voice_phase { /* order is rank: a call's status only moves forward */
                   VOICE_QUEUED = 1,
                   VOICE_RINGING,
                   VOICE_IN_PROGRESS,
                   VOICE_ENDED,
                   VOICE_ANALYSED
};

struct voice_turn {
    struct text speaker; /* agent | caller | system */
    struct text content;
    int64_t offset_us; /* since the call's start; VOICE_NONE */
    int64_t at_us;     /* wall clock where the provider gives it; EVENT_NO_TIME */
    double confidence; /* < 0: none */
};

struct voice_event {
    enum voice_phase phase;
    struct text external_call_id; /* required */
    int64_t at_us;                /* when it happened at the provider; EVENT_NO_TIME: unknown */
    uint32_t order;        /* provider's own sequence number, 0 if none: breaks ties of at_us */
    struct text call_type; /* inbound | outbound | webcall */
    struct text from_number, to_number; /* E.164 where they are numbers, verbatim else */
    struct text outcome;                /* answered | no_answer | busy | failed | voicemail */
    int64_t duration_seconds;
    struct text sentiment; /* positive | neutral | negative */
    int64_t sentiment_score;
    struct text summary;
    struct text error_message;
    int64_t attempt_number;
    int64_t started_us, ended_us;
    struct text metadata; /* JSON object: echoed metadata plus cost, ended_reason, ... */
    /* hints from which the tenant follows when the call is not ours yet */
    struct text organization_id, campaign_id, agent_id, contact_id,
        attempt_id;                /* of the echoed metadata; uuid text or as sent */
    struct text provider_agent_id; /* matches agents.voice_settings.provider_agent_id */
    struct text
        our_number; /* matches agents.voice_settings.phone_number: inbound `to`, outbound `from` */
    /* transcript */
    bool
        transcript_whole; /* turns are the whole list so far (replaces); else single live turns (adds) */
    struct voice_turn *turns;
    unsigned n_turns;
    /* recording */
    struct text recording_url;
    int64_t recording_expires_us;
    int64_t recording_duration_seconds;
};

struct voice_events {
    struct arena *arena; /* texts and turns live here */
    struct voice_event event[VOICE_EVENTS_MAX];
    unsigned n;
    const char *reason; /* of a VERDICT_REJECT, a sentence */
};

struct voice_provider {
    const char *name;
    const char *secret_setting; /* "RETELL_API_KEY" */
    const char *const
        *headers; /* lower-case names that verify() wants; NULL-terminated. They may hold the secret
                   * itself and do not travel with the event: call_id() and read() see content-type
                   * alone. */
    /* True when one of `secrets` (a comma list) signed this request, in constant time. */
    bool (*verify)(const struct voice_request *r, const char *secrets);
    /* The external call id, for routing to a partition, without reading the rest. False: no call is named. */
    bool (*call_id)(const struct voice_request *r, struct arena *arena, struct text *id);
    /* VERDICT_STORE: out->n events. IGNORE: nothing to store (acknowledge and count). REJECT: out->reason. */
    enum verdict (*read)(const struct voice_request *r, struct voice_events *out);
};

/* NULL if there is no such provider. */
const struct voice_provider *voice_provider_find(const char *name);
const struct voice_provider *const *voice_providers(size_t *n);

/* Who a call belongs to, as the worker looked it up (schema/worker/lookup_calls.sql). */
struct call_owner {
    uint8_t organization_id[16];
    uint8_t agent_id[16], campaign_id[16]; /* all zero: none */
};

struct rows;

/* Writes the rows of one neutral event: calls, call_turns, call_recordings. digest: as struct event's. */
void voice_rows(const struct voice_provider *p, const struct voice_event *ev,
                const struct call_owner *owner, const uint8_t digest[8], struct rows *out);

#endif
