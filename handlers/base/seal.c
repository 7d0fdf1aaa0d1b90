#include "base/seal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

static const char prefix_version[3] = {'v', '1', ':'};

enum { SEALED_MAX = SEAL_NONCE_SIZE + SEAL_TAG_SIZE + SEAL_PLAIN_MAX };

static bool add_key(struct seal *s, const char *text, size_t len, const char **why)
{
    uint8_t digest[SHA256_SIZE];
    size_t n = 0;
    bool ok = false;

    if (s->n == SEAL_KEYS_MAX) {
        *why = "more than 4 keys";
        return false;
    }
    if (!base64_decode(s->keys[s->n].key, SEAL_KEY_SIZE, &n, text, len) || n != SEAL_KEY_SIZE) {
        *why = "not 32 bytes in base64 (make one with: openssl rand -base64 32)";
        return false;
    }
    sha256(digest, s->keys[s->n].key, SEAL_KEY_SIZE, &ok);
    if (!ok) {
        *why = "out of memory";
        return false;
    }
    hex_encode(s->keys[s->n].id, digest, SEAL_ID_SIZE / 2);
    s->n++;
    return true;
}

bool seal_init(struct seal *s, const char *setting, const char **why)
{
    memset(s, 0, sizeof *s);
    while (setting != NULL && *setting != '\0') {
        size_t len = strcspn(setting, ",");

        if (!add_key(s, setting, len, why)) {
            seal_wipe(s);
            return false;
        }
        setting += len + (setting[len] == ',');
    }
    return true;
}

void seal_wipe(struct seal *s)
{
    bytes_wipe(s, sizeof *s);
}

/* One pass of AES-256-GCM over `n` bytes; `tag` is written when sealing and checked when opening.
 */
static bool gcm(bool sealing, const uint8_t *key, const uint8_t *nonce, uint8_t *tag,
                const char *prefix, uint8_t *out, const uint8_t *in, size_t n)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0, end = 0;
    bool ok = ctx != NULL &&
              EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, sealing) == 1 &&
              EVP_CipherUpdate(ctx, NULL, &len, (const uint8_t *)prefix, SEAL_PREFIX_SIZE) == 1 &&
              EVP_CipherUpdate(ctx, out, &len, in, (int)n) == 1 && len == (int)n;

    if (ok && !sealing)
        ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_SIZE, tag) == 1;
    ok = ok && EVP_CipherFinal_ex(ctx, out + n, &end) == 1 && end == 0;
    if (ok && sealing)
        ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

bool seal_close(const struct seal *s, char *text, const void *plain, size_t n, const char **why)
{
    uint8_t sealed[SEALED_MAX];
    bool ok;

    if (s->n == 0) {
        *why = "there is no encryption key: set RINGBACK_ENCRYPTION_KEY";
        return false;
    }
    if (n > SEAL_PLAIN_MAX) {
        *why = "longer than 4096 bytes";
        return false;
    }
    memcpy(text, prefix_version, sizeof prefix_version);
    memcpy(text + 3, s->keys[0].id, SEAL_ID_SIZE);
    text[SEAL_PREFIX_SIZE - 1] = ':';
    /* The one thing in handlers/ that is not repeatable: a nonce used twice under a key would
     * reveal both texts, so it is not left to callers to find one. */
    ok = RAND_bytes(sealed, SEAL_NONCE_SIZE) == 1 &&
         gcm(true, s->keys[0].key, sealed, sealed + SEAL_NONCE_SIZE, text,
             sealed + SEAL_NONCE_SIZE + SEAL_TAG_SIZE, plain, n);
    if (ok)
        base64_encode(text + SEAL_PREFIX_SIZE, sealed, SEAL_NONCE_SIZE + SEAL_TAG_SIZE + n);
    else
        *why = "encryption failed";
    return ok;
}

/* The key that the text names; NULL with *why. */
static const uint8_t *key_of(const struct seal *s, const char *text, size_t len, const char **why)
{
    if (len <= SEAL_PREFIX_SIZE || memcmp(text, prefix_version, sizeof prefix_version) != 0 ||
        text[SEAL_PREFIX_SIZE - 1] != ':') {
        *why = "not a sealed value (v1:<key id>:<base64>)";
        return NULL;
    }
    for (unsigned i = 0; i < s->n; i++)
        if (memcmp(text + 3, s->keys[i].id, SEAL_ID_SIZE) == 0)
            return s->keys[i].key;
    *why = s->n == 0 ? "there is no encryption key: set RINGBACK_ENCRYPTION_KEY"
                     : "sealed with a key that RINGBACK_ENCRYPTION_KEY does not list (any more)";
    return NULL;
}

bool seal_open(const struct seal *s, void *plain, size_t plain_size, size_t *n, const char *text,
               size_t text_len, const char **why)
{
    uint8_t sealed[SEALED_MAX], opened[SEAL_PLAIN_MAX];
    const uint8_t *key = key_of(s, text, text_len, why);
    size_t len = 0;
    bool ok;

    *n = 0;
    if (key == NULL)
        return false;
    if (!base64_decode(sealed, sizeof sealed, &len, text + SEAL_PREFIX_SIZE,
                       text_len - SEAL_PREFIX_SIZE) ||
        len < SEAL_NONCE_SIZE + SEAL_TAG_SIZE) {
        *why = "damaged: not base64 of a sealed value";
        return false;
    }
    len -= SEAL_NONCE_SIZE + SEAL_TAG_SIZE;
    if (len > plain_size) {
        *why = "longer than what is expected here";
        return false;
    }
    ok = gcm(false, key, sealed, sealed + SEAL_NONCE_SIZE, text, opened,
             sealed + SEAL_NONCE_SIZE + SEAL_TAG_SIZE, len);
    if (ok) {
        memcpy(plain, opened, len);
        *n = len;
    } else {
        *why = "damaged or changed since it was sealed";
    }
    bytes_wipe(opened, sizeof opened);
    return ok;
}
