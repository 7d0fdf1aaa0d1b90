/* What happened on a call -> rows, the same for every provider. */
#include <stdio.h>

#include "base/phone.h"
#include "rows.h"
#include "base/words.h"
#include "voice/numbers.h"
#include "voice/provider.h"

enum {
    VERSION_BYTES = 24, /* phase, 3 zeros, order, moment, digest */
    ERROR_BYTES_MAX = 1000,
};

struct call {
    const struct voice_provider *provider;
    const struct voice_event *ev;
    const struct call_owner *owner;
    struct rows *out;
    uint8_t version[VERSION_BYTES];
};

static void put_version(uint8_t out[VERSION_BYTES], const struct voice_event *ev,
                        const uint8_t digest[8])
{
    uint64_t moment = (uint64_t)ev->at_us ^ UINT64_C(1) << 63; /* no moment sorts first */

    memset(out, 0, VERSION_BYTES);
    out[0] = (uint8_t)ev->phase;
    for (int i = 0; i < 4; i++)
        out[4 + i] = (uint8_t)(ev->order >> (24 - 8 * i));
    for (int i = 0; i < 8; i++)
        out[8 + i] = (uint8_t)(moment >> (56 - 8 * i));
    memcpy(out + 16, digest, 8);
}

static struct text status_of(enum voice_phase phase)
{
    static const char *const words[] = {
        [VOICE_QUEUED] = "queued", [VOICE_RINGING] = "ringing", [VOICE_IN_PROGRESS] = "in_progress",
        [VOICE_ENDED] = "ended",   [VOICE_ANALYSED] = "ended",
    };

    return text_of(words[phase]);
}

/* "+266696687" spells ANONYMOUS: what carriers send in place of a number that is withheld. */
static bool is_withheld(struct text number)
{
    static const char *const spelled[] = {"+266696687", "+7378742833", "+2562533", "+8566696",
                                          "+86282452253"};

    for (unsigned i = 0; i < sizeof spelled / sizeof *spelled; i++) {
        if (text_equal(number, text_of(spelled[i])))
            return true;
    }
    return false;
}

/* The other side's number, spelled as customers' are, where the library knows better. */
static struct text customer_phone(const struct voice_event *ev, struct arena *arena)
{
    struct text number = TEXT_NULL, canonical;

    if (text_equal(ev->call_type, TEXT("inbound")))
        number = ev->from_number;
    else if (text_equal(ev->call_type, TEXT("outbound")))
        number = ev->to_number;
    if (!number_is_e164(number) || is_withheld(number))
        return TEXT_NULL;
    canonical = phone_e164(number, TEXT_NULL, arena);
    return canonical.p != NULL ? canonical : number;
}

static void put_uuid(struct rows *out, unsigned column, const uint8_t id[16])
{
    static const uint8_t none[16];

    if (memcmp(id, none, sizeof none) != 0)
        rows_uuid(out, column, id);
}

static void put_number(struct rows *out, unsigned column, int64_t value, int64_t min, int64_t max)
{
    if (value != VOICE_NONE && value >= min && value <= max)
        rows_int(out, column, value);
}

static struct text filled(struct text t)
{
    return words_blank(t) ? TEXT_NULL : t;
}

/* How the call went: only its end can tell. */
static void put_result(const struct call *c)
{
    const struct voice_event *ev = c->ev;
    int64_t ended_us = ev->ended_us;

    if (ev->phase < VOICE_ENDED)
        return;
    if (ended_us == EVENT_NO_TIME && ev->phase == VOICE_ENDED)
        ended_us = ev->at_us;
    rows_text(c->out, COL_calls_outcome, ev->outcome);
    put_number(c->out, COL_calls_duration_seconds, ev->duration_seconds, 0, INT32_MAX);
    rows_text(c->out, COL_calls_sentiment, ev->sentiment);
    put_number(c->out, COL_calls_sentiment_score, ev->sentiment_score, -100, 100);
    rows_text(c->out, COL_calls_summary, filled(ev->summary));
    rows_text(c->out, COL_calls_error_message,
              words_cut(filled(ev->error_message), ERROR_BYTES_MAX));
    rows_time(c->out, COL_calls_ended_at, ended_us);
}

static void put_call(const struct call *c)
{
    const struct voice_event *ev = c->ev;
    struct rows *out = c->out;

    rows_begin(out, ROWSET_calls);
    rows_text(out, COL_calls_provider, text_of(c->provider->name));
    rows_text(out, COL_calls_external_call_id, ev->external_call_id);
    rows_uuid(out, COL_calls_organization_id, c->owner->organization_id);
    put_uuid(out, COL_calls_campaign_id, c->owner->campaign_id);
    put_uuid(out, COL_calls_agent_id, c->owner->agent_id);
    rows_text(out, COL_calls_contact_id, filled(ev->contact_id));
    rows_text(out, COL_calls_call_type, ev->call_type);
    rows_text(out, COL_calls_from_number, filled(ev->from_number));
    rows_text(out, COL_calls_to_number, filled(ev->to_number));
    rows_text(out, COL_calls_status, status_of(ev->phase));
    put_result(c);
    put_number(out, COL_calls_attempt_number, ev->attempt_number, 1, INT32_MAX);
    rows_text(out, COL_calls_metadata, ev->metadata);
    rows_time(out, COL_calls_started_at, ev->started_us);
    rows_text(out, COL_calls_customer_phone, customer_phone(ev, out->arena));
    rows_int(out, COL_calls_phase, ev->phase);
    rows_time(out, COL_calls_source_updated_at, ev->at_us);
    rows_time(out, COL_calls_source_triggered_at, ev->at_us);
    rows_bytes(out, COL_calls_source_version, c->version, VERSION_BYTES);
}

/* An int64 as text; absent for VOICE_NONE. */
static struct text decimal(struct arena *arena, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);

    if (value == VOICE_NONE || n < 0)
        return TEXT_NULL;
    return (struct text){arena_copy(arena, text, (size_t)n), (size_t)n};
}

static struct text confidence(struct arena *arena, double value)
{
    char text[24];
    int n;

    if (!(value >= 0 && value <= 1))
        return TEXT_NULL;
    n = snprintf(text, sizeof text, "%.4f", value);
    return (struct text){arena_copy(arena, text, (size_t)n), (size_t)n};
}

static void begin_turn(const struct call *c, int64_t position)
{
    struct rows *out = c->out;

    rows_begin(out, ROWSET_call_turns);
    rows_text(out, COL_call_turns_provider, text_of(c->provider->name));
    rows_text(out, COL_call_turns_external_call_id, c->ev->external_call_id);
    rows_bytes(out, COL_call_turns_source_version, c->version, VERSION_BYTES);
    rows_int(out, COL_call_turns_position, position);
    rows_bool(out, COL_call_turns_whole, c->ev->transcript_whole);
}

static void put_turns(const struct call *c)
{
    const struct voice_event *ev = c->ev;
    struct rows *out = c->out;

    if (ev->transcript_whole && ev->n_turns == 0)
        begin_turn(c, -1);
    for (unsigned i = 0; i < ev->n_turns && i < VOICE_TURNS_MAX; i++) {
        const struct voice_turn *turn = &ev->turns[i];

        begin_turn(c, i);
        rows_text(out, COL_call_turns_speaker, turn->speaker);
        rows_text(out, COL_call_turns_content, turn->content);
        rows_text(out, COL_call_turns_confidence, confidence(out->arena, turn->confidence));
        rows_text(out, COL_call_turns_offset_us, decimal(out->arena, turn->offset_us));
        rows_time(out, COL_call_turns_spoken_at, turn->at_us);
    }
}

static void put_recording(const struct call *c)
{
    const struct voice_event *ev = c->ev;
    struct rows *out = c->out;

    if (text_empty(ev->recording_url))
        return;
    rows_begin(out, ROWSET_call_recordings);
    rows_text(out, COL_call_recordings_provider, text_of(c->provider->name));
    rows_text(out, COL_call_recordings_external_call_id, ev->external_call_id);
    rows_text(out, COL_call_recordings_provider_url, ev->recording_url);
    rows_time(out, COL_call_recordings_url_expires_at, ev->recording_expires_us);
    put_number(out, COL_call_recordings_duration_seconds, ev->recording_duration_seconds, 0,
               INT32_MAX);
    rows_bytes(out, COL_call_recordings_source_version, c->version, VERSION_BYTES);
}

void voice_rows(const struct voice_provider *p, const struct voice_event *ev,
                const struct call_owner *owner, const uint8_t digest[8], struct rows *out)
{
    struct call c = {.provider = p, .ev = ev, .owner = owner, .out = out};

    put_version(c.version, ev, digest);
    put_call(&c);
    put_turns(&c);
    put_recording(&c);
}
