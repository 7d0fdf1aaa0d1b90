/* The keys behind jwt.h: private to jwt.c and jwt_keys.c. */
#ifndef RUNTIME_JWT_KEYS_H
#define RUNTIME_JWT_KEYS_H

#include <openssl/evp.h>

#include "runtime/jwt.h"

enum jwt_alg { JWT_ALG_HS256, JWT_ALG_ES256, JWT_ALG_RS256, JWT_ALG_NONE };

struct jwt_key {
    char kid[JWT_KID_MAX]; /* "" when the JWKS names none */
    enum jwt_alg alg;      /* follows from the key's type: ES256 or RS256 */
    EVP_PKEY *pkey;
};

struct jwt_keys {
    char *secret; /* NULL: HS256 tokens are refused */
    size_t secret_len;
    struct jwt_key key[JWT_KEYS_MAX];
    unsigned n_keys;
};

#endif
