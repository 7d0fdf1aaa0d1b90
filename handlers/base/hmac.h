/* Hashes and the text forms of bytes that signatures need: SHA-256, HMAC-SHA256, base64, hex,
 * comparing in constant time. OpenSSL does the arithmetic; nothing here keeps state beyond a
 * prepared key. */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };

/* Zeros when OpenSSL cannot work at all (out of memory): *ok, which may be NULL, tells. */
void sha256(uint8_t out[SHA256_SIZE], const void *data, size_t len, bool *ok);

/* A key whose HMAC state is prepared once; each message works on a duplicate of it. */
struct evp_mac_ctx_st;
struct hmac_key {
    struct evp_mac_ctx_st *prepared; /* NULL: not set up */
};

/* False when out of memory or when the secret is empty; the key needs no hmac_key_free() then. */
bool hmac_key_init(struct hmac_key *key, const void *secret, size_t len);
/* Harmless on a key that was zeroed, freed or never came about. */
void hmac_key_free(struct hmac_key *key);

/* False when out of memory; `out` is zeros then, so a comparison that ignores the result still
 * fails. */
bool hmac_sha256(const struct hmac_key *key, uint8_t out[SHA256_SIZE], const void *data,
                 size_t len);
/* The same for a secret that is used once. */
bool hmac_sha256_once(const void *secret, size_t secret_len, uint8_t out[SHA256_SIZE],
                      const void *data, size_t len);

/* Time depends on `len` alone. */
bool bytes_equal(const void *a, const void *b, size_t len);
/* memset() that no compiler removes: for secrets that leave scope. */
void bytes_wipe(void *p, size_t len);

/* Characters of the base64 text of n bytes, without the NUL. */
#define BASE64_SIZE(n) (((size_t)(n) + 2) / 3 * 4)

/* Writes BASE64_SIZE(n) characters and a NUL. */
void base64_encode(char *out, const void *data, size_t n);

/* Strict RFC 4648 section 4: padded, no spaces or line ends, no other alphabet, unused bits zero.
 * So one value has one text. False: not such text, or longer than out_size; `out` may have been
 * written to then. */
bool base64_decode(uint8_t *out, size_t out_size, size_t *n, const char *text, size_t len);

/* 2n lower-case digits and a NUL. */
void hex_encode(char *out, const void *data, size_t n);
/* Exactly 2n digits of either case; false otherwise. */
bool hex_decode(uint8_t *out, size_t n, const char *text, size_t len);

#endif
