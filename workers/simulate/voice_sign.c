#include "simulate/voice_sign.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmac.h"
#include "voice/signing.h"

enum { VALUE_MAX = 512 };

int voice_head(const struct voice_target *t, const struct sim_event *e, struct voice_head *at,
               char *out, size_t size)
{
    static const char *const agents[SIM_PROVIDERS] = {
        [SIM_RETELL] = "axios/1.7.9", [SIM_VAPI] = "axios/1.8.4", [SIM_TWILIO] = "TwilioProxy/1.1"};
    int n = snprintf(out, size,
                     "POST %s/webhooks/voice/%s%s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: "
                     "%s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
                     t->prefix, sim_provider_names[e->provider], e->query[0] == '\0' ? "" : "?",
                     e->query, t->host, agents[e->provider],
                     e->provider == SIM_TWILIO ? "application/x-www-form-urlencoded; charset=UTF-8"
                                               : "application/json",
                     e->len);

    assert(e->provider != SIM_SHOPIFY && n > 0 && (size_t)n + 2 < size);
    memcpy(out + n, "\r\n", 3);
    *at = (struct voice_head){
        .provider = e->provider, .call = e->call, .head_n = (size_t)n, .body_at = (size_t)n + 2};
    return n + 2;
}

/* v=<ms>,d=<hex>: HMAC-SHA256 of the body and, right behind it, the milliseconds. */
static int sign_retell(struct text secret, struct text body, int64_t now_ms, char *out)
{
    char ms[24], hex[2 * SHA256_SIZE + 1];
    struct mac m;

    snprintf(ms, sizeof ms, "%lld", (long long)now_ms);
    mac_open(&m, MAC_SHA256, secret);
    mac_add(&m, body);
    mac_add(&m, text_of(ms));
    mac_close(&m);
    hex_encode(hex, m.bytes, m.n);
    return snprintf(out, VOICE_SIGNATURE_MAX, "X-Retell-Signature: v=%s,d=%s\r\n", ms, hex);
}

/* How a server of Vapi's proves itself is its owner's choice: here, the call's. */
static int sign_vapi(struct text secret, struct text body, unsigned way, int64_t now_ms, char *out)
{
    char ms[24], hex[2 * SHA256_SIZE + 1];
    struct mac m;

    if (way == 0)
        return snprintf(out, VOICE_SIGNATURE_MAX, "X-Vapi-Secret: %s\r\n", secret.p);
    if (way == 1)
        return snprintf(out, VOICE_SIGNATURE_MAX, "Authorization: Bearer %s\r\n", secret.p);
    snprintf(ms, sizeof ms, "%lld", (long long)now_ms);
    mac_open(&m, MAC_SHA256, secret);
    mac_add(&m, text_of(ms));
    mac_add(&m, TEXT("."));
    mac_add(&m, body);
    mac_close(&m);
    hex_encode(hex, m.bytes, m.n);
    return snprintf(out, VOICE_SIGNATURE_MAX, "X-Timestamp: %s\r\nX-Signature: %s\r\n", ms, hex);
}

/* "a+b%2Fc" -> "a b/c" */
static struct text decoded(const char *p, size_t n, char value[VALUE_MAX])
{
    char digits[3] = "";
    size_t used = 0;

    assert(n < VALUE_MAX);
    for (size_t i = 0; i < n; i++) {
        value[used] = p[i] == '+' ? ' ' : p[i];
        if (p[i] == '%') {
            memcpy(digits, p + i + 1, 2);
            value[used] = (char)strtoul(digits, NULL, 16);
            i += 2;
        }
        used++;
    }
    return (struct text){value, used};
}

/* HMAC-SHA1 of the URL and of each name and value; ours are in their order already. */
static int sign_twilio(struct text secret, const char *url, struct text body, char *out)
{
    char value[VALUE_MAX], base64[BASE64_SIZE(SIGNING_MAC_MAX) + 1];
    const char *p = body.p, *end = body.p + body.n;
    struct mac m;

    mac_open(&m, MAC_SHA1, secret);
    mac_add(&m, text_of(url));
    while (p < end) {
        const char *equals = memchr(p, '=', (size_t)(end - p));
        const char *stop = memchr(p, '&', (size_t)(end - p));

        stop = stop == NULL ? end : stop;
        assert(equals != NULL && equals < stop);
        mac_add(&m, decoded(p, (size_t)(equals - p), value));
        mac_add(&m, decoded(equals + 1, (size_t)(stop - equals - 1), value));
        p = stop < end ? stop + 1 : end;
    }
    mac_close(&m);
    base64_encode(base64, m.bytes, m.n);
    return snprintf(out, VOICE_SIGNATURE_MAX, "X-Twilio-Signature: %s\r\n", base64);
}

/* As the provider was told to call it. */
static void url_of(const struct voice_target *t, const char *request, char out[VOICE_URL_MAX])
{
    const char *path = strchr(request, ' ') + 1 + strlen(t->prefix);
    int n = snprintf(out, VOICE_URL_MAX, "%s%.*s", t->base, (int)strcspn(path, " "), path);

    assert(n > 0 && n < VOICE_URL_MAX);
}

size_t voice_sign(const struct voice_target *t, const struct voice_head *at, const char *request,
                  size_t len, int64_t now_ms, char out[VOICE_SIGNATURE_MAX])
{
    struct text secret = text_of(t->secrets[at->provider]);
    struct text body = {request + at->body_at, len - at->body_at};
    char url[VOICE_URL_MAX];
    int n = 0;

    if (at->provider == SIM_RETELL) {
        n = sign_retell(secret, body, now_ms, out);
    } else if (at->provider == SIM_VAPI) {
        n = sign_vapi(secret, body, at->call / SIM_PROVIDERS % 3, now_ms, out);
    } else {
        url_of(t, request, url);
        n = sign_twilio(secret, url, body, out);
    }
    assert(n > 0 && n < VOICE_SIGNATURE_MAX);
    return (size_t)n;
}
