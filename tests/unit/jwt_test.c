#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "runtime/base64url.h"
#include "runtime/jwt.h"

#define SECRET "a secret for tests that is long enough"
#define SUB "0b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3"
enum { NOW = 1700000000 };

static struct jwt_keys *keys_of(const char *secret, const char *jwks)
{
    const char *why = NULL;
    struct jwt_keys *k = jwt_keys_new(secret, jwks, jwks == NULL ? 0 : strlen(jwks), &why);

    if (k == NULL)
        fail_msg("%s", why);
    return k;
}

static enum jwt_result verify(const struct jwt_keys *k, const char *token, struct jwt *out)
{
    return jwt_verify(k, token, strlen(token), NOW, out);
}

/* base64url(header).base64url(payload), the part that is signed. */
static void unsigned_token(const char *header, const char *payload, char out[4096])
{
    size_t n, m;

    assert_true(base64url_encode(header, strlen(header), out, 4096, &n));
    out[n] = '.';
    assert_true(base64url_encode(payload, strlen(payload), out + n + 1, 4096 - n - 1, &m));
}

static void append_signature(char *token, const void *signature, size_t len)
{
    size_t n = strlen(token), m;

    token[n] = '.';
    assert_true(base64url_encode(signature, len, token + n + 1, 4096 - n - 1, &m));
}

static void hs256(const char *secret, const char *header, const char *payload, char out[4096])
{
    unsigned char mac[32];
    unsigned n;

    unsigned_token(header, payload, out);
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)out, strlen(out), mac, &n);
    append_signature(out, mac, n);
}

static void claims(char out[512], long long exp, const char *more)
{
    snprintf(out, 512, "{\"sub\":\"%s\",\"role\":\"authenticated\",\"exp\":%lld%s}", SUB, exp,
             more);
}

static void jwt_accepts_what_it_signed(void **state)
{
    struct jwt_keys *k = keys_of(SECRET, NULL);
    char payload[512], token[1024];
    struct jwt j;

    (void)state;
    claims(payload, NOW + 60, ",\"iat\":1699999990,\"email\":\"a@b.c\"");
    assert_true(jwt_sign_hs256(SECRET, payload, token, sizeof token));
    assert_int_equal(verify(k, token, &j), JWT_OK);
    assert_string_equal(j.sub, SUB);
    assert_string_equal(j.role, "authenticated");
    assert_int_equal(j.exp, NOW + 60);
    assert_string_equal(j.payload, payload);
    assert_false(jwt_sign_hs256(SECRET, payload, token, 100));
    assert_false(jwt_sign_hs256("short", payload, token, sizeof token));
    jwt_keys_free(k);
}

/* Every single bit of a token counts. */
static void jwt_refuses_any_tampering(void **state)
{
    struct jwt_keys *k = keys_of(SECRET, NULL);
    char payload[512], token[1024];
    struct jwt j;

    (void)state;
    claims(payload, NOW + 60, "");
    assert_true(jwt_sign_hs256(SECRET, payload, token, sizeof token));
    for (size_t i = 0; token[i] != '\0'; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            token[i] = (char)(token[i] ^ (1 << bit));
            if (jwt_verify(k, token, strlen(token), NOW, &j) == JWT_OK)
                fail_msg("byte %zu bit %u does not count", i, bit);
            token[i] = (char)(token[i] ^ (1 << bit));
        }
    }
    for (size_t n = 0; n < strlen(token); n++)
        assert_int_not_equal(jwt_verify(k, token, n, NOW, &j), JWT_OK);
    jwt_keys_free(k);
}

static void jwt_refuses_other_keys_and_algorithms(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"HS512\"}",
        "{}",
        "{\"alg\":null}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":\"HS256\",\"crit\":[\"b64\"]}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"RS256\"}",
    };
    struct jwt_keys *k = keys_of(SECRET, NULL), *none = keys_of(NULL, NULL),
                    *other = keys_of("another secret, also long", NULL);
    char payload[512], token[4096];
    struct jwt j;

    (void)state;
    claims(payload, NOW + 60, "");
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        hs256(SECRET, headers[i], payload, token);
        if (verify(k, token, &j) == JWT_OK)
            fail_msg("accepted: %s", headers[i]);
        *(strrchr(token, '.') + 1) = '\0'; /* "none" comes without a signature */
        if (verify(k, token, &j) == JWT_OK)
            fail_msg("accepted without signature: %s", headers[i]);
    }
    hs256(SECRET, "{\"alg\":\"HS256\",\"kid\":\"legacy\"}", payload, token);
    assert_int_equal(verify(k, token, &j),
                     JWT_OK); /* an unknown kid with HS256 is the legacy secret */
    assert_int_equal(verify(other, token, &j), JWT_BAD_SIGNATURE);
    assert_int_equal(verify(none, token, &j), JWT_NO_KEY);
    jwt_keys_free(k);
    jwt_keys_free(none);
    jwt_keys_free(other);
}

static void jwt_checks_times_with_skew(void **state)
{
    static const struct {
        long long exp;
        const char *more;
        enum jwt_result result;
    } cases[] = {
        {NOW - 29, "", JWT_OK},
        {NOW - 30, "", JWT_EXPIRED},
        {NOW - 3600, "", JWT_EXPIRED},
        {NOW + 60, ",\"nbf\":1700000030", JWT_OK},
        {NOW + 60, ",\"nbf\":1700000031", JWT_NOT_YET},
        {NOW + 60, ",\"iat\":1700000031", JWT_NOT_YET},
        {NOW + 60, ",\"iat\":\"x\"", JWT_BAD_CLAIMS},
        {NOW + 60, ",\"exp\":\"1900000000\"", JWT_BAD_CLAIMS},
        {NOW + 60, ",\"exp\":1e99", JWT_BAD_CLAIMS},
        {NOW + 60, ",\"exp\":99999999999999999999", JWT_BAD_CLAIMS},
        {NOW + 60, ",\"exp\":null", JWT_BAD_CLAIMS},
        {INT64_MAX, "", JWT_OK},
        {INT64_MIN + 1, "", JWT_EXPIRED},
    };
    struct jwt_keys *k = keys_of(SECRET, NULL);
    char payload[512], token[4096];
    struct jwt j;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        claims(payload, cases[i].exp, cases[i].more);
        hs256(SECRET, "{\"alg\":\"HS256\"}", payload, token);
        if (verify(k, token, &j) != cases[i].result)
            fail_msg("%s: %s", payload, jwt_result_text(verify(k, token, &j)));
    }
    hs256(SECRET, "{\"alg\":\"HS256\"}", "{\"sub\":\"" SUB "\"}", token);
    assert_int_equal(verify(k, token, &j), JWT_BAD_CLAIMS); /* no exp */
    jwt_keys_free(k);
}

static void jwt_takes_only_a_uuid_as_subject(void **state)
{
    static const struct {
        const char *payload, *sub, *role;
    } cases[] = {
        {"{\"sub\":\"0B8C1D2E-3F40-4A5B-8C6D-7E8F90A1B2C3\",\"exp\":1800000000}", SUB, ""},
        {"{\"sub\":\"x\",\"role\":\"anon\",\"exp\":1800000000}", "", "anon"},
        {"{\"sub\":7,\"role\":[],\"exp\":1800000000}", "", ""},
        {"{\"sub\":\"0b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3'--\",\"exp\":1800000000}", "", ""},
        {"{\"role\":\"0123456789012345678901234567890123\",\"exp\":1800000000}", "", ""},
    };
    struct jwt_keys *k = keys_of(SECRET, NULL);
    char token[4096];
    struct jwt j;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hs256(SECRET, "{\"alg\":\"HS256\"}", cases[i].payload, token);
        assert_int_equal(verify(k, token, &j), JWT_OK);
        assert_string_equal(j.sub, cases[i].sub);
        assert_string_equal(j.role, cases[i].role);
    }
    jwt_keys_free(k);
}

static void jwt_refuses_what_is_no_token(void **state)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "eyJhbGciOiJIUzI1NiJ9..",
        "sb_publishable_123",
        "eyJhbGciOiJIUzI1NiJ9=.e30.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA",
        "eyJhbGciOiJIUzI1NiJ9\n.e30.AAAA",
    };
    struct jwt_keys *k = keys_of(SECRET, NULL);
    char huge[JWT_MAX + 2], token[4096];
    struct jwt j;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (verify(k, bad[i], &j) == JWT_OK)
            fail_msg("accepted: %s", bad[i]);
    memset(huge, 'A', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_int_equal(verify(k, huge, &j), JWT_MALFORMED);
    huge[10] = huge[JWT_MAX - 2] = '.';
    assert_int_not_equal(verify(k, huge, &j), JWT_OK);
    hs256(SECRET, "{\"alg\":\"HS256\"}", "[1]", token);
    assert_int_equal(verify(k, token, &j), JWT_MALFORMED);
    hs256(SECRET, "{\"alg\":\"HS256\"}", "{\"exp\":18000", token);
    assert_int_equal(verify(k, token, &j), JWT_MALFORMED);
    jwt_keys_free(k);
}

/* ---- public keys ---- */

static void number_member(const BIGNUM *n, int size, const char *name, char *out, size_t out_size)
{
    unsigned char bytes[512];
    char text[700];
    size_t used;
    int len = size > 0 ? BN_bn2binpad(n, bytes, size) : BN_bn2bin(n, bytes);

    assert_true(base64url_encode(bytes, (size_t)len, text, sizeof text, &used));
    snprintf(out + strlen(out), out_size - strlen(out), ",\"%s\":\"%s\"", name, text);
}

static void ec_jwk(EVP_PKEY *key, const char *kid, char *out, size_t size)
{
    BIGNUM *x = NULL, *y = NULL;

    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x);
    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y);
    snprintf(out, size,
             "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"%s\"",
             kid);
    number_member(x, 32, "x", out, size);
    number_member(y, 32, "y", out, size);
    strcat(out, "}");
    BN_free(x);
    BN_free(y);
}

static void rsa_jwk(EVP_PKEY *key, const char *kid, char *out, size_t size)
{
    BIGNUM *n = NULL, *e = NULL;

    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e);
    snprintf(out, size, "{\"kty\":\"RSA\",\"kid\":\"%s\"", kid);
    number_member(n, 0, "n", out, size);
    number_member(e, 0, "e", out, size);
    strcat(out, "}");
    BN_free(n);
    BN_free(e);
}

/* Signs with a private key; an ES256 signature is rewritten as r and s side by side. */
static void sign_public(EVP_PKEY *key, const char *header, const char *payload, char token[4096])
{
    unsigned char signature[512], raw[64];
    const unsigned char *p = signature;
    size_t n = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    unsigned_token(header, payload, token);
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &n, (unsigned char *)token, strlen(token)), 1);
    EVP_MD_CTX_free(ctx);
    if (EVP_PKEY_is_a(key, "EC")) {
        ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)n);

        BN_bn2binpad(ECDSA_SIG_get0_r(s), raw, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(s), raw + 32, 32);
        ECDSA_SIG_free(s);
        append_signature(token, raw, sizeof raw);
    } else {
        append_signature(token, signature, n);
    }
}

static void jwt_chooses_the_key_by_its_own_list(void **state)
{
    EVP_PKEY *ec = EVP_EC_gen("P-256"), *stranger = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048);
    char ec_text[600], rsa_text[900], jwks[2000], payload[512], token[4096];
    struct jwt_keys *k;
    struct jwt j;

    (void)state;
    ec_jwk(ec, "ec-1", ec_text, sizeof ec_text);
    rsa_jwk(rsa, "rsa-1", rsa_text, sizeof rsa_text);
    snprintf(jwks, sizeof jwks, "{\"keys\":[{\"kty\":\"OKP\",\"kid\":\"x\"},%s,%s,7]}", ec_text,
             rsa_text);
    k = keys_of(SECRET, jwks);
    claims(payload, NOW + 60, "");

    sign_public(ec, "{\"alg\":\"ES256\",\"kid\":\"ec-1\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_OK);
    sign_public(ec, "{\"alg\":\"ES256\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_OK);
    sign_public(ec, "{\"alg\":\"ES256\",\"kid\":\"gone\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_UNKNOWN_KEY);
    sign_public(stranger, "{\"alg\":\"ES256\",\"kid\":\"ec-1\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_BAD_SIGNATURE);
    sign_public(rsa, "{\"alg\":\"RS256\",\"kid\":\"rsa-1\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_OK);
    sign_public(rsa, "{\"alg\":\"RS256\",\"kid\":\"ec-1\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_BAD_SIGNATURE);
    /* HMAC with our own secret but the name of a public key, and with the public key's text as secret. */
    hs256(SECRET, "{\"alg\":\"HS256\",\"kid\":\"ec-1\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_BAD_SIGNATURE);
    hs256(rsa_text, "{\"alg\":\"HS256\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_BAD_SIGNATURE);
    jwt_keys_free(k);

    k = keys_of(NULL, "{\"keys\":[]}"); /* keys of several documents count together */
    sign_public(ec, "{\"alg\":\"ES256\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_UNKNOWN_KEY);
    assert_true(jwt_keys_add(k, jwks, strlen(jwks)));
    assert_false(jwt_keys_add(k, "{}", 2));
    assert_int_equal(jwt_keys_count(k), 2);
    assert_int_equal(verify(k, token, &j), JWT_OK);
    jwt_keys_free(k);

    k = keys_of(NULL, jwks); /* without a secret there is no HS256 at all */
    hs256(rsa_text, "{\"alg\":\"HS256\"}", payload, token);
    assert_int_equal(verify(k, token, &j), JWT_NO_KEY);
    jwt_keys_free(k);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(stranger);
    EVP_PKEY_free(rsa);
}

static void jwt_refuses_bad_key_sets(void **state)
{
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"keys\":{}}", "null", "\"keys\""};
    /* Too small a modulus, a point off the curve, a short coordinate: skipped, so nothing is left that checks. */
    static const char *const useless[] = {
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        ("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}"),
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0c2VjcmV0\"}]}",
    };
    const char *why;
    char token[4096];
    struct jwt j;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(jwt_keys_new(NULL, bad[i], strlen(bad[i]), &why));
        assert_non_null(why);
    }
    assert_null(jwt_keys_new("short", NULL, 0, &why));
    hs256("secretsecret", "{\"alg\":\"HS256\"}", "{\"exp\":1800000000}", token);
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        struct jwt_keys *k = keys_of(NULL, useless[i]);

        assert_int_equal(verify(k, token, &j), JWT_NO_KEY);
        jwt_keys_free(k);
    }
}

static void base64url_is_strict(void **state)
{
    static const char *const bad[] = {"A",  "AB", "A=",    "AAA=", "AA AA",
                                      "+A", "/A", "AAAAB", "AB.A"};
    unsigned char out[16];
    char text[32];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (base64url_decode(bad[i], strlen(bad[i]), out, sizeof out, &n))
            fail_msg("accepted: %s", bad[i]);
    assert_true(base64url_decode("_-8", 3, out, sizeof out, &n));
    assert_int_equal(n, 2);
    assert_true(out[0] == 0xff && out[1] == 0xef);
    assert_false(base64url_decode("AAAAAAAA", 8, out, 5, &n));
    for (size_t len = 0; len < 16; len++) {
        size_t back;

        assert_true(base64url_encode("0123456789abcdef", len, text, sizeof text, &n));
        assert_true(base64url_decode(text, n, out, sizeof out, &back));
        assert_int_equal(back, len);
        assert_memory_equal(out, "0123456789abcdef", len);
        if (n > 0)
            assert_false(base64url_encode("0123456789abcdef", len, text, n, &back));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwt_accepts_what_it_signed),
        cmocka_unit_test(jwt_refuses_any_tampering),
        cmocka_unit_test(jwt_refuses_other_keys_and_algorithms),
        cmocka_unit_test(jwt_checks_times_with_skew),
        cmocka_unit_test(jwt_takes_only_a_uuid_as_subject),
        cmocka_unit_test(jwt_refuses_what_is_no_token),
        cmocka_unit_test(jwt_chooses_the_key_by_its_own_list),
        cmocka_unit_test(jwt_refuses_bad_key_sets),
        cmocka_unit_test(base64url_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
