/* Seals secrets that are stored in the database (access tokens, a store's webhook secret):
 * AES-256-GCM under RINGBACK_ENCRYPTION_KEY. Text form: "v1:<key id>:<base64 of nonce 12, tag 16,
 * ciphertext>"; the key id is the first 8 hex digits of SHA-256(key), so a value tells which key
 * opens it, and "v1:<key id>:" is authenticated with it.
 *
 * Rotation: the setting is a comma list new,old. New values are sealed with the first key, any key
 * of the list opens. */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hmac.h"

enum {
    SEAL_KEYS_MAX = 4,
    SEAL_KEY_SIZE = 32,
    SEAL_ID_SIZE = 8,
    SEAL_NONCE_SIZE = 12,
    SEAL_TAG_SIZE = 16,
    SEAL_PREFIX_SIZE = 3 + SEAL_ID_SIZE + 1, /* "v1:" id ":" */
    SEAL_PLAIN_MAX = 4096,
};

/* Room for the sealed text of n bytes, with its NUL. */
#define SEAL_TEXT_SIZE(n)                                                                          \
    (SEAL_PREFIX_SIZE + BASE64_SIZE(SEAL_NONCE_SIZE + SEAL_TAG_SIZE + (n)) + 1)

struct seal {
    unsigned n; /* 0: no key was given, nothing can be sealed or opened */
    struct {
        uint8_t key[SEAL_KEY_SIZE];
        char id[SEAL_ID_SIZE + 1];
    } keys[SEAL_KEYS_MAX];
};

/* Reads the setting: base64 of 32 bytes, or a comma list of such. NULL or "" gives a seal without
 * keys. False: *why (static) says what is wrong with it, never the key itself. */
bool seal_init(struct seal *s, const char *setting, const char **why);
void seal_wipe(struct seal *s);

/* Writes SEAL_TEXT_SIZE(n) bytes. False: *why (static). */
bool seal_close(const struct seal *s, char *text, const void *plain, size_t n, const char **why);

/* Opens `text` into plain[plain_size]; *n its length. False: *why (static), and nothing of the
 * plain text is left behind. */
bool seal_open(const struct seal *s, void *plain, size_t plain_size, size_t *n, const char *text,
               size_t text_len, const char **why);

#endif
