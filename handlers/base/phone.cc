#include "base/phone.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

namespace
{

using i18n::phonenumbers::NullLogger;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

struct entry {
    uint8_t raw_n; /* 0: empty */
    char raw[PHONE_RAW_MAX];
    char country[2];
    char e164[PHONE_E164_MAX]; /* "": not valid */
};

struct set {
    entry way[2]; /* the one used last stands first */
};

const PhoneNumberUtil *util()
{
    static const PhoneNumberUtil *const instance = [] {
        PhoneNumberUtil *u = PhoneNumberUtil::GetInstance();
        u->SetLogger(new NullLogger()); /* handlers do not print; the library owns it */
        return u;
    }();
    return instance;
}

void put_parsed(entry *e)
{
    const std::string raw(e->raw, e->raw_n), country(e->country, sizeof e->country);
    PhoneNumber number;
    std::string e164;

    e->e164[0] = '\0';
    if (util()->Parse(raw, country, &number) != PhoneNumberUtil::NO_PARSING_ERROR)
        return;
    if (!util()->IsValidNumber(number))
        return;
    util()->Format(number, PhoneNumberUtil::E164, &e164);
    if (e164.size() < sizeof e->e164)
        memcpy(e->e164, e164.c_str(), e164.size() + 1);
}

uint32_t hash_of(const entry *e)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (unsigned i = 0; i < e->raw_n; i++)
        h = (h ^ uint8_t(e->raw[i])) * 16777619u;
    h = (h ^ uint8_t(e->country[0])) * 16777619u;
    h = (h ^ uint8_t(e->country[1])) * 16777619u;
    return h ^ h >> 15;
}

bool same(const entry *a, const entry *b)
{
    return a->raw_n == b->raw_n && memcmp(a->raw, b->raw, a->raw_n) == 0 &&
           memcmp(a->country, b->country, sizeof a->country) == 0;
}

/* The answer for `asked`, from the cache or into it. */
const entry *look_up(set *s, entry *asked)
{
    if (same(&s->way[0], asked))
        return &s->way[0];
    if (same(&s->way[1], asked)) {
        std::swap(s->way[0], s->way[1]);
        return &s->way[0];
    }
    put_parsed(asked);
    s->way[1] = s->way[0];
    s->way[0] = *asked;
    return &s->way[0];
}

struct text trimmed(struct text t)
{
    while (t.n > 0 && strchr(" \t\r\n", t.p[0]) != nullptr) {
        t.p++;
        t.n--;
    }
    while (t.n > 0 && strchr(" \t\r\n", t.p[t.n - 1]) != nullptr)
        t.n--;
    return t;
}

char upper(char c)
{
    return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
}

} // namespace

extern "C" struct text phone_e164(struct text raw, struct text country, struct arena *arena)
{
    static thread_local std::unique_ptr<set[]> cache;
    entry asked = {};
    const entry *answer;
    const char *copy;
    size_t n;

    if (raw.p == nullptr)
        return TEXT_NULL;
    raw = trimmed(raw);
    if (raw.n == 0 || raw.n > PHONE_RAW_MAX)
        return TEXT_NULL;
    asked.raw_n = uint8_t(raw.n);
    memcpy(asked.raw, raw.p, raw.n);
    memcpy(asked.country, "ZZ", 2); /* the library's word for "nowhere" */
    if (country.p != nullptr && country.n == 2) {
        asked.country[0] = upper(country.p[0]);
        asked.country[1] = upper(country.p[1]);
    }
    if (cache == nullptr)
        cache.reset(new set[PHONE_CACHE_SETS]());
    answer = look_up(&cache[hash_of(&asked) % PHONE_CACHE_SETS], &asked);
    n = strlen(answer->e164);
    if (n == 0)
        return TEXT_NULL;
    copy = arena_copy(arena, answer->e164, n);
    return arena->failed ? TEXT_NULL : text{copy, n};
}
