/* Goes through the history and appends what is wanted again.
 *
 * Happy path: a portion of the history -> decoded, filtered, owners asked for -> appended in steps, each confirmed by
 * Redis and counted -> the next portion. Stops: the end, --limit, Ctrl-C, Redis full or gone, PostgreSQL gone; next_ms is
 * then the moment from which to go on. Some events of that millisecond may be replayed twice. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/history.h"
#include "ops/pace.h"
#include "ops/replay.h"

enum { STEP_MAX = 64, INTERRUPTED = 130, DECODE_ROOM = 1024 * 1024 };

struct run {
    const struct replay_options *o;
    size_t body_max;
    struct streams *streams;
    struct history *history;
    struct replay_tenant *tenant; /* NULL: whose an event is, is not asked */
    struct arena scratch;         /* for reading one event */
    struct replay_report report;
    int64_t from_us;
    struct past_event past[HISTORY_READ_MAX];
    bool chosen[HISTORY_READ_MAX];
    unsigned kind[HISTORY_READ_MAX], partition[HISTORY_READ_MAX];
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* The second Ctrl-C ends it at once. */
static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- choosing ---- */

static bool is_chosen(struct run *run, unsigned i)
{
    const struct past_event *past = &run->past[i];
    struct envelope e;
    const char *why;

    if (past->copy) {
        run->report.copies++;
        return false;
    }
    arena_reset(&run->scratch);
    if (envelope_decode(&e, past->bytes.p, past->bytes.n, run->body_max, &run->scratch, &why) !=
        ENVELOPE_OK) {
        run->report.unreadable++;
        return false;
    }
    if (!replay_wants(run->o, &e))
        return false;
    run->kind[i] = replay_kind(&run->report, &e);
    run->partition[i] = streams_partition(run->streams, e.key);
    return run->tenant == NULL || replay_tenant_ask(run->tenant, i, &e, &run->scratch) == OWNER_US;
}

static bool choose(struct run *run, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        run->chosen[i] = is_chosen(run, i);
    return run->tenant == NULL || replay_tenant_answer(run->tenant, run->chosen);
}

/* ---- appending ---- */

static bool limit_reached(const struct run *run)
{
    return run->o->limit > 0 && run->report.matched == run->o->limit;
}

/* Confirms what was sent of past[from..to): the report says how far everything is done. */
static bool confirm(struct run *run, unsigned from, unsigned to)
{
    unsigned confirmed = 0;
    bool ok = streams_confirm(run->streams, &confirmed);

    run->report.replayed += confirmed;
    for (unsigned i = from; i < to; i++) {
        if (run->chosen[i] && confirmed == 0)
            break; /* the first that is not certain to be there */
        confirmed -= run->chosen[i];
        run->report.next_ms = run->past[i].id.ms;
    }
    return ok;
}

static bool repeat(struct run *run, unsigned i)
{
    char id[ENTRY_ID_TEXT_MAX];

    entry_id_text(run->past[i].id, id);
    if (streams_repeat(run->streams, run->partition[i], run->past[i].bytes, id))
        return true;
    fprintf(stderr, "ringback replay: out of memory\n");
    return false;
}

/* One step of past[i..n): its end, or 0 after an error. */
static unsigned step(struct run *run, unsigned i, unsigned n)
{
    unsigned from = i, most = pace_step(run->o->rate, STEP_MAX), sent = 0;

    if (!run->o->dry_run && !streams_have_room(run->streams))
        return 0;
    for (; i < n && sent < most && !limit_reached(run); i++) {
        if (!run->chosen[i])
            continue;
        if (!run->o->dry_run && !repeat(run, i))
            return 0;
        run->report.kinds[run->kind[i]].matched++;
        run->report.matched++;
        sent++;
    }
    if (run->o->dry_run) {
        run->report.next_ms = run->past[i - 1].id.ms;
    } else {
        if (!confirm(run, from, i))
            return 0;
        pace_wait(run->o->rate, run->from_us, run->report.replayed);
    }
    return i;
}

/* False: an error was printed. */
static bool portion(struct run *run, unsigned n)
{
    unsigned i = 0;

    if (!choose(run, n))
        return false;
    while (i < n && !interrupted && !limit_reached(run)) {
        unsigned next = step(run, i, n);

        if (next == 0)
            return false;
        run->report.read += next - i;
        i = next;
        replay_progress(&run->report, run->o);
    }
    if (i < n)
        run->report.next_ms = run->past[i].id.ms;
    return true;
}

static int go(struct run *run)
{
    int n = 0;

    while (!interrupted && !limit_reached(run) && (n = history_read(run->history, run->past)) > 0)
        if (!portion(run, (unsigned)n))
            return 1;
    run->report.complete = n == 0 && !interrupted && !limit_reached(run);
    return n < 0 ? 1 : interrupted ? INTERRUPTED : 0;
}

/* ---- the command ---- */

static uint64_t ms_of(int64_t us, uint64_t otherwise)
{
    return us == SELECTION_NO_TIME ? otherwise : us < 0 ? 0 : (uint64_t)us / 1000;
}

static bool begin(struct run *run, const struct config *config)
{
    const struct replay_options *o = run->o;
    size_t room = run->body_max + DECODE_ROOM;
    void *memory = malloc(room);

    if (memory == NULL) {
        fprintf(stderr, "ringback replay: out of memory\n");
        return false;
    }
    arena_init(&run->scratch, memory, room);
    run->report.next_ms = ms_of(o->since_us, 0);
    run->streams = streams_open(config, "replay");
    if (run->streams == NULL)
        return false;
    if (o->tenant.organization != NULL) {
        run->tenant = replay_tenant_open(config, o->tenant.organization);
        if (run->tenant == NULL)
            return false;
    }
    run->history =
        history_open(run->streams, ms_of(o->since_us, 0), ms_of(o->until_us, UINT64_MAX));
    return run->history != NULL;
}

int replay_run(const struct config *config, const struct replay_options *o)
{
    struct run *run = calloc(1, sizeof *run);
    int rc = 1;

    if (run == NULL)
        return 1;
    run->o = o;
    run->body_max = (size_t)CONFIG_NUMBER(config, MAX_BODY);
    run->from_us = pace_wall_us();
    watch_signals();
    if (begin(run, config)) {
        rc = go(run);
        replay_print(&run->report, o);
    }
    history_close(run->history);
    replay_tenant_close(run->tenant);
    streams_close(run->streams);
    free(run->scratch.base);
    free(run);
    return rc;
}
