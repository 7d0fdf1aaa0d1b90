/* Every two seconds: how far behind is each partition, is anything pending that nobody holds, and,
 * now and then, or while Redis is nearly full, what may be trimmed.
 *
 * Happy path: TIME, INFO memory, then per partition XINFO GROUPS, XPENDING (its short form: no walk through the
 * list) -> stats; XTRIM MINID of both streams. Failures: group gone -> created again; anything
 * else: the next survey. */
#include "consumer_internal_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIM_LIMIT_TEXT = 16 };

static void on_groups(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;
    const redisReply *group;
    long long lag;

    p->facts.known = false;
    if (r == NULL || p->cursor.state == CURSOR_OFF)
        return;
    if (reply_is_error(r) && strcmp(r->str, "ERR no such key") != 0) {
        (void)consumer_refused(p->consumer, r);
        return;
    }
    group = reply_group(r, CONSUMER_GROUP);
    if (!reply_id(reply_field(group, "last-delivered-id"), &p->facts.last_delivered)) {
        partition_no_group(p);
        return;
    }
    p->facts.known = true;
    /* Unknown (nil) after deletions among unread entries: hold the last known value. */
    p->lag_known = reply_integer(reply_field(group, "lag"), &lag) && lag >= 0;
    if (p->lag_known)
        p->lag = (uint64_t)lag;
}

static uint64_t age_ms(const struct consumer *c, struct entry_id id)
{
    return c->redis_ms > id.ms ? c->redis_ms - id.ms : 0;
}

/* The first entry that was not delivered yet. None at all: after Redis came back from its log, its
 * "lag" may speak of entries that were read long ago. */
static void on_next(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;
    struct entry_id id;

    if (p->cursor.state == CURSOR_OFF)
        return;
    if (reply_id(reply_at(reply_at(r, 0), 0), &id))
        p->oldest_ms = age_ms(p->consumer, id);
    else if (r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 0)
        p->lag = 0;
}

static void find_oldest(struct partition *p)
{
    char start[ENTRY_ID_TEXT_MAX + 1] = "(";
    const char *argv[] = {"XRANGE", p->events, start, "+", "COUNT", "1"};

    p->oldest_ms = p->facts.pending ? age_ms(p->consumer, p->facts.oldest_pending) : 0;
    if (p->facts.pending || !p->facts.known || p->lag == 0)
        return;
    entry_id_text(p->facts.last_delivered, start + 1);
    (void)consumer_command(p->consumer, on_next, p, 6, argv);
}

/* A read of an owner before us may have been carried out late (its command hung in a network),
 * after we had read the pending list: such an entry is pending, but nobody holds it. Seen twice in
 * a row it is no coincidence. */
static void look_for_astray(struct partition *p)
{
    struct entry_id oldest = p->facts.oldest_pending;
    bool nobody_holds = p->facts.pending && p->cursor.state == CURSOR_READING &&
                        (p->held.n == 0 || entry_id_compare(oldest, p->held.id[0]) < 0);

    if (!nobody_holds) {
        p->astray = ENTRY_ID_ZERO;
    } else if (entry_id_compare(oldest, p->astray) == 0) {
        p->astray = ENTRY_ID_ZERO;
        consumer_partition_failed(p, "pending entries that nobody holds");
    } else {
        p->astray = oldest;
    }
}

static void trim_stream(struct partition *p, const char *key, struct entry_id minid)
{
    char id[ENTRY_ID_TEXT_MAX], limit[TRIM_LIMIT_TEXT];
    const char *argv[] = {"XTRIM", key, "MINID", "~", id, "LIMIT", limit};

    entry_id_text(minid, id);
    snprintf(limit, sizeof limit, "%d", TRIM_LIMIT);
    (void)consumer_command(p->consumer, NULL, NULL, 7, argv);
}

static void trim(struct partition *p)
{
    struct entry_id minid;

    p->facts.now_ms = p->consumer->redis_ms;
    p->facts.retention_ms = p->consumer->retention_ms;
    p->trim_due = false;
    if (trim_events(&p->facts, &minid))
        trim_stream(p, p->events, minid);
    if (trim_live(&p->facts, &minid))
        trim_stream(p, p->live, minid);
}

static void on_pending_summary(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;
    struct consumer *c = p->consumer;
    long long n;

    c->survey_open--;
    if (r == NULL || p->cursor.state == CURSOR_OFF || !p->facts.known)
        return;
    if (!reply_integer(reply_at(r, 0), &n)) {
        p->facts.known = false; /* the next XINFO GROUPS tells why */
        return;
    }
    p->pending = n > 0 ? (uint64_t)n : 0;
    p->facts.pending = n > 0 && reply_id(reply_at(r, 1), &p->facts.oldest_pending);
    if (n > 0 && !p->facts.pending) {
        p->facts.known = false;
        return;
    }
    find_oldest(p);
    if (p->trim_due && c->redis_ms > 0 && consumer_owns(c, p->number))
        trim(p);
    look_for_astray(p);
}

static void survey_partition(struct partition *p)
{
    const char *groups[] = {"XINFO", "GROUPS", p->events};
    const char *pending[] = {"XPENDING", p->events, CONSUMER_GROUP};

    if (consumer_command(p->consumer, on_groups, p, 3, groups) &&
        consumer_command(p->consumer, on_pending_summary, p, 3, pending))
        p->consumer->survey_open++;
}

static void on_time(void *ctx, const redisReply *r)
{
    struct consumer *c = ctx;

    if (reply_time_ms(r) > 0)
        c->redis_ms = reply_time_ms(r);
}

/* The number behind `name` in what INFO answered; 0: it is not there. */
static uint64_t info_number(const redisReply *r, const char *name)
{
    const char *at = reply_is_text(r) ? strstr(r->str, name) : NULL;

    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static void on_memory(void *ctx, const redisReply *r)
{
    struct consumer *c = ctx;

    if (reply_is_text(r))
        c->retention_ms =
            trim_retention(c->retention_ms, c->options.retention_ms,
                           info_number(r, "\nused_memory:"), info_number(r, "\nmaxmemory:"));
}

void consumer_survey(struct consumer *c)
{
    static const char *const time[] = {"TIME"}, *const memory[] = {"INFO", "memory"};

    /* A slow Redis is not asked twice at once. */
    if (!c->up || c->closing || c->survey_open > 0 || !consumer_command(c, on_time, c, 1, time) ||
        !consumer_command(c, on_memory, c, 2, memory))
        return;
    c->surveys++;
    for (unsigned i = 0; i < c->partitions; i++) {
        struct partition *p = &c->parts[i];
        /* Before the group is made sure of there is nothing to see. */
        if (p->cursor.state == CURSOR_OFF || p->cursor.state == CURSOR_GROUPING)
            continue;
        p->trim_due = p->trim_due || c->surveys % TRIM_EVERY == 0 ||
                      c->retention_ms < c->options.retention_ms;
        survey_partition(p);
    }
}

void consumer_stats(const struct consumer *c, struct consumer_stats *out)
{
    *out = (struct consumer_stats){.owned = leases_owned(&c->leases),
                                   .vanished_total = c->vanished,
                                   .retention_ms = c->retention_ms};
    for (unsigned i = 0; i < c->partitions; i++) {
        const struct partition *p = &c->parts[i];
        if (p->cursor.state == CURSOR_OFF)
            continue;
        out->backlog += p->pending + p->lag;
        if (p->oldest_ms > out->oldest_unacked_ms)
            out->oldest_unacked_ms = p->oldest_ms;
    }
}
