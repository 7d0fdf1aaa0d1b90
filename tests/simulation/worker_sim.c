/* Two workers, three partitions, a few dozen events of every kind, and faults at any step; one seed decides everything.
 *
 *   worker_sim [--seed N] [--seeds M] [--trace]      M seeds from N on; --trace tells what happens
 *   worker_sim --sweep [--every K] [--seed N]        each fault at every (every K-th) step of one run
 *
 * Safety, at every step: nothing is acknowledged or trimmed that is not stored; a partition's events are stored in order,
 * without a gap; two workers never own one partition; nothing is published before it is committed, nor published twice
 * without a reason, nor by another partition's stream; only poison becomes a dead letter. Liveness, once the faults stop: everything is stored,
 * acknowledged and published, and a worker that is told to stop leaves nothing behind in memory. */
#include "sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "envelope.h"
#include "worker/dead_letter.h"
#include "worker/planner.h"

enum {
    START_MS = 1000000,
    DRAIN_MS_MAX = 300000, /* simulated, after the last fault */
    STEPS_MAX = 2000000,
    FAULTS_MAX = 6,
    VERSIONS_MAX = 64,
    CRASHES_MAX = 8, /* of one event before it is a dead letter */
    LONG_RUN = 1000, /* seeds */
};

uint64_t sim_now_us;
struct sim_event sim_events[SIM_EVENTS_MAX];
unsigned sim_n_events;

static uint64_t seed, state;
static bool tracing;
static const char *doing = "";
static unsigned steps, next_event, faults_done;
static uint64_t next_event_us;
static unsigned published[SIM_PARTITIONS][SIM_KEYS][VERSIONS_MAX];

/* ---- chance, words ---- */

void sim_seed(uint64_t s)
{
    state = s * UINT64_C(0x9E3779B97F4A7C15) + 1;
}

unsigned sim_below(unsigned n)
{
    state ^= state << 13; /* xorshift64 */
    state ^= state >> 7;
    state ^= state << 17;
    return n == 0 ? 0 : (unsigned)((state >> 11) % n);
}

bool sim_chance(unsigned of_thousand)
{
    return sim_below(1000) < of_thousand;
}

void sim_trace(const char *format, ...)
{
    va_list ap;

    if (!tracing)
        return;
    printf("%10.3f s  step %-6u ", (double)(sim_now_us - (uint64_t)START_MS * 1000) / 1e6, steps);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
}

void sim_violation(const char *format, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "seed %llu, step %u: ", (unsigned long long)seed, steps);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fprintf(stderr, "\nagain, with what led to it: worker_sim%s --seed %llu --trace\n", doing,
            (unsigned long long)seed);
    exit(1);
}

/* ---- events ---- */

static const unsigned char *envelope_of(const struct sim_event *e, unsigned number, size_t *len)
{
    static struct envelope_encoder *encoder;
    static struct kept {
        unsigned char *bytes;
        size_t len;
    } good[SIM_PARTITIONS][SIM_KEYS][VERSIONS_MAX], bad[SIM_PARTITIONS][3][SIM_EVENTS_MAX];
    struct kept *k = e->kind == GOOD || e->kind == IMPOSSIBLE
                         ? &good[e->partition][e->key][e->version]
                         : &bad[e->partition][e->kind == MALFORMED  ? 0
                                              : e->kind == STRANGER ? 1
                                                                    : 2][number];
    char body[64], domain[64];
    const void *bytes;
    struct envelope in = {
        .source = TEXT("shopify"), .topic = TEXT("orders/updated"), .triggered_us = INT64_MIN};

    if (k->bytes == NULL) {
        if (encoder == NULL)
            encoder = envelope_encoder_new();
        if (e->kind == MALFORMED)
            snprintf(body, sizeof body, "[nonsense");
        else if (e->kind == CRASHING)
            snprintf(body, sizeof body, "{\"crash\":%u}", number);
        else
            snprintf(body, sizeof body, "{\"id\":%u,\"v\":%u}", e->key, e->version);
        snprintf(domain, sizeof domain, e->kind == STRANGER ? "stranger.example" : "shop%u.example",
                 e->partition);
        in.key = text_of(domain);
        in.body = body;
        in.body_len = strlen(body);
        bytes = envelope_encode(encoder, &in, &k->len);
        k->bytes = malloc(k->len);
        assert(bytes != NULL && k->bytes != NULL);
        memcpy(k->bytes, bytes, k->len);
    }
    *len = k->len;
    return k->bytes;
}

static void make_events(unsigned n, unsigned poison)
{
    unsigned versions[SIM_PARTITIONS][SIM_KEYS] = {{0}};

    sim_n_events = n;
    for (unsigned i = 0; i < n; i++) {
        struct sim_event *e = &sim_events[i];

        *e = (struct sim_event){.partition = sim_below(SIM_PARTITIONS), .key = sim_below(SIM_KEYS)};
        if (sim_chance(poison))
            e->kind = sim_chance(200)
                          ? CRASHING
                          : (enum kind[]){MALFORMED, IMPOSSIBLE, STRANGER}[sim_below(3)];
        e->version = versions[e->partition][e->key]++;
        e->bytes = envelope_of(e, i, &e->len);
    }
}

static struct sim_event *event_of(unsigned partition, struct entry_id id)
{
    for (unsigned i = 0; i < sim_n_events; i++)
        if (sim_events[i].sent && sim_events[i].partition == partition &&
            entry_id_compare(sim_events[i].id, id) == 0)
            return &sim_events[i];
    sim_violation("partition %u: an entry that was never sent", partition);
}

static unsigned number(const struct sim_event *e)
{
    return (unsigned)(e - sim_events);
}

bool sim_is_effective(const struct sim_event *e)
{
    /* What cannot be stored need not be, once a newer version of it is: a batch sends the newest only. */
    return e->letter || ((e->kind == GOOD || e->kind == IMPOSSIBLE) &&
                         pg_version(e->partition, e->key) >= (int)e->version);
}

/* ---- the oracle ---- */

void oracle_acknowledged(unsigned partition, struct entry_id id)
{
    struct sim_event *e = event_of(partition, id);

    if (!sim_is_effective(e))
        sim_violation("event %u is acknowledged, but not stored", number(e));
    sim_trace("event %u is acknowledged", number(e));
    e->acknowledged = true;
}

void oracle_trimmed(unsigned partition, struct entry_id id)
{
    const struct sim_event *e = event_of(partition, id);

    if (!e->acknowledged)
        sim_violation("event %u is trimmed, but not acknowledged", number(e));
}

void oracle_delivered(unsigned partition, struct entry_id id, bool astray)
{
    struct sim_event *e = event_of(partition, id);

    e->deliveries++;
    e->astray = e->astray || astray;
}

void oracle_published(unsigned partition, unsigned key, unsigned version)
{
    if (pg_version(partition, key) < (int)version)
        sim_violation("partition %u, order %u: version %u is published, but not committed",
                      partition, key, version);
    sim_trace("partition %u, order %u: version %u is published", partition, key, version);
    if (++published[partition][key][version] > 1 && faults_done == 0)
        sim_violation("partition %u, order %u: version %u is published twice", partition, key,
                      version);
}

/* In order, without a gap; but for what a dead connection swallowed, until somebody notices. */
void oracle_committed(unsigned partition)
{
    const struct sim_event *gap = NULL;

    for (unsigned i = 0; i < sim_n_events; i++) {
        const struct sim_event *e = &sim_events[i];

        if (!e->sent || e->partition != partition)
            continue;
        if (!sim_is_effective(e) && !e->astray)
            gap = gap == NULL ? e : gap;
        else if (gap != NULL && !e->astray)
            sim_violation("event %u is stored before event %u", number(e), number(gap));
    }
}

void oracle_letter(unsigned partition, struct entry_id id, const char *reason)
{
    static const char *const expected[] = {[GOOD] = "",
                                           [MALFORMED] = REASON_MALFORMED_BODY,
                                           [IMPOSSIBLE] = "constraint_violation",
                                           [CRASHING] = REASON_CRASHED_WORKER,
                                           [STRANGER] = REASON_UNKNOWN_SHOP};
    struct sim_event *e = event_of(partition, id);

    sim_trace("event %u becomes a dead letter: %s", number(e), reason);
    if (strcmp(reason, expected[e->kind]) != 0)
        sim_violation("event %u of kind %d is a dead letter: %s", number(e), e->kind, reason);
    e->letter = true;
}

static void check_owners(void)
{
    for (unsigned p = 0; p < SIM_PARTITIONS; p++) {
        unsigned owners = 0;

        for (unsigned w = 0; w < SIM_WORKERS; w++)
            owners += sim_workers[w].consumer != NULL && consumer_owns(sim_workers[w].consumer, p);
        if (owners > 1)
            sim_violation("partition %u has %u owners", p, owners);
    }
}

static void check_named(void)
{
    unsigned holders = 0;

    for (unsigned w = 0; w < SIM_WORKERS; w++)
        holders += sim_workers[w].consumer != NULL && sim_workers[w].named != NULL &&
                   consumer_lease_held(sim_workers[w].named);
    if (holders > 1)
        sim_violation("the named lease has %u holders", holders);
}

/* ---- faults ---- */

static void fault_cut_redis(void)
{
    redis_cut_one();
}
static void fault_stall_redis(void)
{
    redis_stall_one(10 + sim_below(12000));
}
static void fault_redis_away(void)
{
    redis_away(50 + sim_below(3000));
}
static void fault_redis_loading(void)
{
    redis_loading(50 + sim_below(2000));
}
static void fault_redis_full(void)
{
    redis_full(50 + sim_below(8000));
}
static void fault_drop_group(void)
{
    redis_drop_group(sim_below(SIM_PARTITIONS));
}
static void fault_cut_before(void)
{
    pg_cut_one(false);
}
static void fault_cut_after(void)
{
    pg_cut_one(true);
}
static void fault_pg_away(void)
{
    pg_away(50 + sim_below(25000));
}

static void fault_sqlstate(void)
{
    static const char *const states[] = {"40001", "40P01", "55P03", "57P01", "53300",
                                         "53200", "58030", "42P01", "XX000", "25006"};

    pg_fail_next(states[sim_below(sizeof states / sizeof states[0])]);
}

static void fault_timeout(void)
{
    pg_fail_next("57014");
}
static void fault_kill(void)
{
    worker_kill(sim_below(SIM_WORKERS));
}
static void fault_kill_amid(void)
{
    pg_kill_next_mixed();
}
static void fault_part(void)
{
    pg_part_next_mixed();
}
static void fault_refuse_settle(void)
{
    redis_refuse_settle();
}
static void fault_stop(void)
{
    worker_stop(sim_below(SIM_WORKERS));
}
static void fault_memory(void)
{
    sim_memory_fail(1 + sim_below(400));
}

static void fault_pause(void)
{
    struct sim_worker *w = &sim_workers[sim_below(SIM_WORKERS)];
    uint64_t ms = 10 + sim_below(sim_chance(500) ? 3000 : 60000);

    sim_trace("worker %s is paused for %llu ms", w->id, (unsigned long long)ms);
    w->paused_until_ms = sim_now_ms() + ms;
}

static const struct fault {
    const char *name;
    void (*cause)(void);
    bool once; /* three in a row would look like poison, and rightly so */
} faults[] = {
    {"redis connection cut", fault_cut_redis, false},
    {"redis connection hangs", fault_stall_redis, false},
    {"redis away", fault_redis_away, false},
    {"redis loading", fault_redis_loading, false},
    {"redis full", fault_redis_full, false},
    {"group dropped", fault_drop_group, false},
    {"connection dies before COMMIT", fault_cut_before, false},
    {"COMMIT's answer lost", fault_cut_after, false},
    {"postgres away", fault_pg_away, false},
    {"SQLSTATE", fault_sqlstate, false},
    {"statement timeout", fault_timeout, true},
    {"SIGKILL", fault_kill, false},
    {"SIGTERM", fault_stop, false},
    {"allocation fails", fault_memory, false},
    {"SIGSTOP", fault_pause, false},
    {"one partition of several in a batch is lost", fault_refuse_settle, false},
    {"SIGKILL amid a batch of several partitions", fault_kill_amid, false},
    {"a batch of several partitions is parted after COMMIT's answer was lost", fault_part, false},
};

enum { N_FAULTS = sizeof faults / sizeof faults[0], SIGTERM_FAULT = 12 };

struct plan {
    unsigned kind[FAULTS_MAX], step[FAULTS_MAX], n;
};

/* A few kinds per seed, so that some seeds know only one. */
static void make_plan(struct plan *plan)
{
    unsigned kinds[3], n_kinds = 1 + sim_below(3), at = 0;
    bool timeout = false;

    for (unsigned i = 0; i < n_kinds; i++)
        kinds[i] = sim_below(N_FAULTS);
    plan->n = sim_below(FAULTS_MAX + 1);
    for (unsigned i = 0; i < plan->n; i++) {
        at += 1 + sim_below(sim_chance(300) ? 20 : 250);
        plan->step[i] = at;
        plan->kind[i] = kinds[sim_below(n_kinds)];
        if (faults[plan->kind[i]].once && timeout)
            plan->kind[i] = 0;
        timeout = timeout || faults[plan->kind[i]].once;
    }
}

/* ---- the scheduler ---- */

static void send_event(void)
{
    sim_trace("event %u (kind %d, partition %u, order %u, version %u) is sent", next_event,
              sim_events[next_event].kind, sim_events[next_event].partition,
              sim_events[next_event].key, sim_events[next_event].version);
    redis_send(next_event++);
    next_event_us = sim_now_us + (sim_chance(800) ? sim_below(400) : sim_below(800000));
}

static bool try_worker(unsigned w)
{
    if (sim_workers[w].life == SIM_DEAD && sim_now_ms() >= sim_workers[w].born_again_ms) {
        worker_start(w);
        return true;
    }
    if (!worker_has_work(w))
        return false;
    worker_turn(w);
    return true;
}

static bool try_one(unsigned what)
{
    if (what < SIM_WORKERS)
        return try_worker(what);
    if (what == SIM_WORKERS)
        return redis_step();
    if (what == SIM_WORKERS + 1)
        return pg_step();
    if (next_event == sim_n_events || sim_now_us < next_event_us)
        return false;
    send_event();
    return true;
}

static void sleep_until_due(void)
{
    uint64_t due = redis_due_us(), at;

    at = pg_due_us();
    due = at < due ? at : due;
    for (unsigned w = 0; w < SIM_WORKERS; w++) {
        at = worker_due_us(w);
        due = at < due ? at : due;
    }
    if (next_event < sim_n_events && next_event_us < due)
        due = next_event_us;
    if (due == UINT64_MAX)
        sim_violation("nothing will ever happen again");
    sim_now_us = due > sim_now_us ? due : sim_now_us + 1000;
}

static void step(void)
{
    enum { ACTORS = SIM_WORKERS + 3 };
    unsigned start = sim_below(ACTORS), i = 0;

    steps++;
    if (steps > STEPS_MAX)
        sim_violation("it does not come to an end");
    while (i < ACTORS && !try_one((start + i) % ACTORS))
        i++;
    if (i == ACTORS)
        sleep_until_due();
    else
        sim_now_us += sim_below(300);
    check_owners();
    check_named();
}

/* ---- one run ---- */

static void begin_world(void)
{
    sim_seed(seed);
    sim_now_us = (uint64_t)START_MS * 1000;
    steps = next_event = faults_done = 0;
    next_event_us = sim_now_us;
    memset(published, 0, sizeof published);
    sim_memory_fail(0);
    for (unsigned w = 0; w < SIM_WORKERS; w++)
        sim_workers[w] = (struct sim_worker){.born_again_ms = START_MS + w};
    redis_reset();
    pg_reset();
}

static bool is_settled(void)
{
    if (next_event < sim_n_events || !redis_is_drained())
        return false;
    for (unsigned i = 0; i < sim_n_events; i++)
        if (!sim_is_effective(&sim_events[i]))
            return false;
    for (unsigned p = 0; p < SIM_PARTITIONS; p++)
        for (unsigned k = 0; k < SIM_KEYS; k++)
            if (redis_published(p, k) != pg_version(p, k))
                return false;
    return true;
}

static void explain_unsettled(void)
{
    for (unsigned i = 0; i < sim_n_events; i++) {
        const struct sim_event *e = &sim_events[i];

        if (!e->sent || !sim_is_effective(e) || !e->acknowledged)
            fprintf(stderr, "event %u of kind %d, partition %u: %s%s%s, delivered %u times\n", i,
                    e->kind, e->partition, e->sent ? "sent" : "not sent",
                    sim_is_effective(e) ? ", stored" : "", e->acknowledged ? ", acknowledged" : "",
                    e->deliveries);
    }
    for (unsigned p = 0; p < SIM_PARTITIONS; p++)
        for (unsigned k = 0; k < SIM_KEYS; k++)
            if (redis_published(p, k) != pg_version(p, k))
                fprintf(stderr, "partition %u, order %u: version %d is stored, %d is published\n",
                        p, k, pg_version(p, k), redis_published(p, k));
    sim_violation("it did not drain");
}

static void drain(void)
{
    uint64_t deadline = sim_now_ms() + DRAIN_MS_MAX;

    redis_calm();
    pg_calm();
    sim_memory_fail(0);
    sim_trace("no more faults");
    while (!is_settled()) {
        if (sim_now_ms() > deadline)
            explain_unsettled();
        step();
    }
    for (unsigned i = 0; i < sim_n_events; i++)
        if (sim_events[i].crashes > CRASHES_MAX)
            sim_violation("event %u killed %u workers", i, sim_events[i].crashes);
}

/* What is left when the last worker has gone. */
static void end_world(void)
{
    for (unsigned w = 0; w < SIM_WORKERS; w++) {
        sim_workers[w].paused_until_ms = 0;
        worker_stop(w);
        while (sim_workers[w].life != SIM_DEAD)
            step();
        sim_workers[w].born_again_ms = UINT64_MAX / 2000;
        if (sim_memory_count(w) != 0)
            sim_violation("a worker that stopped left %u blocks of memory", sim_memory_count(w));
    }
}

static void check_rolling(const struct plan *plan)
{
    for (unsigned i = 0; i < plan->n; i++)
        if (plan->kind[i] != SIGTERM_FAULT)
            return;
    for (unsigned i = 0; i < sim_n_events; i++)
        if (sim_events[i].crashes > 0)
            return;
    for (unsigned i = 0; i < sim_n_events; i++) {
        if (sim_events[i].deliveries > 1)
            sim_violation("event %u is delivered %u times, though workers only stopped in order", i,
                          sim_events[i].deliveries);
    }
}

static void run_plan(const struct plan *plan)
{
    for (unsigned i = 0; i < plan->n; i++) {
        while (steps < plan->step[i])
            step();
        sim_trace("fault: %s", faults[plan->kind[i]].name);
        faults_done++;
        faults[plan->kind[i]].cause();
    }
    for (unsigned more = sim_below(100); plan->n > 0 && more > 0; more--)
        step();
    drain();
    check_rolling(plan);
    end_world();
}

static void run_seed(void)
{
    struct plan plan;

    begin_world();
    make_events(8 + sim_below(40), sim_chance(500) ? 0 : sim_below(200));
    make_plan(&plan);
    for (unsigned i = 0; i < sim_n_events; i++) /* a crash is a fault, too */
        faults_done += sim_events[i].kind == CRASHING;
    run_plan(&plan);
}

/* Every fault at every step of one and the same run; at every `stride`-th only, for a quick look. */
static void sweep(unsigned stride)
{
    unsigned runs = 0, last;

    for (unsigned kind = 0; kind < N_FAULTS; kind++) {
        last = UINT32_MAX;
        for (unsigned n = 1; n <= last; n += stride, runs++) {
            struct plan plan = {.kind = {kind}, .step = {n}, .n = 1};

            begin_world();
            make_events(14, 150);
            faults_done = 1;
            if (last == UINT32_MAX) {
                run_plan(&(struct plan){.n = 0});
                last = steps;
                begin_world();
                make_events(14, 150);
                faults_done = 1;
            }
            run_plan(&plan);
        }
        sim_trace("%s: %u steps", faults[kind].name, last);
    }
    printf("%u faults at steps of a run: %u runs\n", N_FAULTS, runs);
}

/* A run that is long enough has seen everything happen to batches of several partitions; else it proves nothing about them. */
static bool has_seen_all(uint64_t n)
{
    const struct sim_mixed *m = &sim_mixed;

    printf("batches of several partitions: %lu committed, %lu refused, %lu lost one of them, %lu "
           "lost their connection, "
           "%lu their worker, %lu were parted after their commit\n",
           m->committed, m->refused, m->lost, m->cut, m->orphaned, m->parted);
    return n < LONG_RUN || (m->committed > 0 && m->refused > 0 && m->lost > 0 && m->cut > 0 &&
                            m->orphaned > 0 && m->parted > 0);
}

/* What a process allocates once and keeps is no worker's. */
static void warm_up(void)
{
    static const char settings[64 + 64] = "{}", body[64 + 64] = "[nonsense";
    const char *why;

    (void)json_parse(JSON_SLOT_SETTINGS, settings, 2, &why);
    (void)json_parse(JSON_SLOT_EVENT, body, strlen(body), &why);
}

static int usage(void)
{
    fprintf(stderr, "usage: worker_sim [--seed N] [--seeds M] [--sweep [--every K]] [--trace]\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, n = 1;
    unsigned stride = 1;
    bool sweeping = false;
    struct timespec t0, t1;
    double s;

    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;

        if (strcmp(argv[i], "--seed") == 0 && more)
            first = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seeds") == 0 && more)
            n = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--every") == 0 && more)
            stride = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--trace") == 0)
            tracing = true;
        else if (strcmp(argv[i], "--sweep") == 0)
            sweeping = true;
        else
            return usage();
    }
    doing = sweeping ? " --sweep" : "";
    timespec_get(&t0, TIME_UTC);
    warm_up();
    for (seed = first; seed < first + n; seed++)
        sweeping ? sweep(stride == 0 ? 1 : stride) : run_seed();
    timespec_get(&t1, TIME_UTC);
    s = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
    if (!sweeping)
        printf("%llu seeds from %llu on: %.0f a second\n", (unsigned long long)n,
               (unsigned long long)first, (double)n / s);
    return sweeping || has_seen_all(n) ? 0 : 1;
}
