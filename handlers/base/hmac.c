#include "base/hmac.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

void sha256(uint8_t out[SHA256_SIZE], const void *data, size_t len, bool *ok)
{
    unsigned n = 0;
    bool done = EVP_Digest(data, len, out, &n, EVP_sha256(), NULL) == 1 && n == SHA256_SIZE;

    if (!done)
        memset(out, 0, SHA256_SIZE);
    if (ok != NULL)
        *ok = done;
}

bool hmac_key_init(struct hmac_key *key, const void *secret, size_t len)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac;

    key->prepared = NULL;
    if (len == 0)
        return false; /* OpenSSL would take "no key" for "keep the old one" */
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mac == NULL)
        return false;
    key->prepared = EVP_MAC_CTX_new(mac); /* holds its own reference to the algorithm */
    EVP_MAC_free(mac);
    if (key->prepared != NULL && EVP_MAC_init(key->prepared, secret, len, params) != 1)
        hmac_key_free(key);
    return key->prepared != NULL;
}

void hmac_key_free(struct hmac_key *key)
{
    EVP_MAC_CTX_free(key->prepared); /* wipes the key; accepts NULL */
    key->prepared = NULL;
}

bool hmac_sha256(const struct hmac_key *key, uint8_t out[SHA256_SIZE], const void *data, size_t len)
{
    EVP_MAC_CTX *ctx;
    size_t n = 0;
    bool ok;

    assert(key->prepared != NULL);
    ctx = EVP_MAC_CTX_dup(key->prepared);
    ok = ctx != NULL && EVP_MAC_update(ctx, data, len) == 1 &&
         EVP_MAC_final(ctx, out, &n, SHA256_SIZE) == 1 && n == SHA256_SIZE;
    EVP_MAC_CTX_free(ctx);
    if (!ok)
        memset(out, 0, SHA256_SIZE);
    return ok;
}

bool hmac_sha256_once(const void *secret, size_t secret_len, uint8_t out[SHA256_SIZE],
                      const void *data, size_t len)
{
    struct hmac_key key;
    bool ok;

    if (!hmac_key_init(&key, secret, secret_len)) {
        memset(out, 0, SHA256_SIZE);
        return false;
    }
    ok = hmac_sha256(&key, out, data, len);
    hmac_key_free(&key);
    return ok;
}

bool bytes_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void bytes_wipe(void *p, size_t len)
{
    OPENSSL_cleanse(p, len);
}

void base64_encode(char *out, const void *data, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = data;

    for (; n >= 3; n -= 3, p += 3) {
        *out++ = digits[p[0] >> 2];
        *out++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
        *out++ = digits[(p[1] & 15) << 2 | p[2] >> 6];
        *out++ = digits[p[2] & 63];
    }
    if (n > 0) {
        unsigned second = n == 2 ? p[1] : 0;
        char third = '=';

        if (n == 2)
            third = digits[(second & 15) << 2];
        *out++ = digits[p[0] >> 2];
        *out++ = digits[(p[0] & 3U) << 4 | second >> 4];
        *out++ = third;
        *out++ = '=';
    }
    *out = '\0';
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(uint8_t *out, size_t out_size, size_t *n, const char *text, size_t len)
{
    size_t padding = 0, written = 0;
    uint32_t bits = 0;
    unsigned held = 0; /* bits of `bits` that are not written yet */

    *n = 0;
    if (len % 4 != 0)
        return false;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < len - padding; i++) {
        int value = base64_value(text[i]);

        if (value < 0)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (written == out_size)
                return false;
            out[written++] = (uint8_t)(bits >> held);
        }
    }
    if ((bits & ((1U << held) - 1)) != 0)
        return false; /* unused bits must be zero, else two texts would mean the same */
    *n = written;
    return true;
}

void hex_encode(char *out, const void *data, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(uint8_t *out, size_t n, const char *text, size_t len)
{
    if (len != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
