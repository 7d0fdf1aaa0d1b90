/* Time in the simulated shops. Event number i happens at start + i * span / events: what is due by
 * then happens, and if nothing is due, somebody new comes in. So the events are exactly as many as
 * asked for, evenly spread, and the shops are as busy as the number of events allows. */
#include "simulate/model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulate/locale.h"
#include "simulate/world.h"

enum {
    CATALOG_MIN = 4,
    CATALOG_MAX = 24,
    CATALOG_SHARE = 20, /* one event in so many stocks the shelves */
    DAY_S = 86400,
    SCALED_MIN_S = 1,
};

uint32_t sim_grow(void **of, size_t *n, size_t *room, size_t size)
{
    if (*n == *room) {
        size_t more = *room == 0 ? 64 : *room * 2;
        void *grown = realloc(*of, more * size);
        if (grown == NULL) {
            fprintf(stderr, "ringback simulate: out of memory\n");
            exit(1);
        }
        *of = grown;
        *room = more;
    }
    memset((char *)*of + *n * size, 0, size);
    assert(*n < NOBODY);
    return (uint32_t)(*n)++;
}

void sim_remember(uint32_t **list, uint32_t *n, uint32_t *room, uint32_t index)
{
    size_t length = *n, space = *room;
    uint32_t at = sim_grow((void **)list, &length, &space, sizeof **list);

    (*list)[at] = index;
    *n = (uint32_t)length;
    *room = (uint32_t)space;
}

/* ---- what is due: a binary heap ---- */

static bool earlier(const struct step *a, const struct step *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void swap(struct step *a, struct step *b)
{
    struct step t = *a;

    *a = *b;
    *b = t;
}

void sim_schedule(struct sim *s, enum step_kind kind, uint32_t what, int64_t after_s)
{
    uint32_t i = SIM_NEW(s->heap);
    struct step *h = s->heap.of;

    assert(after_s >= 0);
    h[i] = (struct step){.due_us = s->now_us + after_s * 1000000,
                         .order = s->scheduled++,
                         .what = what,
                         .kind = (uint8_t)kind};
    for (; i > 0 && earlier(&h[i], &h[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&h[i], &h[(i - 1) / 2]);
}

static struct step take_first(struct sim *s)
{
    struct step *h = s->heap.of, first = h[0];
    size_t i = 0, child;

    assert(s->heap.n > 0);
    h[0] = h[--s->heap.n];
    while ((child = 2 * i + 1) < s->heap.n) {
        if (child + 1 < s->heap.n && earlier(&h[child + 1], &h[child]))
            child++;
        if (!earlier(&h[child], &h[i]))
            break;
        swap(&h[child], &h[i]);
        i = child;
    }
    return first;
}

int64_t sim_scaled(const struct sim *s, int64_t seconds)
{
    int64_t span_s = s->options.span_us / 1000000, scaled;

    if (span_s >= DAY_S)
        return seconds;
    scaled = seconds * span_s / DAY_S;
    return scaled < SCALED_MIN_S ? SCALED_MIN_S : scaled;
}

/* ---- the turning of the world ---- */

struct sim *sim_new(const struct sim_options *options)
{
    struct sim *s = calloc(1, sizeof *s);
    uint64_t shelf = options->events / CATALOG_SHARE / options->n_stores;

    assert(options->n_stores > 0 && options->n_stores <= SIM_STORES_MAX);
    assert(options->events <= SIM_EVENTS_MAX && options->carts_percent <= 100);
    assert(options->calls_percent == 0 || (options->tenants != NULL && options->n_providers > 0));
    if (s == NULL)
        return NULL;
    s->options = *options;
    s->rng.state = options->seed;
    s->now_us = options->start_us;
    shelf = shelf < CATALOG_MIN ? CATALOG_MIN : shelf > CATALOG_MAX ? CATALOG_MAX : shelf;
    for (unsigned i = 0; i < options->n_stores; i++) {
        sim_open_store(s, i);
        sim_stock_catalog(s, i, (uint32_t)shelf);
    }
    return s;
}

static struct step newcomer(struct sim *s)
{
    uint32_t store = rng_below(&s->rng, s->options.n_stores), customer = NOBODY;
    unsigned dice = rng_below(&s->rng, 100);

    if (dice < 1)
        return (struct step){.kind = STEP_PRODUCT, .what = sim_new_product(s, store)};
    if (dice < 5)
        return (struct step){.kind = STEP_CUSTOMER, .what = sim_new_customer(s, store, false)};
    if (rng_percent(&s->rng, s->options.carts_percent))
        return (struct step){.kind = STEP_CHECKOUT, .what = sim_new_checkout(s, store)};
    dice = rng_below(&s->rng, 100);
    if (dice < 25)
        customer = sim_shopper(s, store);
    if (dice < 97 && customer == NOBODY)
        customer = sim_new_customer(s, store, true);
    return (struct step){.kind = STEP_ORDER, .what = sim_new_order(s, store, customer, NOBODY)};
}

static void uuid(char out[37], uint64_t seed, uint64_t kind, uint64_t n)
{
    uint64_t a = hash_of(seed, kind, n), b = hash_of(seed, kind + 1, n);

    snprintf(out, 37, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff, (unsigned)(b >> 52),
             (unsigned long long)(b & 0xffffffffffff));
}

bool sim_next(struct sim *s, struct sim_event *out)
{
    static void (*const steps[])(struct sim *, uint32_t, struct sim_event *) = {
        [STEP_CHECKOUT] = sim_step_checkout, [STEP_ORDER] = sim_step_order,
        [STEP_CUSTOMER] = sim_step_customer, [STEP_PRODUCT] = sim_step_product,
        [STEP_SHOP] = sim_step_shop,         [STEP_CALL] = sim_step_call,
    };
    struct step step;
    int64_t tick = s->options.events == 0 ? 0 : s->options.span_us / (int64_t)s->options.events;

    if (s->emitted == s->options.events)
        return false;
    s->now_us = s->options.start_us + (int64_t)s->emitted * (tick > 0 ? tick : 1);
    *out = (struct sim_event){.number = s->emitted, .at_us = s->now_us};
    step = s->heap.n > 0 && s->heap.of[0].due_us <= s->now_us ? take_first(s) : newcomer(s);
    s->action = 0;
    steps[step.kind](s, step.what, out);
    assert(!s->body.failed); /* SIM_BODY_MAX holds the largest */
    out->domain = s->stores[out->store].domain;
    out->body = s->body.p;
    out->len = s->body.n;
    if (s->action != 0)
        uuid(out->event_id, s->options.seed, 'A', s->action);
    else
        uuid(out->event_id, s->options.seed, 'E', s->emitted);
    uuid(out->webhook_id, s->options.seed, 'W', s->emitted);
    s->stores[out->store].events++;
    s->emitted++;
    return true;
}

void sim_free(struct sim *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < s->options.n_stores; i++) {
        free(s->stores[i].products);
        free(s->stores[i].customers);
    }
    free(s->customers.of);
    free(s->products.of);
    free(s->orders.of);
    free(s->checkouts.of);
    free(s->calls.of);
    free(s->heap.of);
    free(s);
}
