/* Twilio: status and recording callbacks of the Voice API, as forms (www.twilio.com/docs/voice and
 * /docs/usage/security). No transcript, no summary. */
#include "voice/twilio.h"

#include "voice/callback_url.h"
#include "voice/numbers.h"
#include "voice/signing.h"

static const char *const headers[] = {TWILIO_SIGNATURE, NULL};

const struct ended_rule twilio_ended[] = {
    {ENDED_EXACT, "completed", "answered"},
    {ENDED_EXACT, "busy", "busy"},
    {ENDED_EXACT, "no-answer", "no_answer"},
    {ENDED_EXACT, NULL, NULL},
};

/* The form's pairs, or none for a body whose hash the URL names; false if the body is neither. */
static bool signed_pairs(struct form *f, const struct voice_request *r, char *room)
{
    struct text query = form_query(r->url), named;
    char hex[2 * SHA256_SIZE + 1];
    uint8_t hash[SHA256_SIZE];
    bool ok;

    if (!form_parse(f, query, room))
        return false;
    named = form_value(f, "bodySHA256");
    if (named.p == NULL)
        return form_parse(f, (struct text){r->body, r->body_len}, room);
    sha256(hash, r->body, r->body_len, &ok);
    hex_encode(hex, hash, sizeof hash);
    f->n = 0;
    return ok && text_equal(named, text_of(hex));
}

static bool is_signed(const struct callback_url *url, const struct form *f, struct text secret,
                      struct text signature)
{
    struct mac m;

    mac_open(&m, MAC_SHA1, secret);
    mac_add(&m, url->front);
    mac_add(&m, url->port);
    mac_add(&m, url->rest);
    for (unsigned i = 0; i < f->n; i++) {
        if (i > 0 && text_equal(f->pair[i].name, f->pair[i - 1].name) &&
            text_equal(f->pair[i].value, f->pair[i - 1].value))
            continue;
        mac_add(&m, f->pair[i].name);
        mac_add(&m, f->pair[i].value);
    }
    mac_close(&m);
    return mac_is_base64(&m, signature);
}

bool twilio_signed(const struct voice_request *r, struct text secret)
{
    struct text signature = signing_header(r, TWILIO_SIGNATURE);
    struct callback_url urls[CALLBACK_URL_SPELLINGS];
    char room[FORM_BYTES_MAX];
    struct form f;

    if (text_empty(signature) || !signed_pairs(&f, r, room))
        return false;
    form_sort(&f);
    callback_url_spellings(r->url, urls);
    for (unsigned i = 0; i < CALLBACK_URL_SPELLINGS; i++) {
        if (is_signed(&urls[i], &f, secret, signature))
            return true;
    }
    return false;
}

static bool verify(const struct voice_request *r, const char *secrets)
{
    for (struct secrets s = secrets_of(secrets); secrets_next(&s);) {
        if (twilio_signed(r, s.secret))
            return true;
    }
    return false;
}

/* The price of a finished call is negative and comes, if ever, later. */
static struct text put_end(struct voice_event *ev, const struct form *f, struct metadata *m)
{
    struct text price = form_value(f, "Price"), unit = form_value(f, "PriceUnit");

    (void)ev;
    if (price.n > 1 && price.p[0] == '-')
        price = (struct text){price.p + 1, price.n - 1};
    metadata_cost(m, number_decimal(price, 0, m->arena), "currency",
                  unit.p != NULL ? unit : TEXT("USD"));
    return TEXT_NULL;
}

static const struct form_profile profile = {
    .call_id = "CallSid",
    .no_call_id = "CallSid is missing or too long",
    .duration = "CallDuration",
    .recording_url = "RecordingUrl",
    .ended = twilio_ended,
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

const struct voice_provider voice_provider_twilio = {
    .name = "twilio",
    .secret_setting = "TWILIO_AUTH_TOKEN",
    .headers = headers,
    .verify = verify,
    .call_id = call_id,
    .read = read_call,
};
