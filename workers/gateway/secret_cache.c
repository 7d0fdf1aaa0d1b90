#include "gateway/secret_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmac.h"

enum { BUCKETS = 8192 };

/* Two rings, each with its own limit, so that invented domains cannot push out real secrets. */
enum ring { RING_KNOWN, RING_NONE, RINGS };

struct entry {
    struct entry *next_in_bucket;
    struct entry *newer, *older;
    uint64_t checked_ms;
    enum secret_state state;
    size_t secret_len;
    uint8_t secret[STORE_SECRET_MAX];
    char domain[SHOP_DOMAIN_MAX + 1];
};

struct secret_cache {
    struct entry *buckets[BUCKETS];
    struct {
        struct entry *newest, *oldest;
        size_t n, max;
    } rings[RINGS];
};

struct secret_cache *secret_cache_new(size_t known_max, size_t none_max)
{
    struct secret_cache *c = calloc(1, sizeof *c);

    assert(known_max > 0 && none_max > 0);
    if (c != NULL) {
        c->rings[RING_KNOWN].max = known_max;
        c->rings[RING_NONE].max = none_max;
    }
    return c;
}

static enum ring ring_of(enum secret_state state)
{
    return state == SECRET_NONE ? RING_NONE : RING_KNOWN;
}

/* FNV-1a: the domains are checked names, and a long chain costs an attacker's requests only little
 * more. */
static struct entry **bucket_of(struct secret_cache *c, const char *domain)
{
    uint32_t hash = 2166136261U;

    for (; *domain != '\0'; domain++)
        hash = (hash ^ (uint8_t)*domain) * 16777619U;
    return &c->buckets[hash % BUCKETS];
}

static void leave_ring(struct secret_cache *c, struct entry *e)
{
    enum ring r = ring_of(e->state);

    if (e->newer != NULL)
        e->newer->older = e->older;
    else
        c->rings[r].newest = e->older;
    if (e->older != NULL)
        e->older->newer = e->newer;
    else
        c->rings[r].oldest = e->newer;
    c->rings[r].n--;
}

static void join_ring(struct secret_cache *c, struct entry *e)
{
    enum ring r = ring_of(e->state);

    e->newer = NULL;
    e->older = c->rings[r].newest;
    if (e->older != NULL)
        e->older->newer = e;
    else
        c->rings[r].oldest = e;
    c->rings[r].newest = e;
    c->rings[r].n++;
}

static void entry_free(struct secret_cache *c, struct entry *e)
{
    struct entry **p = bucket_of(c, e->domain);

    while (*p != e) {
        assert(*p != NULL); /* every entry is in its bucket */
        p = &(*p)->next_in_bucket;
    }
    *p = e->next_in_bucket;
    leave_ring(c, e);
    bytes_wipe(e, sizeof *e);
    free(e);
}

void secret_cache_free(struct secret_cache *c)
{
    if (c == NULL)
        return;
    for (enum ring r = 0; r < RINGS; r++)
        while (c->rings[r].oldest != NULL)
            entry_free(c, c->rings[r].oldest);
    free(c);
}

static struct entry *find(struct secret_cache *c, const char *domain)
{
    struct entry *e = *bucket_of(c, domain);

    while (e != NULL && strcmp(e->domain, domain) != 0)
        e = e->next_in_bucket;
    return e;
}

struct secret_view secret_cache_find(struct secret_cache *c, const char *domain, uint64_t now_ms)
{
    struct entry *e = find(c, domain);

    if (e == NULL)
        return (struct secret_view){.state = SECRET_UNKNOWN};
    leave_ring(c, e); /* used: to the front */
    join_ring(c, e);
    return (struct secret_view){.state = e->state,
                                .secret = e->secret,
                                .secret_len = e->secret_len,
                                .age_ms = now_ms - e->checked_ms};
}

static struct entry *add(struct secret_cache *c, const char *domain, enum secret_state state)
{
    enum ring r = ring_of(state);
    struct entry *e, **bucket;

    if (c->rings[r].n == c->rings[r].max)
        entry_free(c, c->rings[r].oldest);
    e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    bucket = bucket_of(c, domain);
    memcpy(e->domain, domain, strlen(domain) + 1);
    e->next_in_bucket = *bucket;
    *bucket = e;
    e->state = state;
    join_ring(c, e);
    return e;
}

void secret_cache_put(struct secret_cache *c, const char *domain, enum secret_state state,
                      const void *secret, size_t secret_len, uint64_t now_ms)
{
    struct entry *e = find(c, domain);

    assert(strlen(domain) <= SHOP_DOMAIN_MAX && secret_len <= STORE_SECRET_MAX);
    assert(state != SECRET_UNKNOWN);
    if (e != NULL && ring_of(e->state) != ring_of(state)) {
        entry_free(c, e); /* it changes rings, and the other one may be full */
        e = NULL;
    }
    if (e == NULL)
        e = add(c, domain, state);
    if (e == NULL)
        return;
    e->state = state;
    e->checked_ms = now_ms;
    bytes_wipe(e->secret, sizeof e->secret);
    e->secret_len = state == SECRET_KNOWN ? secret_len : 0;
    if (e->secret_len > 0)
        memcpy(e->secret, secret, secret_len);
}

size_t secret_cache_count(const struct secret_cache *c, enum secret_state state)
{
    return c->rings[ring_of(state)].n;
}

enum secret_verdict secret_decide(struct secret_view view, bool matches)
{
    if (view.state == SECRET_KNOWN && matches)
        return SECRET_ACCEPT;
    if (view.state == SECRET_UNKNOWN || view.age_ms >= SECRET_FRESH_MS)
        return SECRET_ASK; /* it may have been set or changed since */
    return view.state == SECRET_BROKEN ? SECRET_CANNOT_TELL : SECRET_REFUSE;
}
