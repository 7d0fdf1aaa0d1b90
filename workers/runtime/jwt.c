#include "runtime/jwt.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base64url.h"
#include "runtime/jsontext.h"
#include "runtime/jwt_keys.h"

enum { HEADER_MAX = 1024, SIGNATURE_MAX = 1024, ES256_SIZE = 64, HS256_SIZE = 32 };

/* A token taken apart; nothing of it is believed yet. */
struct parts {
    struct text signing; /* header.payload as they travel: what is signed */
    struct text payload;
    char header[HEADER_MAX];
    size_t header_len;
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len;
};

const char *jwt_result_text(enum jwt_result r)
{
    static const char *const text[] = {
        [JWT_OK] = "The token is good",
        [JWT_MALFORMED] = "The token provided is not a valid JWT",
        [JWT_UNSUPPORTED] = "The token's algorithm is not accepted",
        [JWT_NO_KEY] = "No key is configured that could check this token",
        [JWT_UNKNOWN_KEY] = "The token is signed by a key that is not known here",
        [JWT_PENDING] = "The keys that could check this token cannot be had at the moment",
        [JWT_BAD_SIGNATURE] = "Failed to validate JWT signature",
        [JWT_EXPIRED] = "The token has expired",
        [JWT_NOT_YET] = "The token is not valid yet",
        [JWT_BAD_CLAIMS] = "The token lacks exp or a claim has the wrong type",
    };

    return text[r];
}

static bool split(const char *token, size_t len, struct parts *out)
{
    const char *end = token + len, *dot1, *dot2;

    if (len == 0 || len > JWT_MAX || (dot1 = memchr(token, '.', len)) == NULL ||
        (dot2 = memchr(dot1 + 1, '.', (size_t)(end - dot1) - 1)) == NULL ||
        memchr(dot2 + 1, '.', (size_t)(end - dot2) - 1) != NULL)
        return false;
    out->signing = (struct text){token, (size_t)(dot2 - token)};
    out->payload = (struct text){dot1 + 1, (size_t)(dot2 - dot1) - 1};
    return base64url_decode(token, (size_t)(dot1 - token), out->header, sizeof out->header,
                            &out->header_len) &&
           base64url_decode(dot2 + 1, (size_t)(end - dot2) - 1, out->signature,
                            sizeof out->signature, &out->signature_len) &&
           jsontext_valid((struct text){out->header, out->header_len});
}

/* True when the text is 8-4-4-4-12 hex digits; lowers it. */
static bool uuid_lower(char *text, size_t n)
{
    if (n != 36)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (text[i] >= 'A' && text[i] <= 'F')
            text[i] = (char)(text[i] - 'A' + 'a');
        if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
            return false;
    }
    return true;
}

/* Decodes the payload and the claims that need no clock. */
static bool read_claims(struct text payload, struct jwt *out)
{
    struct text json;
    size_t n;

    out->sub[0] = out->role[0] = '\0';
    out->exp = 0;
    out->payload_len = 0;
    if (!base64url_decode(payload.p, payload.n, out->payload, sizeof out->payload - 1,
                          &out->payload_len))
        return false;
    out->payload[out->payload_len] = '\0';
    json = (struct text){out->payload, out->payload_len};
    if (!jsontext_valid(json) || jsontext_kind(json) != JSONTEXT_OBJECT)
        return false;
    if (!jsontext_string(jsontext_get(json, "sub"), out->sub, sizeof out->sub, &n) ||
        !uuid_lower(out->sub, n))
        out->sub[0] = '\0';
    if (!jsontext_string(jsontext_get(json, "role"), out->role, sizeof out->role, NULL))
        out->role[0] = '\0';
    return true;
}

/* A time claim: absent is fine and leaves *out alone. */
static bool time_claim(struct text json, const char *name, int64_t *out)
{
    struct text value = jsontext_get(json, name);

    return text_empty(value) || jsontext_int(value, out);
}

static enum jwt_result check_times(struct jwt *j, int64_t now_s)
{
    struct text json = {j->payload, j->payload_len};
    int64_t nbf = INT64_MIN, iat = INT64_MIN;

    if (text_empty(jsontext_get(json, "exp")) || !time_claim(json, "exp", &j->exp) ||
        !time_claim(json, "nbf", &nbf) || !time_claim(json, "iat", &iat))
        return JWT_BAD_CLAIMS;
    if (nbf > now_s + JWT_SKEW_S || iat > now_s + JWT_SKEW_S)
        return JWT_NOT_YET;
    if (j->exp <= now_s - JWT_SKEW_S)
        return JWT_EXPIRED;
    return JWT_OK;
}

static bool hs256(const struct jwt_keys *keys, struct text signing, uint8_t out[HS256_SIZE])
{
    unsigned n = 0;

    return HMAC(EVP_sha256(), keys->secret, (int)keys->secret_len, (const uint8_t *)signing.p,
                signing.n, out, &n) != NULL &&
           n == HS256_SIZE;
}

/* JOSE writes r and s side by side; OpenSSL wants them as DER. Returns the DER's length, 0: cannot be. */
static size_t es256_der(const uint8_t raw[ES256_SIZE], uint8_t *der, size_t size)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, ES256_SIZE / 2, NULL);
    BIGNUM *s = BN_bin2bn(raw + ES256_SIZE / 2, ES256_SIZE / 2, NULL);
    int n = 0;

    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s)) {
        r = s = NULL; /* the signature owns them now */
        if ((n = i2d_ECDSA_SIG(sig, NULL)) > 0 && (size_t)n <= size)
            n = i2d_ECDSA_SIG(sig, &der);
        else
            n = 0;
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return n > 0 ? (size_t)n : 0;
}

static bool public_good(const struct jwt_key *key, const struct parts *p)
{
    const uint8_t *signature = p->signature;
    size_t n = p->signature_len;
    uint8_t der[ES256_SIZE + 16];
    EVP_MD_CTX *ctx;
    bool good;

    if (key->alg == JWT_ALG_ES256) {
        if (n != ES256_SIZE || (n = es256_der(p->signature, der, sizeof der)) == 0)
            return false;
        signature = der;
    }
    ctx = EVP_MD_CTX_new();
    good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
           EVP_DigestVerify(ctx, signature, n, (const uint8_t *)p->signing.p, p->signing.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error(); /* a bad signature is an answer, not an error to keep */
    return good;
}

static enum jwt_alg alg_of(struct text alg)
{
    if (text_equal(alg, TEXT("\"HS256\"")))
        return JWT_ALG_HS256;
    if (text_equal(alg, TEXT("\"ES256\"")))
        return JWT_ALG_ES256;
    if (text_equal(alg, TEXT("\"RS256\"")))
        return JWT_ALG_RS256;
    return JWT_ALG_NONE;
}

static enum jwt_result check_signature(const struct jwt_keys *keys, const struct parts *p)
{
    struct text header = {p->header, p->header_len}, named = jsontext_get(header, "kid");
    enum jwt_alg alg = alg_of(jsontext_get(header, "alg"));
    char kid[JWT_KID_MAX] = "";
    enum jwt_result result = alg == JWT_ALG_HS256 ? JWT_NO_KEY : JWT_UNKNOWN_KEY;
    uint8_t mac[HS256_SIZE];

    if (alg == JWT_ALG_NONE || !text_empty(jsontext_get(header, "crit")))
        return JWT_UNSUPPORTED;
    if (!text_empty(named) && !jsontext_string(named, kid, sizeof kid, NULL))
        return JWT_MALFORMED;
    for (unsigned i = 0; i < keys->n_keys; i++) {
        const struct jwt_key *key = &keys->key[i];
        bool by_name = kid[0] != '\0' && strcmp(key->kid, kid) == 0;

        if (by_name && key->alg != alg)
            return JWT_BAD_SIGNATURE; /* the token would choose the algorithm for our key */
        if (!by_name && (kid[0] != '\0' || key->alg != alg))
            continue;
        if (public_good(key, p))
            return JWT_OK;
        result = JWT_BAD_SIGNATURE;
    }
    if (alg != JWT_ALG_HS256 || keys->secret == NULL)
        return result;
    if (p->signature_len != HS256_SIZE || !hs256(keys, p->signing, mac) ||
        CRYPTO_memcmp(mac, p->signature, HS256_SIZE) != 0)
        return JWT_BAD_SIGNATURE;
    return JWT_OK;
}

enum jwt_result jwt_verify(const struct jwt_keys *keys, const char *token, size_t len,
                           int64_t now_s, struct jwt *out)
{
    struct parts p;
    enum jwt_result r;

    if (!split(token, len, &p))
        return JWT_MALFORMED;
    r = check_signature(keys, &p);
    if (r != JWT_OK)
        return r;
    if (!read_claims(p.payload, out))
        return JWT_MALFORMED;
    return check_times(out, now_s);
}

bool jwt_peek(const char *token, size_t len, struct jwt *out)
{
    struct parts p;

    return split(token, len, &p) && read_claims(p.payload, out);
}

bool jwt_sign_hs256(const char *secret, const char *payload, char *out, size_t size)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    struct jwt_keys keys = {.secret = (char *)secret, .secret_len = strlen(secret)};
    uint8_t mac[HS256_SIZE];
    size_t used, n;

    if (keys.secret_len < JWT_SECRET_MIN ||
        !base64url_encode(header, sizeof header - 1, out, size, &used) || used + 1 >= size)
        return false;
    out[used++] = '.';
    if (!base64url_encode(payload, strlen(payload), out + used, size - used, &n))
        return false;
    used += n;
    if (!hs256(&keys, (struct text){out, used}, mac) || used + 1 >= size)
        return false;
    out[used++] = '.';
    return base64url_encode(mac, sizeof mac, out + used, size - used, &n);
}
