/* Twilio's status and recording callbacks: forms, their fields in the order of their names, which
 * is the order in which they are signed. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "simulate/world.h"

#define ACCOUNT "AC00000000000000000000000000005e6c"

enum { TIME_SIZE = 48, NUMBER_SIZE = 16 };

static void field(struct body *b, const char *name, const char *value)
{
    char escape[4];

    if (b->n > 0)
        body_bytes(b, "&", 1);
    body_bytes(b, name, strlen(name));
    body_bytes(b, "=", 1);
    for (const char *p = value; *p != '\0'; p++) {
        if (isalnum((unsigned char)*p) || strchr("-_.~", *p) != NULL) {
            body_bytes(b, p, 1);
            continue;
        }
        snprintf(escape, sizeof escape, "%%%02X", (unsigned char)*p);
        body_bytes(b, *p == ' ' ? "+" : escape, *p == ' ' ? 1 : 3);
    }
}

static void number(struct body *b, const char *name, unsigned value)
{
    char text[NUMBER_SIZE];

    snprintf(text, sizeof text, "%u", value);
    field(b, name, text);
}

/* RFC 2822. */
static const char *when(int64_t at_us, char out[TIME_SIZE])
{
    time_t second = (time_t)(at_us / 1000000);
    struct tm tm;

    gmtime_r(&second, &tm);
    strftime(out, TIME_SIZE, "%a, %d %b %Y %H:%M:%S +0000", &tm);
    return out;
}

/* Found out when somebody or something has answered. */
static const char *answered_by(const struct call *c)
{
    static const char *const machines[] = {"machine_start", "machine_end_beep", "fax"};

    return c->outcome == CALL_VOICEMAIL ? machines[call_pick(c, 'm', 3)] : "human";
}

static void status(struct sim *s, const struct call *c, unsigned beat, struct sim_event *out)
{
    static const char *const words[BEATS] = {
        [BEAT_QUEUED] = "initiated",
        [BEAT_RINGING] = "ringing",
        [BEAT_ANSWERED] = "in-progress",
    };
    enum call_beat kind = (enum call_beat)c->beats[beat].kind;
    bool ended = kind == BEAT_ENDED;
    struct body *b = &s->body;
    char id[CALL_ID_SIZE], from[SIM_PHONE_SIZE], to[SIM_PHONE_SIZE], at[TIME_SIZE];

    voice_parties(s, c, from, to);
    out->topic = ended ? call_reason(c) : words[kind];
    field(b, "AccountSid", ACCOUNT);
    if (ended && c->connected)
        field(b, "AnsweredBy", answered_by(c));
    field(b, "ApiVersion", "2010-04-01");
    if (ended)
        number(b, "CallDuration", c->talk_ms / 1000);
    field(b, "CallSid", call_id_text(s, c, id));
    field(b, "CallStatus", out->topic);
    field(b, "CallbackSource", "call-progress-events");
    field(b, "Direction", c->inbound ? "inbound" : "outbound-api");
    if (ended && c->connected)
        number(b, "Duration", (c->talk_ms / 1000 + 59) / 60);
    field(b, "From", from);
    number(b, "SequenceNumber", kind);
    if (ended && !c->connected)
        field(b, "SipResponseCode", c->outcome == CALL_BUSY ? "486" : "404");
    field(b, "Timestamp", when(c->beats[beat].at_us, at));
    field(b, "To", to);
    field(b, "ToCity", "");
}

static void recording(struct sim *s, const struct call *c, struct sim_event *out)
{
    struct body *b = &s->body;
    char id[CALL_ID_SIZE], url[128], at[TIME_SIZE];

    out->topic = "recording";
    call_id_text(s, c, id);
    snprintf(url, sizeof url, "https://recordings.example.invalid/Accounts/" ACCOUNT "/RE%s",
             id + 2);
    field(b, "AccountSid", ACCOUNT);
    field(b, "CallSid", id);
    field(b, "RecordingChannels", "2");
    number(b, "RecordingDuration", c->talk_ms / 1000);
    field(b, "RecordingSource", "OutboundAPI");
    field(b, "RecordingStartTime", when(call_answered_us(c), at));
    field(b, "RecordingStatus", "completed");
    field(b, "RecordingUrl", url);
}

void voice_twilio(struct sim *s, const struct call *c, unsigned beat, struct sim_event *out)
{
    body_init(&s->body, s->memory, sizeof s->memory);
    voice_query(s, c, out);
    if (c->beats[beat].kind == BEAT_RECORDING)
        recording(s, c, out);
    else
        status(s, c, beat, out);
}
