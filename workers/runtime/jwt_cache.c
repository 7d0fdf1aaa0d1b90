#include "runtime/jwt_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/hmac.h"

struct kept {
    uint8_t digest[SHA256_SIZE]; /* of the token */
    uint64_t used;               /* on the cache's own count; 0: free */
    int64_t exp;
    char sub[JWT_SUB_SIZE];
    char role[JWT_ROLE_MAX];
    size_t payload_len;
    char *payload;
};

struct jwt_cache {
    uint64_t uses;
    bool digested; /* `digest` is of the token that was just missed */
    uint8_t digest[SHA256_SIZE];
    struct kept sets[JWT_CACHE_SETS][JWT_CACHE_WAYS];
};

struct jwt_cache *jwt_cache_new(void)
{
    return calloc(1, sizeof(struct jwt_cache));
}

static void drop(struct kept *k)
{
    free(k->payload);
    *k = (struct kept){.used = 0};
}

void jwt_cache_forget(struct jwt_cache *c)
{
    for (size_t i = 0; i < JWT_CACHE_SETS; i++)
        for (size_t j = 0; j < JWT_CACHE_WAYS; j++)
            drop(&c->sets[i][j]);
    c->digested = false;
}

void jwt_cache_free(struct jwt_cache *c)
{
    if (c == NULL)
        return;
    jwt_cache_forget(c);
    free(c);
}

static struct kept *set_of(struct jwt_cache *c)
{
    return c->sets[(c->digest[0] | c->digest[1] << 8) % JWT_CACHE_SETS];
}

enum jwt_result jwt_cache_get(struct jwt_cache *c, const char *token, size_t len, int64_t now_s,
                              struct jwt *out)
{
    struct kept *k;

    sha256(c->digest, token, len, &c->digested);
    if (!c->digested)
        return JWT_NO_KEY;
    k = set_of(c);
    for (size_t i = 0; i < JWT_CACHE_WAYS; i++, k++) {
        if (k->used == 0 || memcmp(k->digest, c->digest, sizeof k->digest) != 0)
            continue;
        k->used = ++c->uses;
        memcpy(out->sub, k->sub, sizeof out->sub);
        memcpy(out->role, k->role, sizeof out->role);
        memcpy(out->payload, k->payload, k->payload_len + 1);
        out->payload_len = k->payload_len;
        out->exp = k->exp;
        return k->exp <= now_s - JWT_SKEW_S ? JWT_EXPIRED : JWT_OK;
    }
    return JWT_NO_KEY;
}

void jwt_cache_put(struct jwt_cache *c, const struct jwt *jwt)
{
    char *payload;
    struct kept *set = set_of(c), *k = set;

    if (!c->digested || jwt->payload_len > JWT_CACHE_PAYLOAD_MAX ||
        (payload = malloc(jwt->payload_len + 1)) == NULL)
        return;
    for (size_t i = 1; i < JWT_CACHE_WAYS; i++)
        if (set[i].used < k->used)
            k = &set[i];
    drop(k);
    memcpy(k->digest, c->digest, sizeof k->digest);
    memcpy(k->sub, jwt->sub, sizeof k->sub);
    memcpy(k->role, jwt->role, sizeof k->role);
    memcpy(payload, jwt->payload, jwt->payload_len + 1);
    k->payload = payload;
    k->payload_len = jwt->payload_len;
    k->exp = jwt->exp;
    k->used = ++c->uses;
    c->digested = false;
}
