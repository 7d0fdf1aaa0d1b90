/* After COMMIT: live updates out, entries acknowledged, in one pipeline.
 *
 * Happy path: XADD live ... XADD live, XACK -> all answered -> cb(true).
 * Failures: XADD refused (Redis full) -> that update is dropped, its organization remembered and
 * told to resync as soon as an XADD goes through again; XACK refused -> the partition is given up
 * and gained again, so that what is still pending comes again; link lost -> cb(false). */
#include "consumer_internal_redis.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACK_IDS_MAX = 512, UPDATE_ARGS = 13, NUMBER_MAX = 24 };

#define EVERYBODY "*"

struct settle;

/* One XADD of a settle. */
struct update_sent {
    struct settle *settle;
    char organization[ORGANIZATION_MAX];
};

struct settle {
    struct partition *partition;
    void (*cb)(void *ctx, bool ok);
    void *ctx;
    bool failed, refused; /* not confirmed; because Redis did not want to */
    unsigned waiting;     /* replies */
    unsigned dropped;
    unsigned n_ids;
    struct entry_id *ids;
    struct update_sent sent[];
};

/* ---- telling to resync --------------------------------------------------------------------------
 */

static void resync_add(struct resync *r, const char *organization)
{
    if (r->all)
        return;
    for (unsigned i = 0; i < r->n; i++)
        if (strcmp(r->organization[i], organization) == 0)
            return;
    if (r->n == RESYNC_MAX || strcmp(organization, EVERYBODY) == 0) {
        r->all = true;
        r->n = 0;
        return;
    }
    snprintf(r->organization[r->n++], ORGANIZATION_MAX, "%s", organization);
}

/* XADD <live> ... ; the wire form is described in live.h. */
static bool send_update(struct partition *p, const struct live_update *u, link_cb cb, void *ctx)
{
    char committed[NUMBER_MAX];
    const char *argv[UPDATE_ARGS] = {"XADD",    p->live,  "*",      "o",     u->organization_id,
                                     "t",       u->table, "e",      u->type, "d",
                                     u->record, "c",      committed};
    size_t len[UPDATE_ARGS];

    snprintf(committed, sizeof committed, "%" PRId64, u->committed_us);
    for (int i = 0; i < UPDATE_ARGS; i++)
        len[i] = strlen(argv[i]);
    len[10] = u->record_len;
    return link_send(p->consumer->command, cb, ctx, UPDATE_ARGS, argv, len);
}

/* RESYNC entries under way; what is refused goes back. */
struct resync_sent {
    struct partition *partition;
    struct resync told;
    unsigned waiting, next; /* replies come in the order of sending */
};

static const char *resync_whom(const struct resync *r, unsigned i)
{
    return r->all ? EVERYBODY : r->organization[i];
}

static void on_resync(void *ctx, const redisReply *r)
{
    struct resync_sent *s = ctx;
    struct partition *p = s->partition;
    unsigned i = s->next++;

    if (r == NULL || reply_is_error(r))
        resync_add(&p->resync, resync_whom(&s->told, i));
    if (--s->waiting > 0)
        return;
    p->resync.busy = false;
    free(s);
}

void partition_resync(struct partition *p)
{
    unsigned n = p->resync.all ? 1 : p->resync.n, sent = 0;
    struct resync_sent *s;

    if (n == 0 || p->resync.busy || !p->consumer->up || (s = malloc(sizeof *s)) == NULL)
        return;
    *s = (struct resync_sent){.partition = p, .told = p->resync};
    for (; sent < n; sent++) {
        struct live_update u = {.organization_id = resync_whom(&s->told, sent),
                                .table = EVERYBODY,
                                .type = "RESYNC",
                                .record = "{}",
                                .record_len = 2,
                                .committed_us = (int64_t)p->consumer->redis_ms * 1000};
        if (!send_update(p, &u, on_resync, s))
            break;
    }
    s->waiting = sent;
    p->resync = (struct resync){.busy = sent > 0};
    for (unsigned i = sent; i < n; i++)
        resync_add(&p->resync, resync_whom(&s->told, i));
    if (sent == 0)
        free(s);
}

/* We are closing and shall not be there when Redis has room again. */
void partition_resync_last_chance(struct partition *p)
{
    static const char script[] = "#!lua flags=allow-oom\n"
                                 "return redis.call('XADD', KEYS[1], '*', 'o', '*', 't', '*', 'e', "
                                 "'RESYNC', 'd', '{}', 'c', '0')\n";
    const char *argv[] = {"EVAL", script, "1", p->live};

    if (p->resync.all || p->resync.n > 0 || p->resync.busy)
        (void)consumer_command(p->consumer, NULL, NULL, 4, argv);
}

/* ---- settling -----------------------------------------------------------------------------------
 */

static void settle_finish(struct settle *s, bool later)
{
    struct partition *p = s->partition;
    struct consumer *c = p->consumer;
    bool ok = !s->failed, give_up = s->refused && s->n_ids > 0;

    if (ok)
        partition_settled(p, s->ids, s->n_ids);
    if (s->dropped > 0 && c->options.on_live_dropped != NULL)
        c->options.on_live_dropped(c->options.ctx, p->number, s->dropped);
    if (s->cb != NULL && later)
        consumer_owe(c, s->cb, s->ctx, ok);
    else if (s->cb != NULL)
        s->cb(s->ctx, ok);
    free(s);
    if (give_up)
        consumer_partition_failed(p, "redis did not acknowledge");
}

static void settle_answered(struct settle *s)
{
    if (--s->waiting == 0)
        settle_finish(s, false);
}

static void on_published(void *ctx, const redisReply *r)
{
    struct update_sent *u = ctx;
    struct settle *s = u->settle;
    struct partition *p = s->partition;

    if (r == NULL) {
        s->failed = true;
    } else if (reply_is_error(r)) {
        s->dropped++;
        resync_add(&p->resync, u->organization);
        (void)consumer_refused(p->consumer, r);
        /* With entries XACK decides; without, somebody may want to publish again. */
        s->failed = s->failed || (s->n_ids == 0 && reply_refusal(r) != REFUSAL_FULL);
    }
    settle_answered(s);
}

static void on_acknowledged(void *ctx, const redisReply *r)
{
    struct settle *s = ctx;

    s->failed = s->failed || r == NULL || reply_is_error(r);
    if (reply_is_error(r)) {
        s->refused = true;
        (void)consumer_refused(s->partition->consumer, r);
    }
    settle_answered(s);
}

/* XACK of ids [from, from + n). */
static bool send_ack(struct settle *s, unsigned from, unsigned n)
{
    const char *argv[3 + ACK_IDS_MAX] = {"XACK", s->partition->events, CONSUMER_GROUP};
    char text[ACK_IDS_MAX][ENTRY_ID_TEXT_MAX];

    assert(n <= ACK_IDS_MAX);
    for (unsigned i = 0; i < n; i++) {
        entry_id_text(s->ids[from + i], text[i]);
        argv[3 + i] = text[i];
    }
    return link_send(s->partition->consumer->command, on_acknowledged, s, (int)(3 + n), argv, NULL);
}

static struct settle *settle_new(struct partition *p, const struct live_update *updates,
                                 unsigned n_updates, const struct entry_id *ids, unsigned n_ids)
{
    struct settle *s;

    s = malloc(sizeof *s + n_updates * sizeof s->sent[0] + n_ids * sizeof *ids);
    if (s == NULL)
        return NULL;
    *s = (struct settle){.partition = p, .n_ids = n_ids};
    s->ids = (struct entry_id *)(void *)(s->sent + n_updates);
    if (n_ids > 0)
        memcpy(s->ids, ids, n_ids * sizeof *ids);
    for (unsigned i = 0; i < n_updates; i++) {
        s->sent[i].settle = s;
        snprintf(s->sent[i].organization, ORGANIZATION_MAX, "%s", updates[i].organization_id);
    }
    return s;
}

void consumer_settle(struct consumer *c, unsigned partition, const struct live_update *updates,
                     unsigned n_updates, const struct entry_id *ids, unsigned n_ids,
                     void (*cb)(void *ctx, bool ok), void *ctx)
{
    struct partition *p = &c->parts[partition];
    struct settle *s = NULL;
    bool sent = true;

    assert(partition < c->partitions);
    if (c->up && !c->released && consumer_owns(c, partition))
        s = settle_new(p, updates, n_updates, ids, n_ids);
    if (s == NULL) {
        if (cb != NULL)
            consumer_owe(c, cb, ctx, false);
        return;
    }
    s->cb = cb;
    s->ctx = ctx;
    s->waiting = 1; /* this call itself: nothing is finished before everything is sent */
    for (unsigned i = 0; i < n_updates && sent; i++) {
        sent = send_update(p, &updates[i], on_published, &s->sent[i]);
        s->waiting += sent;
    }
    for (unsigned i = 0; i < n_ids && sent; i += ACK_IDS_MAX) {
        sent = send_ack(s, i, n_ids - i < ACK_IDS_MAX ? n_ids - i : ACK_IDS_MAX);
        s->waiting += sent;
    }
    s->failed = s->refused = !sent; /* nothing has been answered yet */
    if (--s->waiting == 0)
        settle_finish(s, true);
}
