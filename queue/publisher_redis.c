/* The gateway's end: XADD, many in flight on one link, each confirmed or given up.
 *
 * Happy path: link up -> probe says that Redis takes writes -> ready -> XADD -> id -> PUBLISHED_OK.
 * Failures: link lost or a reply overdue -> PUBLISHED_DOWN for all in flight; OOM ->
 * PUBLISHED_FULL, not ready until a probe or an append succeeds; READONLY, LOADING ... ->
 * PUBLISHED_ERROR and a new connection. */
#include "publisher.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partition.h"
#include "reply_redis.h"

enum { REPLY_TIMEOUT_MS = 2000, PROBE_MS = 500, REASON_MAX = 200, APPEND_ARGS = 5 };

/* One append in flight, from a pool of `window`. */
struct append {
    struct append *next_free;
    struct publisher *publisher;
    publisher_cb cb;
    void *ctx;
};

struct publisher {
    struct link *link;
    uv_timer_t probe_timer;
    bool ready, told, closing, probing;
    unsigned partitions;
    struct append *appends, *free;
    void (*on_state)(void *ctx, bool up, const char *reason);
    void *ctx;
    unsigned open; /* link and timer */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    char (*keys)[STREAM_KEY_MAX];
};

/* The only writer of p->ready; tells changes, and the first state whatever it is. */
static void set_ready(struct publisher *p, bool ready, const char *reason)
{
    bool news = ready != p->ready || !p->told;

    p->ready = ready;
    p->told = true;
    if (news && !p->closing && p->on_state != NULL)
        p->on_state(p->ctx, ready, reason);
}

static void refused(struct publisher *p, const redisReply *r)
{
    char why[REASON_MAX];

    snprintf(why, sizeof why, "%s", r->str);
    set_ready(p, false, why);
    if (reply_refusal(r) == REFUSAL_ELSEWHERE)
        link_reconnect(p->link, why);
}

static void on_probed(void *ctx, const redisReply *r)
{
    struct publisher *p = ctx;

    p->probing = false;
    if (r == NULL)
        return;
    if (reply_is_error(r))
        refused(p, r);
    else
        set_ready(p, true, "redis takes writes");
}

/* Writing nothing to a key that does not exist changes nothing, but is refused whenever an append
 * would be: Redis full, read-only, loading, unable to persist. */
static void probe(struct publisher *p)
{
    static const char *const argv[] = {"SETRANGE", "ringback:{0}:probe", "0", ""};

    if (!p->probing && !p->ready && link_send(p->link, on_probed, p, 4, argv, NULL))
        p->probing = true;
}

static void on_probe_timer(uv_timer_t *timer)
{
    probe(timer->data);
}

static void on_up(void *ctx)
{
    probe(ctx);
}

static void on_down(void *ctx, const char *reason)
{
    set_ready(ctx, false, reason);
}

static enum published result_of(struct publisher *p, const redisReply *r)
{
    if (r == NULL)
        return PUBLISHED_DOWN;
    if (!reply_is_error(r)) {
        set_ready(p, true, "redis takes writes");
        return PUBLISHED_OK;
    }
    refused(p, r);
    return reply_refusal(r) == REFUSAL_FULL ? PUBLISHED_FULL : PUBLISHED_ERROR;
}

static void on_appended(void *ctx, const redisReply *r)
{
    struct append *a = ctx;
    struct publisher *p = a->publisher;
    publisher_cb cb = a->cb;
    void *cb_ctx = a->ctx;
    enum published result;

    a->next_free = p->free;
    p->free = a;
    result = result_of(p, r);
    cb(cb_ctx, result);
}

bool publisher_append(struct publisher *p, unsigned partition, const void *bytes, size_t len,
                      publisher_cb cb, void *ctx)
{
    struct append *a = p->free;
    const char *argv[APPEND_ARGS];
    size_t lens[APPEND_ARGS];

    assert(partition < p->partitions);
    if (a == NULL || p->closing)
        return false;
    argv[0] = "XADD", lens[0] = 4;
    argv[1] = p->keys[partition], lens[1] = strlen(p->keys[partition]);
    argv[2] = "*", lens[2] = 1;
    argv[3] = "e", lens[3] = 1;
    argv[4] = bytes, lens[4] = len;
    if (!link_send(p->link, on_appended, a, APPEND_ARGS, argv, lens))
        return false;
    p->free = a->next_free;
    a->cb = cb;
    a->ctx = ctx;
    return true;
}

bool publisher_ready(const struct publisher *p)
{
    return p->ready;
}

static void publisher_free(struct publisher *p)
{
    free(p->appends);
    free(p->keys);
    free(p);
}

static bool publisher_alloc(struct publisher *p, size_t window)
{
    p->appends = calloc(window, sizeof *p->appends);
    p->keys = calloc(p->partitions, sizeof *p->keys);
    if (p->appends == NULL || p->keys == NULL)
        return false;
    for (size_t i = 0; i < window; i++) {
        p->appends[i].publisher = p;
        p->appends[i].next_free = i + 1 < window ? &p->appends[i + 1] : NULL;
    }
    p->free = p->appends;
    for (unsigned i = 0; i < p->partitions; i++)
        events_key(p->keys[i], i);
    return true;
}

struct publisher *publisher_new(uv_loop_t *loop, const char *redis_url, unsigned partitions,
                                size_t window,
                                void (*on_state)(void *ctx, bool up, const char *reason), void *ctx)
{
    struct publisher *p = calloc(1, sizeof *p);
    struct link_options options = {.url = redis_url,
                                   .client_name = "ringback-publisher",
                                   .reply_timeout_ms = REPLY_TIMEOUT_MS,
                                   .on_up = on_up,
                                   .on_down = on_down,
                                   .ctx = p};

    assert(partitions > 0 && partitions <= PARTITIONS_MAX && window > 0);
    if (p == NULL)
        return NULL;
    p->partitions = partitions;
    p->on_state = on_state;
    p->ctx = ctx;
    if (!publisher_alloc(p, window) || (p->link = link_open(loop, &options)) == NULL) {
        publisher_free(p);
        return NULL;
    }
    p->probe_timer.data = p;
    uv_timer_init(loop, &p->probe_timer);
    uv_timer_start(&p->probe_timer, on_probe_timer, PROBE_MS, PROBE_MS);
    return p;
}

static void part_closed(struct publisher *p)
{
    void (*on_closed)(void *) = p->on_closed;
    void *ctx = p->closed_ctx;

    assert(p->open > 0);
    if (--p->open > 0)
        return;
    publisher_free(p);
    if (on_closed != NULL)
        on_closed(ctx);
}

static void on_link_closed(void *ctx)
{
    part_closed(ctx);
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

void publisher_close(struct publisher *p, void (*on_closed)(void *ctx), void *ctx)
{
    assert(!p->closing);
    p->closing = true;
    p->ready = false;
    p->on_closed = on_closed;
    p->closed_ctx = ctx;
    p->open = 2;
    uv_close((uv_handle_t *)&p->probe_timer, on_timer_closed);
    link_close(p->link, on_link_closed, p);
}
