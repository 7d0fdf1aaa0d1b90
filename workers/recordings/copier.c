#include "recordings/copier.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TO(state) (1u << COPY_##state)

static const struct {
    const char *label;
    int32_t tries;
} troubles[TROUBLE_COUNT] = {
    [TROUBLE_NONE] = {"none", 0},
#define TROUBLE(name, label, tries) [TROUBLE_##name] = {label, tries},
#include "recordings/troubles.def"
#undef TROUBLE
};

/* Where each state may lead. */
static const unsigned next_of[COPY_N_STATES] = {
    [COPY_FREE] = TO(FETCHING) | TO(ERASING),
    [COPY_FETCHING] = TO(STORING) | TO(REPORTING) | TO(FREE),
    [COPY_STORING] = TO(RECORDING) | TO(REPORTING),
    [COPY_RECORDING] = TO(ERASING) | TO(FREE),
    [COPY_REPORTING] = TO(FREE),
    [COPY_ERASING] = TO(FORGETTING) | TO(FREE),
    [COPY_FORGETTING] = TO(FREE),
};

/* What a state is there to get done. */
static const enum copy_order order_of[COPY_N_STATES] = {
    [COPY_FREE] = COPY_DO_CLOSE,        [COPY_FETCHING] = COPY_DO_FETCH,
    [COPY_STORING] = COPY_DO_STORE,     [COPY_RECORDING] = COPY_DO_RECORD,
    [COPY_REPORTING] = COPY_DO_REPORT,  [COPY_ERASING] = COPY_DO_ERASE,
    [COPY_FORGETTING] = COPY_DO_FORGET,
};

/* The only writer of c->state. */
static enum copy_order move(struct copy *c, enum copy_state next)
{
    assert(next_of[c->state] & (1u << next));
    c->state = next;
    c->again_ms = 0;
    return order_of[next];
}

const char *copy_trouble_label(enum copy_trouble trouble)
{
    assert(trouble < TROUBLE_COUNT);
    return troubles[trouble].label;
}

void copier_init(struct copier *c, unsigned parallel)
{
    assert(parallel >= 1);
    assert(parallel <= COPIES_MAX);
    *c = (struct copier){.parallel = parallel};
}

unsigned copier_busy(const struct copier *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->parallel; i++)
        n += c->copy[i].state != COPY_FREE;
    return n;
}

int copier_find(const struct copier *c, const char *call_id)
{
    for (unsigned i = 0; i < c->parallel; i++)
        if (c->copy[i].state != COPY_FREE && strcmp(c->copy[i].call_id, call_id) == 0)
            return (int)i;
    return -1;
}

static int take_slot(struct copier *c, const char *call_id, const char *organization_id)
{
    struct copy *copy;
    unsigned i = 0;

    while (i < c->parallel && c->copy[i].state != COPY_FREE)
        i++;
    assert(i < c->parallel); /* no more was asked for than there was room */
    copy = &c->copy[i];
    *copy = (struct copy){.state = COPY_FREE, .duration_seconds = -1, .expires_us = INT64_MAX};
    snprintf(copy->call_id, sizeof copy->call_id, "%s", call_id);
    snprintf(copy->organization_id, sizeof copy->organization_id, "%s", organization_id);
    return (int)i;
}

int copier_claim(struct copier *c, const char *call_id, const char *organization_id,
                 int32_t attempts, int64_t expires_us, uint64_t now_ms)
{
    int i = copier_find(c, call_id);

    if (i >= 0) {
        c->copy[i].attempts = attempts;
        return -1;
    }
    i = take_slot(c, call_id, organization_id);
    c->copy[i].attempts = attempts;
    c->copy[i].expires_us = expires_us;
    c->copy[i].deadline_ms = now_ms + COPY_DEADLINE_MS;
    move(&c->copy[i], COPY_FETCHING);
    return i;
}

int copier_claim_erasure(struct copier *c, const char *call_id, const char *organization_id,
                         const char *path)
{
    int i;

    if (copier_find(c, call_id) >= 0)
        return -1; /* comes again when its lease ends */
    i = take_slot(c, call_id, organization_id);
    snprintf(c->copy[i].path, sizeof c->copy[i].path, "%s", path);
    move(&c->copy[i], COPY_ERASING);
    return i;
}

enum copy_order copier_fetched(struct copy *c, const char *path, int64_t size,
                               int32_t duration_seconds)
{
    assert(size > 0);
    snprintf(c->path, sizeof c->path, "%s", path);
    c->size = size;
    c->duration_seconds = duration_seconds;
    return move(c, COPY_STORING);
}

enum copy_order copier_stored(struct copy *c)
{
    return move(c, COPY_RECORDING);
}

enum copy_order copier_recorded(struct copy *c, bool known)
{
    c->orphan = !known;
    return move(c, known ? COPY_FREE : COPY_ERASING);
}

enum copy_order copier_erased(struct copy *c, bool ok, uint64_t now_ms)
{
    assert(c->state == COPY_ERASING);
    c->erasures++;
    if (ok && !c->orphan)
        return move(c, COPY_FORGETTING);
    /* One of the database's comes again by itself. */
    if (ok || !c->orphan || c->erasures >= COPY_ERASURES_MAX)
        return move(c, COPY_FREE);
    c->again_ms = now_ms + COPY_AGAIN_MS;
    return COPY_DO_NOTHING;
}

enum copy_order copier_told(struct copy *c)
{
    assert(c->state == COPY_REPORTING || c->state == COPY_FORGETTING);
    return move(c, COPY_FREE);
}

int64_t copier_retry_ms(enum copy_trouble trouble, int32_t attempts, int64_t now_us,
                        int64_t expires_us, int64_t retry_after_ms, uint32_t chance)
{
    int64_t wait = COPY_RETRY_FIRST_MS;
    int64_t left = expires_us == INT64_MAX ? INT64_MAX : (expires_us - now_us) / 1000;

    if (attempts >= troubles[trouble].tries)
        return -1;
    for (int32_t i = 1; i < attempts && wait < COPY_RETRY_MAX_MS; i++)
        wait *= 2;
    if (wait > COPY_RETRY_MAX_MS)
        wait = COPY_RETRY_MAX_MS;
    if (wait > left / 4)
        wait = left / 4;
    wait -= (int64_t)((double)wait / 2 * ((double)chance / UINT32_MAX));
    if (retry_after_ms > COPY_RETRY_MAX_MS)
        retry_after_ms = COPY_RETRY_MAX_MS;
    if (wait < retry_after_ms)
        wait = retry_after_ms;
    return wait < COPY_RETRY_LEAST_MS ? COPY_RETRY_LEAST_MS : wait;
}

enum copy_order copier_failed(struct copy *c, enum copy_trouble trouble, const char *reason,
                              int64_t retry_after_ms, int64_t now_us, uint32_t chance)
{
    assert(trouble != TROUBLE_NONE);
    c->trouble = trouble;
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    c->retry_ms =
        copier_retry_ms(trouble, c->attempts, now_us, c->expires_us, retry_after_ms, chance);
    return move(c, COPY_REPORTING);
}

enum copy_order copier_untold(struct copy *c, uint64_t now_ms)
{
    assert(TO(RECORDING) & (1u << c->state) || TO(REPORTING) & (1u << c->state) ||
           TO(FORGETTING) & (1u << c->state));
    c->again_ms = now_ms + COPY_AGAIN_MS;
    return COPY_DO_NOTHING;
}

enum copy_order copier_lost(struct copy *c)
{
    return c->state == COPY_FETCHING ? move(c, COPY_FREE) : COPY_DO_NOTHING;
}

enum copy_order copier_tick(struct copy *c, uint64_t now_ms, int64_t now_us, uint32_t chance)
{
    if (c->state == COPY_FETCHING && now_ms >= c->deadline_ms)
        return copier_failed(c, TROUBLE_NETWORK, "the provider is too slow", 0, now_us, chance);
    if (c->state == COPY_STORING && now_ms >= c->deadline_ms)
        return copier_failed(c, TROUBLE_STORE, "the store is too slow", 0, now_us, chance);
    if (c->again_ms == 0 || now_ms < c->again_ms)
        return COPY_DO_NOTHING;
    c->again_ms = 0;
    return order_of[c->state];
}
