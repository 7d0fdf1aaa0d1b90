/* What the worker uses of libuv, on the simulated clock. A loop's time is that of its last turn, as in libuv: who was
 * stopped wakes up with an old one. */
#include "sim.h"

#include <assert.h>
#include <string.h>
#include <time.h>

enum { ACTIVE = 1, CLOSING = 2 };

int __wrap_clock_gettime(clockid_t clock, struct timespec *out);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    (void)clock;
    *out = (struct timespec){.tv_sec = (time_t)(sim_now_us / 1000000),
                             .tv_nsec = (long)(sim_now_us % 1000000) * 1000};
    return 0;
}

static struct sim_loop *loop_of(const uv_loop_t *loop)
{
    return (struct sim_loop *)(void *)(uintptr_t)loop;
}

void sim_loop_init(struct sim_loop *l)
{
    memset(l, 0, sizeof *l);
    l->uv.time = sim_now_ms();
}

static void add(uv_loop_t *loop, uv_handle_t *h, uv_handle_type type)
{
    struct sim_loop *l = loop_of(loop);

    assert(l->n < SIM_HANDLES_MAX);
    h->loop = loop;
    h->type = type;
    h->flags = 0;
    l->handle[l->n++] = h;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *t)
{
    add(loop, (uv_handle_t *)t, UV_TIMER);
    return 0;
}

int uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    if (t->flags & CLOSING)
        return UV_EINVAL;
    t->timer_cb = cb;
    t->timeout = t->loop->time + timeout;
    t->repeat = repeat;
    t->start_id = loop_of(t->loop)->starts++;
    t->flags |= ACTIVE;
    return 0;
}

int uv_timer_stop(uv_timer_t *t)
{
    t->flags &= ~(unsigned)ACTIVE;
    return 0;
}

int uv_idle_init(uv_loop_t *loop, uv_idle_t *h)
{
    add(loop, (uv_handle_t *)h, UV_IDLE);
    return 0;
}

int uv_idle_start(uv_idle_t *h, uv_idle_cb cb)
{
    h->idle_cb = cb;
    h->flags |= ACTIVE;
    return 0;
}

int uv_idle_stop(uv_idle_t *h)
{
    h->flags &= ~(unsigned)ACTIVE;
    return 0;
}

void uv_close(uv_handle_t *h, uv_close_cb cb)
{
    assert((h->flags & CLOSING) == 0);
    h->flags = CLOSING;
    h->close_cb = cb;
}

int uv_is_active(const uv_handle_t *h)
{
    return (h->flags & ACTIVE) != 0;
}

int uv_is_closing(const uv_handle_t *h)
{
    return (h->flags & CLOSING) != 0;
}

uint64_t uv_now(const uv_loop_t *loop)
{
    return loop->time;
}

uint64_t uv_hrtime(void)
{
    return sim_now_us * 1000;
}

/* The timer that is due first, of those started before `starts`. */
static uv_timer_t *due(struct sim_loop *l, uint64_t starts)
{
    uv_timer_t *best = NULL;

    for (unsigned i = 0; i < l->n; i++) {
        uv_timer_t *t = (uv_timer_t *)(void *)l->handle[i];

        if (t->type != UV_TIMER || (t->flags & ACTIVE) == 0 || t->timeout > l->uv.time ||
            t->start_id >= starts)
            continue;
        if (best == NULL || t->timeout < best->timeout ||
            (t->timeout == best->timeout && t->start_id < best->start_id))
            best = t;
    }
    return best;
}

static void run_closed(struct sim_loop *l)
{
    for (unsigned i = 0; i < l->n;) {
        uv_handle_t *h = l->handle[i];

        if ((h->flags & CLOSING) == 0) {
            i++;
            continue;
        }
        l->handle[i] = l->handle[--l->n];
        if (h->close_cb != NULL)
            h->close_cb(h); /* which may free it, and close others */
        i = 0;
    }
}

void sim_loop_turn(struct sim_loop *l)
{
    uint64_t starts = l->starts;
    uv_timer_t *t;

    l->uv.time = sim_now_ms();
    while ((t = due(l, starts)) != NULL) {
        if (t->repeat > 0)
            uv_timer_start(t, t->timer_cb, t->repeat, t->repeat);
        else
            uv_timer_stop(t);
        t->timer_cb(t);
    }
    for (unsigned i = 0; i < l->n; i++) {
        uv_idle_t *h = (uv_idle_t *)(void *)l->handle[i];

        if (h->type == UV_IDLE && (h->flags & ACTIVE) != 0)
            h->idle_cb(h);
    }
    run_closed(l);
}

uint64_t sim_loop_due_ms(const struct sim_loop *l)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < l->n; i++) {
        const uv_handle_t *h = l->handle[i];
        const uv_timer_t *t = (const uv_timer_t *)(const void *)h;

        if ((h->flags & CLOSING) || (h->type == UV_IDLE && (h->flags & ACTIVE)))
            return 0;
        if (h->type == UV_TIMER && (h->flags & ACTIVE) && t->timeout < first)
            first = t->timeout;
    }
    return first;
}
