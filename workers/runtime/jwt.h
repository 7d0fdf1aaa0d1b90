/* Verifies the users' tokens: HS256 by a shared secret, ES256 and RS256 by a JWKS text. Pure: OpenSSL for the
 * arithmetic, no clock, no file, no network.
 *
 * Which key checks a token follows from our keys, never from the token's own word: a `kid` that we know names the key and with
 * it the algorithm; `alg` must then agree. Without a known kid, HS256 means the secret and nothing else (so a public key is never
 * used as an HMAC secret), ES256 and RS256 mean the keys of that type. `none` and everything else is refused.
 * Rules: RFC 7515, RFC 7518, RFC 7519; claims as Supabase Auth writes them. */
#ifndef RUNTIME_JWT_H
#define RUNTIME_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JWT_MAX = 8192, /* bytes of a token */
    JWT_ROLE_MAX = 32,
    JWT_SUB_SIZE = 37, /* a UUID as text and its NUL */
    JWT_KEYS_MAX = 16, /* keys of a JWKS; further ones are ignored */
    JWT_KID_MAX = 128,
    JWT_SKEW_S = 30,    /* clocks may differ by this much */
    JWT_SECRET_MIN = 8, /* shorter secrets are found by trying, from one token */
};

enum jwt_result {
    JWT_OK,
    JWT_MALFORMED,   /* not a JWT */
    JWT_UNSUPPORTED, /* an algorithm that we do not accept, or `crit` */
    JWT_NO_KEY,      /* nothing configured that could check it */
    JWT_UNKNOWN_KEY, /* ES256 or RS256, and none of our keys is the one it names */
    JWT_PENDING,     /* of a keyring: such a key may be in the document that is being fetched */
    JWT_BAD_SIGNATURE,
    JWT_EXPIRED,
    JWT_NOT_YET,    /* nbf or iat lies ahead */
    JWT_BAD_CLAIMS, /* exp is missing or a claim has the wrong type */
};

/* A short sentence for logs and answers; never contains anything of the token. */
const char *jwt_result_text(enum jwt_result r);

struct jwt {
    char sub[JWT_SUB_SIZE];  /* lower-case UUID; "" when absent or not a UUID */
    char role[JWT_ROLE_MAX]; /* "" when absent */
    int64_t exp;             /* seconds since 1970 */
    size_t payload_len;
    char payload[JWT_MAX]; /* the claims as JSON text, NUL-terminated */
};

struct jwt_keys;

/* `secret` and `jwks` (a JWKS document of `jwks_len` bytes) may be NULL; both are copied. NULL: out of memory, or *why says
 * what is wrong with them. */
struct jwt_keys *jwt_keys_new(const char *secret, const char *jwks, size_t jwks_len,
                              const char **why);
/* Adds the keys of one more JWKS. False: it is none, and nothing was added. */
bool jwt_keys_add(struct jwt_keys *keys, const char *jwks, size_t jwks_len);
/* Public keys. */
unsigned jwt_keys_count(const struct jwt_keys *keys);
void jwt_keys_free(struct jwt_keys *keys);

/* Fills *out when the result is JWT_OK or JWT_EXPIRED (signature good, time over). `now_s`: seconds since 1970. */
enum jwt_result jwt_verify(const struct jwt_keys *keys, const char *token, size_t len,
                           int64_t now_s, struct jwt *out);

/* Reads the claims WITHOUT checking the signature: only to tell an anonymous key (which grants nothing) from a
 * user's token. False: not a JWT. */
bool jwt_peek(const char *token, size_t len, struct jwt *out);

/* Signs `payload` (JSON text) with HS256. False: `out` is too small or the secret too short. */
bool jwt_sign_hs256(const char *secret, const char *payload, char *out, size_t size);

#endif
