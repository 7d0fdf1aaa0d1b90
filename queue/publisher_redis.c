/* The gateway's end: XADD, many in flight, each confirmed or given up.
 *
 * Redis takes at most 16 KiB of a connection in one turn of its loop, and with `appendfsync always`
 * waits for the disk after each turn. So what is in flight is spread over several connections
 * (lanes): one is filled with what Redis reads of it at once, then the next. The others are opened
 * when the first are full for the first time; a quiet process has one.
 *
 * Happy path: link up -> probe says that Redis takes writes -> ready -> XADD -> id -> PUBLISHED_OK.
 * Failures: link lost or a reply overdue -> PUBLISHED_DOWN for all in flight on it, and no lane is
 * trusted until its probe is answered; OOM -> PUBLISHED_FULL, not ready until a probe or an append
 * succeeds; READONLY, LOADING ... -> PUBLISHED_ERROR and new connections. */
#include "publisher.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partition.h"
#include "reply_redis.h"

enum {
    REPLY_TIMEOUT_MS = 2000,
    PROBE_MS = 500,
    REASON_MAX = 200,
    APPEND_ARGS = 5,
    LANES_MAX = 16,
    LANE_FILL_BYTES = 16 * 1024, /* what Redis reads of a connection at once (PROTO_IOBUF_LEN) */
};

/* One connection. */
struct lane {
    struct publisher *publisher;
    struct link *link;
    bool ready, probing;
    size_t in_flight; /* bytes that wait for their confirmation */
};

/* One append in flight, from a pool of `window`. */
struct append {
    struct append *next_free;
    struct lane *lane;
    size_t len;
    publisher_cb cb;
    void *ctx;
};

struct publisher {
    uv_loop_t *loop;
    char *url;
    struct lane lanes[LANES_MAX];
    unsigned n_lanes, lane; /* open ones, and the one that is being filled */
    uv_timer_t probe_timer;
    bool ready, told, closing;
    unsigned partitions;
    struct append *appends, *free;
    void (*on_state)(void *ctx, bool up, const char *reason);
    void *ctx;
    unsigned open; /* links and timer */
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

static void lane_takes_writes(struct lane *l)
{
    l->ready = true;
    set_ready(l->publisher, true, "redis takes writes");
}

static void lane_refused(struct lane *l, const redisReply *r)
{
    struct publisher *p = l->publisher;
    char why[REASON_MAX];

    snprintf(why, sizeof why, "%s", r->str);
    for (unsigned i = 0; i < p->n_lanes; i++) /* it is one server's answer */
        p->lanes[i].ready = false;
    set_ready(p, false, why);
    if (reply_refusal(r) == REFUSAL_ELSEWHERE)
        for (unsigned i = 0; i < p->n_lanes; i++)
            link_reconnect(p->lanes[i].link, why);
}

static void on_probed(void *ctx, const redisReply *r)
{
    struct lane *l = ctx;

    l->probing = false;
    if (r == NULL)
        return;
    if (reply_is_error(r))
        lane_refused(l, r);
    else
        lane_takes_writes(l);
}

/* Writing nothing to a key that does not exist changes nothing, but is refused whenever an append
 * would be: Redis full, read-only, loading, unable to persist. */
static void probe(struct lane *l)
{
    static const char *const argv[] = {"SETRANGE", "ringback:{0}:probe", "0", ""};

    if (!l->probing && !l->ready && link_send(l->link, on_probed, l, 4, argv, NULL))
        l->probing = true;
}

static void probe_all(struct publisher *p)
{
    for (unsigned i = 0; i < p->n_lanes; i++)
        probe(&p->lanes[i]);
}

static void on_probe_timer(uv_timer_t *timer)
{
    probe_all(timer->data);
}

static void on_up(void *ctx)
{
    probe(ctx);
}

static bool any_ready(const struct publisher *p)
{
    for (unsigned i = 0; i < p->n_lanes; i++)
        if (p->lanes[i].ready)
            return true;
    return false;
}

/* A server that does not answer one lane does not answer the others: they have to show it first. A
 * lane that was not in use, one that cannot connect say, tells nothing about them. */
static void on_down(void *ctx, const char *reason)
{
    struct lane *l = ctx;
    struct publisher *p = l->publisher;
    bool used = l->ready;

    l->ready = false;
    if (!used && any_ready(p))
        return;
    for (unsigned i = 0; i < p->n_lanes; i++)
        p->lanes[i].ready = false;
    set_ready(p, false, reason);
    if (!p->closing)
        probe_all(p);
}

static enum published result_of(struct lane *l, const redisReply *r)
{
    if (r == NULL)
        return PUBLISHED_DOWN;
    if (!reply_is_error(r)) {
        lane_takes_writes(l);
        return PUBLISHED_OK;
    }
    lane_refused(l, r);
    return reply_refusal(r) == REFUSAL_FULL ? PUBLISHED_FULL : PUBLISHED_ERROR;
}

static void on_appended(void *ctx, const redisReply *r)
{
    struct append *a = ctx;
    struct lane *l = a->lane;
    struct publisher *p = l->publisher;
    publisher_cb cb = a->cb;
    void *cb_ctx = a->ctx;
    enum published result;

    l->in_flight -= a->len;
    a->next_free = p->free;
    p->free = a;
    result = result_of(l, r);
    cb(cb_ctx, result);
}

/* ---- lanes ---- */

static bool lane_open(struct publisher *p)
{
    struct lane *l = &p->lanes[p->n_lanes];
    const struct link_options options = {.url = p->url,
                                         .client_name = "ringback-publisher",
                                         .reply_timeout_ms = REPLY_TIMEOUT_MS,
                                         .on_up = on_up,
                                         .on_down = on_down,
                                         .ctx = l};

    *l = (struct lane){.publisher = p};
    l->link = link_open(p->loop, &options);
    if (l->link == NULL)
        return false;
    p->n_lanes++;
    p->open++;
    return true;
}

static bool lane_has_room(const struct lane *l, size_t len)
{
    return l->ready && (l->in_flight == 0 || l->in_flight + len <= LANE_FILL_BYTES);
}

/* The lane for `len` more bytes: the one that is being filled, else the next with room, else the
 * emptiest. NULL: none takes writes. */
static struct lane *lane_for(struct publisher *p, size_t len)
{
    struct lane *emptiest = NULL;

    for (unsigned i = 0; i < p->n_lanes; i++) {
        unsigned at = (p->lane + i) % p->n_lanes;
        struct lane *l = &p->lanes[at];

        if (lane_has_room(l, len)) {
            p->lane = at;
            return l;
        }
        if (l->ready && (emptiest == NULL || l->in_flight < emptiest->in_flight))
            emptiest = l;
    }
    /* One at a time: a new one is not ready at once. */
    if (emptiest != NULL && p->n_lanes < LANES_MAX && p->lanes[p->n_lanes - 1].ready)
        lane_open(p); /* without memory for another one it stays as it is */
    return emptiest;
}

bool publisher_append(struct publisher *p, unsigned partition, const void *bytes, size_t len,
                      publisher_cb cb, void *ctx)
{
    struct append *a = p->free;
    const char *argv[APPEND_ARGS];
    size_t lens[APPEND_ARGS];
    struct lane *l;

    assert(partition < p->partitions);
    if (a == NULL || p->closing || (l = lane_for(p, len)) == NULL)
        return false;
    argv[0] = "XADD", lens[0] = 4;
    argv[1] = p->keys[partition], lens[1] = strlen(p->keys[partition]);
    argv[2] = "*", lens[2] = 1;
    argv[3] = "e", lens[3] = 1;
    argv[4] = bytes, lens[4] = len;
    if (!link_send(l->link, on_appended, a, APPEND_ARGS, argv, lens))
        return false;
    l->in_flight += len;
    p->free = a->next_free;
    a->lane = l;
    a->len = len;
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
    free(p->url);
    free(p);
}

static bool publisher_alloc(struct publisher *p, size_t window)
{
    p->appends = calloc(window, sizeof *p->appends);
    p->keys = calloc(p->partitions, sizeof *p->keys);
    if (p->appends == NULL || p->keys == NULL)
        return false;
    for (size_t i = 0; i + 1 < window; i++)
        p->appends[i].next_free = &p->appends[i + 1];
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

    assert(partitions > 0 && partitions <= PARTITIONS_MAX && window > 0);
    if (p == NULL)
        return NULL;
    p->loop = loop;
    p->partitions = partitions;
    p->on_state = on_state;
    p->ctx = ctx;
    p->url = strdup(redis_url);
    if (p->url == NULL || !publisher_alloc(p, window) || !lane_open(p)) {
        publisher_free(p);
        return NULL;
    }
    p->open++;
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
    uv_close((uv_handle_t *)&p->probe_timer, on_timer_closed);
    for (unsigned i = 0; i < p->n_lanes; i++)
        link_close(p->lanes[i].link, on_link_closed, p);
}
