/* Builds the key set: the HS256 secret and the public keys of a JWKS document (RFC 7517).
 * A key of a type that we do not use is skipped, as the RFC asks; a document that is no JWKS is an error. */
#include "runtime/jwt_keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base64url.h"
#include "runtime/jsontext.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, NUMBER_MAX = RSA_BITS_MAX / 8, P256_SIZE = 32 };

/* A member in base64url; its length, or 0 when absent or broken. */
static size_t member_bytes(struct text jwk, const char *name, uint8_t out[NUMBER_MAX])
{
    char text[NUMBER_MAX * 4 / 3 + 8];
    size_t len, n;

    if (!jsontext_string(jsontext_get(jwk, name), text, sizeof text, &len) ||
        !base64url_decode(text, len, out, NUMBER_MAX, &n))
        return 0;
    return n;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *ec_key(struct text jwk)
{
    uint8_t x[NUMBER_MAX], y[NUMBER_MAX], point[1 + 2 * P256_SIZE];
    char curve[] = "P-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };

    if (!text_equal(jsontext_get(jwk, "crv"), TEXT("\"P-256\"")) ||
        member_bytes(jwk, "x", x) != P256_SIZE || member_bytes(jwk, "y", y) != P256_SIZE)
        return NULL;
    point[0] = 4; /* uncompressed; a point off the curve is refused by OpenSSL */
    memcpy(point + 1, x, P256_SIZE);
    memcpy(point + 1 + P256_SIZE, y, P256_SIZE);
    return make_key("EC", params);
}

static EVP_PKEY *rsa_key(struct text jwk)
{
    uint8_t n[NUMBER_MAX], e[NUMBER_MAX];
    size_t n_len = member_bytes(jwk, "n", n), e_len = member_bytes(jwk, "e", e);
    BIGNUM *bn = n_len == 0 ? NULL : BN_bin2bn(n, (int)n_len, NULL);
    BIGNUM *be = e_len == 0 || e_len > 8 ? NULL : BN_bin2bn(e, (int)e_len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    if (bn != NULL && be != NULL && build != NULL && BN_num_bits(bn) >= RSA_BITS_MIN &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be))
        params = OSSL_PARAM_BLD_to_param(build);
    if (params != NULL)
        pkey = make_key("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn);
    BN_free(be);
    return pkey;
}

/* The declared algorithm may only confirm what the type says. */
static bool declared(struct text jwk, struct text alg)
{
    struct text said = jsontext_get(jwk, "alg"), use = jsontext_get(jwk, "use");

    return (text_empty(said) || text_equal(said, alg)) &&
           (text_empty(use) || text_equal(use, TEXT("\"sig\"")));
}

static void add_key(struct jwt_keys *keys, struct text jwk)
{
    struct jwt_key *k = &keys->key[keys->n_keys];
    struct text kty = jsontext_get(jwk, "kty");

    *k = (struct jwt_key){.alg = JWT_ALG_NONE};
    if (!text_empty(jsontext_get(jwk, "kid")) &&
        !jsontext_string(jsontext_get(jwk, "kid"), k->kid, sizeof k->kid, NULL))
        return;
    if (text_equal(kty, TEXT("\"EC\"")) && declared(jwk, TEXT("\"ES256\""))) {
        k->alg = JWT_ALG_ES256;
        k->pkey = ec_key(jwk);
    } else if (text_equal(kty, TEXT("\"RSA\"")) && declared(jwk, TEXT("\"RS256\""))) {
        k->alg = JWT_ALG_RS256;
        k->pkey = rsa_key(jwk);
    }
    if (k->pkey != NULL)
        keys->n_keys++;
}

bool jwt_keys_add(struct jwt_keys *keys, const char *jwks, size_t jwks_len)
{
    struct text document = {jwks, jwks_len}, list, jwk;
    struct jsontext_each each;

    if (!jsontext_valid(document))
        return false;
    list = jsontext_get(document, "keys");
    if (jsontext_kind(list) != JSONTEXT_ARRAY)
        return false;
    for (jsontext_open(&each, list); keys->n_keys < JWT_KEYS_MAX && jsontext_element(&each, &jwk);)
        add_key(keys, jwk);
    return true;
}

unsigned jwt_keys_count(const struct jwt_keys *keys)
{
    return keys->n_keys;
}

struct jwt_keys *jwt_keys_new(const char *secret, const char *jwks, size_t jwks_len,
                              const char **why)
{
    struct jwt_keys *keys = calloc(1, sizeof *keys);

    *why = "out of memory";
    if (keys == NULL)
        return NULL;
    if (secret != NULL) {
        keys->secret = strdup(secret);
        if (keys->secret == NULL)
            goto failed;
        keys->secret_len = strlen(secret);
        *why = "the JWT secret is shorter than 8 characters";
        if (keys->secret_len < JWT_SECRET_MIN)
            goto failed;
    }
    *why = "the JWKS is not a JSON object with a list of keys";
    if (jwks != NULL && !jwt_keys_add(keys, jwks, jwks_len))
        goto failed;
    *why = NULL;
    return keys;

failed:
    jwt_keys_free(keys);
    return NULL;
}

void jwt_keys_free(struct jwt_keys *keys)
{
    if (keys == NULL)
        return;
    for (unsigned i = 0; i < keys->n_keys; i++)
        EVP_PKEY_free(keys->key[i].pkey);
    if (keys->secret != NULL)
        OPENSSL_cleanse(keys->secret, keys->secret_len);
    free(keys->secret);
    free(keys);
}
