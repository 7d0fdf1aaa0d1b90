/* Voice providers' requests and how each of them signs, written from their own descriptions and not
 * from handlers/voice/. Pure. */
#ifndef SIMULATE_VOICE_SIGN_H
#define SIMULATE_VOICE_SIGN_H

#include "simulate/model.h"

enum { VOICE_SIGNATURE_MAX = 256, VOICE_URL_MAX = 1024 };

struct voice_target {
    const char *host;   /* for the Host header */
    const char *prefix; /* of every path; "" mostly */
    const char *base;   /* what the URL that is signed begins with, up to and with the prefix */
    const char *secrets[SIM_PROVIDERS];
};

/* Where things are in a callback's request. */
struct voice_head {
    enum sim_provider provider;
    uint32_t call;  /* decides among several ways to sign */
    size_t head_n;  /* bytes of the request line and the headers so far: the signature goes here */
    size_t body_at; /* where the body begins */
};

/* The request up to its body, without a signature; its length, as snprintf() says it. */
int voice_head(const struct voice_target *t, const struct sim_event *e, struct voice_head *at,
               char *out, size_t size);

/* The header with the signature of that request at `now_ms`, CRLF included. */
size_t voice_sign(const struct voice_target *t, const struct voice_head *at, const char *request,
                  size_t len, int64_t now_ms, char out[VOICE_SIGNATURE_MAX]);

#endif
