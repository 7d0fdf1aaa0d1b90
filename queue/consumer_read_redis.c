/* Reads entries: first a partition's own pending ones, then new ones; carries out what cursor.c
 * asks for.
 *
 * Happy path: partition_gain -> group made sure of -> pages of pending entries (command link) ->
 * one blocking read for new entries over all partitions (reader link, so that it holds up nothing
 * else) -> on_entries. Failures: NOGROUP -> the group is created again at 0; another error -> asked
 * again later; what arrives for a partition that is not ours any more is dropped: it is pending,
 * and its owner will read it from there. */
#include "consumer_internal_redis.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_ARGS_MAX = 10 + 2 * PARTITIONS_MAX };

/* Creating a group is refused at maxmemory unless a script says that it may (Redis 7). A new group over entries that are
 * there already: which of them were stored without anybody being told, nobody knows any more, so everybody is told. */
static const char script_group[] =
    "#!lua flags=allow-oom\n"
    "local r = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')\n"
    "if r.err and not string.find(r.err, 'BUSYGROUP', 1, true) then return r end\n"
    "if not r.err and redis.call('XLEN', KEYS[1]) > 0 then redis.call('SADD', KEYS[2], '*') end\n"
    "return redis.status_reply('OK')\n";

static void act(struct partition *p, unsigned bits);

void entry_free(struct entry *e)
{
    free(e);
}

/* ---- entries ------------------------------------------------------------------------------------
 */

/* Entries of one partition out of one reply. */
struct haul {
    struct entry *first, **tail;
    unsigned n, seen; /* to hand over; in the reply */
    struct entry_id last;
    size_t largest;
    const char *fault; /* the reply cannot be used */
};

static void haul_add(struct haul *h, struct partition *p, const redisReply *item,
                     uint32_t deliveries)
{
    const redisReply *fields = reply_at(item, 1), *payload = reply_field(fields, "e");
    size_t len = reply_is_text(payload) ? (size_t)payload->len : 0;
    struct entry_id id;
    struct entry *e;

    if (!reply_id(reply_at(item, 0), &id)) {
        h->fault = "redis sent an entry without an id";
        return;
    }
    h->seen++;
    h->last = id;
    h->largest = len > h->largest ? len : h->largest;
    switch (held_add(&p->held, id, len)) {
    case HELD_ALREADY: /* the group was created again: the worker is at it */
        return;
    case HELD_FULL:
        h->fault = "redis sent more entries than asked for";
        return;
    case HELD_NEW:
        break;
    }
    e = malloc(sizeof *e + len);
    if (e == NULL) {
        h->fault = "out of memory";
        return;
    }
    *e = (struct entry){.id = id, .partition = p->number, .deliveries = deliveries, .len = len};
    e->vanished = fields == NULL || fields->type == REDIS_REPLY_NIL;
    p->consumer->vanished += e->vanished;
    if (len > 0)
        memcpy(e->bytes, payload->str, len);
    *h->tail = e;
    h->tail = &e->next;
    h->n++;
}

/* How often an entry has been delivered, this time included; from the page of XPENDING read just
 * before. */
static uint32_t deliveries_of(const struct partition *p, const redisReply *item)
{
    unsigned low = 0, high = p->n_page;
    struct entry_id id;

    if (!reply_id(reply_at(item, 0), &id))
        return 2;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (entry_id_compare(p->page[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < p->n_page && entry_id_compare(p->page[low].id, id) == 0)
        return p->page[low].deliveries + 1;
    return 2; /* pending, so delivered once at least */
}

/* Everything of `items` (an array of [id, fields]); `pending`: with delivery counts. */
static void haul_take(struct haul *h, struct partition *p, const redisReply *items, bool pending)
{
    *h = (struct haul){.tail = &h->first};
    for (size_t i = 0; i < reply_count(items) && h->fault == NULL; i++) {
        const redisReply *item = reply_at(items, i);
        haul_add(h, p, item, pending ? deliveries_of(p, item) : 1);
    }
}

/* What was read stays pending; the partition is lost and gained again, and reads it once more. */
static void haul_give_up(struct haul *h, struct partition *p)
{
    while (h->first != NULL) {
        struct entry *e = h->first;
        h->first = e->next;
        entry_free(e);
    }
    consumer_partition_failed(p, h->fault);
}

static void haul_deliver(struct haul *h, struct partition *p)
{
    struct consumer *c = p->consumer;

    if (h->n > 0)
        c->options.on_entries(c->options.ctx, p->number, h->first, h->n);
}

/* ---- the group ----------------------------------------------------------------------------------
 */

static void on_group(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;
    bool ok = r != NULL && !reply_is_error(r);

    if (reply_is_error(r))
        (void)consumer_refused(p->consumer, r);
    p->resync_due = p->resync_due || ok; /* an owner before us may have left somebody to tell */
    act(p, cursor_grouped(&p->cursor, ok)); /* not ok: partition_retry() */
}

static void group(struct partition *p)
{
    const char *argv[] = {"EVAL", script_group, "2", p->events, p->resync, CONSUMER_GROUP};

    if (!consumer_command(p->consumer, on_group, p, 6, argv))
        (void)cursor_grouped(&p->cursor, false);
}

/* ---- recovery -----------------------------------------------------------------------------------
 */

static void on_counts(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;

    p->n_page = 0;
    for (size_t i = 0; i < reply_count(r) && p->n_page < RECOVER_COUNT_MAX; i++) {
        const redisReply *row = reply_at(r, i);
        long long n;
        if (!reply_id(reply_at(row, 0), &p->page[p->n_page].id) ||
            !reply_integer(reply_at(row, 3), &n))
            continue;
        p->page[p->n_page++].deliveries = n > 0 && n < UINT32_MAX ? (uint32_t)n : 1;
    }
}

static void recover_failed(struct partition *p, const redisReply *r)
{
    struct consumer *c = p->consumer;
    unsigned bits = cursor_recover_failed(&p->cursor);

    if (reply_is_error(r) && !consumer_refused(c, r) && reply_refusal(r) == REFUSAL_NO_GROUP)
        bits |= cursor_no_group(&p->cursor);
    act(p, bits);
}

static void on_pending(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;
    struct consumer *c = p->consumer;
    struct haul haul;
    unsigned bits;

    if (r == NULL || reply_is_error(r)) {
        recover_failed(p, r);
        return;
    }
    if (p->cursor.state != CURSOR_RECOVERING || c->stop_reading || !consumer_owns(c, p->number)) {
        act(p, cursor_recover_failed(&p->cursor));
        return;
    }
    haul_take(&haul, p, reply_at(reply_at(r, 0), 1), true);
    pacer_saw(&c->pacer, p->asked, haul.seen, haul.largest);
    if (haul.fault != NULL) {
        (void)cursor_recover_failed(&p->cursor);
        haul_give_up(&haul, p);
        return;
    }
    bits = cursor_recovered(&p->cursor, haul.seen, haul.last, p->held.n);
    haul_deliver(&haul, p);
    if (p->cursor.state == CURSOR_READING)
        consumer_unblock(c); /* so that the next read includes us */
    act(p, bits);
}

/* What its entries weigh leaves no room for more. */
static bool is_heavy(const struct partition *p)
{
    const struct consumer *c = p->consumer;

    return held_is_heavy(&p->held, c->options.window_bytes, leases_owned(&c->leases));
}

static void recover(struct partition *p)
{
    struct consumer *c = p->consumer;
    char start[ENTRY_ID_TEXT_MAX + 1] = "(", count[16];
    unsigned room = p->cursor.window - p->cursor.held;

    p->asked = pacer_count(&c->pacer, 1);
    p->asked = p->asked > room ? room : p->asked;
    p->asked = p->asked > RECOVER_COUNT_MAX ? RECOVER_COUNT_MAX : p->asked;
    snprintf(count, sizeof count, "%u", p->asked);
    entry_id_text(p->cursor.last, start + 1);
    const char *counts[] = {"XPENDING", p->events, CONSUMER_GROUP, start,
                            "+",        count,     CONSUMER_NAME};
    const char *read[] = {"XREADGROUP", "GROUP",   CONSUMER_GROUP, CONSUMER_NAME, "COUNT",
                          count,        "STREAMS", p->events,      start + 1};
    /* The counts first: reading increments them. */
    if (c->stop_reading || is_heavy(p) || !consumer_command(c, on_counts, p, 7, counts) ||
        !consumer_command(c, on_pending, p, 9, read))
        (void)cursor_recover_failed(&p->cursor); /* settling or partition_retry() asks again */
}

/* ---- new entries --------------------------------------------------------------------------------
 */

/* The partition whose events stream is called `key`; NULL: none of ours. */
static struct partition *partition_by_key(struct consumer *c, const redisReply *key)
{
    static const char prefix[] = "ringback:{";
    size_t n = sizeof prefix - 1;
    unsigned long number;

    if (!reply_is_text(key) || strncmp(key->str, prefix, n) != 0)
        return NULL;
    number = strtoul(key->str + n, NULL, 10);
    if (number >= c->partitions || strcmp(c->parts[number].events, key->str) != 0)
        return NULL;
    return &c->parts[number];
}

static void take_new(struct consumer *c, const redisReply *stream)
{
    struct partition *p = partition_by_key(c, reply_at(stream, 0));
    struct haul haul;

    if (p == NULL || !cursor_takes_new(&p->cursor) || !consumer_owns(c, p->number))
        return;
    haul_take(&haul, p, reply_at(stream, 1), false);
    pacer_saw(&c->pacer, c->plan.count, haul.seen, haul.largest);
    if (haul.fault != NULL) {
        haul_give_up(&haul, p);
        return;
    }
    if (haul.seen > 0)
        cursor_entries(&p->cursor, haul.last, p->held.n);
    haul_deliver(&haul, p);
}

/* Every partition of the read may go on; only then the next read is planned. */
static void read_over(struct consumer *c, bool no_group)
{
    for (unsigned i = 0; i < c->plan.n; i++) {
        struct partition *p = &c->parts[c->plan.partition[i]];
        unsigned bits = cursor_read_over(&p->cursor);
        if (no_group)
            bits |= cursor_no_group(&p->cursor);
        act(p, bits & ~(unsigned)CURSOR_DO_READ);
    }
    c->reading = false;
    if (c->stop_reading)
        consumer_tell_stopped(c);
    if (c->closing)
        consumer_close_continue(c);
    else
        consumer_read(c);
}

static void on_again(uv_timer_t *timer)
{
    consumer_read(timer->data);
}

static void on_read(void *ctx, const redisReply *r)
{
    struct consumer *c = ctx;
    bool no_group = false;

    if (reply_is_error(r) && !consumer_refused(c, r)) {
        no_group = reply_refusal(r) == REFUSAL_NO_GROUP;
        if (!c->closing)
            uv_timer_start(&c->again, on_again, READ_AGAIN_MS, 0);
    }
    for (size_t i = 0; i < reply_count(r); i++)
        take_new(c, reply_at(r, i));
    read_over(c, no_group);
}

static bool plan(struct consumer *c)
{
    const struct cursor *cursors[PARTITIONS_MAX];
    bool included[PARTITIONS_MAX];
    uint64_t now = consumer_clock_ms();

    for (unsigned i = 0; i < c->partitions; i++) {
        cursors[i] = &c->parts[i].cursor;
        included[i] = leases_owns(&c->leases, i, now) && !is_heavy(&c->parts[i]);
    }
    c->turn++;
    return read_plan_make(&c->plan, cursors, included, c->partitions, &c->pacer, c->turn);
}

void consumer_read(struct consumer *c)
{
    const char *argv[READ_ARGS_MAX] = {"XREADGROUP", "GROUP", CONSUMER_GROUP, CONSUMER_NAME,
                                       "COUNT"};
    char count[16], block[16];
    int argc = 5;

    /* `again` is also the closing timer, and while it runs after an error nothing is read. */
    if (c->reading || !c->up || c->stop_reading || uv_is_active((uv_handle_t *)&c->again) ||
        !plan(c))
        return;
    snprintf(count, sizeof count, "%u", c->plan.count);
    snprintf(block, sizeof block, "%u", c->plan.block_ms);
    argv[argc++] = count;
    argv[argc++] = "BLOCK";
    argv[argc++] = block;
    argv[argc++] = "STREAMS";
    for (unsigned i = 0; i < c->plan.n; i++) {
        argv[argc + (int)i] = c->parts[c->plan.partition[i]].events;
        argv[argc + (int)(c->plan.n + i)] = ">";
    }
    argc += 2 * (int)c->plan.n;
    if (!link_send(c->reader, on_read, c, argc, argv, NULL))
        return; /* the tick tries again */
    c->reading = true;
    for (unsigned i = 0; i < c->plan.n; i++)
        c->parts[c->plan.partition[i]].cursor.in_read = true;
}

/* Ends a long BLOCK at once. If it does not work (not blocked yet, or not allowed) the read ends by
 * itself soon. */
void consumer_unblock(struct consumer *c)
{
    const char *argv[] = {"CLIENT", "UNBLOCK", c->reader_peer.id};

    if (c->reading && c->plan.block_ms > READ_BLOCK_SHORT_MS && c->reader_peer.id[0] != '\0')
        (void)consumer_command(c, NULL, NULL, 3, argv);
}

/* ---- a partition's life -------------------------------------------------------------------------
 */

/* Does what the cursor asks for. */
static void act(struct partition *p, unsigned bits)
{
    struct consumer *c = p->consumer;

    if (bits & CURSOR_DO_GROUP)
        group(p);
    if (bits & CURSOR_DO_RECOVER)
        recover(p);
    if (bits & CURSOR_DRAINED) {
        leases_drained(&c->leases, p->number);
        consumer_run_orders(c);
    }
    if (bits & CURSOR_DO_READ)
        consumer_read(c);
}

void partition_gain(struct partition *p)
{
    held_clear(&p->held);
    p->astray = ENTRY_ID_ZERO;
    p->facts.known = false;
    p->lag_known = false;
    p->pending = p->lag = p->oldest_ms = 0;
    p->trim_due = true;
    act(p, cursor_gain(&p->cursor));
}

void partition_lose(struct partition *p)
{
    cursor_lose(&p->cursor);
    held_clear(&p->held);
    p->pending = p->lag = p->oldest_ms = 0;
}

void partition_drain(struct partition *p)
{
    if (p->cursor.in_read)
        consumer_unblock(p->consumer);
    act(p, cursor_drain(&p->cursor));
}

void partition_retry(struct partition *p)
{
    act(p, cursor_retry(&p->cursor));
}

void partition_settled(struct partition *p, const struct entry_id *ids, unsigned n)
{
    (void)held_remove(&p->held, ids, n);
    act(p, cursor_settled(&p->cursor, p->held.n));
}

void partition_no_group(struct partition *p)
{
    act(p, cursor_no_group(&p->cursor));
}

void consumer_tell_stopped(struct consumer *c)
{
    if (c->told_stopped || c->reading)
        return;
    c->told_stopped = true;
    if (c->options.on_stopped != NULL && !c->closing)
        c->options.on_stopped(c->options.ctx);
}
