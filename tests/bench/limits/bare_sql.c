/* The limit of the pipeline: the worker's own transactions, decoded, handled and encoded beforehand from the same events, sent
 * from memory on so many connections, with the next one always waiting behind the one that runs. No Redis, no JSON, nothing else.
 *
 *   bare_sql --connections N [--batch N] [the options of orders_redis]
 *
 * Prints "ready" once all is prepared, waits for a line on standard input, sends, prints what came out. The first transaction of
 * each connection is not counted: it prepares the statements. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "../lib/order_event.h"
#include "base/arena.h"
#include "runtime/db.h"
#include "worker/batch.h"
#include "worker/batch_session.h"
#include "worker/encode.h"

enum {
    CONNECTIONS_MAX = 16,
    ENCODED_MAX = 32 * 1024 * 1024,
    BODY_MAX = 8 * 1024 * 1024,
    SLICE = 64 * 1024 * 1024
};

struct job {
    struct encoded encoded;
    struct db_request request;
    uint32_t n;
    struct job *next;
};

static struct connection {
    struct db_pool *pool;
    struct job *first, **last;
} connections[CONNECTIONS_MAX];

static unsigned n_connections = 1, waiting, up;
static uint32_t batch_max = 500;
static uint64_t stored;
static uv_loop_t loop;

static void *memory(size_t n)
{
    void *p = calloc(1, n);

    if (p == NULL)
        order_die("out of memory");
    return p;
}

/* ---- before: from events to encoded transactions ---- */

static void know_shops(struct shops *shops)
{
    static const char query[] =
        "SELECT store_domain, id, organization_id, settings FROM commerce_integrations";
    char *error = NULL;
    PGconn *pg = db_connect_blocking(getenv("RINGBACK_DATABASE_URL"), "bare_sql", &error);
    PGresult *r;

    if (pg == NULL)
        order_die(error);
    r = PQexec(pg, query);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        order_die(PQerrorMessage(pg));
    for (int i = 0; i < PQntuples(r); i++)
        shops_put(shops, text_of(PQgetvalue(r, i, 0)), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2),
                  PQgetisnull(r, i, 3) ? NULL : PQgetvalue(r, i, 3), false, 1);
    PQclear(r);
    PQfinish(pg);
}

static struct entry *entries(struct order_maker *maker, uint64_t from, uint32_t n)
{
    struct entry *first = NULL, **link = &first;
    struct order_event e;

    for (uint32_t i = 0; i < n; i++) {
        struct entry *entry;

        order_make(maker, from + i, &e);
        entry = memory(sizeof *entry + e.len);
        *entry = (struct entry){.id = {1, from + i + 1}, .deliveries = 1, .len = e.len};
        memcpy(entry->bytes, e.bytes, e.len);
        *link = entry;
        link = &entry->next;
    }
    return first;
}

static struct job *encode(struct batch *b, uint32_t n, uint16_t partition)
{
    struct job *job = memory(sizeof *job);
    struct arena arena;
    struct encode_input in = {.rows = &b->rows,
                              .hi = n,
                              .partitions = &partition,
                              .n_partitions = 1,
                              .letters = b->letters,
                              .again = b->again,
                              .traced = b->traced,
                              .now_us = (int64_t)time(NULL) * 1000000,
                              .abandon_ms = 1800000,
                              .expire_ms = UINT64_C(2592000000)};

    arena_init(&arena, memory(ENCODED_MAX), ENCODED_MAX); /* untouched pages cost nothing */
    if (encode_batch(&in, &arena, &job->encoded) != ENCODE_OK)
        order_die("a batch cannot be encoded");
    job->n = n;
    return job;
}

static void prepare(const struct order_options *options)
{
    struct shops *shops = shops_new("");
    struct order_maker maker;
    struct batch b;

    order_maker_open(&maker, options);
    if (shops == NULL || !batch_init(&b, batch_max, BODY_MAX))
        order_die("out of memory");
    while (batch_grow(&b)) {
    }
    know_shops(shops);
    for (uint64_t i = 0, k = 0; i < options->count; i += batch_max, k++) {
        uint32_t n = options->count - i < batch_max ? (uint32_t)(options->count - i) : batch_max;
        struct connection *c = &connections[k % n_connections];

        batch_open(&b, entries(&maker, i, n), n);
        if (batch_decode(&b, shops, 1, SLICE) != BATCH_READY ||
            batch_handle(&b, SLICE) != BATCH_READY || b.n != n)
            order_die("a batch does not fit");
        for (uint32_t e = 0; e < n; e++)
            if (b.items[e].fate != FATE_STORE)
                order_die("an event has no rows: are the stores there?");
        *c->last = encode(&b, n, (uint16_t)(k % n_connections));
        c->last = &(*c->last)->next;
        batch_drop(&b, 0, n);
        b.n = 0;
    }
}

/* ---- then ---- */

static void on_done(struct db_request *r, const struct db_outcome *o)
{
    struct job *job = r->ctx;

    if (!o->ok) {
        fprintf(stderr, "%s %s\n", o->sqlstate, o->message);
        exit(1);
    }
    stored += job->n;
    if (--waiting == 0)
        uv_stop(&loop);
}

static void submit(struct connection *c)
{
    struct job *job = c->first;

    c->first = job->next;
    job->request = (struct db_request){
        .queries = job->encoded.queries, .n_queries = job->encoded.n, .done = on_done, .ctx = job};
    waiting++;
    db_submit(c->pool, &job->request);
}

static void on_state(void *ctx, unsigned live, const char *reason)
{
    (void)ctx;
    if (live == 0)
        order_die(reason);
    if (++up == n_connections)
        uv_stop(&loop);
}

static void connect_all(void)
{
    for (unsigned i = 0; i < n_connections; i++)
        connections[i].pool = db_open(&loop, &(struct db_options){
                                                 .url = getenv("RINGBACK_DATABASE_URL"),
                                                 .application_name = "bare_sql",
                                                 .connections = 1,
                                                 .setup = batch_session,
                                                 .on_state = on_state,
                                             });
    uv_run(&loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < n_connections; i++)
        if (connections[i].first != NULL)
            submit(&connections[i]);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static double cpu(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void run(void)
{
    char line[16];
    double cpu_before;
    uint64_t began;

    printf("ready\n");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        return;
    stored = 0;
    began = uv_hrtime();
    cpu_before = cpu();
    for (unsigned i = 0; i < n_connections; i++)
        while (connections[i].first != NULL)
            submit(&connections[i]);
    uv_run(&loop, UV_RUN_DEFAULT);
    printf("{\"events\": %" PRIu64 ", \"seconds\": %.4f, \"cpu_us\": %.2f}\n", stored,
           (double)(uv_hrtime() - began) / 1e9, (cpu() - cpu_before) / (double)stored * 1e6);
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) /* whoever measures us reads our memory first */
        return;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {ORDER_OPTIONS,
                                          {"connections", required_argument, NULL, 'C'},
                                          {"batch", required_argument, NULL, 'B'},
                                          {NULL, 0, NULL, 0}};
    struct order_options options = order_defaults();
    int letter;

    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (letter == 'C')
            n_connections = (unsigned)atoi(optarg);
        else if (letter == 'B')
            batch_max = (uint32_t)atoi(optarg);
        else if (!order_option(&options, letter, optarg))
            return 2;
    }
    if (getenv("RINGBACK_DATABASE_URL") == NULL || n_connections < 1 ||
        n_connections > CONNECTIONS_MAX || batch_max < 1 ||
        options.count <= (uint64_t)batch_max * n_connections)
        order_die("usage: RINGBACK_DATABASE_URL=... bare_sql --connections N --batch N --count N "
                  "...; more events than the "
                  "first batches hold");
    for (unsigned i = 0; i < n_connections; i++)
        connections[i].last = &connections[i].first;
    uv_loop_init(&loop);
    prepare(&options);
    connect_all();
    run();
    return 0;
}
