/* After COMMIT: live updates out and entries acknowledged, by one script, so that it happens whole or not at all.
 *
 * Happy path: the script finds the lease ours -> XADD live ... XADD live, XACK -> cb(true).
 * Failures: the lease is not ours any more -> nothing is done, cb(false): what was on its way for longer than a lease must
 * not be published behind what the new owner has published. Redis full -> the script is refused before it does anything; a
 * second one, which needs next to no room, acknowledges and notes whom to tell to resync, in Redis, because we may be killed
 * before there is room again; whoever owns the partition then tells them. Another error -> the partition is given up and
 * gained again, so that what is still pending comes again. Link lost -> cb(false). */
#include "consumer_internal_redis.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 3, HEAD_ARGS = 3 + KEYS + 3, UPDATE_ARGS = 5, NUMBER_MAX = 24, FORGET_MAX = 64 };

#define EVERYBODY "*"
#define IF_OURS "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
/* The ids from `at` on; unpack() has its limit. */
#define ACKNOWLEDGE                                                                                \
    "while at <= #ARGV do\n"                                                                       \
    "  redis.call('XACK', KEYS[2], ARGV[2], unpack(ARGV, at, math.min(at + 999, #ARGV)))\n"        \
    "  at = at + 1000\n"                                                                           \
    "end\n"                                                                                        \
    "return 1\n"

/* KEYS lease, events, live; ARGV worker, group, number of updates, their parts, ids of entries. The wire form is described in
 * live.h. */
static const char script_settle[] =
    "#!lua\n" IF_OURS "local at = 4\n"
    "for i = 1, ARGV[3] do\n"
    "  redis.call('XADD', KEYS[3], '*', 'o', ARGV[at], 't', ARGV[at + 1], 'e', ARGV[at + 2],\n"
    "    'd', ARGV[at + 3], 'c', ARGV[at + 4])\n"
    "  at = at + 5\n"
    "end\n" ACKNOWLEDGE;

/* KEYS lease, events, resync; ARGV worker, group, number of organizations, these, ids of entries. */
static const char script_settle_full[] = "#!lua flags=allow-oom\n" IF_OURS "local at = 4\n"
                                         "for i = 1, ARGV[3] do\n"
                                         "  redis.call('SADD', KEYS[3], ARGV[at])\n"
                                         "  at = at + 1\n"
                                         "end\n" ACKNOWLEDGE;

/* KEYS lease, resync, live; ARGV worker, how many organizations are told one by one. */
static const char script_resync[] =
    "#!lua\n" IF_OURS "local whom = redis.call('SMEMBERS', KEYS[2])\n"
    "if #whom > tonumber(ARGV[2]) or redis.call('SISMEMBER', KEYS[2], '" EVERYBODY "') == 1 then\n"
    "  whom = {'" EVERYBODY "'}\n"
    "end\n"
    "local now = redis.call('TIME')\n"
    "for i = 1, #whom do\n"
    "  redis.call('XADD', KEYS[3], '*', 'o', whom[i], 't', '" EVERYBODY
    "', 'e', 'RESYNC', 'd', '{}',\n"
    "    'c', now[1] .. string.format('%06d', now[2]))\n"
    "end\n"
    "redis.call('DEL', KEYS[2])\n"
    "return 1\n";

struct settle {
    struct partition *partition;
    void (*cb)(void *ctx, bool ok);
    void *ctx;
    bool full; /* the second script is under way */
    unsigned n_updates, n_ids;
    struct entry_id *ids;
    char organization[][ORGANIZATION_MAX]; /* of each update */
};

/* ---- telling to resync --------------------------------------------------------------------------
 */

static void on_resync(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;
    long long done;

    p->resync_asked = false;
    if (!reply_integer(r, &done)) /* it is still full, or the link is gone: again later */
        p->resync_due = true;
}

void partition_resync(struct partition *p)
{
    struct consumer *c = p->consumer;
    char each[NUMBER_MAX];
    const char *argv[] = {"EVAL",    script_resync, "3",          p->lease,
                          p->resync, p->live,       c->worker_id, each};

    if (!p->resync_due || p->resync_asked || !c->up || !consumer_owns(c, p->number))
        return;
    snprintf(each, sizeof each, "%d", RESYNC_MAX);
    p->resync_due = false; /* what is noted from now on is another debt */
    p->resync_asked = consumer_command(c, on_resync, p, sizeof argv / sizeof *argv, argv);
    p->resync_due = p->resync_due || !p->resync_asked;
}

/* ---- settling -----------------------------------------------------------------------------------
 */

static void settle_free(struct settle *s)
{
    free(s->ids);
    free(s);
}

static void finish(struct settle *s, bool ok)
{
    if (ok)
        partition_settled(s->partition, s->ids, s->n_ids);
    if (s->cb != NULL)
        s->cb(s->ctx, ok);
    settle_free(s);
}

/* What is pending comes again: to us, or to whoever owns the partition. */
static void give_up(struct settle *s, const char *reason)
{
    struct partition *p = s->partition;
    bool pending = s->n_ids > 0;

    finish(s, false);
    if (pending)
        consumer_partition_failed(p, reason);
}

static void send_full(struct settle *s);

static void on_settled(void *ctx, const redisReply *r)
{
    struct settle *s = ctx;
    struct partition *p = s->partition;
    struct consumer *c = p->consumer;
    unsigned dropped = s->n_updates;
    long long ours;

    if (r == NULL) {
        finish(s, false);
    } else if (reply_integer(r, &ours)) {
        if (ours != 1)
            give_up(s, "lease is somebody else's");
        else
            finish(s, true);
    } else if (reply_is_error(r) && reply_refusal(r) == REFUSAL_FULL && !s->full) {
        p->resync_due = s->n_updates > 0;
        send_full(s);
        if (c->options.on_live_dropped != NULL)
            c->options.on_live_dropped(c->options.ctx, p->number, dropped);
    } else {
        if (reply_is_error(r))
            (void)consumer_refused(c, r);
        give_up(s, "redis did not acknowledge");
    }
}

/* A script call: what both scripts begin with, `middle` arguments in between, the ids. */
struct call {
    const char **argv;
    size_t *len;
    int n, size;
    char (*ids)[ENTRY_ID_TEXT_MAX];
};

static void call_free(struct call *a)
{
    free(a->argv);
    free(a->len);
    free(a->ids);
}

static void call_add(struct call *a, const char *bytes, size_t len)
{
    assert(a->n < a->size);
    a->argv[a->n] = bytes;
    a->len[a->n++] = len;
}

static void call_text(struct call *a, const char *text)
{
    call_add(a, text, strlen(text));
}

/* False: out of memory. `count` must live as long as the call. */
static bool call_begin(struct call *a, const struct settle *s, const char *script, const char *key,
                       unsigned middle, char count[NUMBER_MAX])
{
    const struct partition *p = s->partition;

    *a = (struct call){.size = HEAD_ARGS + (int)middle + (int)s->n_ids};
    a->argv = calloc((size_t)a->size, sizeof *a->argv);
    a->len = calloc((size_t)a->size, sizeof *a->len);
    a->ids = calloc(s->n_ids + 1, sizeof *a->ids);
    if (a->argv == NULL || a->len == NULL || a->ids == NULL)
        return false;
    snprintf(count, NUMBER_MAX, "%u", s->n_updates);
    const char *head[HEAD_ARGS] = {
        "EVAL",         script, "3", p->lease, p->events, key, p->consumer->worker_id,
        CONSUMER_GROUP, count};
    for (int i = 0; i < HEAD_ARGS; i++)
        call_text(a, head[i]);
    return true;
}

/* Nothing was sent, so nothing will be answered: cb comes from a later turn. */
static void not_sent(struct settle *s)
{
    struct partition *p = s->partition;
    bool pending = s->n_ids > 0;

    if (s->cb != NULL)
        consumer_owe(p->consumer, s->cb, s->ctx, false);
    settle_free(s);
    if (pending)
        consumer_partition_failed(p, "out of memory");
}

static void call_send(struct call *a, struct settle *s)
{
    bool sent;

    for (unsigned i = 0; i < s->n_ids; i++) {
        entry_id_text(s->ids[i], a->ids[i]);
        call_text(a, a->ids[i]);
    }
    sent = link_send(s->partition->consumer->command, on_settled, s, a->n, a->argv, a->len);
    call_free(a);
    if (!sent)
        not_sent(s);
}

/* Acknowledges; who should have heard the updates is noted. */
static void send_full(struct settle *s)
{
    char count[NUMBER_MAX];
    struct call a;

    s->full = true;
    if (!call_begin(&a, s, script_settle_full, s->partition->resync, s->n_updates, count)) {
        call_free(&a);
        not_sent(s);
        return;
    }
    for (unsigned i = 0; i < s->n_updates; i++)
        call_text(&a, s->organization[i]);
    call_send(&a, s);
}

static void send_updates(struct settle *s, const struct live_update *updates)
{
    char(*committed)[NUMBER_MAX] = calloc(s->n_updates, sizeof *committed);
    char count[NUMBER_MAX];
    struct call a = {.n = 0};

    if (committed == NULL ||
        !call_begin(&a, s, script_settle, s->partition->live, UPDATE_ARGS * s->n_updates, count)) {
        call_free(&a);
        free(committed);
        not_sent(s);
        return;
    }
    for (unsigned i = 0; i < s->n_updates; i++) {
        const struct live_update *u = &updates[i];

        snprintf(committed[i], NUMBER_MAX, "%" PRId64, u->committed_us);
        call_text(&a, u->organization_id);
        call_text(&a, u->table);
        call_text(&a, u->type);
        call_add(&a, u->record, u->record_len);
        call_text(&a, committed[i]);
    }
    call_send(&a, s);
    free(committed);
}

static struct settle *settle_new(struct partition *p, const struct live_update *updates,
                                 unsigned n_updates, const struct entry_id *ids, unsigned n_ids)
{
    struct settle *s = malloc(sizeof *s + n_updates * sizeof s->organization[0]);
    struct entry_id *kept = malloc((n_ids + 1) * sizeof *kept);

    if (s == NULL || kept == NULL) {
        free(s);
        free(kept);
        return NULL;
    }
    *s = (struct settle){.partition = p, .n_updates = n_updates, .n_ids = n_ids, .ids = kept};
    if (n_ids > 0)
        memcpy(kept, ids, n_ids * sizeof *ids);
    for (unsigned i = 0; i < n_updates; i++)
        snprintf(s->organization[i], ORGANIZATION_MAX, "%s", updates[i].organization_id);
    return s;
}

void consumer_settle(struct consumer *c, unsigned partition, const struct live_update *updates,
                     unsigned n_updates, const struct entry_id *ids, unsigned n_ids,
                     void (*cb)(void *ctx, bool ok), void *ctx)
{
    struct partition *p = &c->parts[partition];
    bool may = c->up && !c->released && consumer_owns(c, partition);
    struct settle *s = may ? settle_new(p, updates, n_updates, ids, n_ids) : NULL;

    assert(partition < c->partitions);
    if (s == NULL) {
        if (cb != NULL)
            consumer_owe(c, cb, ctx, false);
        if (may && n_ids > 0) /* else we would hold them for ever */
            consumer_partition_failed(p, "out of memory");
        return;
    }
    s->cb = cb;
    s->ctx = ctx;
    if (n_updates > 0)
        send_updates(s, updates);
    else
        send_full(s); /* which takes no room */
}

void consumer_forget(struct consumer *c, unsigned partition, const struct entry_id *ids, unsigned n)
{
    struct partition *p = &c->parts[partition];
    const char *argv[2 + FORGET_MAX] = {"XDEL", p->events};
    char text[FORGET_MAX][ENTRY_ID_TEXT_MAX];

    assert(partition < c->partitions);
    if (!c->up || c->released || !consumer_owns(c, partition))
        return;
    for (unsigned from = 0; from < n; from += FORGET_MAX) {
        unsigned k = n - from < FORGET_MAX ? n - from : FORGET_MAX;

        for (unsigned i = 0; i < k; i++) {
            entry_id_text(ids[from + i], text[i]);
            argv[2 + i] = text[i];
        }
        (void)link_send(c->command, NULL, NULL, (int)(2 + k), argv, NULL);
    }
}
