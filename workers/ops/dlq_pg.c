/* What `ringback dlq` does to the database.
 *
 * Replay, in portions: BEGIN; letters are marked; each goes to its stream; Redis confirms; COMMIT. A crash in between leaves
 * them unmarked, and at worst sends an event twice, which changes nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event.h"
#include "ops/dlq.h"
#include "ops/dlq_print_pg.h"
#include "ops/pace.h"
#include "ops/query_pg.h"
#include "ops/streams.h"
#include "worker/letter.h"

enum {
    FILTERS = 8,         /* $1..$8 of all statements */
    REPLAY_PORTION = 16, /* letters of up to RINGBACK_MAX_BODY in memory at once */
    DISCARD_PORTION = 1000,
    LOOK_MAX = 1000, /* letters shown by a dry run */
    NUMBER_MAX = 24,
};

struct run {
    const struct config *config;
    const struct dlq_options *o;
    PGconn *db;
    const char *filters[FILTERS];
    char until[SELECTION_TIME_MAX];
    uint64_t done, failed; /* letters; failed: of which no event can be made */
};

static const char *or_null(const char *text)
{
    return *text == '\0' ? NULL : text;
}

static bool begin_run(struct run *run)
{
    const struct dlq_options *o = run->o;
    const char *until[] = {or_null(o->until)};
    PGresult *r = ops_query(run->db, "dlq", "schema/ops/dlq_clock.sql", 1, until, NULL, NULL);

    if (r == NULL)
        return false;
    snprintf(run->until, sizeof run->until, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    run->filters[0] = or_null(o->ids);
    run->filters[1] = o->reason;
    run->filters[2] = o->topic;
    run->filters[3] = o->key != NULL ? o->key : or_null(o->tenant.domain);
    run->filters[4] = o->source;
    run->filters[5] = or_null(o->since);
    run->filters[6] = o->verb == DLQ_LIST ? until[0] : run->until;
    run->filters[7] = o->tenant.organization;

    return true;
}

/* ---- looking ---- */

static PGresult *look(struct run *run, uint64_t limit)
{
    const char *values[FILTERS + 2];
    char number[NUMBER_MAX];

    memcpy(values, run->filters, sizeof run->filters);
    snprintf(number, sizeof number, "%" PRIu64, limit);
    values[FILTERS] = run->o->replayed ? "true" : NULL;
    values[FILTERS + 1] = number;
    return ops_query(run->db, "dlq", "schema/ops/dlq_list.sql", FILTERS + 2, values, NULL, NULL);
}

static int list(struct run *run)
{
    PGresult *r = look(run, run->o->limit);

    if (r == NULL)
        return 1;
    if (run->o->json)
        dlq_print_json(r);
    else if (PQntuples(r) == 0)
        puts("no dead letters");
    else
        dlq_print_table(r);
    if (!run->o->json && (uint64_t)PQntuples(r) == run->o->limit)
        fprintf(stderr, "there may be more: --limit shows more than %" PRIu64 "\n", run->o->limit);
    PQclear(r);
    return 0;
}

static int show(struct run *run)
{
    char id[DLQ_IDS_MAX];
    const char *values[] = {id};
    PGresult *r;
    int rc = 1;

    snprintf(id, sizeof id, "%.*s", (int)strcspn(run->o->ids + 1, "}"), run->o->ids + 1);
    r = ops_query(run->db, "dlq", "schema/ops/dlq_show.sql", 1, values, NULL, NULL);
    if (r == NULL)
        return 1;
    if (PQntuples(r) == 0)
        fprintf(stderr, "ringback dlq: there is no dead letter %s\n", id);
    else if (dlq_print_letter(r, run->o->json))
        rc = 0;
    PQclear(r);
    return rc;
}

/* How many of the letters dlq_replay.sql would take. */
static int replayable(const PGresult *r)
{
    int n = 0;

    for (int row = 0; row < PQntuples(r); row++)
        n += !PQgetisnull(r, row, PQfnumber(r, "payload_bytes")) &&
             !PQgetisnull(r, row, PQfnumber(r, "source")) &&
             !PQgetisnull(r, row, PQfnumber(r, "key"));
    return n;
}

static void print_dry_run(const struct run *run, const PGresult *r)
{
    bool replay = run->o->verb == DLQ_REPLAY;
    int all = PQntuples(r), n = replay ? replayable(r) : all;

    dlq_print_table(r);
    printf("would %s %d%s\n", replay ? "replay" : "discard", n, all == LOOK_MAX ? " or more" : "");
    if (n < all)
        fprintf(stderr, "ringback dlq: %d of them cannot be replayed: their payload is not kept\n",
                all - n);
}

static int dry_run(struct run *run)
{
    uint64_t most = run->o->limit > 0 && run->o->limit < LOOK_MAX ? run->o->limit : LOOK_MAX;
    PGresult *r = look(run, most);

    if (r == NULL)
        return 1;
    if (run->o->json)
        dlq_print_json(r);
    else
        print_dry_run(run, r);
    PQclear(r);
    return 0;
}

/* ---- portions ---- */

/* One portion of the selected letters; at most what --limit leaves. NULL: an error was printed. */
static PGresult *portion(struct run *run, const char *path, uint64_t most)
{
    const char *values[FILTERS + 1];
    char number[NUMBER_MAX];
    uint64_t left = run->o->limit == 0 ? most : run->o->limit - run->done;

    memcpy(values, run->filters, sizeof run->filters);
    snprintf(number, sizeof number, "%" PRIu64, left < most ? left : most);
    values[FILTERS] = number;
    return ops_query(run->db, "dlq", path, FILTERS + 1, values, NULL, NULL);
}

static void progress(const struct run *run, const char *what, bool end)
{
    char line[64];

    snprintf(line, sizeof line, "%s %" PRIu64 " ", what, run->done);
    if (!run->o->json)
        pace_show(end ? NULL : line);
}

/* Says how it went. Ids that were given and not found are a mistake. */
static int finish(const struct run *run, const char *what, bool complete)
{
    progress(run, what, true);
    if (run->o->json)
        printf("{\"%s\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"complete\":%s}\n", what, run->done,
               run->failed, complete ? "true" : "false");
    else
        printf("%s %" PRIu64 " dead letter%s\n", what, run->done, run->done == 1 ? "" : "s");
    if (!complete || run->failed > 0) /* one line has told why */
        return 1;
    if (run->done >= run->o->n_ids || (run->o->limit > 0 && run->done == run->o->limit))
        return 0;
    fprintf(stderr,
            "ringback dlq: %" PRIu64
            " of the given ids are not there, were replayed before, or their payload is not kept\n",
            run->o->n_ids - run->done);
    return 1;
}

/* ---- replay ---- */

static struct text cell(const PGresult *r, int row, const char *column)
{
    int c = PQfnumber(r, column);

    return c < 0 || PQgetisnull(r, row, c)
               ? TEXT_NULL
               : (struct text){PQgetvalue(r, row, c), (size_t)PQgetlength(r, row, c)};
}

/* No event can be made of the letter. It must not be in the way of the others. */
static bool keep(struct run *run, const char *id, const char *why)
{
    PGresult *r = ops_query(run->db, "dlq", "schema/ops/dlq_keep.sql", 1, &id, NULL, NULL);
    bool ok = r != NULL;

    PQclear(r);
    run->failed++;
    fprintf(stderr, "ringback dlq: dead letter %s cannot be replayed: %s\n", id, why);
    return ok;
}

/* False: one line was printed. */
static bool send_letter(struct run *run, const PGresult *r, int row, struct arena *arena,
                        struct streams *streams)
{
    struct text received = cell(r, row, "received_us"), hex = cell(r, row, "payload"),
                digest = cell(r, row, "digest");
    struct letter letter = {
        .source = cell(r, row, "source"),
        .topic = cell(r, row, "topic"),
        .key = cell(r, row, "key"),
        .headers = cell(r, row, "headers"),
        .received_us = received.p == NULL ? EVENT_NO_TIME : strtoll(received.p, NULL, 10),
    };
    const char *id = cell(r, row, "id").p, *why;
    unsigned char *body = NULL, *sum = NULL;
    struct envelope e;
    bool ok, made;

    arena_reset(arena);
    if (hex.p != NULL)
        body = PQunescapeBytea((const unsigned char *)hex.p, &letter.payload.n);
    letter.payload.p = (const char *)body;
    if (digest.p != NULL)
        sum = PQunescapeBytea((const unsigned char *)digest.p, &letter.digest.n);
    letter.digest.p = (const char *)sum;
    made = letter_envelope(&letter, pace_wall_us(), arena, &e, &why);
    ok = made ? streams_append(streams, &e) : keep(run, id, why);
    PQfreemem(body);
    PQfreemem(sum);
    return ok;
}

/* One portion: how many letters were taken, or -1 after an error. */
static int replay_portion(struct run *run, struct arena *arena, struct streams *streams)
{
    PGresult *r;
    bool ok = true;
    int n;

    if (!ops_run(run->db, "dlq", "BEGIN"))
        return -1;
    r = portion(run, "schema/ops/dlq_replay.sql", pace_step(run->o->rate, REPLAY_PORTION));
    n = r == NULL ? -1 : PQntuples(r);
    for (int row = 0; ok && row < n; row++)
        ok = send_letter(run, r, row, arena, streams);
    ok = ok && n >= 0 && streams_confirm(streams, NULL) && ops_run(run->db, "dlq", "COMMIT");
    PQclear(r);
    return ok ? n : -1; /* without COMMIT the connection is closed, which rolls back */
}

static int replay(struct run *run)
{
    struct streams *streams = streams_open(run->config, "dlq");
    void *memory = malloc(LETTER_ARENA);
    int64_t from_us = pace_wall_us();
    uint64_t failed;
    struct arena arena;
    int n = -1;

    if (streams != NULL && memory != NULL) {
        arena_init(&arena, memory, LETTER_ARENA);
        do {
            pace_wait(run->o->rate, from_us, run->done);
            failed = run->failed;
            n = replay_portion(run, &arena, streams);
            run->done += n > 0 ? (uint64_t)n - (run->failed - failed) : 0;
            progress(run, "replayed", false);
        } while (n > 0 && (run->o->limit == 0 || run->done < run->o->limit));
    }
    free(memory);
    streams_close(streams);
    return finish(run, "replayed", n >= 0);
}

/* ---- discard ---- */

/* A person must have said so. */
static bool may_discard(struct run *run)
{
    uint64_t most = run->o->limit > 0 && run->o->limit < LOOK_MAX ? run->o->limit : LOOK_MAX;
    char answer[8] = "";
    PGresult *r;
    int n;

    if (run->o->yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr,
                "ringback dlq: discarding is for good: say --yes where nobody can be asked\n");
        return false;
    }
    r = look(run, most);
    n = r == NULL ? 0 : PQntuples(r);
    PQclear(r);
    if (r == NULL)
        return false;
    if (n == 0)
        return true; /* which is soon done */
    fprintf(stderr, "discard %d%s dead letter%s for good? [y/N] ", n,
            n == LOOK_MAX ? " or more" : "", n == 1 ? "" : "s");
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    fprintf(stderr, "ringback dlq: nothing was discarded\n");
    return false;
}

static int discard(struct run *run)
{
    int n;

    if (!may_discard(run))
        return 2;
    do {
        PGresult *r = portion(run, "schema/ops/dlq_discard.sql", DISCARD_PORTION);

        if (r == NULL)
            return finish(run, "discarded", false);
        n = PQntuples(r);
        run->done += (uint64_t)n;
        PQclear(r);
        progress(run, "discarded", false);
    } while (n > 0 && (run->o->limit == 0 || run->done < run->o->limit));
    return finish(run, "discarded", true);
}

int dlq_run(const struct config *config, const struct dlq_options *o)
{
    static int (*const verbs[])(struct run *) = {
        [DLQ_LIST] = list, [DLQ_SHOW] = show, [DLQ_REPLAY] = replay, [DLQ_DISCARD] = discard};
    struct run run = {.config = config, .o = o, .db = ops_connect(config, "dlq")};
    int rc = 1;

    if (run.db == NULL)
        return 1;
    if (begin_run(&run))
        rc = o->dry_run ? dry_run(&run) : verbs[o->verb](&run);
    PQfinish(run.db);
    return rc;
}
