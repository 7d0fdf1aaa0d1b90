#include "runtime/jwks_plan.h"

#include <assert.h>

void jwks_plan_init(struct jwks_plan *p, uint64_t now_ms)
{
    *p = (struct jwks_plan){.next_ms = now_ms};
}

bool jwks_plan_due(struct jwks_plan *p, uint64_t now_ms)
{
    if (p->running || now_ms < p->next_ms)
        return false;
    p->running = p->begun = true;
    p->begun_ms = now_ms;
    return true;
}

void jwks_plan_good(struct jwks_plan *p, uint64_t now_ms, int64_t fresh_s)
{
    int64_t fresh_ms = fresh_s < 0 ? JWKS_FRESH_MS : fresh_s * 1000;

    assert(p->running);
    if (fresh_ms < JWKS_FRESH_MIN_MS)
        fresh_ms = JWKS_FRESH_MIN_MS;
    if (fresh_ms > JWKS_FRESH_MAX_MS)
        fresh_ms = JWKS_FRESH_MAX_MS;
    p->running = false;
    p->failures = 0;
    p->good_ms = now_ms;
    p->good_begun_ms = p->begun_ms;
    p->next_ms = now_ms + (uint64_t)fresh_ms;
}

void jwks_plan_failed(struct jwks_plan *p, uint64_t now_ms)
{
    uint64_t wait = JWKS_RETRY_MIN_MS;

    assert(p->running);
    for (unsigned i = 0; i < p->failures && wait < JWKS_RETRY_MAX_MS; i++)
        wait *= 2;
    p->running = false;
    p->failures++;
    p->next_ms = now_ms + (wait < JWKS_RETRY_MAX_MS ? wait : JWKS_RETRY_MAX_MS);
}

/* The next fetch comes as early as it may. */
static void hurry(struct jwks_plan *p, uint64_t now_ms)
{
    uint64_t at = p->begun ? p->begun_ms + JWKS_EARLY_MS : now_ms;

    if (at < now_ms)
        at = now_ms;
    if (!p->running && at < p->next_ms)
        p->next_ms = at;
}

enum jwks_want jwks_plan_want(struct jwks_plan *p, uint64_t key, uint64_t now_ms)
{
    unsigned i = 0;

    while (i < JWKS_ABSENT_MAX && (p->asked[i].asked_ms == 0 || p->asked[i].key != key))
        i++;
    if (i < JWKS_ABSENT_MAX && now_ms - p->asked[i].asked_ms < JWKS_ABSENT_MS) {
        if (p->asked[i].asked_ms <= p->good_begun_ms)
            return JWKS_ABSENT;
    } else {
        if (i == JWKS_ABSENT_MAX)
            i = p->next_asked++ % JWKS_ABSENT_MAX;
        p->asked[i].key = key;
        p->asked[i].asked_ms = now_ms;
    }
    hurry(p, now_ms);
    return JWKS_WAIT;
}

bool jwks_plan_stale(struct jwks_plan *p, uint64_t now_ms)
{
    if (p->good_ms == 0 || now_ms - p->good_ms < JWKS_STALE_MS)
        return false;
    p->good_ms = 0;
    return true;
}
