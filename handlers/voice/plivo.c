/* Plivo: ring, answer, hangup and record callbacks (www.plivo.com/docs/voice, "Hangup causes";
 * signature V3 as in its SDKs). */
#include "base/words.h"
#include "voice/callback_url.h"
#include "voice/form_call.h"
#include "voice/moments.h"
#include "voice/numbers.h"
#include "voice/signing.h"

#define SIGNATURE "x-plivo-signature-v3"
#define MAIN_ACCOUNT_SIGNATURE "x-plivo-signature-ma-v3"
#define NONCE "x-plivo-signature-v3-nonce"

static const char *const headers[] = {SIGNATURE, MAIN_ACCOUNT_SIGNATURE, NONCE, NULL};

static const struct ended_rule ended[] = {
    {ENDED_EXACT, "completed", "answered"},  {ENDED_EXACT, "busy", "busy"},
    {ENDED_EXACT, "no-answer", "no_answer"}, {ENDED_EXACT, "timeout", "no_answer"},
    {ENDED_EXACT, "rejected", "no_answer"},  {ENDED_EXACT, NULL, NULL},
};

/* HangupCauseCode of a call that was not answered. */
static const struct ended_rule causes[] = {
    {ENDED_EXACT, "3000", "no_answer"}, /* no answer */
    {ENDED_EXACT, "3010", "busy"},      /* busy line; in India also a ringing call that was cut */
    {ENDED_EXACT, "3020", "no_answer"}, /* rejected by the callee */
    {ENDED_EXACT, "6010", "no_answer"}, /* ring timeout */
    {ENDED_EXACT, NULL, NULL},
};

/* Text and form of a request as V3 signs them: the URL without its query, "?", the query decoded and
 * sorted as k=v&k=v, "." behind one that is not empty, the form's names and values sorted, "." and
 * the nonce. */
struct plivo_text {
    struct callback_url url;
    const struct form *query, *body;
    struct text nonce;
};

static bool is_signed(const struct plivo_text *t, struct text secret, struct text signature)
{
    struct mac m;

    mac_open(&m, MAC_SHA256, secret);
    mac_add(&m, t->url.front);
    mac_add(&m, t->url.port);
    mac_add(&m, t->url.rest);
    mac_add(&m, TEXT("?"));
    for (unsigned i = 0; i < t->query->n; i++) {
        mac_add(&m, i > 0 ? TEXT("&") : TEXT(""));
        mac_add(&m, t->query->pair[i].name);
        mac_add(&m, TEXT("="));
        mac_add(&m, t->query->pair[i].value);
    }
    mac_add(&m, t->query->n > 0 ? TEXT(".") : TEXT(""));
    for (unsigned i = 0; i < t->body->n; i++) {
        mac_add(&m, t->body->pair[i].name);
        mac_add(&m, t->body->pair[i].value);
    }
    mac_add(&m, TEXT("."));
    mac_add(&m, t->nonce);
    mac_close(&m);
    return mac_is_base64(&m, signature);
}

/* One of a comma list of signatures is by one of the secrets. */
static bool any_signed(const struct plivo_text *t, const char *secrets, struct text signatures)
{
    struct text one;

    for (unsigned n = 0; n < SIGNING_SECRETS_MAX && signing_item(&signatures, &one); n++) {
        for (struct secrets s = secrets_of(secrets); secrets_next(&s);) {
            if (is_signed(t, s.secret, one))
                return true;
        }
    }
    return false;
}

static bool verify(const struct voice_request *r, const char *secrets)
{
    struct callback_url urls[CALLBACK_URL_SPELLINGS];
    char query_room[FORM_BYTES_MAX], body_room[FORM_BYTES_MAX];
    struct form query, body;
    struct plivo_text t = {.query = &query, .body = &body, .nonce = signing_header(r, NONCE)};
    struct text bare = {r->url.p, 0};

    if (text_empty(t.nonce) || !form_parse(&query, form_query(r->url), query_room) ||
        !form_parse(&body, (struct text){r->body, r->body_len}, body_room))
        return false;
    form_sort(&query);
    form_sort(&body);
    while (bare.n < r->url.n && memchr("?#", bare.p[bare.n], 2) == NULL)
        bare.n++;
    callback_url_spellings(bare, urls);
    for (unsigned i = 0; i < CALLBACK_URL_SPELLINGS; i++) {
        t.url = urls[i];
        if (any_signed(&t, secrets, signing_header(r, SIGNATURE)) ||
            any_signed(&t, secrets, signing_header(r, MAIN_ACCOUNT_SIGNATURE)))
            return true;
    }
    return false;
}

/* StartTime, AnswerTime and EndTime are in the account's own time, SessionStart is UTC and within
 * seconds of StartTime: their distance, to the quarter of an hour, is the account's offset. */
static int64_t account_offset(const struct form *f)
{
    const int64_t quarter = INT64_C(900) * MOMENT_SECOND_US, day = 96 * quarter;
    int64_t local = moment_text(form_value(f, "StartTime"));
    int64_t utc = moment_text(form_value(f, "SessionStart"));
    int64_t offset;

    if (local == EVENT_NO_TIME || utc == EVENT_NO_TIME || local - utc > day || utc - local > day)
        return EVENT_NO_TIME;
    offset = local - utc + day + quarter / 2; /* positive, so that / rounds down */
    return offset / quarter * quarter - day;
}

static bool is_machine(const struct form *f)
{
    struct text cause = form_value(f, "HangupCauseName");

    return words_equal(form_value(f, "Machine"), TEXT("true")) ||
           (cause.p != NULL && memmem(cause.p, cause.n, "Machine", 7) != NULL);
}

static void put_times(struct voice_event *ev, const struct form *f)
{
    int64_t offset = account_offset(f), answered = moment_text(form_value(f, "AnswerTime"));
    int64_t ended_us = moment_text(form_value(f, "EndTime"));

    if (offset == EVENT_NO_TIME)
        return;
    if (answered != EVENT_NO_TIME)
        ev->started_us = answered - offset;
    if (ended_us != EVENT_NO_TIME)
        ev->at_us = ev->ended_us = ended_us - offset;
}

static struct text put_end(struct voice_event *ev, const struct form *f, struct metadata *m)
{
    struct text code = form_value(f, "HangupCauseCode"), cause = form_value(f, "HangupCauseName");
    struct text known = ended_outcome(causes, code);

    if (is_machine(f))
        ev->outcome = TEXT("voicemail");
    else if (!text_equal(ev->outcome, TEXT("answered")) && known.p != NULL &&
             !text_equal(known, TEXT("failed")))
        ev->outcome = known;
    put_times(ev, f);
    metadata_text(m, "hangup_cause_code", code);
    metadata_cost(m, number_decimal(form_value(f, "TotalCost"), 0, m->arena), "currency",
                  TEXT("USD"));
    return cause;
}

static const struct form_profile profile = {
    .call_id = "CallUUID",
    .no_call_id = "CallUUID is missing or too long",
    .duration = "Duration",
    .recording_url = "RecordUrl",
    .ended = ended,
    .international = true,
    .end = put_end,
};

static bool call_id(const struct voice_request *r, struct arena *arena, struct text *id)
{
    return form_call_id(&profile, r, arena, id);
}

static enum verdict read_call(const struct voice_request *r, struct voice_events *out)
{
    return form_call_read(&profile, r, out);
}

const struct voice_provider voice_provider_plivo = {
    .name = "plivo",
    .secret_setting = "PLIVO_AUTH_TOKEN",
    .headers = headers,
    .verify = verify,
    .call_id = call_id,
    .read = read_call,
};
