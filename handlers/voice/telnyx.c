/* Telnyx TeXML: Twilio's callbacks from another carrier (developers.telnyx.com, "TeXML"). Telnyx
 * signs "{timestamp}|{body}" with Ed25519; who speaks TeXML in front of it may sign as Twilio does.
 * The setting tells which: 32 bytes in base64 are the account's public key and never taken for a
 * secret, for others may know them; anything else is an auth token. */
#include "voice/moments.h"
#include "voice/signing.h"
#include "voice/twilio.h"

#define SIGNATURE "telnyx-signature-ed25519"
#define TIMESTAMP "telnyx-timestamp"

static const char *const headers[] = {TWILIO_SIGNATURE, SIGNATURE, TIMESTAMP, NULL};

static bool is_public_key(struct text secret, uint8_t key[ED25519_KEY_SIZE])
{
    size_t n = 0;

    return base64_decode(key, ED25519_KEY_SIZE, &n, secret.p, secret.n) && n == ED25519_KEY_SIZE;
}

static bool by_key(const struct voice_request *r, const uint8_t key[ED25519_KEY_SIZE])
{
    struct text sent = signing_header(r, SIGNATURE), time = signing_header(r, TIMESTAMP);
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    char message[FORM_BYTES_MAX + SIGNING_DIGITS_MAX + 1];
    int64_t at;
    size_t n = 0;

    if (sent.p == NULL || !signing_number(time, &at) || at > INT64_MAX / MOMENT_SECOND_US ||
        r->body_len > FORM_BYTES_MAX ||
        !base64_decode(signature, sizeof signature, &n, sent.p, sent.n) || n != sizeof signature)
        return false;
    at *= MOMENT_SECOND_US;
    if (at < r->now_us - SIGNING_WINDOW_US || at > r->now_us + SIGNING_WINDOW_US)
        return false;
    memcpy(message, time.p, time.n);
    message[time.n] = '|';
    memcpy(message + time.n + 1, r->body, r->body_len);
    return ed25519_signed(key, signature, (struct text){message, time.n + 1 + r->body_len});
}

static bool verify(const struct voice_request *r, const char *secrets)
{
    uint8_t key[ED25519_KEY_SIZE];

    for (struct secrets s = secrets_of(secrets); secrets_next(&s);) {
        if (is_public_key(s.secret, key) ? by_key(r, key) : twilio_signed(r, s.secret))
            return true;
    }
    return false;
}

static const struct form_profile profile = {
    .call_id = "CallSid",
    .no_call_id = "CallSid is missing or too long",
    .duration = "CallDuration",
    .recording_url = "RecordingUrl",
    .ended = twilio_ended,
};

static bool call_id(const struct voice_request *r, struct arena *arena, struct text *id)
{
    return form_call_id(&profile, r, arena, id);
}

static enum verdict read_call(const struct voice_request *r, struct voice_events *out)
{
    return form_call_read(&profile, r, out);
}

const struct voice_provider voice_provider_telnyx = {
    .name = "telnyx",
    .secret_setting = "TELNYX_AUTH_TOKEN",
    .headers = headers,
    .verify = verify,
    .call_id = call_id,
    .read = read_call,
};
