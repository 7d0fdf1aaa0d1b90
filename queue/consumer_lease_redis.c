/* Carries out the orders of lease.c: partition leases, membership, named leases.
 *
 * Happy path: tick -> heartbeat, renewals; a look (MGET) when we have less than our share ->
 * acquire -> gained. Failures: an error reply leaves the lease to run out by itself; a lost link
 * loses all at once.
 *
 * All writing goes through scripts that may run at maxmemory (Redis 7: "#!lua flags=allow-oom"): a
 * full Redis must be worked off, not lose its workers. Expiry is Redis's clock throughout. */
#include "consumer_internal_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_KEY                                                                                \
    "ringback:workers" /* sorted set: worker id, scored by when it counts as gone  \
                                        */

enum { NUMBER_MAX = 24 };

static const char script_acquire[] = "#!lua flags=allow-oom\n"
                                     "local holder = redis.call('GET', KEYS[1])\n"
                                     "if holder and holder ~= ARGV[1] then return 0 end\n"
                                     "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
                                     "return 1\n";

static const char script_renew[] = "#!lua flags=allow-oom\n"
                                   "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
                                   "return redis.call('PEXPIRE', KEYS[1], ARGV[2])\n";

static const char script_release[] = "#!lua flags=allow-oom\n"
                                     "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
                                     "return redis.call('DEL', KEYS[1])\n";

/* Registers us, forgets who is gone; returns our place in the order of ids and how many we are. */
static const char script_heartbeat[] =
    "#!lua flags=allow-oom\n"
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)\n"
    "redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])\n"
    "local ids = redis.call('ZRANGE', KEYS[1], 0, -1)\n"
    "local rank = 0\n"
    "for i = 1, #ids do if ids[i] < ARGV[1] then rank = rank + 1 end end\n"
    "return {rank, #ids}\n";

static void run_named_orders(struct named_lease *n);

static bool eval(struct consumer *c, const char *script, const char *key, link_cb cb, void *ctx)
{
    char px[NUMBER_MAX];
    const char *argv[] = {"EVAL", script, "1", key, c->worker_id, px};

    snprintf(px, sizeof px, "%llu", (unsigned long long)c->options.lease_ms);
    return consumer_command(c, cb, ctx, 6, argv);
}

static enum lease_answer answer_of(struct consumer *c, const redisReply *r)
{
    long long n;

    if (reply_is_error(r))
        (void)consumer_refused(c, r);
    if (!reply_integer(r, &n))
        return LEASE_REFUSED;
    return n == 1 ? LEASE_YES : LEASE_NO;
}

/* ---- answers: every NULL is followed by the link going down, which the machine is told ----------
 */

static void on_acquired(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;

    if (r == NULL)
        return;
    leases_acquired(&p->consumer->leases, p->number, answer_of(p->consumer, r),
                    consumer_clock_ms());
    consumer_run_orders(p->consumer);
}

static void on_renewed(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;

    if (r == NULL)
        return;
    leases_renewed(&p->consumer->leases, p->number, answer_of(p->consumer, r), consumer_clock_ms());
    consumer_run_orders(p->consumer);
}

static void on_released(void *ctx, const redisReply *r)
{
    struct partition *p = ctx;

    if (r == NULL)
        return;
    leases_released(&p->consumer->leases, p->number);
    consumer_run_orders(p->consumer);
}

static void on_heartbeat(void *ctx, const redisReply *r)
{
    struct consumer *c = ctx;
    long long rank = 0, members = 0;

    if (r == NULL)
        return;
    if (reply_is_error(r))
        (void)consumer_refused(c, r);
    if (!reply_integer(reply_at(r, 0), &rank) || !reply_integer(reply_at(r, 1), &members) ||
        rank < 0 || members > UINT16_MAX)
        members = 0;
    leases_members(&c->leases, (unsigned)rank, members < 0 ? 0 : (unsigned)members,
                   consumer_clock_ms());
    consumer_run_orders(c);
}

/* could[i] from an MGET of lease keys; false: not an answer to it. */
static bool read_look(struct consumer *c, const redisReply *r, bool *could, unsigned n)
{
    if (reply_is_error(r))
        (void)consumer_refused(c, r);
    if (reply_count(r) != n)
        return false;
    for (unsigned i = 0; i < n; i++) {
        const redisReply *holder = reply_at(r, i);
        could[i] = holder->type == REDIS_REPLY_NIL ||
                   (reply_is_text(holder) && strcmp(holder->str, c->worker_id) == 0);
    }
    return true;
}

static void on_looked(void *ctx, const redisReply *r)
{
    struct consumer *c = ctx;
    bool could[PARTITIONS_MAX];

    if (r == NULL)
        return;
    leases_looked(&c->leases, read_look(c, r, could, c->partitions) ? could : NULL,
                  consumer_clock_ms());
    consumer_run_orders(c);
}

/* ---- orders -------------------------------------------------------------------------------------
 */

static void look(struct consumer *c)
{
    const char *argv[PARTITIONS_MAX + 1] = {"MGET"};

    for (unsigned i = 0; i < c->partitions; i++)
        argv[i + 1] = c->parts[i].lease;
    (void)consumer_command(c, on_looked, c, (int)c->partitions + 1, argv);
}

static void tell_lost(struct partition *p, const char *reason)
{
    struct consumer *c = p->consumer;

    partition_lose(p);
    c->options.on_lost(c->options.ctx, p->number, reason);
}

static void tell_gained(struct partition *p)
{
    struct consumer *c = p->consumer;

    if (c->options.on_gained != NULL)
        c->options.on_gained(c->options.ctx, p->number);
    partition_gain(p);
}

static void run_order(struct consumer *c, const struct lease_order *o)
{
    struct partition *p = &c->parts[o->partition];

    switch (o->kind) {
    case LEASE_DO_HEARTBEAT:
        (void)eval(c, script_heartbeat, WORKERS_KEY, on_heartbeat, c);
        break;
    case LEASE_DO_LOOK:
        look(c);
        break;
    case LEASE_DO_ACQUIRE:
        (void)eval(c, script_acquire, p->lease, on_acquired, p);
        break;
    case LEASE_DO_RENEW:
        (void)eval(c, script_renew, p->lease, on_renewed, p);
        break;
    case LEASE_DO_RELEASE:
        (void)eval(c, script_release, p->lease, on_released, p);
        break;
    case LEASE_TELL_GAINED:
        tell_gained(p);
        break;
    case LEASE_TELL_DRAIN:
        partition_drain(p);
        break;
    case LEASE_TELL_LOST:
        tell_lost(p, o->reason);
        break;
    }
}

/* Carrying out an order may call the worker, who may call us, which may bring new orders: those
 * wait their turn. */
void consumer_run_orders(struct consumer *c)
{
    struct lease_order o;

    if (c->running_orders)
        return;
    c->running_orders = true;
    while (leases_next(&c->leases, &o))
        run_order(c, &o);
    c->running_orders = false;
}

void consumer_partition_failed(struct partition *p, const char *reason)
{
    leases_failed(&p->consumer->leases, p->number, reason, consumer_clock_ms());
    consumer_run_orders(p->consumer);
}

bool consumer_owns(const struct consumer *c, unsigned partition)
{
    return leases_owns(&c->leases, partition, consumer_clock_ms());
}

/* ---- named leases -------------------------------------------------------------------------------
 */

static void on_named_acquired(void *ctx, const redisReply *r)
{
    struct named_lease *n = ctx;

    if (r == NULL)
        return;
    leases_acquired(&n->leases, 0, answer_of(n->consumer, r), consumer_clock_ms());
    run_named_orders(n);
}

static void on_named_renewed(void *ctx, const redisReply *r)
{
    struct named_lease *n = ctx;

    if (r == NULL)
        return;
    leases_renewed(&n->leases, 0, answer_of(n->consumer, r), consumer_clock_ms());
    run_named_orders(n);
}

static void on_named_released(void *ctx, const redisReply *r)
{
    struct named_lease *n = ctx;

    if (r == NULL)
        return;
    leases_released(&n->leases, 0);
    run_named_orders(n);
}

static void on_named_looked(void *ctx, const redisReply *r)
{
    struct named_lease *n = ctx;
    bool could[1];

    if (r == NULL)
        return;
    leases_looked(&n->leases, read_look(n->consumer, r, could, 1) ? could : NULL,
                  consumer_clock_ms());
    run_named_orders(n);
}

static void run_named_order(struct named_lease *n, const struct lease_order *o)
{
    const char *argv[] = {"MGET", n->key};

    switch (o->kind) {
    case LEASE_DO_LOOK:
        (void)consumer_command(n->consumer, on_named_looked, n, 2, argv);
        break;
    case LEASE_DO_ACQUIRE:
        (void)eval(n->consumer, script_acquire, n->key, on_named_acquired, n);
        break;
    case LEASE_DO_RENEW:
        (void)eval(n->consumer, script_renew, n->key, on_named_renewed, n);
        break;
    case LEASE_DO_RELEASE:
        (void)eval(n->consumer, script_release, n->key, on_named_released, n);
        break;
    case LEASE_TELL_GAINED:
    case LEASE_TELL_LOST:
        n->on_change(n->ctx, o->kind == LEASE_TELL_GAINED);
        break;
    case LEASE_DO_HEARTBEAT: /* named leases have no members and nothing to drain */
    case LEASE_TELL_DRAIN:
        break;
    }
}

static void run_named_orders(struct named_lease *n)
{
    struct lease_order o;

    if (n->running)
        return;
    n->running = true;
    while (leases_next(&n->leases, &o))
        run_named_order(n, &o);
    n->running = false;
}

struct named_lease *consumer_lease(struct consumer *c, const char *name,
                                   void (*on_change)(void *ctx, bool held), void *ctx)
{
    static const char prefix[] = "ringback:lease:";
    struct named_lease *n = calloc(1, sizeof *n);
    size_t size = sizeof prefix + strlen(name);

    if (n == NULL || (n->key = malloc(size)) == NULL) {
        free(n);
        return NULL;
    }
    snprintf(n->key, size, "%s%s", prefix, name);
    n->consumer = c;
    n->on_change = on_change;
    n->ctx = ctx;
    leases_init(&n->leases, 1, c->options.lease_ms, true);
    n->next = c->named;
    c->named = n;
    /* The machine learns about the link with the next tick, never inside this call. */
    return n;
}

bool consumer_lease_held(const struct named_lease *lease)
{
    return leases_owns(&lease->leases, 0, consumer_clock_ms());
}

/* ---- what happens to all of them ----------------------------------------------------------------
 */

void consumer_leases_up(struct consumer *c)
{
    leases_up(&c->leases, consumer_clock_ms());
    consumer_run_orders(c); /* which may find that the link is of no use, and cut it */
    for (struct named_lease *n = c->named; n != NULL && c->up; n = n->next) {
        leases_up(&n->leases, consumer_clock_ms());
        run_named_orders(n);
    }
}

void consumer_leases_down(struct consumer *c, const char *reason)
{
    leases_down(&c->leases, reason);
    consumer_run_orders(c);
    for (struct named_lease *n = c->named; n != NULL; n = n->next) {
        leases_down(&n->leases, reason);
        run_named_orders(n);
    }
}

void consumer_leases_tick(struct consumer *c)
{
    leases_tick(&c->leases, consumer_clock_ms());
    consumer_run_orders(c);
    for (struct named_lease *n = c->named; n != NULL; n = n->next) {
        if (c->up && !n->leases.up)
            leases_up(&n->leases, consumer_clock_ms());
        else
            leases_tick(&n->leases, consumer_clock_ms());
        run_named_orders(n);
    }
}

/* Hands over everything and leaves the list of workers: the others need not wait for our leases to
 * run out. */
void consumer_leases_release(struct consumer *c)
{
    const char *argv[] = {"ZREM", WORKERS_KEY, c->worker_id};

    leases_release_all(&c->leases);
    consumer_run_orders(c);
    for (struct named_lease *n = c->named; n != NULL; n = n->next) {
        leases_release_all(&n->leases);
        run_named_orders(n);
    }
    if (c->up)
        (void)consumer_command(c, NULL, NULL, 3, argv);
}

bool consumer_leases_releasing(const struct consumer *c)
{
    bool any = leases_releasing(&c->leases);

    for (const struct named_lease *n = c->named; n != NULL; n = n->next)
        any = any || leases_releasing(&n->leases);
    return any;
}

void consumer_named_free(struct consumer *c)
{
    while (c->named != NULL) {
        struct named_lease *n = c->named;
        c->named = n->next;
        free(n->key);
        free(n);
    }
}
