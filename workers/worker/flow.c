#include "worker/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/log.h"
#include "worker/flow_internal.h"
#include "worker/wall_clock.h"
#include "worker/worker_metrics.h"

static void turn(struct flow *f);

uint64_t flow_jitter(struct flow *f, uint64_t ms)
{
    f->random ^= f->random << 13; /* xorshift64 */
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return ms / 10 + f->random % (ms + 1 - ms / 10);
}

static void free_list(struct entry *e)
{
    while (e != NULL) {
        struct entry *next = e->next;

        entry_free(e);
        e = next;
    }
}

/* ---- turns ---- */

static void on_idle(uv_idle_t *h)
{
    turn(h->data);
}

static void on_timer(uv_timer_t *t)
{
    flow_kick(t->data);
}

void flow_kick(struct flow *f)
{
    if (!f->closed)
        uv_idle_start(&f->idle, on_idle);
}

/* ---- suspects: between count() and slot_absolve() only the entry itself can be what ends the process ---- */

void slot_absolve(struct slot *s)
{
    if (s->counted)
        consumer_absolve(s->flow->consumer, slot_partition(s), s->suspect_id);
    s->counted = false;
}

static void on_counted(void *ctx, unsigned times)
{
    struct slot *s = ctx;

    if (slot_is_lost(s) || s->flow->closed) {
        slot_close(s);
        return;
    }
    if (times == 0) {
        slot_pause(s, s->resume, SUSPECT_RETRY_MS);
        return;
    }
    if (s->resume == SLOT_DECODING)
        s->batch.taken_up = times;
    s->state = s->resume;
    flow_kick(s->flow);
}

static void count(struct slot *s)
{
    s->state = SLOT_RUNNING;
    s->counted =
        consumer_suspect(s->flow->consumer, slot_partition(s), s->suspect_id, on_counted, s);
    if (!s->counted) /* the partition will be lost in a moment */
        slot_pause(s, s->resume, SUSPECT_RETRY_MS);
}

void slot_pause(struct slot *s, enum slot_state resume, uint64_t ms)
{
    slot_absolve(s);
    s->state = SLOT_PAUSED;
    s->resume = resume;
    s->wake_ms = uv_now(s->flow->options.loop) + ms;
    flow_kick(s->flow); /* which sets the timer */
}

/* Among others again, or apart from them: by how its last batch of its own went. */
static void place(struct slot *s)
{
    if (slot_is_mixed(s) || slot_is_lost(s))
        return;
    if (s->faulty)
        planner_apart(&s->flow->planner, slot_partition(s), true);
    else if (s->stored)
        planner_apart(&s->flow->planner, slot_partition(s), false);
}

void slot_close(struct slot *s)
{
    struct flow *f = s->flow;
    struct batch *b = &s->batch;
    bool grow = b->cut && b->arena.size < BATCH_ARENA_KEEP, held = false;

    slot_absolve(s);
    place(s);
    free_list(batch_take_all(b));
    if (grow)
        batch_grow(b);
    else
        batch_shrink(b);
    s->state = SLOT_FREE;
    planner_done(&f->planner, &s->plan, uv_now(f->options.loop));
    for (unsigned i = 0; i < s->plan.n_partitions; i++)
        held = held || f->planner.queues[s->plan.partitions[i]].held;
    if (held)
        f->options.on_quiet(f->options.ctx);
    flow_kick(f);
}

/* The list, one partition's entries after another's, goes back to where it came from. */
static void put_back(struct slot *s, struct entry *list)
{
    struct flow *f = s->flow;

    while (list != NULL) {
        struct entry *first = list, *last = list;

        while (last->next != NULL && last->next->partition == first->partition)
            last = last->next;
        list = last->next;
        last->next = NULL;
        if (s->lost[first->partition])
            free_list(first);
        else
            planner_put_back(&f->planner, first->partition, first, uv_now(f->options.loop));
    }
}

void slot_disband(struct slot *s)
{
    put_back(s, batch_take_all(&s->batch));
    slot_close(s);
}

void slot_part(struct slot *s)
{
    for (unsigned i = 0; i < s->plan.n_partitions; i++)
        planner_apart(&s->flow->planner, s->plan.partitions[i], true);
    slot_disband(s);
}

void flow_stop(struct flow *f, const char *sqlstate, const char *message)
{
    if (!f->stopped)
        log_error("the database does not fit this program: worker stops", "sqlstate", sqlstate,
                  "reason", message, NULL);
    f->stopped = true;
}

void flow_resume(struct flow *f)
{
    if (f->stopped)
        log_info("the database fits again: worker goes on", NULL);
    f->stopped = false;
}

/* ---- slots ---- */

static void keep_newer(struct flow *f, struct entry *list, unsigned n)
{
    log_warn("entries of a newer version wait for a worker that can read them", "entries",
             log_num(n), NULL);
    while (list != NULL) {
        struct entry *e = list, **link = &f->newer[e->partition];

        list = e->next;
        e->next = NULL;
        while (*link != NULL)
            link = &(*link)->next;
        *link = e;
    }
    f->n_newer += n;
    metric_add(worker_metrics.newer, n);
    metric_set(worker_metrics.newer_waiting, f->n_newer);
}

/* What left the batch while it was decoded or handled. */
static void take_back(struct slot *s)
{
    unsigned n;
    struct entry *newer = batch_take_newer(&s->batch, &n);

    put_back(s, batch_take_rest(&s->batch));
    if (newer != NULL)
        keep_newer(s->flow, newer, n);
}

/* The first entry needs a larger arena: everything goes back and comes again. */
static void grow(struct slot *s)
{
    put_back(s, batch_take_all(&s->batch));
    if (!batch_grow(&s->batch))
        log_error("no memory for a large event", NULL);
    s->batch.cut = false;
    s->counted = false; /* it is taken up again at once: the count goes on */
    slot_close(s);
}

static void handled(struct slot *s)
{
    take_back(s);
    if (s->batch.n == 0)
        slot_close(s);
    else
        store_begin(s);
}

static bool is_working(const struct slot *s)
{
    return s->state == SLOT_COUNTING || s->state == SLOT_DECODING || s->state == SLOT_ASKING ||
           s->state == SLOT_HANDLING || s->state == SLOT_SENDING;
}

/* True: it took some time. */
static bool advance(struct slot *s)
{
    struct flow *f = s->flow;
    enum batch_step step = BATCH_READY;
    uint64_t now = uv_now(f->options.loop);

    if (s->state == SLOT_PAUSED && now >= s->wake_ms)
        s->state = s->suspect ? SLOT_COUNTING : s->resume;
    if (!is_working(s))
        return false;
    switch (s->state) {
    case SLOT_COUNTING:
        count(s);
        break;
    case SLOT_DECODING:
        step = batch_decode(&s->batch, f->shops, now, SLICE_BYTES);
        if (step == BATCH_READY)
            s->state = SLOT_ASKING;
        break;
    case SLOT_ASKING:
        lookup_send(s);
        break;
    case SLOT_HANDLING:
        step = batch_handle(&s->batch, SLICE_BYTES);
        if (step == BATCH_READY)
            handled(s);
        break;
    case SLOT_SENDING:
        store_send(s);
        break;
    default:
        break;
    }
    if (step == BATCH_GROW)
        grow(s);
    return true;
}

static struct slot *free_slot(struct flow *f)
{
    for (unsigned i = 0; i < f->n_slots; i++)
        if (f->slots[i].state == SLOT_FREE)
            return &f->slots[i];
    return NULL;
}

/* While the database refuses the program one batch tries now and then; when its partition is lost,
 * another must. */
static bool may_begin(const struct flow *f)
{
    return !f->paused && (!f->stopped || f->planner.batches == 0);
}

static uint64_t begin_batches(struct flow *f)
{
    uint64_t wake = PLANNER_NEVER;
    struct planner_batch plan;

    while (may_begin(f) && planner_next(&f->planner, uv_now(f->options.loop), &plan, &wake)) {
        struct slot *s = free_slot(f);

        assert(s != NULL); /* as many as the planner may have under way */
        batch_open(&s->batch, plan.first, plan.n);
        s->plan = plan;
        memset(s->lost, 0, sizeof s->lost);
        s->n_lost = 0;
        s->suspect = plan.suspect;
        s->suspect_id = plan.first->id;
        s->resume = SLOT_DECODING;
        s->state = s->suspect ? SLOT_COUNTING : SLOT_DECODING;
        s->faulty = s->stored = s->refreshed = s->minimal = false;
        s->begun_us = (uint64_t)wall_us();
    }
    return wake;
}

static bool is_idle(const struct flow *f)
{
    return f->planner.batches == 0 && f->planner.waiting == 0 && f->settling == 0;
}

static void turn(struct flow *f)
{
    uint64_t wake = begin_batches(f), now = uv_now(f->options.loop);
    unsigned slices = 0;
    bool working = false;

    for (unsigned i = 0; i < f->n_slots && slices < SLICES_PER_TURN; i++) {
        f->turn = (f->turn + 1) % f->n_slots;
        slices += advance(&f->slots[f->turn]);
    }
    for (unsigned i = 0; i < f->n_slots; i++) {
        const struct slot *s = &f->slots[i];

        working |= is_working(s) || (s->state == SLOT_PAUSED && s->wake_ms <= now);
        if (s->state == SLOT_PAUSED && s->wake_ms < wake)
            wake = s->wake_ms;
    }
    if (f->closed)
        return;
    if (!working)
        uv_idle_stop(&f->idle);
    if (wake != PLANNER_NEVER)
        uv_timer_start(&f->timer, on_timer, wake > now ? wake - now : 1, 0);
    metric_set(worker_metrics.queued, f->planner.waiting);
    if (f->draining && is_idle(f)) {
        f->draining = false;
        f->options.on_idle(f->options.ctx);
    }
}

/* ---- from outside ---- */

void flow_entries(struct flow *f, unsigned partition, struct entry *first, unsigned n)
{
    if (f->given_up) {
        free_list(first); /* their predecessors were given up, too */
        return;
    }
    planner_add(&f->planner, partition, first, n, uv_now(f->options.loop));
    flow_kick(f);
}

static unsigned length(const struct entry *e)
{
    unsigned n = 0;

    for (; e != NULL; e = e->next)
        n++;
    return n;
}

static bool has_partition(const struct slot *s, unsigned partition)
{
    for (unsigned i = 0; i < s->plan.n_partitions; i++)
        if (s->plan.partitions[i] == partition)
            return s->state != SLOT_FREE;
    return false;
}

/* What is under way for it goes on, for the others in it, but is not settled for it. */
static void slot_lose(struct slot *s, unsigned partition)
{
    s->n_lost += !s->lost[partition];
    s->lost[partition] = true;
    slot_absolve(s);
    if (is_working(s) || s->state == SLOT_PAUSED)
        slot_disband(s); /* nobody waits for an answer */
}

void flow_lost(struct flow *f, unsigned partition)
{
    free_list(planner_lose(&f->planner, partition));
    f->n_newer -= length(f->newer[partition]);
    free_list(f->newer[partition]);
    f->newer[partition] = NULL;
    metric_set(worker_metrics.newer_waiting, f->n_newer);
    for (unsigned i = 0; i < f->n_slots; i++)
        if (has_partition(&f->slots[i], partition))
            slot_lose(&f->slots[i], partition);
    flow_kick(f);
}

/* Who waits for a database that is away is not what ends the process meanwhile. */
static void count_while_running(struct slot *s, bool running)
{
    if (!s->suspect || s->state != SLOT_RUNNING || slot_is_lost(s))
        return;
    if (!running)
        slot_absolve(s);
    else if (!s->counted)
        s->counted =
            consumer_suspect(s->flow->consumer, slot_partition(s), s->suspect_id, NULL, NULL);
}

void flow_hold(struct flow *f, unsigned partition, bool held)
{
    planner_hold(&f->planner, partition, held);
    flow_kick(f);
}

bool flow_is_quiet(const struct flow *f, unsigned partition)
{
    return !f->planner.queues[partition].busy;
}

void flow_pause(struct flow *f, bool paused)
{
    for (unsigned i = 0; i < f->n_slots && paused != f->paused; i++)
        count_while_running(&f->slots[i], !paused);
    f->paused = paused;
    flow_kick(f);
}

const char *flow_problem(const struct flow *f)
{
    return f->stopped ? "database" : NULL;
}

unsigned flow_queued(const struct flow *f)
{
    return f->planner.waiting;
}

void flow_drain(struct flow *f)
{
    f->draining = true;
    f->planner.hurry = true;
    flow_kick(f);
}

void flow_give_up(struct flow *f)
{
    f->given_up = true;
    for (unsigned p = 0; p < f->planner.limits.partitions; p++)
        flow_lost(f, p);
}

void flow_set_consumer(struct flow *f, struct consumer *c)
{
    f->consumer = c;
}

/* ---- opening and closing ---- */

static bool slot_init(struct slot *s, struct flow *f)
{
    const struct config *c = f->options.config;
    void *memory = malloc(OUT_ARENA_MIN);

    s->flow = f;
    if (memory == NULL)
        return false;
    arena_init(&s->out, memory, OUT_ARENA_MIN);
    return batch_init(&s->batch, (uint32_t)CONFIG_NUMBER(c, BATCH_MAX),
                      (size_t)CONFIG_NUMBER(c, MAX_BODY));
}

static void flow_free(struct flow *f)
{
    for (unsigned i = 0; f->slots != NULL && i < f->n_slots; i++) {
        free_list(batch_take_all(&f->slots[i].batch));
        batch_free(&f->slots[i].batch);
        free(f->slots[i].out.base);
    }
    free(f->slots);
    shops_free(f->shops);
    free(f);
}

struct flow *flow_new(const struct flow_options *options)
{
    const struct config *c = options->config;
    struct flow *f = calloc(1, sizeof *f);
    bool ok;

    if (f == NULL)
        return NULL;
    f->options = *options;
    f->n_slots = (unsigned)CONFIG_NUMBER(c, DB_CONNECTIONS) + SLOTS_AHEAD;
    assert(f->n_slots > 0 && f->n_slots <= SLOTS_MAX);
    f->random = uv_hrtime() | 1;
    f->paused = true;
    f->shops = shops_new(CONFIG_TEXT(c, COD_GATEWAYS));
    f->slots = calloc(f->n_slots, sizeof *f->slots);
    ok = f->shops != NULL && f->slots != NULL;
    for (unsigned i = 0; ok && i < f->n_slots; i++)
        ok = slot_init(&f->slots[i], f);
    if (!ok) {
        flow_free(f);
        return NULL;
    }
    planner_init(&f->planner,
                 &(struct planner_limits){
                     .partitions = (unsigned)CONFIG_NUMBER(c, STREAM_PARTITIONS),
                     .batch_max = (unsigned)CONFIG_NUMBER(c, BATCH_MAX),
                     .batch_bytes_max = BATCH_BYTES_MAX,
                     .batches_max = f->n_slots,
                     .ahead = SLOTS_AHEAD,
                     .linger_ms = CONFIG_NUMBER(c, BATCH_LINGER),
                 },
                 (unsigned)f->random);
    uv_idle_init(options->loop, &f->idle);
    uv_timer_init(options->loop, &f->timer);
    f->idle.data = f->timer.data = f;
    f->open_handles = 2;
    return f;
}

static void on_handle_closed(uv_handle_t *h)
{
    struct flow *f = h->data;
    void (*on_closed)(void *) = f->on_closed;
    void *ctx = f->closed_ctx;

    if (--f->open_handles > 0)
        return;
    flow_free(f);
    on_closed(ctx);
}

void flow_close(struct flow *f, void (*on_closed)(void *ctx), void *ctx)
{
    flow_give_up(f);
    f->closed = true;
    f->on_closed = on_closed;
    f->closed_ctx = ctx;
    uv_close((uv_handle_t *)&f->idle, on_handle_closed);
    uv_close((uv_handle_t *)&f->timer, on_handle_closed);
}
