/* A PostgreSQL that knows orders and dead letters, and the pool in front of it. A request is read when it is sent, so
 * that it can be carried out after its sender died. All or nothing; an order only moves forward, as in upsert_orders.sql. */
#include "sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"
#include "runtime/db.h"
#include "worker/dead_letter.h"

enum {
    FLIGHTS_MAX = 32,
    ARRAY_HEAD = 20, /* dimensions, flags, type, length, lower bound */
    RESULTS_MAX = DB_QUERIES_MAX,
    RETRY_US_MIN = 50000,
};

struct row_sent {
    unsigned partition, key, version;
};

struct letter_sent {
    unsigned partition;
    struct entry_id id;
    char reason[32];
};

/* A request on its way. */
struct flight {
    bool used, executed, lookup;
    struct db_request *request; /* NULL: its sender is gone */
    unsigned worker, pool, session;
    uint64_t order, stalled_until_us, gone_at_us;
    struct row_sent rows[SIM_EVENTS_MAX], again[SIM_EVENTS_MAX], told[2 * SIM_EVENTS_MAX];
    struct letter_sent letters[SIM_EVENTS_MAX];
    char shops[SIM_PARTITIONS + 1][64];
    unsigned n_rows, n_again, n_told, n_letters, n_shops;
    bool locked[SIM_PARTITIONS]; /* its transaction is about these partitions */
    char sqlstate[6];
};

struct db_pool {
    struct db_options options;
    unsigned worker, up;
    uint64_t retry_us;
    struct db_request *first, **last; /* waiting in line */
    unsigned next_session;
    bool closing;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    struct db_pool *next;
};

static struct flight flights[FLIGHTS_MAX];
static struct db_pool *pools[SIM_WORKERS];
static int orders[SIM_PARTITIONS][SIM_KEYS];
static uint64_t away_until_ms, next_order;
static char fail_next[6];
static bool kill_next_mixed, cut_next_mixed;
static unsigned
    refuse_next_of; /* worker, when it comes with a batch of several partitions; NOBODY */
static bool apart[SIM_WORKERS][SIM_PARTITIONS]; /* may not share a batch */
struct sim_mixed sim_mixed;
static bool impossible(const struct row_sent *r);

/* ---- reading what was sent ---- */

static uint32_t get32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* Elements of a binary array; `at` steps from one to the next. */
static unsigned array_length(const char *array)
{
    return get32(array) == 0 ? 0 : get32(array + 12);
}

struct walk {
    const char *p;
};

static const char *walk_next(struct walk *w, uint32_t *len)
{
    const char *value = w->p + 4;

    *len = get32(w->p);
    if (*len == UINT32_MAX)
        *len = 0;
    w->p = value + *len;
    return value;
}

static struct walk walk_of(const char *array)
{
    return (struct walk){array + ARRAY_HEAD};
}

static unsigned decimal(const char *p, uint32_t len)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < len; i++)
        n = n * 10 + (unsigned)(p[i] - '0');
    return n;
}

static void read_orders(struct flight *f, const struct db_query *q)
{
    unsigned n = array_length(q->values[COL_orders_external_order_id]);
    struct walk integration = walk_of(q->values[COL_orders_integration_id]);
    struct walk id = walk_of(q->values[COL_orders_external_order_id]);
    struct walk version = walk_of(q->values[COL_orders_source_version]);

    for (unsigned i = 0; i < n; i++) {
        uint32_t len;
        const char *of = walk_next(&integration, &len), *v;
        struct row_sent r = {.partition = (unsigned char)of[15]};
        const char *key = walk_next(&id, &len);

        r.key = decimal(key, len);
        v = walk_next(&version, &len);
        assert(len == 24);
        r.version = get32(v + 4);
        if (r.partition >= SIM_PARTITIONS || r.key >= SIM_KEYS)
            sim_violation("a row of no order: partition %u, key %u", r.partition, r.key);
        f->rows[f->n_rows++] = r;
    }
}

static void read_again(struct flight *f, const struct db_query *q)
{
    unsigned n = array_length(q->values[1]);
    struct walk integration = walk_of(q->values[0]), id = walk_of(q->values[1]);

    for (unsigned i = 0; i < n; i++) {
        uint32_t len;
        unsigned partition = (unsigned char)walk_next(&integration, &len)[15];
        const char *key = walk_next(&id, &len);

        f->again[f->n_again++] =
            (struct row_sent){.partition = partition, .key = decimal(key, len)};
    }
}

static void read_letters(struct flight *f, const struct db_query *q)
{
    unsigned n = array_length(q->values[DEAD_ENTRY_ID]);
    struct walk ids = walk_of(q->values[DEAD_ENTRY_ID]);
    struct walk reasons = walk_of(q->values[DEAD_REASON]);
    struct walk partitions = walk_of(q->values[DEAD_PARTITION]);

    for (unsigned i = 0; i < n; i++) {
        struct letter_sent *l = &f->letters[f->n_letters++];
        uint32_t len;
        const char *p = walk_next(&ids, &len);

        if (!entry_id_parse(p, len, &l->id))
            sim_violation("a dead letter of no entry");
        p = walk_next(&reasons, &len);
        snprintf(l->reason, sizeof l->reason, "%.*s", (int)len, p);
        l->partition = get32(walk_next(&partitions, &len));
    }
}

static void read_shops(struct flight *f, const struct db_query *q)
{
    unsigned n = array_length(q->values[0]);
    struct walk domains = walk_of(q->values[0]);

    f->lookup = true;
    for (unsigned i = 0; i < n && f->n_shops <= SIM_PARTITIONS; i++) {
        uint32_t len;
        const char *p = walk_next(&domains, &len);

        snprintf(f->shops[f->n_shops++], sizeof f->shops[0], "%.*s", (int)len, p);
    }
}

/* "{0,2}", ascending */
static void read_locks(struct flight *f, const struct db_query *q)
{
    int before = -1, n = 0;

    for (const char *p = q->values[0]; *p != '}'; p += n) {
        int partition = -1;

        sscanf(p, "%*c%d%n", &partition, &n);
        if (partition <= before || partition >= SIM_PARTITIONS)
            sim_violation("partitions are locked out of order: %s", q->values[0]);
        f->locked[partition] = true;
        before = partition;
    }
}

static void read_request(struct flight *f)
{
    static const struct {
        const char *path;
        void (*read)(struct flight *f, const struct db_query *q);
    } statements[] = {{"schema/worker/lock_partitions.sql", read_locks},
                      {"schema/worker/upsert_orders.sql", read_orders},
                      {"schema/worker/republish.sql", read_again},
                      {"schema/worker/store_dead_letters.sql", read_letters},
                      {"schema/worker/lookup_shops.sql", read_shops}};

    for (unsigned i = 0; i < f->request->n_queries; i++) {
        const struct db_query *q = &f->request->queries[i];

        for (size_t k = 0; k < sizeof statements / sizeof statements[0]; k++)
            if (strcmp(statements[k].path, q->statement->path) == 0)
                statements[k].read(f, q);
    }
}

static bool is_mixed(const struct flight *f)
{
    unsigned n = 0;

    for (unsigned p = 0; p < SIM_PARTITIONS; p++)
        n += f->locked[p];
    return n > 1;
}

bool pg_has_mixed(unsigned partition)
{
    for (unsigned i = 0; i < FLIGHTS_MAX; i++)
        if (flights[i].used && flights[i].request != NULL && flights[i].locked[partition] &&
            is_mixed(&flights[i]))
            return true;
    return false;
}

/* ---- carrying out ---- */

static bool impossible(const struct row_sent *r)
{
    for (unsigned e = 0; e < sim_n_events; e++)
        if (sim_events[e].kind == IMPOSSIBLE && sim_events[e].partition == r->partition &&
            sim_events[e].key == r->key && sim_events[e].version == r->version)
            return true;
    return false;
}

static void refuse(struct flight *f, const char *sqlstate)
{
    snprintf(f->sqlstate, sizeof f->sqlstate, "%s", sqlstate);
}

static void commit(struct flight *f)
{
    for (unsigned i = 0; i < f->n_rows; i++) {
        struct row_sent *r = &f->rows[i];
        int *stored = &orders[r->partition][r->key];

        if (!f->locked[r->partition])
            sim_violation("a row of partition %u, which its transaction has not locked",
                          r->partition);
        if ((int)r->version <= *stored)
            continue;
        *stored = (int)r->version;
        f->told[f->n_told++] = *r;
    }
    for (unsigned i = 0; i < f->n_letters; i++)
        oracle_letter(f->letters[i].partition, f->letters[i].id, f->letters[i].reason);
    for (unsigned i = 0; i < f->n_again; i++) {
        struct row_sent r = f->again[i];

        if (orders[r.partition][r.key] < 0)
            continue;
        r.version = (unsigned)orders[r.partition][r.key];
        f->told[f->n_told++] = r;
    }
    for (unsigned p = 0; p < SIM_PARTITIONS; p++)
        if (f->locked[p])
            oracle_committed(p);
}

void pg_worker_born(unsigned worker)
{
    for (unsigned p = 0; p < SIM_PARTITIONS; p++)
        apart[worker][p] = true;
}

/* Who had trouble in company, or none yet, comes by itself first. */
static void check_company(const struct flight *f)
{
    for (unsigned p = 0; p < SIM_PARTITIONS && f->request != NULL; p++)
        if (is_mixed(f) && f->locked[p] && apart[f->worker][p])
            sim_violation("partition %u is not to share a batch yet", p);
}

static void note_company(const struct flight *f)
{
    bool trouble = strcmp(f->sqlstate, "23514") == 0 || strcmp(f->sqlstate, "55P03") == 0 ||
                   strcmp(f->sqlstate, "57014") == 0;

    for (unsigned p = 0; p < SIM_PARTITIONS && f->request != NULL; p++) {
        if (!f->locked[p])
            continue;
        if (trouble)
            apart[f->worker][p] = true;
        else if (f->sqlstate[0] == '\0' && !is_mixed(f))
            apart[f->worker][p] = false;
    }
}

static void carry_out(struct flight *f)
{
    if (fail_next[0] != '\0') {
        refuse(f, fail_next);
        fail_next[0] = '\0';
        return;
    }
    if (refuse_next_of == f->worker && is_mixed(f)) {
        refuse(f, "55P03");
        refuse_next_of = NOBODY;
        sim_mixed.parted++;
        return;
    }
    for (unsigned i = 0; i < f->n_rows; i++) {
        if (impossible(&f->rows[i])) {
            refuse(f, "23514");
            sim_mixed.refused += is_mixed(f);
            return;
        }
    }
    commit(f);
    sim_mixed.committed += is_mixed(f);
}

static void execute(struct flight *f)
{
    f->executed = true;
    check_company(f);
    carry_out(f);
    note_company(f);
}

/* The oldest of its session, and not waiting for a network. */
static bool is_next(const struct flight *f)
{
    if (!f->used || f->executed || sim_now_us < f->stalled_until_us)
        return false;
    for (unsigned i = 0; i < FLIGHTS_MAX; i++)
        if (flights[i].used && !flights[i].executed && flights[i].worker == f->worker &&
            flights[i].pool == f->pool && flights[i].session == f->session &&
            (flights[i].request == NULL) == (f->request == NULL) && flights[i].order < f->order)
            return false;
    return true;
}

bool pg_step(void)
{
    unsigned start = sim_below(FLIGHTS_MAX);

    if (sim_now_ms() < away_until_ms)
        return false;
    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *f = &flights[(start + i) % FLIGHTS_MAX];

        if (!is_next(f))
            continue;
        if (kill_next_mixed && is_mixed(f) && f->request != NULL) {
            kill_next_mixed = false;
            if (sim_chance(500))
                execute(f);
            worker_kill(f->worker);
            return true;
        }
        execute(f);
        if (cut_next_mixed && is_mixed(f) && f->request != NULL && f->sqlstate[0] == '\0') {
            cut_next_mixed = false;
            refuse(f, "08006");
            refuse_next_of = f->worker;
        }
        if (f->request == NULL)
            f->used = false;
        return true;
    }
    return false;
}

uint64_t pg_due_us(void)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        uint64_t at = flights[i].stalled_until_us;

        if (!flights[i].used || flights[i].executed)
            continue;
        at = at > away_until_ms * 1000 ? at : away_until_ms * 1000;
        first = at < first ? at : first;
    }
    for (unsigned w = 0; w < SIM_WORKERS; w++)
        for (const struct db_pool *p = pools[w]; p != NULL; p = p->next)
            if (p->up == 0 && p->retry_us < first)
                first = p->retry_us;
    return first;
}

int pg_version(unsigned partition, unsigned key)
{
    return orders[partition][key];
}

/* ---- the pool ---- */

struct db_pool *db_open(uv_loop_t *loop, const struct db_options *options)
{
    struct db_pool *p = calloc(1, sizeof *p);
    unsigned worker = 0;

    if (p == NULL)
        return NULL;
    while (&sim_workers[worker].loop.uv != loop)
        worker++;
    p->options = *options;
    p->worker = worker;
    p->last = &p->first;
    p->retry_us = sim_now_us + 1000;
    p->next = pools[worker];
    pools[worker] = p;
    return p;
}

unsigned db_up(const struct db_pool *p)
{
    return p->up;
}

void db_submit(struct db_pool *p, struct db_request *r)
{
    assert(!p->closing && r->n_queries > 0);
    r->next = NULL;
    r->due_ms = sim_now_ms() + r->deadline_ms;
    *p->last = r;
    p->last = &r->next;
}

void db_close(struct db_pool *p, void (*on_closed)(void *ctx), void *ctx)
{
    p->closing = true;
    p->on_closed = on_closed;
    p->closed_ctx = ctx;
}

static unsigned pool_number(const struct db_pool *p)
{
    return p->options.on_notify != NULL; /* lookups listen, batches do not */
}

static void finish(struct db_request *r, const char *sqlstate)
{
    struct db_outcome o = {.ok = false};

    snprintf(o.sqlstate, sizeof o.sqlstate, "%s", sqlstate);
    snprintf(o.message, sizeof o.message, "simulated");
    r->done(r, &o);
}

static struct db_request *take(struct db_pool *p)
{
    struct db_request *r = p->first;

    if (r == NULL)
        return NULL;
    p->first = r->next;
    if (p->first == NULL)
        p->last = &p->first;
    return r;
}

static void send_waiting(struct db_pool *p)
{
    struct db_request *r;

    while (p->up > 0 && (r = take(p)) != NULL) {
        struct flight *f = flights;

        while (f->used)
            assert(++f < flights + FLIGHTS_MAX);
        memset(f, 0, sizeof *f);
        f->used = true;
        f->request = r;
        f->worker = p->worker;
        f->pool = pool_number(p);
        f->session = p->next_session++ % p->options.connections;
        f->order = ++next_order;
        read_request(f);
    }
}

static void fill(PGresult *r, const char *const *names, unsigned n)
{
    PGresAttDesc columns[16];

    assert(n <= sizeof columns / sizeof columns[0]);

    memset(columns, 0, sizeof columns);
    for (unsigned i = 0; i < n; i++)
        columns[i].name = (char *)(uintptr_t)names[i];
    PQsetResultAttrs(r, (int)n, columns);
}

static void set(PGresult *r, int row, int column, const char *value)
{
    PQsetvalue(r, row, column, (char *)(uintptr_t)value, (int)strlen(value));
}

static void organization(char out[40], unsigned partition)
{
    snprintf(out, 40, "00000000-0000-4000-8000-0000000000%02x", partition);
}

static PGresult *updates_result(const struct flight *f)
{
    static const char *const names[] = {"tbl", "type", "organization_id", "record"};
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    fill(r, names, 4);
    for (unsigned i = 0; i < f->n_told; i++) {
        char text[128], id[40];

        set(r, (int)i, 0, "commerce_orders");
        set(r, (int)i, 1, "UPDATE");
        organization(id, f->told[i].partition);
        set(r, (int)i, 2, id);
        snprintf(text, sizeof text, "{\"id\": \"%u\", \"v\": %u, \"integration_id\": \"%s\"}",
                 f->told[i].key, f->told[i].version, id);
        set(r, (int)i, 3, text);
    }
    return r;
}

static PGresult *shops_result(const struct flight *f)
{
    static const char *const names[] = {"store_domain",
                                        "integration_id",
                                        "organization_id",
                                        "status",
                                        "settings",
                                        "redacting",
                                        "since",
                                        "before_integration_id",
                                        "before_organization_id",
                                        "before_settings"};
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    int row = 0;

    fill(r, names, sizeof names / sizeof names[0]);
    for (unsigned i = 0; i < f->n_shops; i++) {
        unsigned partition;
        char id[40];

        if (sscanf(f->shops[i], "shop%u.", &partition) != 1)
            continue; /* nobody knows this one */
        organization(id, partition);
        set(r, row, 0, f->shops[i]);
        set(r, row, 1, id);
        set(r, row, 2, id);
        set(r, row, 3, "connected");
        set(r, row, 4, "{}");
        set(r, row, 5, "f");
        row++;
    }
    return r;
}

static PGresult *results[RESULTS_MAX]; /* here, because the worker may not return to us */
static unsigned n_results;

static void clear_results(void)
{
    for (unsigned i = 0; i < n_results; i++)
        PQclear(results[i]);
    n_results = 0;
}

static void answer(struct flight *f)
{
    struct db_request *r = f->request;
    struct db_outcome o = {.ok = true, .results = results};

    clear_results();
    f->used = false;
    if (f->sqlstate[0] != '\0') {
        finish(r, f->sqlstate);
        return;
    }
    for (n_results = 0; n_results < r->n_queries; n_results++) /* the last one tells the changes */
        results[n_results] = f->lookup ? shops_result(f)
                             : n_results + 1 == r->n_queries
                                 ? updates_result(f)
                                 : PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
    r->done(r, &o);
}

/* The pool's connections are gone: what was sent may be carried out, or already is. */
static void lose_pool(struct db_pool *p, const char *reason)
{
    p->up = 0;
    p->retry_us = sim_now_us + RETRY_US_MIN + sim_below(RETRY_US_MIN * 4);
    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *f = &flights[i];
        struct db_request *r = f->request;

        if (!f->used || r == NULL || f->worker != p->worker || f->pool != pool_number(p))
            continue;
        f->request = NULL;
        if (f->executed || sim_now_ms() < away_until_ms)
            f->used = false; /* a server that went away carries out nothing more */
        else
            f->stalled_until_us = sim_now_us + (sim_chance(500) ? sim_below(8000000) : 0);
        finish(r, "08006");
    }
    if (p->options.on_state != NULL && !p->closing)
        p->options.on_state(p->options.ctx, 0, reason);
}

static bool has_answer(const struct flight *f, const struct db_pool *p)
{
    if (!f->used || !f->executed || f->request == NULL || f->worker != p->worker ||
        f->pool != pool_number(p))
        return false;
    for (unsigned i = 0; i < FLIGHTS_MAX; i++)
        if (flights[i].used && flights[i].worker == f->worker && flights[i].pool == f->pool &&
            flights[i].session == f->session && flights[i].order < f->order &&
            flights[i].request != NULL)
            return false;
    return true;
}

static void shut(struct db_pool *p)
{
    struct db_request *r;
    unsigned was;

    lose_pool(p, "closing");
    while ((r = take(p)) != NULL)
        finish(r, "08006");
    for (struct db_pool **at = &pools[p->worker]; *at != NULL; at = &(*at)->next) {
        if (*at == p) {
            *at = p->next;
            break;
        }
    }
    was = sim_memory_of(p->worker);
    p->on_closed(p->closed_ctx);
    free(p);
    sim_memory_of(was);
}

static bool wants_connection(const struct db_pool *p)
{
    return p->up == 0 && sim_now_us >= p->retry_us && sim_now_ms() >= away_until_ms;
}

static bool is_lost(const struct db_pool *p)
{
    return p->up > 0 && sim_now_ms() < away_until_ms;
}

static void expire(struct db_pool *p)
{
    struct db_request **at = &p->first, *expired = NULL;

    while (*at != NULL) {
        struct db_request *r = *at;

        if (r->deadline_ms == 0 || sim_now_ms() < r->due_ms) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        r->next = expired;
        expired = r;
    }
    p->last = at;
    while (expired != NULL) {
        struct db_request *r = expired;

        expired = r->next;
        finish(r, "08006");
    }
}

static void pool_turn(struct db_pool *p)
{
    if (is_lost(p))
        lose_pool(p, "server closed the connection");
    if (wants_connection(p)) {
        p->up = p->options.connections;
        p->options.on_state(p->options.ctx, p->up, NULL);
    }
    for (unsigned i = 0; i < FLIGHTS_MAX; i++)
        if (has_answer(&flights[i], p))
            answer(&flights[i]);
    expire(p);
    send_waiting(p);
}

void pg_deliver(unsigned worker)
{
    struct db_pool *next;

    for (struct db_pool *p = pools[worker]; p != NULL; p = next) {
        next = p->next;
        if (p->closing)
            shut(p);
        else
            pool_turn(p);
    }
}

bool pg_has_news(unsigned worker)
{
    for (const struct db_pool *p = pools[worker]; p != NULL; p = p->next) {
        if (p->closing || is_lost(p) || wants_connection(p) || (p->up > 0 && p->first != NULL) ||
            (p->first != NULL && p->first->deadline_ms != 0 && sim_now_ms() >= p->first->due_ms))
            return true;
        for (unsigned i = 0; i < FLIGHTS_MAX; i++)
            if (has_answer(&flights[i], p))
                return true;
    }
    return false;
}

void pg_orphan(unsigned worker)
{
    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *f = &flights[i];

        if (!f->used || f->worker != worker || f->request == NULL)
            continue;
        f->request = NULL;
        sim_mixed.orphaned += is_mixed(f);
        if (f->executed)
            f->used = false;
        else if (sim_chance(500))
            f->stalled_until_us = sim_now_us + sim_below(15000000);
    }
    pools[worker] = NULL; /* their memory goes with the worker's */
}

/* ---- faults ---- */

/* A connection dies under a request: before, or between COMMIT and its answer. */
void pg_cut_one(bool executed)
{
    unsigned start = sim_below(FLIGHTS_MAX);

    for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *f = &flights[(start + i) % FLIGHTS_MAX];

        if (!f->used || f->request == NULL || f->executed)
            continue;
        sim_trace("a connection of worker %u to postgres dies %s", f->worker,
                  executed ? "after COMMIT" : "before COMMIT");
        if (executed && is_next(f))
            execute(f);
        sim_mixed.cut += is_mixed(f);
        f->executed = true;
        refuse(f, "08006");
        return;
    }
}

void pg_away(uint64_t ms)
{
    sim_trace("postgres is away for %llu ms", (unsigned long long)ms);
    away_until_ms = sim_now_ms() + ms;
}

void pg_fail_next(const char *sqlstate)
{
    sim_trace("a transaction will fail with %s", sqlstate);
    snprintf(fail_next, sizeof fail_next, "%s", sqlstate);
}

void pg_kill_next_mixed(void)
{
    kill_next_mixed = true;
}

void pg_part_next_mixed(void)
{
    cut_next_mixed = true;
}

void pg_calm(void)
{
    kill_next_mixed = cut_next_mixed = false;
    refuse_next_of = NOBODY;
    away_until_ms = 0;
    fail_next[0] = '\0';
    for (unsigned i = 0; i < FLIGHTS_MAX; i++)
        flights[i].stalled_until_us = 0;
}

void pg_reset(void)
{
    clear_results();
    for (unsigned i = 0; i < FLIGHTS_MAX; i++)
        flights[i].used = false;
    memset(pools, 0, sizeof pools);
    for (unsigned p = 0; p < SIM_PARTITIONS; p++)
        for (unsigned k = 0; k < SIM_KEYS; k++)
            orders[p][k] = -1;
    away_until_ms = next_order = 0;
    kill_next_mixed = cut_next_mixed = false;
    refuse_next_of = NOBODY;
    fail_next[0] = '\0';
}
