#include "gateway/signature.h"

#include <string.h>

#include "gateway/secret_cache.h"

bool signatures_init(struct signatures *s, const char *secrets)
{
    *s = (struct signatures){.n = 0};
    while (secrets != NULL && *secrets != '\0') {
        size_t len = strcspn(secrets, ",");

        if (len > 0 &&
            (s->n == SIGNATURE_SECRETS_MAX || !hmac_key_init(&s->keys[s->n++], secrets, len))) {
            signatures_free(s);
            return false;
        }
        secrets += len + (secrets[len] == ',');
    }
    return true;
}

void signatures_free(struct signatures *s)
{
    for (unsigned i = 0; i < s->n; i++)
        hmac_key_free(&s->keys[i]);
    s->n = 0;
}

bool signature_decode(uint8_t mac[SHA256_SIZE], const char *header)
{
    size_t n = 0;

    return header != NULL && strlen(header) == BASE64_SIZE(SHA256_SIZE) &&
           base64_decode(mac, SHA256_SIZE, &n, header, BASE64_SIZE(SHA256_SIZE)) &&
           n == SHA256_SIZE;
}

bool signature_of_app(const struct signatures *s, const uint8_t mac[SHA256_SIZE], const void *body,
                      size_t len)
{
    for (unsigned i = 0; i < s->n; i++) {
        uint8_t ours[SHA256_SIZE];

        if (hmac_sha256(&s->keys[i], ours, body, len) && bytes_equal(ours, mac, SHA256_SIZE))
            return true;
    }
    return false;
}

bool signature_of_secret(const void *secret, size_t secret_len, const uint8_t mac[SHA256_SIZE],
                         const void *body, size_t len)
{
    uint8_t ours[SHA256_SIZE];

    return hmac_sha256_once(secret, secret_len, ours, body, len) &&
           bytes_equal(ours, mac, SHA256_SIZE);
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool shop_domain(char *out, const char *header)
{
    static const char suffix[] = ".myshopify.com";
    size_t label = 0;

    if (header == NULL || !is_alphanumeric(header[0]))
        return false;
    while (is_alphanumeric(header[label]) || header[label] == '-')
        label++;
    /* Anchored at both ends: "acme.myshopify.com.evil.example" is not a shop. The dots must match
     * as they are. */
    if (label > SHOP_DOMAIN_MAX - (sizeof suffix - 1) || strcmp(header + label, suffix) != 0)
        return false;
    for (size_t i = 0; i <= label + sizeof suffix - 1; i++)
        out[i] = (char)(header[i] >= 'A' && header[i] <= 'Z' ? header[i] + ('a' - 'A') : header[i]);
    return true;
}
