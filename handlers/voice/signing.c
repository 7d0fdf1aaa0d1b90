#include "voice/signing.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/words.h"

struct text signing_header(const struct voice_request *r, const char *name)
{
    for (unsigned i = 0; i < r->n_headers; i++) {
        if (strcmp(r->headers[i].name, name) == 0)
            return words_trim(r->headers[i].value);
    }
    return TEXT_NULL;
}

struct secrets secrets_of(const char *list)
{
    return (struct secrets){.rest = list == NULL ? "" : list};
}

bool secrets_next(struct secrets *s)
{
    s->rest += strspn(s->rest, ",");
    if (*s->rest == '\0' || s->n == SIGNING_SECRETS_MAX)
        return false;
    s->secret = (struct text){s->rest, strcspn(s->rest, ",")};
    s->rest += s->secret.n;
    s->n++;
    return true;
}

bool signing_item(struct text *rest, struct text *item)
{
    const char *comma;

    if (text_empty(*rest))
        return false;
    comma = memchr(rest->p, ',', rest->n);
    *item = (struct text){rest->p, comma == NULL ? rest->n : (size_t)(comma - rest->p)};
    if (comma == NULL)
        *rest = TEXT_NULL;
    else
        *rest = (struct text){comma + 1, rest->n - item->n - 1};
    *item = words_trim(*item);
    return true;
}

void mac_open(struct mac *m, enum mac_hash hash, struct text secret)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(
            OSSL_MAC_PARAM_DIGEST, hash == MAC_SHA1 ? (char[]){"SHA1"} : (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);

    *m = (struct mac){.ctx = NULL};
    if (algorithm != NULL)
        m->ctx = EVP_MAC_CTX_new(algorithm); /* holds its own reference */
    EVP_MAC_free(algorithm);
    m->ok = m->ctx != NULL && secret.n > 0 &&
            EVP_MAC_init(m->ctx, (const unsigned char *)secret.p, secret.n, params) == 1;
}

void mac_add(struct mac *m, struct text part)
{
    if (m->ok && part.n > 0)
        m->ok = EVP_MAC_update(m->ctx, (const unsigned char *)part.p, part.n) == 1;
}

void mac_close(struct mac *m)
{
    m->ok = m->ok && EVP_MAC_final(m->ctx, m->bytes, &m->n, sizeof m->bytes) == 1;
    if (!m->ok)
        m->n = 0;
    EVP_MAC_CTX_free(m->ctx); /* accepts NULL */
    m->ctx = NULL;
}

bool mac_is_hex(const struct mac *m, struct text sent)
{
    uint8_t bytes[SIGNING_MAC_MAX];

    return m->n > 0 && sent.p != NULL && hex_decode(bytes, m->n, sent.p, sent.n) &&
           bytes_equal(bytes, m->bytes, m->n);
}

bool mac_is_base64(const struct mac *m, struct text sent)
{
    uint8_t bytes[SIGNING_MAC_MAX];
    size_t n = 0;

    return m->n > 0 && sent.p != NULL && base64_decode(bytes, sizeof bytes, &n, sent.p, sent.n) &&
           n == m->n && bytes_equal(bytes, m->bytes, n);
}

bool signing_same(struct text a, struct text b)
{
    uint8_t left[SHA256_SIZE], right[SHA256_SIZE];
    bool left_ok, right_ok;

    if (text_empty(a) || text_empty(b))
        return false;
    sha256(left, a.p, a.n, &left_ok); /* of one length whatever the secrets' are */
    sha256(right, b.p, b.n, &right_ok);
    return left_ok && right_ok && bytes_equal(left, right, sizeof left);
}

bool signing_number(struct text t, int64_t *value)
{
    int64_t sum = 0;

    if (text_empty(t) || t.n > SIGNING_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9')
            return false;
        sum = sum * 10 + (t.p[i] - '0');
    }
    *value = sum;
    return true;
}

bool ed25519_signed(const uint8_t key[ED25519_KEY_SIZE],
                    const uint8_t signature[ED25519_SIGNATURE_SIZE], struct text message)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, ED25519_KEY_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = pkey != NULL && ctx != NULL &&
              EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, signature, ED25519_SIGNATURE_SIZE,
                               (const unsigned char *)message.p, message.n) == 1;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok;
}
