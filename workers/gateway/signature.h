/* Shopify's webhook signature: base64 of HMAC-SHA256 over the raw body (facts: shopify.dev, "Verify
 * webhook deliveries"). Pure. */
#ifndef GATEWAY_SIGNATURE_H
#define GATEWAY_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hmac.h"

enum { SIGNATURE_SECRETS_MAX = 8 };

/* The app's secrets, prepared once: while rotating there are two, and Shopify may sign with either
 * for an hour. */
struct signatures {
    struct hmac_key keys[SIGNATURE_SECRETS_MAX];
    unsigned n;
};

/* From a comma list; NULL or "" gives none. False: too many, or out of memory. */
bool signatures_init(struct signatures *s, const char *secrets);
void signatures_free(struct signatures *s);

/* The header's value as bytes. False: absent (NULL), or no base64 of exactly 32 bytes. */
bool signature_decode(uint8_t mac[SHA256_SIZE], const char *header);

/* True if one of the secrets made `mac`. Compares in constant time. */
bool signature_of_app(const struct signatures *s, const uint8_t mac[SHA256_SIZE], const void *body,
                      size_t len);
bool signature_of_secret(const void *secret, size_t secret_len, const uint8_t mac[SHA256_SIZE],
                         const void *body, size_t len);

/* "acme.myshopify.com" in any letter case -> lower case in `out` (SHOP_DOMAIN_MAX + 1 characters).
 * False: absent, or not ^[a-zA-Z0-9][a-zA-Z0-9-]*\.myshopify\.com$ with a label of at most 63
 * characters. */
bool shop_domain(char *out, const char *header);

#endif
