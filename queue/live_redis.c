/* Tails every live stream on one link of its own.
 *
 * Happy path: link up -> XINFO STREAM of each (where do we stand, did we miss something?) -> XREAD
 * over all of them, the first without BLOCK, then BLOCK after BLOCK -> on_update per entry.
 * Failures: link lost -> the same again from where we stood; entries trimmed meanwhile -> on_gap;
 * an answer that took longer than a BLOCK can (we were stopped, say) is not trusted: look again
 * first. */
#include "live.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "partition.h"
#include "reply_redis.h"
#include "tail.h"

enum {
    BLOCK_MS = 1000,
    TIME_MS = 1000,
    REPLY_TIMEOUT_MS = 5000,
    LATE_MS = BLOCK_MS + REPLY_TIMEOUT_MS,
    AGAIN_MS = 200,
    COUNT_TOTAL = 4096, /* entries per read, over all streams */
    COUNT_MIN = 16,
    COUNT_MAX = 128,
    READ_ARGS_MAX = 6 + 2 * PARTITIONS_MAX
};

struct live_partition {
    struct live_tail *owner;
    unsigned number;
    char key[STREAM_KEY_MAX];
    struct tail tail;
};

struct live_tail {
    struct link *link;
    struct live_tail_options options; /* redis_url: not kept */
    struct live_partition *parts;
    uv_timer_t again;
    unsigned looking; /* answers still to come */
    bool look_failed, ready, told, up, closing;
    uint64_t sent_ms, timed_ms;
    uint64_t redis_ms, caught_up_ms; /* on Redis' clock */
    unsigned open;                   /* link and timer */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static void look(struct live_tail *t);

static uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME,
                  &now); /* counts while we are stopped and while the machine sleeps */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_again(uv_timer_t *timer)
{
    look(timer->data);
}

/* Something was refused: connect again if this server is the wrong one, else try again soon. */
static void refused(struct live_tail *t, const redisReply *r)
{
    if (r == NULL || t->closing)
        return; /* on_down follows */
    if (reply_is_error(r) && reply_refusal(r) == REFUSAL_ELSEWHERE)
        link_reconnect(t->link, r->str);
    else
        uv_timer_start(&t->again, on_again, AGAIN_MS, 0);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static const char *text_field(const redisReply *fields, const char *name)
{
    const redisReply *value = reply_field(fields, name);

    return reply_is_text(value) ? value->str : NULL;
}

/* Entries that are none of ours (a field is missing) are passed over. */
static void take(struct live_partition *p, const redisReply *item)
{
    struct live_tail *t = p->owner;
    const redisReply *fields = reply_at(item, 1), *record = reply_field(fields, "d");
    const char *committed = text_field(fields, "c");
    struct live_update u = {.organization_id = text_field(fields, "o"),
                            .table = text_field(fields, "t"),
                            .type = text_field(fields, "e")};
    struct entry_id id;

    if (!reply_id(reply_at(item, 0), &id))
        return;
    tail_read(&p->tail, id);
    if (u.organization_id == NULL || u.table == NULL || u.type == NULL || !reply_is_text(record))
        return;
    u.record = record->str;
    u.record_len = (size_t)record->len;
    u.committed_us = committed != NULL ? strtoll(committed, NULL, 10) : 0;
    t->options.on_update(t->options.ctx, p->number, id, &u);
}

static struct live_partition *partition_by_key(struct live_tail *t, const redisReply *key)
{
    static const char prefix[] = "ringback:{";
    size_t n = sizeof prefix - 1;
    unsigned long number;

    if (!reply_is_text(key) || strncmp(key->str, prefix, n) != 0)
        return NULL;
    number = strtoul(key->str + n, NULL, 10);
    if (number >= t->options.partitions || strcmp(t->parts[number].key, key->str) != 0)
        return NULL;
    return &t->parts[number];
}

static void read_next(struct live_tail *t, bool block);

/* Entries per read and stream. */
static unsigned per_stream(const struct live_tail *t)
{
    unsigned each = COUNT_TOTAL / t->options.partitions;

    return each < COUNT_MIN ? COUNT_MIN : each > COUNT_MAX ? COUNT_MAX : each;
}

/* What is added from now on has a later id: Redis' clock stood at the newest one that there is, or behind it. */
static void caught_up(struct live_tail *t)
{
    t->ready = true;
    if (t->redis_ms > t->caught_up_ms)
        t->caught_up_ms = t->redis_ms;
    for (unsigned i = 0; i < t->options.partitions; i++)
        if (t->parts[i].tail.position.ms > t->caught_up_ms)
            t->caught_up_ms = t->parts[i].tail.position.ms;
}

uint64_t live_tail_caught_up(const struct live_tail *t)
{
    return t->caught_up_ms;
}

static void on_paused(uv_timer_t *timer)
{
    read_next(timer->data, true);
}

static void read_on(struct live_tail *t, bool brought)
{
    unsigned ms = brought && t->options.pause_ms != NULL ? t->options.pause_ms(t->options.ctx) : 0;

    if (ms == 0)
        read_next(t, true);
    else
        uv_timer_start(&t->again, on_paused, ms, 0);
}

static void on_read(void *ctx, const redisReply *r)
{
    struct live_tail *t = ctx;
    bool more = false;

    if (r == NULL || reply_is_error(r)) {
        refused(t, r);
        return;
    }
    if (clock_ms() - t->sent_ms > LATE_MS) {
        look(t);
        return;
    }
    for (size_t i = 0; i < reply_count(r); i++) {
        const redisReply *stream = reply_at(r, i), *items = reply_at(stream, 1);
        struct live_partition *p = partition_by_key(t, reply_at(stream, 0));

        more = more || reply_count(items) >= per_stream(t);
        for (size_t j = 0; p != NULL && j < reply_count(items) && !t->closing; j++)
            take(p, reply_at(items, j));
    }
    if (t->closing)
        return;
    if (!more)
        caught_up(t);
    read_on(t, !more && reply_count(r) > 0);
}

/* The read behind it finds everything that has an id before this. */
static void on_time(void *ctx, const redisReply *r)
{
    struct live_tail *t = ctx;

    t->redis_ms = reply_time_ms(r);
}

static void read_next(struct live_tail *t, bool block)
{
    static const char *const time[] = {"TIME"};
    const char *argv[READ_ARGS_MAX] = {"XREAD", "COUNT"};
    char count[16], wait[16], ids[PARTITIONS_MAX][ENTRY_ID_TEXT_MAX];
    unsigned n = t->options.partitions;
    int argc = 2;

    snprintf(count, sizeof count, "%u", per_stream(t));
    snprintf(wait, sizeof wait, "%d", BLOCK_MS);
    argv[argc++] = count;
    if (block) {
        argv[argc++] = "BLOCK";
        argv[argc++] = wait;
    }
    argv[argc++] = "STREAMS";
    for (unsigned i = 0; i < n; i++) {
        entry_id_text(t->parts[i].tail.position, ids[i]);
        argv[argc + (int)i] = t->parts[i].key;
        argv[argc + (int)(n + i)] = ids[i];
    }
    t->sent_ms = clock_ms();
    if (t->sent_ms - t->timed_ms >= TIME_MS && link_send(t->link, on_time, t, 1, time, NULL))
        t->timed_ms = t->sent_ms;
    /* Not sent: the link is down, and its coming up begins again. */
    (void)link_send(t->link, on_read, t, argc + 2 * (int)n, argv, NULL);
}

/* ---- where do we stand? -------------------------------------------------------------------------
 */

static bool read_look(const redisReply *r, struct tail_look *out)
{
    long long length, added;

    *out = (struct tail_look){0};
    if (reply_is_error(r))
        return strcmp(r->str, "ERR no such key") == 0;
    if (!reply_integer(reply_field(r, "length"), &length) ||
        !reply_integer(reply_field(r, "entries-added"), &added) ||
        !reply_id(reply_field(r, "last-generated-id"), &out->last))
        return false;
    out->length = length > 0 ? (uint64_t)length : 0;
    out->added = added > 0 ? (uint64_t)added : 0;
    (void)reply_id(reply_at(reply_field(r, "first-entry"), 0), &out->first); /* nil when empty */
    return true;
}

static void on_looked(void *ctx, const redisReply *r)
{
    struct live_partition *p = ctx;
    struct live_tail *t = p->owner;
    struct tail_look seen;

    if (r == NULL)
        return;
    if (!read_look(r, &seen))
        t->look_failed = true;
    else if (tail_look(&p->tail, &seen) == TAIL_GAP && !t->closing)
        t->options.on_gap(t->options.ctx, p->number);
    if (--t->looking > 0 || t->closing)
        return;
    if (t->look_failed)
        refused(t, r);
    else
        read_next(t, false);
}

static void look(struct live_tail *t)
{
    t->looking = 0;
    t->look_failed = false;
    for (unsigned i = 0; i < t->options.partitions; i++) {
        const char *argv[] = {"XINFO", "STREAM", t->parts[i].key};
        if (link_send(t->link, on_looked, &t->parts[i], 3, argv, NULL))
            t->looking++;
    }
}

/* ---- the link -----------------------------------------------------------------------------------
 */

static void tell_state(struct live_tail *t, bool up, const char *reason)
{
    bool news = up != t->up || !t->told;

    t->up = up;
    t->told = true;
    if (news && !t->closing && t->options.on_state != NULL)
        t->options.on_state(t->options.ctx, up, reason);
}

static void on_up(void *ctx)
{
    struct live_tail *t = ctx;

    tell_state(t, true, "connected");
    look(t);
}

static void on_down(void *ctx, const char *reason)
{
    struct live_tail *t = ctx;

    t->ready = false;
    uv_timer_stop(&t->again);
    tell_state(t, false, reason);
}

bool live_tail_ready(const struct live_tail *t)
{
    return t->ready;
}

struct live_tail *live_tail_new(uv_loop_t *loop, const struct live_tail_options *options)
{
    struct live_tail *t = calloc(1, sizeof *t);
    struct link_options link = {.url = options->redis_url,
                                .client_name = options->bus ? "ringback-bus" : "ringback-realtime",
                                .reply_timeout_ms = REPLY_TIMEOUT_MS,
                                .on_up = on_up,
                                .on_down = on_down,
                                .ctx = t};

    assert(options->partitions > 0 && options->partitions <= PARTITIONS_MAX);
    assert(options->on_update != NULL && options->on_gap != NULL);
    if (t == NULL)
        return NULL;
    t->options = *options;
    t->options.redis_url = NULL;
    t->parts = calloc(options->partitions, sizeof *t->parts);
    if (t->parts == NULL || (t->link = link_open(loop, &link)) == NULL) {
        free(t->parts);
        free(t);
        return NULL;
    }
    for (unsigned i = 0; i < options->partitions; i++) {
        t->parts[i].owner = t;
        t->parts[i].number = i;
        t->parts[i].tail.since_ms = options->since_ms;
        (options->bus ? bus_key : live_key)(t->parts[i].key, i);
    }
    t->again.data = t;
    uv_timer_init(loop, &t->again);
    return t;
}

static void part_closed(struct live_tail *t)
{
    void (*on_closed)(void *) = t->on_closed;
    void *ctx = t->closed_ctx;

    assert(t->open > 0);
    if (--t->open > 0)
        return;
    free(t->parts);
    free(t);
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

void live_tail_close(struct live_tail *t, void (*on_closed)(void *ctx), void *ctx)
{
    assert(!t->closing);
    t->closing = true;
    t->ready = false;
    t->on_closed = on_closed;
    t->closed_ctx = ctx;
    t->open = 2;
    uv_close((uv_handle_t *)&t->again, on_timer_closed);
    link_close(t->link, on_link_closed, t);
}
