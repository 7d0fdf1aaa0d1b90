/* What the providers' signatures are made of: keyed hashes over several parts, comma lists of
 * secrets, and comparing in constant time. */
#ifndef VOICE_SIGNING_H
#define VOICE_SIGNING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hmac.h"
#include "voice/provider.h"

enum {
    SIGNING_SECRETS_MAX = 8,
    SIGNING_MAC_MAX = SHA256_SIZE,
    SIGNING_DIGITS_MAX = 16, /* of a timestamp */
    ED25519_KEY_SIZE = 32,
    ED25519_SIGNATURE_SIZE = 64,
};

#define SIGNING_WINDOW_US INT64_C(300000000) /* 5 minutes, what most providers ask for */

/* A header's value without spaces around it; absent if it was not sent. */
struct text signing_header(const struct voice_request *r, const char *name);

/* The secrets of a comma list in turn, empty ones left out, SIGNING_SECRETS_MAX at most.
 *
 *   for (struct secrets s = secrets_of(list); secrets_next(&s);) ... s.secret ...
 */
struct secrets {
    const char *rest;
    unsigned n;
    struct text secret;
};
struct secrets secrets_of(const char *list);
bool secrets_next(struct secrets *s);

/* The items of a header's comma list in turn, without spaces around them. `rest` is the whole list at
 * first. */
bool signing_item(struct text *rest, struct text *item);

/* HMAC over parts. Sticky: any failure makes the result match nothing. */
struct evp_mac_ctx_st;
struct mac {
    struct evp_mac_ctx_st *ctx;
    uint8_t bytes[SIGNING_MAC_MAX];
    size_t n; /* after mac_close(); 0: failed */
    bool ok;
};
enum mac_hash { MAC_SHA1, MAC_SHA256 };

void mac_open(struct mac *m, enum mac_hash hash, struct text secret);
void mac_add(struct mac *m, struct text part);
/* Must be called once for every mac_open(). */
void mac_close(struct mac *m);

/* True if `sent` is that MAC in hex of either case, in padded base64. */
bool mac_is_hex(const struct mac *m, struct text sent);
bool mac_is_base64(const struct mac *m, struct text sent);

/* Equal secrets; the time depends on neither's contents. */
bool signing_same(struct text a, struct text b);

/* 1 to SIGNING_DIGITS_MAX digits and nothing else -> their number. */
bool signing_number(struct text t, int64_t *value);

/* `signature` of `message` by the holder of the public key. */
bool ed25519_signed(const uint8_t key[ED25519_KEY_SIZE],
                    const uint8_t signature[ED25519_SIGNATURE_SIZE], struct text message);

#endif
