#include "worker/shops.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define NONE UINT16_MAX

enum { BUCKETS = 2 * SHOPS_MAX, SETTINGS_ARENA = 8192 };

/* One connection of a store. */
struct connection {
    uint8_t integration_id[16], organization_id[16];
    char country[SHOP_COUNTRY_MAX];
    char *cod_gateways; /* JSON array text, NULL: none */
};

struct cached {
    char domain[SHOP_DOMAIN_MAX + 1];
    uint16_t next; /* in the bucket */
    bool used, known, redacting;
    uint64_t until_ms;
    int64_t since_us; /* earlier events are those of `before`; EVENT_NO_TIME: there is none */
    struct connection now, before;
};

struct shops {
    struct cached *slots[SHOPS_MAX]; /* allocated when first used: most workers see few stores */
    uint16_t buckets[BUCKETS];
    unsigned hand; /* the slot that is given away next */
    const char *cod_gateways_default;
};

static_assert(SHOPS_MAX < NONE, "slot numbers travel as 16 bits");

struct shops *shops_new(const char *cod_gateways_default)
{
    struct shops *s = calloc(1, sizeof *s);

    if (s != NULL) {
        memset(s->buckets, 0xFF, sizeof s->buckets);
        s->cod_gateways_default = cod_gateways_default;
    }
    return s;
}

void shops_free(struct shops *s)
{
    for (unsigned i = 0; s != NULL && i < SHOPS_MAX; i++) {
        if (s->slots[i] != NULL) {
            free(s->slots[i]->now.cod_gateways);
            free(s->slots[i]->before.cod_gateways);
        }
        free(s->slots[i]);
    }
    free(s);
}

static unsigned bucket_of(struct text domain)
{
    uint32_t h = 2166136261u; /* FNV-1a: keys were checked by a signature, nobody floods a bucket */

    for (size_t i = 0; i < domain.n; i++)
        h = (h ^ (unsigned char)domain.p[i]) * 16777619u;
    return h % BUCKETS;
}

static struct cached *find(const struct shops *s, struct text domain)
{
    for (unsigned i = s->buckets[bucket_of(domain)]; i != NONE; i = s->slots[i]->next)
        if (text_equal(domain, text_of(s->slots[i]->domain)))
            return s->slots[i];
    return NULL;
}

static void unlink_slot(struct shops *s, uint16_t slot)
{
    uint16_t *link = &s->buckets[bucket_of(text_of(s->slots[slot]->domain))];

    while (*link != slot)
        link = &s->slots[*link]->next;
    *link = s->slots[slot]->next;
    s->slots[slot]->used = false;
}

/* The slot of `domain`; taken from the oldest one if it is new. NULL: out of memory, or no domain
 * at all. */
static struct cached *claim(struct shops *s, struct text domain)
{
    struct cached *c = find(s, domain);
    uint16_t slot = (uint16_t)s->hand, *bucket;

    if (c != NULL)
        return c;
    if (domain.n > SHOP_DOMAIN_MAX)
        return NULL;
    if (s->slots[slot] == NULL && (s->slots[slot] = calloc(1, sizeof **s->slots)) == NULL)
        return NULL;
    c = s->slots[slot];
    s->hand = (s->hand + 1) % SHOPS_MAX;
    if (c->used)
        unlink_slot(s, slot);
    memcpy(c->domain, domain.p, domain.n);
    c->domain[domain.n] = '\0';
    bucket = &s->buckets[bucket_of(domain)];
    c->next = *bucket;
    *bucket = slot;
    c->used = true;
    return c;
}

enum shop_answer shops_find(const struct shops *s, struct text domain, int64_t event_us,
                            uint64_t now_ms, struct arena *arena, const struct shop **shop)
{
    const struct connection *of;
    const struct cached *c;
    struct shop *copy;

    if (text_empty(domain) || domain.n > SHOP_DOMAIN_MAX)
        return SHOP_UNKNOWN;
    c = find(s, domain);
    if (c == NULL || now_ms >= c->until_ms)
        return SHOP_ASK;
    if (!c->known)
        return SHOP_UNKNOWN;
    *shop = copy = arena_alloc(arena, sizeof *copy);
    if (copy == NULL)
        return SHOP_KNOWN;
    of = event_us != EVENT_NO_TIME && event_us < c->since_us ? &c->before : &c->now;
    memcpy(copy->integration_id, of->integration_id, 16);
    memcpy(copy->organization_id, of->organization_id, 16);
    copy->domain = arena_copy(arena, c->domain, strlen(c->domain));
    copy->country =
        of->country[0] == '\0' ? NULL : arena_copy(arena, of->country, strlen(of->country));
    if (of->cod_gateways != NULL)
        copy->cod_gateways = text_of(arena_copy(arena, of->cod_gateways, strlen(of->cod_gateways)));
    copy->cod_gateways_default = s->cod_gateways_default;
    copy->redacting = c->redacting;
    if (arena->failed)
        *shop = NULL;
    return SHOP_KNOWN;
}

/* False: out of memory. */
static bool read_settings(struct connection *c, const char *settings)
{
    _Alignas(max_align_t) char memory[SETTINGS_ARENA];
    struct arena arena;
    const char *why;
    const struct json *root, *gateways;
    struct text country, raw;

    free(c->cod_gateways);
    c->cod_gateways = NULL;
    c->country[0] = '\0';
    root =
        settings == NULL ? NULL : json_parse(JSON_SLOT_SETTINGS, settings, strlen(settings), &why);
    if (root == NULL)
        return true;
    arena_init(&arena, memory, sizeof memory);
    country = json_string(json_member(root, "country"), &arena);
    if (country.p != NULL && country.n == 2 && isalpha((unsigned char)country.p[0]) &&
        isalpha((unsigned char)country.p[1])) {
        c->country[0] = (char)toupper((unsigned char)country.p[0]);
        c->country[1] = (char)toupper((unsigned char)country.p[1]);
        c->country[2] = '\0';
    }
    gateways = json_member(root, "cod_gateways");
    if (json_type(gateways) != JSON_ARRAY)
        return true;
    raw = json_raw(gateways, &arena);
    if (raw.p == NULL || raw.n > SHOP_COD_GATEWAYS_MAX)
        return true;
    c->cod_gateways = strndup(raw.p, raw.n);
    return c->cod_gateways != NULL;
}

bool uuid_parse(const char *text, uint8_t out[16])
{
    static const char hex[] = "0123456789abcdef";
    unsigned nibbles = 0;

    for (unsigned i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const char *digit;

        if (dash != (text[i] == '-') || text[i] == '\0')
            return false;
        if (dash)
            continue;
        digit = strchr(hex, tolower((unsigned char)text[i]));
        if (digit == NULL)
            return false;
        out[nibbles / 2] =
            (uint8_t)(nibbles % 2 == 0 ? (digit - hex) << 4 : out[nibbles / 2] | (digit - hex));
        nibbles++;
    }
    return text[36] == '\0';
}

bool shops_put(struct shops *s, struct text domain, const char *integration_id,
               const char *organization_id, const char *settings, bool redacting, uint64_t now_ms)
{
    uint8_t integration[16], organization[16];
    struct cached *c;

    if (!uuid_parse(integration_id, integration) || !uuid_parse(organization_id, organization))
        return false;
    c = claim(s, domain);
    if (c == NULL)
        return false;
    memcpy(c->now.integration_id, integration, 16);
    memcpy(c->now.organization_id, organization, 16);
    c->since_us = EVENT_NO_TIME;
    c->known = true;
    c->redacting = redacting;
    c->until_ms = 0;
    if (!read_settings(&c->now, settings))
        return false;
    c->until_ms = now_ms + SHOP_TTL_MS;
    return true;
}

bool shops_put_before(struct shops *s, struct text domain, int64_t since_us,
                      const char *integration_id, const char *organization_id, const char *settings)
{
    struct cached *c = find(s, domain);

    if (c == NULL || !c->known)
        return false;
    if (uuid_parse(integration_id, c->before.integration_id) &&
        uuid_parse(organization_id, c->before.organization_id) &&
        read_settings(&c->before, settings)) {
        c->since_us = since_us;
        return true;
    }
    c->until_ms = 0; /* half known is not known */
    return false;
}

void shops_put_unknown(struct shops *s, struct text domain, uint64_t now_ms)
{
    struct cached *c = claim(s, domain);

    if (c == NULL)
        return;
    c->known = false;
    c->until_ms = now_ms + SHOP_UNKNOWN_TTL_MS;
}

void shops_forget(struct shops *s)
{
    for (unsigned i = 0; i < SHOPS_MAX; i++)
        if (s->slots[i] != NULL)
            s->slots[i]->until_ms = 0;
}
