/* Erases retained entries: pages through a partition's two streams and deletes what the caller
 * points at.
 *
 * Happy path: XINFO GROUPS, XPENDING (how far is everything acknowledged?) -> XRANGE page, XDEL,
 * next page ... of the events stream, then of the live stream -> done(true). Any failure ends it
 * with done(false); doing it again is harmless. */
#include "consumer_internal_redis.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MAX = 256 };

struct erase {
    struct partition *partition;
    struct entry_id until;     /* as the caller said */
    struct entry_id next, end; /* [next, end) is still to be looked at in the stream at hand */
    bool live;
    struct trim_facts facts;
    struct pacer pacer;
    unsigned asked;
    consumer_erase_match match;
    void (*done)(void *ctx, bool ok);
    void *ctx;
};

static void erase_page(struct erase *e);

static void erase_end(struct erase *e, bool ok)
{
    void (*done)(void *, bool) = e->done;
    void *ctx = e->ctx;

    e->partition->consumer->erasing--;
    free(e);
    done(ctx, ok);
}

static void erase_stream(struct erase *e, bool live, struct entry_id end)
{
    e->live = live;
    e->next = ENTRY_ID_ZERO;
    e->end = end;
    pacer_init(&e->pacer, PAGE_MAX);
    erase_page(e);
}

static void stream_done(struct erase *e)
{
    if (e->live)
        erase_end(e, true);
    else
        erase_stream(e, true, e->until);
}

static bool wanted(const struct erase *e, const redisReply *fields, size_t *largest)
{
    const redisReply *payload = reply_field(fields, e->live ? "d" : "e");
    const redisReply *organization = reply_field(fields, "o");

    if (!reply_is_text(payload))
        return false;
    *largest = (size_t)payload->len > *largest ? (size_t)payload->len : *largest;
    return e->match(e->ctx, e->live, payload->str, (size_t)payload->len,
                    reply_is_text(organization) ? organization->str : NULL);
}

static void on_deleted(void *ctx, const redisReply *r)
{
    struct erase *e = ctx;

    if (r == NULL || reply_is_error(r))
        erase_end(e, false);
    else if (e->asked == 0)
        stream_done(e);
    else
        erase_page(e);
}

static void on_page(void *ctx, const redisReply *r)
{
    struct erase *e = ctx;
    const char *argv[2 + PAGE_MAX] = {"XDEL", e->live ? e->partition->live : e->partition->events};
    char ids[PAGE_MAX][ENTRY_ID_TEXT_MAX];
    size_t n = reply_count(r), largest = 0;
    struct entry_id id = ENTRY_ID_ZERO;
    int argc = 2;

    if (r == NULL || reply_is_error(r)) {
        erase_end(e, false);
        return;
    }
    for (size_t i = 0; i < n && i < PAGE_MAX; i++) {
        const redisReply *item = reply_at(r, i);
        if (!reply_id(reply_at(item, 0), &id) || !wanted(e, reply_at(item, 1), &largest))
            continue;
        entry_id_text(id, ids[argc - 2]);
        argv[argc] = ids[argc - 2];
        argc++;
    }
    pacer_saw(&e->pacer, e->asked, (unsigned)n, largest);
    e->next = entry_id_next(id);
    if (n < e->asked)
        e->asked = 0; /* the last page */
    if (argc > 2) {
        if (!consumer_command(e->partition->consumer, on_deleted, e, argc, argv))
            erase_end(e, false);
    } else if (e->asked == 0) {
        stream_done(e);
    } else {
        erase_page(e);
    }
}

static void erase_page(struct erase *e)
{
    char start[ENTRY_ID_TEXT_MAX], end[ENTRY_ID_TEXT_MAX + 1] = "(", count[16];
    const char *argv[] = {
        "XRANGE", e->live ? e->partition->live : e->partition->events, start, end, "COUNT", count};

    if (entry_id_compare(e->next, e->end) >= 0) {
        stream_done(e);
        return;
    }
    e->asked = pacer_count(&e->pacer, 1);
    entry_id_text(e->next, start);
    entry_id_text(e->end, end + 1);
    snprintf(count, sizeof count, "%u", e->asked);
    if (!consumer_command(e->partition->consumer, on_page, e, 6, argv))
        erase_end(e, false);
}

/* ---- how far everything is acknowledged ---------------------------------------------------------
 */

static void on_pending(void *ctx, const redisReply *r)
{
    struct erase *e = ctx;
    long long n;

    if (reply_is_error(r) && reply_refusal(r) == REFUSAL_NO_GROUP) {
        /* Nothing was ever acknowledged. */
        erase_stream(e, false, ENTRY_ID_ZERO);
        return;
    }
    if (!reply_integer(reply_at(r, 0), &n) || !e->facts.known) {
        erase_end(e, false);
        return;
    }
    e->facts.pending = n > 0;
    if (n > 0 && !reply_id(reply_at(r, 1), &e->facts.oldest_pending))
        erase_end(e, false);
    else
        erase_stream(e, false, entry_id_min(e->until, trim_acknowledged(&e->facts)));
}

static void on_groups(void *ctx, const redisReply *r)
{
    struct erase *e = ctx;
    const redisReply *group = reply_group(r, CONSUMER_GROUP);
    const char *argv[] = {"XPENDING", e->partition->events, CONSUMER_GROUP};

    e->facts.known = reply_id(reply_field(group, "last-delivered-id"), &e->facts.last_delivered);
    if (r == NULL || !consumer_command(e->partition->consumer, on_pending, e, 3, argv))
        erase_end(e, false);
}

void consumer_erase(struct consumer *c, unsigned partition, struct entry_id until,
                    consumer_erase_match match, void (*done)(void *ctx, bool ok), void *ctx)
{
    struct partition *p = &c->parts[partition];
    const char *argv[] = {"XINFO", "GROUPS", p->events};
    struct erase *e = c->erasing < ERASE_MAX ? calloc(1, sizeof *e) : NULL;

    assert(partition < c->partitions);
    if (e == NULL || c->closing || !consumer_command(c, on_groups, e, 3, argv)) {
        free(e);
        consumer_owe(c, done, ctx, false);
        return;
    }
    *e = (struct erase){.partition = p, .until = until, .match = match, .done = done, .ctx = ctx};
    c->erasing++;
}
