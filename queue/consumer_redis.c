/* The consumer's life: two links, the clock ticks, closing. What happens in between is in the files
 * beside it: consumer_lease_redis.c (who owns what), consumer_read_redis.c,
 * consumer_settle_redis.c, consumer_suspect_redis.c, consumer_survey_redis.c,
 * consumer_erase_redis.c.
 *
 * Happy path: both links up -> leases -> reading ... -> close: stop reading, hand over, wait for
 * the answers, close the links. Failures: either link down -> every partition is lost; both up
 * again -> leases are looked for at once, and those that are still ours are gained again. */
#include "consumer_internal_redis.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLOSE_POLL_MS = 10, HANDLES = 4 + 2 }; /* four timers and two links */

uint64_t consumer_clock_ms(void)
{
    struct timespec t;

    /* Unlike CLOCK_MONOTONIC (uv_hrtime) it counts while the machine sleeps, too: Redis's clock
     * goes on then. */
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

const char *consumer_reason(struct consumer *c, const char *text)
{
    if (text != c->reason)
        snprintf(c->reason, sizeof c->reason, "%s", text);
    return c->reason;
}

bool consumer_command(struct consumer *c, link_cb cb, void *ctx, int argc, const char *const *argv)
{
    if (link_send(c->command, cb, ctx, argc, argv, NULL))
        return true;
    /* Up and yet not sent: out of memory. The machines wait for answers, so begin afresh. */
    link_reconnect(c->command, "out of memory");
    return false;
}

bool consumer_refused(struct consumer *c, const redisReply *r)
{
    char why[sizeof c->reason];

    if (reply_refusal(r) != REFUSAL_ELSEWHERE)
        return false;
    snprintf(why, sizeof why, "%s", r->str);
    link_reconnect(c->command, why);
    link_reconnect(c->reader, why);
    return true;
}

/* ---- callbacks owed from a later turn of the loop -----------------------------------------------
 */

static void pay_owed(struct consumer *c)
{
    struct owed *o = c->owed;

    c->owed = NULL;
    c->owed_tail = &c->owed;
    while (o != NULL) {
        struct owed *next = o->next;
        o->cb(o->ctx, o->ok);
        free(o);
        o = next;
    }
}

static void on_soon(uv_timer_t *timer)
{
    pay_owed(timer->data);
}

void consumer_owe(struct consumer *c, void (*cb)(void *ctx, bool ok), void *ctx, bool ok)
{
    struct owed *o = malloc(sizeof *o);

    assert(o != NULL); /* a dozen bytes; without them a promise would be broken silently */
    *o = (struct owed){.cb = cb, .ctx = ctx, .ok = ok};
    *c->owed_tail = o;
    c->owed_tail = &o->next;
    if (!uv_is_closing((uv_handle_t *)&c->soon))
        uv_timer_start(&c->soon, on_soon, 0, 0);
}

/* ---- links --------------------------------------------------------------------------------------
 */

static void tell_state(struct consumer *c, bool up, const char *reason)
{
    c->told = true;
    if (!c->closing && c->options.on_state != NULL)
        c->options.on_state(c->options.ctx, up, reason);
}

/* "id=7 addr=10.0.0.1:41234 laddr=..." */
static void on_client_info(void *ctx, const redisReply *r)
{
    struct peer *p = ctx;

    if (!reply_is_text(r) || sscanf(r->str, "id=%23[0-9] addr=%63s", p->id, p->address) != 2)
        p->id[0] = p->address[0] = '\0';
}

/* The server may not have noticed that a connection of ours is gone: it may still hand new entries to the reader, which
 * would be found astray only later, and still carry out what the other had sent, behind what we send now. So it is
 * ended first. By id and address: a server that was started again counts its ids from the beginning. A local socket
 * needs nothing of this kind. */
static void end_former(struct consumer *c, struct link *l, struct peer *p)
{
    const char *kill[] = {"CLIENT", "KILL", "ID", p->id, "ADDR", p->address};
    static const char *const info[] = {"CLIENT", "INFO"};

    if (!p->gone && p->id[0] != '\0')
        return;
    if (p->id[0] != '\0' && p->address[0] != '/')
        (void)consumer_command(c, NULL, NULL, 6, kill);
    *p = (struct peer){.gone = false};
    (void)link_send(l, on_client_info, p, 2, info, NULL);
}

static void on_link_up(void *ctx)
{
    struct consumer *c = ctx;

    if (!link_is_up(c->command) || !link_is_up(c->reader))
        return;
    c->up = true;
    end_former(c, c->command, &c->command_peer);
    end_former(c, c->reader, &c->reader_peer);
    if (!c->up)
        return; /* no memory for a command: the link was cut again */
    tell_state(c, true, "connected");
    consumer_leases_up(c);
}

static void on_link_down(void *ctx, const char *reason)
{
    struct consumer *c = ctx;
    bool was_up = c->up;

    c->command_peer.gone = c->command_peer.gone || !link_is_up(c->command);
    c->reader_peer.gone = c->reader_peer.gone || !link_is_up(c->reader);
    c->up = false;
    if (was_up)
        consumer_leases_down(c, consumer_reason(c, reason));
    if (was_up || !c->told)
        tell_state(c, false, reason);
}

/* ---- the clock ----------------------------------------------------------------------------------
 */

static void on_tick(uv_timer_t *timer)
{
    struct consumer *c = timer->data;

    if (c->released)
        return;
    consumer_leases_tick(c);
    for (unsigned i = 0; i < c->partitions; i++) {
        partition_retry(&c->parts[i]);
        partition_resync(&c->parts[i]);
        partition_absolve(&c->parts[i]);
    }
    consumer_read(c);
}

static void on_survey(uv_timer_t *timer)
{
    consumer_survey(timer->data);
}

/* ---- beginning ----------------------------------------------------------------------------------
 */

static void consumer_free(struct consumer *c)
{
    for (unsigned i = 0; c->parts != NULL && i < c->partitions; i++) {
        held_free(&c->parts[i].held);
        free(c->parts[i].page);
    }
    consumer_named_free(c);
    free(c->parts);
    free(c->worker_id);
    free(c);
}

static bool partitions_init(struct consumer *c)
{
    unsigned window = c->options.window;

    c->parts = calloc(c->partitions, sizeof *c->parts);
    if (c->parts == NULL)
        return false;
    for (unsigned i = 0; i < c->partitions; i++) {
        struct partition *p = &c->parts[i];
        p->consumer = c;
        p->number = i;
        events_key(p->events, i);
        live_key(p->live, i);
        lease_key(p->lease, i);
        suspects_key(p->suspects, i);
        resync_key(p->resync, i);
        cursor_init(&p->cursor, window);
        p->page = calloc(RECOVER_COUNT_MAX, sizeof *p->page);
        /* A read may have been sent before a settle made room for another one. */
        if (p->page == NULL || !held_init(&p->held, window + c->options.read_count))
            return false;
    }
    return true;
}

static bool links_open(struct consumer *c)
{
    struct link_options options = {.url = c->options.redis_url,
                                   .client_name = "ringback-worker",
                                   .reply_timeout_ms = COMMAND_TIMEOUT_MS,
                                   .on_up = on_link_up,
                                   .on_down = on_link_down,
                                   .ctx = c};

    c->command = link_open(c->loop, &options);
    options.client_name = "ringback-worker-read";
    c->reader = c->command == NULL ? NULL : link_open(c->loop, &options);
    if (c->command != NULL && c->reader == NULL)
        link_close(c->command, NULL, NULL);
    return c->reader != NULL;
}

static void start_timers(struct consumer *c)
{
    c->tick.data = c->survey.data = c->again.data = c->soon.data = c;
    uv_timer_init(c->loop, &c->tick);
    uv_timer_init(c->loop, &c->survey);
    uv_timer_init(c->loop, &c->again);
    uv_timer_init(c->loop, &c->soon);
    uv_timer_start(&c->tick, on_tick, c->leases.tick_ms, c->leases.tick_ms);
    uv_timer_start(&c->survey, on_survey, SURVEY_MS, SURVEY_MS);
}

struct consumer *consumer_new(uv_loop_t *loop, const struct consumer_options *options)
{
    struct consumer *c = calloc(1, sizeof *c);

    assert(options->window > 0 && options->read_count > 0);
    assert(options->on_lost != NULL && options->on_entries != NULL);
    if (c == NULL)
        return NULL;
    c->loop = loop;
    c->options = *options;
    if (c->options.window_bytes == 0)
        c->options.window_bytes = HELD_BYTES_MAX;
    c->partitions = options->partitions;
    c->retention_ms = options->retention_ms;
    c->owed_tail = &c->owed;
    c->worker_id = strdup(options->worker_id);
    leases_init(&c->leases, c->partitions, options->lease_ms, false);
    pacer_init(&c->pacer,
               options->read_count < options->window ? options->read_count : options->window);
    if (c->worker_id == NULL || !partitions_init(c) || !links_open(c)) {
        consumer_free(c);
        return NULL;
    }
    c->options.redis_url = NULL;
    c->options.worker_id = c->worker_id;
    start_timers(c);
    return c;
}

/* ---- ending -------------------------------------------------------------------------------------
 */

static void stopped_later(void *ctx, bool ok)
{
    (void)ok;
    consumer_tell_stopped(ctx);
}

void consumer_stop_reading(struct consumer *c)
{
    if (c->stop_reading)
        return;
    c->stop_reading = true;
    leases_stop(&c->leases);
    if (c->reading)
        consumer_unblock(c); /* told when the read is back */
    else
        consumer_owe(c, stopped_later, c, true);
}

static void part_closed(struct consumer *c)
{
    void (*on_closed)(void *) = c->on_closed;
    void *ctx = c->closed_ctx;

    assert(c->open > 0);
    if (--c->open > 0)
        return;
    while (c->owed != NULL)
        pay_owed(c);
    consumer_free(c);
    if (on_closed != NULL)
        on_closed(ctx);
}

static void on_handle_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

static void on_link_closed(void *ctx)
{
    part_closed(ctx);
}

static void close_all(struct consumer *c)
{
    c->links_closing = true;
    c->open = HANDLES;
    consumer_leases_down(c, "closing"); /* whatever could not be handed over */
    c->up = false;
    uv_close((uv_handle_t *)&c->tick, on_handle_closed);
    uv_close((uv_handle_t *)&c->survey, on_handle_closed);
    uv_close((uv_handle_t *)&c->again, on_handle_closed);
    uv_close((uv_handle_t *)&c->soon, on_handle_closed);
    link_close(c->reader, on_link_closed, c);
    link_close(c->command, on_link_closed, c);
}

/* Read back, leases released, everything answered; or the time is up, or there is nobody to answer.
 */
void consumer_close_continue(struct consumer *c)
{
    bool late = consumer_clock_ms() - c->close_began_ms >= CLOSE_MS_MAX;

    if (!c->closing || c->links_closing)
        return;
    if (c->up && c->reading && !late)
        return; /* what it brings must be pending before somebody else reads the pending list */
    if (!c->released) {
        c->released = true;
        consumer_leases_release(c);
    }
    if (!c->up || late || (!consumer_leases_releasing(c) && link_outstanding(c->command) == 0))
        close_all(c);
}

static void on_close_poll(uv_timer_t *timer)
{
    consumer_close_continue(timer->data);
}

void consumer_close(struct consumer *c, void (*on_closed)(void *ctx), void *ctx)
{
    assert(!c->closing);
    consumer_stop_reading(c);
    c->closing = true;
    c->on_closed = on_closed;
    c->closed_ctx = ctx;
    c->close_began_ms = consumer_clock_ms();
    uv_timer_start(&c->again, on_close_poll, 0, CLOSE_POLL_MS);
}
