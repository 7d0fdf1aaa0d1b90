/* Who may be what kills: Redis counts how often an entry was taken up by itself, and forgets it when the process came
 * back from it. So only a process that died in between leaves a count behind, and nothing else looks like it: no lost
 * link, no lost lease, no process that was killed while it waited for PostgreSQL.
 *
 * Happy path: consumer_suspect -> HINCRBY -> cb(times) -> the entry is handled -> consumer_absolve -> HDEL.
 * Failures: link lost -> cb(0); what Redis did not hear is said again as soon as it can, before anything is counted. */
#include "consumer_internal_redis.h"

#include <stdlib.h>

/* A count is of use for as long as its process may be on its way back; then it is only a leftover. */
#define SUSPECTS_MS "86400000"

static const char script_count[] = "#!lua flags=allow-oom\n"
                                   "local n = redis.call('HINCRBY', KEYS[1], ARGV[1], 1)\n"
                                   "redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
                                   "return n\n";

struct count {
    struct consumer *consumer;
    void (*cb)(void *ctx, unsigned times);
    void *ctx;
};

static void on_counted(void *ctx, const redisReply *r)
{
    struct count count = *(struct count *)ctx;
    long long n;

    free(ctx);
    if (reply_is_error(r))
        (void)consumer_refused(count.consumer, r);
    if (!reply_integer(r, &n) || n < 0)
        n = 0;
    if (count.cb != NULL)
        count.cb(count.ctx, n > UINT16_MAX ? UINT16_MAX : (unsigned)n);
}

bool consumer_suspect(struct consumer *c, unsigned partition, struct entry_id id,
                      void (*cb)(void *ctx, unsigned times), void *ctx)
{
    struct partition *p = &c->parts[partition];
    char text[ENTRY_ID_TEXT_MAX];
    const char *argv[] = {"EVAL", script_count, "1", p->suspects, text, SUSPECTS_MS};
    struct count *count = c->up ? malloc(sizeof *count) : NULL;

    if (count == NULL)
        return false;
    *count = (struct count){.consumer = c, .cb = cb, .ctx = ctx};
    entry_id_text(id, text);
    partition_absolve(p);
    if (link_send(c->command, on_counted, count, 6, argv, NULL))
        return true;
    free(count);
    return false;
}

static void on_absolved(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;

    p->absolving--;
    if (reply_is_error(r))
        (void)consumer_refused(p->consumer, r);
    else if (r != NULL && p->absolving == 0)
        p->absolved = ENTRY_ID_ZERO;
}

static void send_absolution(struct partition *p)
{
    char text[ENTRY_ID_TEXT_MAX];
    const char *argv[] = {"HDEL", p->suspects, text};

    entry_id_text(p->absolved, text);
    if (p->consumer->up && link_send(p->consumer->command, on_absolved, p, 3, argv, NULL))
        p->absolving++;
}

void consumer_absolve(struct consumer *c, unsigned partition, struct entry_id id)
{
    struct partition *p = &c->parts[partition];

    p->absolved = id;
    send_absolution(p);
}

void partition_absolve(struct partition *p)
{
    if (p->absolving == 0 && entry_id_compare(p->absolved, ENTRY_ID_ZERO) != 0)
        send_absolution(p);
}
