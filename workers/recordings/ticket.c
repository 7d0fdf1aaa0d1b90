#include "recordings/ticket.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/seal.h"
#include "recordings/store.h"
#include "runtime/base64url.h"

/* Keys of one secret for different uses must not be the same; another form of ticket gets another number. */
#define PURPOSE "ringback recording link 1"

static_assert((int)TICKET_KEYS_MAX >= (int)SEAL_KEYS_MAX, "room for every key of the list");

bool ticket_keys_init(struct ticket_keys *k, const char *encryption_key, const char *jwt_secret,
                      const char **why)
{
    struct seal seal;
    bool ok = true;

    k->n = 0;
    if (!seal_init(&seal, encryption_key, why))
        return false;
    for (unsigned i = 0; i < seal.n; i++)
        ok = ok && hmac_sha256_once(seal.keys[i].key, SEAL_KEY_SIZE, k->key[k->n++], PURPOSE,
                                    strlen(PURPOSE));
    seal_wipe(&seal);
    if (k->n == 0 && jwt_secret != NULL)
        ok = hmac_sha256_once(jwt_secret, strlen(jwt_secret), k->key[k->n++], PURPOSE,
                              strlen(PURPOSE));
    *why = "out of memory";
    return ok;
}

/* False: the path is longer than any that we serve, or out of memory. */
static bool write_with(const uint8_t key[SHA256_SIZE], const char *path, int64_t expires_s,
                       char out[TICKET_QUERY_SIZE])
{
    char text[STORE_PATH_MAX + 32];
    uint8_t mac[SHA256_SIZE];
    size_t n;
    int len = snprintf(text, sizeof text, "%" PRId64 "\n%s", expires_s, path);

    if ((size_t)len >= sizeof text || !hmac_sha256_once(key, SHA256_SIZE, mac, text, (size_t)len))
        return false;
    len = snprintf(out, TICKET_QUERY_SIZE, "expires=%" PRId64 "&signature=", expires_s);
    return base64url_encode(mac, sizeof mac, out + len, TICKET_QUERY_SIZE - (size_t)len, &n);
}

bool ticket_write(const struct ticket_keys *k, const char *path, int64_t expires_s,
                  char out[TICKET_QUERY_SIZE])
{
    return k->n > 0 && write_with(k->key[0], path, expires_s, out);
}

enum ticket_result ticket_check(const struct ticket_keys *k, const char *path, const char *query,
                                int64_t now_s, int64_t *expires_s)
{
    char own[TICKET_QUERY_SIZE];
    size_t n = strlen(query);
    bool good = false;

    if (strncmp(query, "expires=", 8) != 0 || n >= sizeof own)
        return TICKET_BAD;
    *expires_s = strtoll(query + 8, NULL, 10);
    for (unsigned i = 0; i < k->n; i++)
        good = (write_with(k->key[i], path, *expires_s, own) && strlen(own) == n &&
                bytes_equal(own, query, n)) ||
               good;
    if (!good)
        return TICKET_BAD;
    return now_s < *expires_s ? TICKET_GOOD : TICKET_EXPIRED;
}
