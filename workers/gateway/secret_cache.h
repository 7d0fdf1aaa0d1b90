/* What is known about stores' own webhook secrets, by shop domain. Pure: time is an argument.
 * Bounded: of the stores that have a secret and of the domains that have none, the ones unused
 * longest make room. */
#ifndef GATEWAY_SECRET_CACHE_H
#define GATEWAY_SECRET_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SHOP_DOMAIN_MAX = 63 + 14, /* a DNS label and ".myshopify.com" */
    STORE_SECRET_MAX = 255,
    /* So long an answer counts as news. In that time a wrong signature does not ask the database
       again. */
    SECRET_FRESH_MS = 2000,
    /* A secret that is in use is asked for again in the background after this: the regular refresh
     * sees changed rows, but no deleted ones. */
    SECRET_RECHECK_MS = 300000,
};

enum secret_state {
    SECRET_UNKNOWN, /* nobody asked yet */
    SECRET_NONE,    /* no connected store of that domain has a secret of its own */
    SECRET_KNOWN,
    SECRET_BROKEN, /* there is one, but it cannot be opened */
};

struct secret_view {
    enum secret_state state;
    const uint8_t *secret; /* when KNOWN; valid until the cache changes */
    size_t secret_len;
    uint64_t age_ms; /* since the database said so */
};

struct secret_cache;

/* NULL: out of memory. */
struct secret_cache *secret_cache_new(size_t known_max, size_t none_max);
void secret_cache_free(struct secret_cache *c);

/* `domain` in lower case, at most SHOP_DOMAIN_MAX characters. */
struct secret_view secret_cache_find(struct secret_cache *c, const char *domain, uint64_t now_ms);

/* Remembers an answer; `secret` counts when `state` is KNOWN. Out of memory: it is not remembered.
 */
void secret_cache_put(struct secret_cache *c, const char *domain, enum secret_state state,
                      const void *secret, size_t secret_len, uint64_t now_ms);

size_t secret_cache_count(const struct secret_cache *c, enum secret_state state);

/* What to do with a request whose signature no app secret made. */
enum secret_verdict {
    SECRET_ACCEPT,
    SECRET_REFUSE,      /* 401 */
    SECRET_ASK,         /* the database has to be asked first */
    SECRET_CANNOT_TELL, /* 503: it may well be right */
};
enum secret_verdict secret_decide(struct secret_view view, bool matches);

#endif
