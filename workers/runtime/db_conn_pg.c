/* Driver: libpq and one uv_poll_t. libpq's rules that shape it (manual, chapters 34.1, 34.4, 34.5):
 *  - the socket may change with every PQconnectPoll(), so each gets a poll handle of its own;
 *  - PQconnectStart() looks host names up synchronously: use an address, or a resolver that is
 * near;
 *  - results must be drained until the Sync; a NULL ends one statement's results;
 *  - READABLE stays on when idle, or a dead server goes unseen. */
#include "runtime/db_conn_pg.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/assets.h"
#include "runtime/db_error.h"

enum { CONNECT_TIMEOUT_MS = 10000, BACKOFF_MS_MIN = 50, BACKOFF_MS_MAX = 5000, NAME_MAX_LEN = 32 };

struct db_watch {
    uv_poll_t poll;
    struct db_conn *conn;
    int events; /* what it waits for */
};

static void begin(struct db_conn *c);
static void lost(struct db_conn *c, const char *sqlstate, const char *reason);
static void on_timer(uv_timer_t *t);

/* The only place that assigns c->state. */
static void move(struct db_conn *c, enum db_conn_state next)
{
    static const unsigned allowed[] = {
        [DB_CONN_WAITING] = 1u << DB_CONN_CONNECTING | 1u << DB_CONN_WAITING | 1u << DB_CONN_CLOSED,
        [DB_CONN_CONNECTING] = 1u << DB_CONN_SETUP | 1u << DB_CONN_WAITING | 1u << DB_CONN_CLOSED,
        [DB_CONN_SETUP] = 1u << DB_CONN_UP | 1u << DB_CONN_WAITING | 1u << DB_CONN_CLOSED,
        [DB_CONN_UP] = 1u << DB_CONN_WAITING | 1u << DB_CONN_CLOSED,
        [DB_CONN_CLOSED] = 0,
    };

    assert(allowed[c->state] & 1u << next);
    c->state = next;
}

static uint64_t next_random(struct db_conn *c)
{
    c->random ^= c->random << 13; /* xorshift64: jitter needs no more */
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return c->random;
}

/* ---- the poll handle ---------------------------------------------------------------------------
 */

static void on_watch_closed(uv_handle_t *h)
{
    struct db_watch *w = h->data;
    struct db_conn *c = w->conn;

    free(w);
    if (--c->open_handles == 0)
        c->owner->on_closed(c);
}

/* Must come before libpq may close the socket: a closed descriptor cannot be taken out of epoll. */
static void unwatch(struct db_conn *c)
{
    if (c->watch == NULL)
        return;
    uv_poll_stop(&c->watch->poll);
    uv_close((uv_handle_t *)&c->watch->poll, on_watch_closed);
    c->watch = NULL;
}

static bool watch(struct db_conn *c, int events, uv_poll_cb cb)
{
    struct db_watch *w = calloc(1, sizeof *w);

    assert(c->watch == NULL);
    if (w == NULL || uv_poll_init(c->loop, &w->poll, PQsocket(c->pg)) != 0) {
        free(w);
        return false;
    }
    w->conn = c;
    w->poll.data = w;
    w->events = events;
    c->watch = w;
    c->open_handles++;
    return uv_poll_start(&w->poll, events, cb) == 0;
}

/* ---- results -----------------------------------------------------------------------------------
 */

static void clear_results(struct db_cargo *cargo)
{
    for (unsigned i = 0; i < DB_QUERIES_MAX; i++) {
        PQclear(cargo->results[i]);
        cargo->results[i] = NULL;
    }
}

static enum db_result kind_of(const PGresult *r)
{
    switch (PQresultStatus(r)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        return DB_RESULT_OK;
    case PGRES_PIPELINE_SYNC:
        return DB_RESULT_SYNC;
    case PGRES_PIPELINE_ABORTED:
        return DB_RESULT_SKIPPED;
    default:
        return DB_RESULT_FAILED;
    }
}

static void keep_field(char *out, size_t size, const PGresult *r, int code)
{
    const char *text = PQresultErrorField(r, code);

    db_one_line(out, size, text == NULL ? "" : text);
}

static void keep_error(struct db_cargo *cargo, unsigned query, const PGresult *r)
{
    const char *sqlstate = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

    snprintf(cargo->sqlstate, sizeof cargo->sqlstate, "%s", sqlstate == NULL ? "08006" : sqlstate);
    db_one_line(cargo->message, sizeof cargo->message,
                message == NULL ? PQresultErrorMessage(r) : message);
    keep_field(cargo->detail, sizeof cargo->detail, r, PG_DIAG_MESSAGE_DETAIL);
    keep_field(cargo->hint, sizeof cargo->hint, r, PG_DIAG_MESSAGE_HINT);
    keep_field(cargo->column, sizeof cargo->column, r, PG_DIAG_COLUMN_NAME);
    cargo->failed_at = query;
}

/* A prepared statement counts as prepared only once the server said so. */
static void forget_statement(struct db_conn *c, const struct db_query *q)
{
    c->prepared[c->owner->statement_no(c, q->statement)] = 0;
}

/* Takes over `r`. */
static void on_step(struct db_conn *c, struct db_cargo *cargo, uint32_t step, uint32_t n_steps,
                    enum db_result kind, PGresult *r)
{
    const struct db_request *request = cargo->request;
    bool commit = step == n_steps;
    unsigned query = commit ? (request == NULL ? 0 : request->n_queries) : cargo->query_of[step];

    if (kind == DB_RESULT_FAILED)
        keep_error(cargo, query, r);
    if (kind != DB_RESULT_OK && !commit && cargo->prepares[step])
        forget_statement(c, &request->queries[query]);
    if (kind == DB_RESULT_OK && request != NULL && !cargo->prepares[step])
        cargo->results[query] = r;
    else
        PQclear(r);
}

static void finish(struct db_conn *c, struct db_cargo *cargo, bool ok)
{
    struct db_outcome o = {.ok = ok, .failed_at = cargo->failed_at, .results = cargo->results};

    memcpy(o.sqlstate, cargo->sqlstate, sizeof o.sqlstate);
    memcpy(o.message, cargo->message, sizeof o.message);
    memcpy(o.detail, cargo->detail, sizeof o.detail);
    memcpy(o.hint, cargo->hint, sizeof o.hint);
    memcpy(o.column, cargo->column, sizeof o.column);
    if (ok)
        o.sqlstate[0] = o.message[0] = o.detail[0] = o.hint[0] = o.column[0] = '\0';
    c->owner->on_done(c, cargo->request, &o); /* `cargo` is a copy: the slot may be in use again */
    clear_results(cargo);
}

static void up(struct db_conn *c)
{
    uv_timer_stop(&c->timer);
    c->failures = 0;
    move(c, DB_CONN_UP);
    c->owner->on_state(c, NULL);
}

/* The oldest flight is over. False: the connection is gone. */
static bool on_end(struct db_conn *c, const struct db_flight *flight, struct db_cargo *slot)
{
    struct db_cargo cargo = *slot;
    bool ok = flight->failed_step == DB_STEP_NONE;
    bool useless = !ok && db_error_action(cargo.sqlstate, 0) == DB_RECONNECT;

    c->busy_since_ms = uv_now(c->loop); /* the next one's turn */
    memset(slot->results, 0, sizeof slot->results);
    if (cargo.request == NULL) {
        clear_results(&cargo);
        if (ok)
            up(c);
        else
            lost(c, "08006", cargo.message);
        return ok;
    }
    if (!ok && db_error_action(cargo.sqlstate, 0) == DB_PREPARE_AGAIN)
        for (unsigned i = 0; i < cargo.request->n_queries; i++)
            if (!cargo.request->queries[i].rare)
                forget_statement(c, &cargo.request->queries[i]);
    finish(c, &cargo, ok);
    if (useless && c->state == DB_CONN_UP) /* a demoted primary, a server that shuts down */
        lost(c, "08006", cargo.message);
    return !useless;
}

/* Takes over `r`. False: the connection is gone. */
static bool on_result(struct db_conn *c, PGresult *r)
{
    enum db_result kind = kind_of(r);
    struct db_cargo *slot =
        &c->cargo[c->pipe.done % DB_PIPE_DEPTH]; /* of the oldest flight, if there is one */
    struct db_place place = db_pipe_result(&c->pipe, kind);

    if (place.kind == DB_PLACE_STEP) {
        on_step(c, slot, place.step, place.flight.n_steps, kind, r);
        return true;
    }
    if (place.kind == DB_PLACE_END) {
        PQclear(r);
        return on_end(c, &place.flight, slot);
    }
    char reason[256];
    db_one_line(reason, sizeof reason, PQresultErrorMessage(r));
    PQclear(r);
    lost(c, "08006", reason[0] == '\0' ? "unexpected answer" : reason);
    return false;
}

static void notifications(struct db_conn *c)
{
    PGnotify *n;

    while (c->state == DB_CONN_UP && (n = PQnotifies(c->pg)) != NULL) {
        c->owner->on_notify(c, n->relname, n->extra);
        PQfreemem(n);
    }
}

/* False: the connection is gone. */
static bool drain(struct db_conn *c)
{
    unsigned nulls = 0; /* two in a row: libpq has nothing more to say */

    while (nulls < 2 && !PQisBusy(c->pg)) {
        PGresult *r = PQgetResult(c->pg);

        if (r == NULL) {
            if (db_pipe_in_flight(&c->pipe) == 0)
                break;
            nulls++;
            continue;
        }
        nulls = 0;
        if (!on_result(c, r))
            return false;
    }
    if (PQstatus(c->pg) == CONNECTION_BAD) {
        lost(c, "08006", PQerrorMessage(c->pg));
        return false;
    }
    return true;
}

static void on_ready(uv_poll_t *h, int status, int events)
{
    struct db_conn *c = ((struct db_watch *)h->data)->conn;

    if (status < 0) {
        lost(c, "08006", uv_strerror(status));
        return;
    }
    if ((events & UV_READABLE) != 0 && !PQconsumeInput(c->pg)) {
        /* What arrived before the end is still worth reading: a FATAL that tells why. */
        if (drain(c))
            lost(c, "08006", PQerrorMessage(c->pg));
        return;
    }
    if (!drain(c))
        return;
    notifications(c);
    db_conn_flush(c);
}

/* ---- coming up and going down -------------------------------------------------------------------
 */

/* Several commands as one request of our own. */
static void send_setup(struct db_conn *c)
{
    uint32_t n = 0;
    uint32_t slot;

    move(c, DB_CONN_SETUP);
    while (c->setup != NULL && c->setup[n] != NULL)
        n++;
    assert(n <= DB_STEPS_MAX);
    slot = db_pipe_push(&c->pipe, NULL, n);
    memset(&c->cargo[slot], 0, sizeof c->cargo[slot]);
    for (uint32_t i = 0; i < n; i++)
        if (!PQsendQueryParams(c->pg, c->setup[i], 0, NULL, NULL, NULL, NULL, 0))
            break; /* flushing finds the same fault */
    PQpipelineSync(c->pg);
}

static void connected(struct db_conn *c)
{
    PQsetNoticeReceiver(c->pg, db_ignore_notice, NULL);
    if (PQsetnonblocking(c->pg, 1) != 0 || !PQenterPipelineMode(c->pg) ||
        !watch(c, UV_READABLE, on_ready)) {
        lost(c, "08006", "cannot use the connection");
        return;
    }
    send_setup(c);
    db_conn_flush(c);
}

static void on_connecting(uv_poll_t *h, int status, int events);

static void step_connect(struct db_conn *c, PostgresPollingStatusType next)
{
    switch (next) {
    case PGRES_POLLING_OK:
        connected(c);
        return;
    case PGRES_POLLING_READING:
    case PGRES_POLLING_WRITING:
        if (watch(c, next == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE, on_connecting))
            return;
        lost(c, "08006", "cannot watch the connection");
        return;
    default:
        lost(c, "08006", PQerrorMessage(c->pg));
    }
}

static void on_connecting(uv_poll_t *h, int status, int events)
{
    struct db_conn *c = ((struct db_watch *)h->data)->conn;

    (void)status; /* libpq finds out by itself what is wrong with its socket */
    (void)events;
    unwatch(c);
    step_connect(c, PQconnectPoll(c->pg));
}

static void begin(struct db_conn *c)
{
    move(c, DB_CONN_CONNECTING);
    c->incarnation = (uint32_t)next_random(c);
    memset(c->prepared, 0, sizeof c->prepared);
    c->pipe = (struct db_pipe){.sent = 0};
    uv_timer_start(&c->timer, on_timer, CONNECT_TIMEOUT_MS, 0);
    c->pg = PQconnectStartParams(c->info->keywords, c->info->values, 0);
    if (c->pg == NULL || PQstatus(c->pg) == CONNECTION_BAD) {
        lost(c, "08006", c->pg == NULL ? "out of memory" : PQerrorMessage(c->pg));
        return;
    }
    step_connect(c, PGRES_POLLING_WRITING); /* the manual: as if PQconnectPoll() had said so */
}

static void on_timer(uv_timer_t *t)
{
    struct db_conn *c = t->data;

    if (c->state == DB_CONN_WAITING)
        begin(c);
    else if (c->state == DB_CONN_UP) /* db_conn_send() asked for it */
        lost(c, "08006", "cannot send");
    else
        lost(c, "08006", "no answer within the time limit for connecting");
}

static uint64_t pause_ms(struct db_conn *c)
{
    unsigned shift = c->failures < 7 ? c->failures : 7;
    uint64_t top = (uint64_t)BACKOFF_MS_MIN << shift;

    if (top > BACKOFF_MS_MAX)
        top = BACKOFF_MS_MAX;
    return top / 2 + next_random(c) % (top / 2 + 1);
}

/* Lets go of the socket and hands all requests back; the first one with `sqlstate`. */
static void drop(struct db_conn *c, const char *sqlstate, const char *reason)
{
    struct db_cargo orphans[DB_PIPE_DEPTH]; /* some 12 KB */
    struct db_flight flight;
    unsigned n = 0;

    unwatch(c);
    uv_timer_stop(&c->timer);
    while (db_pipe_in_flight(&c->pipe) > 0) {
        uint32_t slot = db_pipe_oldest(&c->pipe);

        db_pipe_abort(&c->pipe, &flight);
        clear_results(&c->cargo[slot]);
        if (flight.owner != NULL)
            orphans[n++] = c->cargo[slot];
    }
    PQfinish(c->pg);
    c->pg = NULL;
    for (unsigned i = 0; i < n; i++) {
        snprintf(orphans[i].sqlstate, sizeof orphans[i].sqlstate, "%s",
                 i == 0 ? sqlstate : "08006");
        db_one_line(orphans[i].message, sizeof orphans[i].message, reason);
        finish(c, &orphans[i], false);
    }
}

static void lost(struct db_conn *c, const char *sqlstate, const char *reason)
{
    char line[256];

    assert(c->state != DB_CONN_CLOSED);
    db_one_line(line, sizeof line, reason); /* `reason` may be libpq's and go away with it */
    move(c, DB_CONN_WAITING);
    drop(c, sqlstate, line);
    uv_timer_start(&c->timer, on_timer, pause_ms(c), 0);
    c->failures++;
    c->owner->on_state(c, line);
}

void db_conn_hasten(struct db_conn *c)
{
    c->failures = 0;
    if (c->state == DB_CONN_WAITING && uv_timer_get_due_in(&c->timer) > BACKOFF_MS_MIN)
        uv_timer_start(&c->timer, on_timer, pause_ms(c), 0);
}

static void on_timer_closed(uv_handle_t *h)
{
    struct db_conn *c = h->data;

    if (--c->open_handles == 0)
        c->owner->on_closed(c);
}

void db_conn_init(struct db_conn *c, uv_loop_t *loop, uint64_t seed)
{
    c->loop = loop;
    c->random = seed | 1;
    c->state = DB_CONN_WAITING;
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    c->open_handles = 1;
    uv_timer_start(&c->timer, on_timer, 0, 0);
}

void db_conn_close(struct db_conn *c)
{
    if (c->state == DB_CONN_CLOSED)
        return;
    move(c, DB_CONN_CLOSED);
    drop(c, "08006", "closing");
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

void db_conn_cut(struct db_conn *c, const char *sqlstate, const char *why)
{
    lost(c, sqlstate, why);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

bool db_conn_has_room(const struct db_conn *c)
{
    return c->state == DB_CONN_UP && db_pipe_has_room(&c->pipe);
}

unsigned db_conn_in_flight(const struct db_conn *c)
{
    return db_pipe_in_flight(&c->pipe);
}

uint64_t db_conn_busy_ms(const struct db_conn *c)
{
    return db_pipe_in_flight(&c->pipe) == 0 ? 0 : uv_now(c->loop) - c->busy_since_ms;
}

struct db_request *db_conn_oldest(const struct db_conn *c)
{
    return db_pipe_in_flight(&c->pipe) == 0 ? NULL : c->cargo[db_pipe_oldest(&c->pipe)].request;
}

static void name_of(char out[NAME_MAX_LEN], const struct db_conn *c, uint32_t number)
{
    snprintf(out, NAME_MAX_LEN, "rb_%08x_%u", c->incarnation, number);
}

static const char *sql_of(const struct db_query *q)
{
    const struct asset *file = q->text == NULL ? asset_find(q->statement->path) : NULL;

    assert(q->text != NULL || file != NULL); /* the pool looked before it sent */
    return q->text != NULL ? q->text : file->data;
}

/* Prepares the query's statement unless that was done before. */
static bool send_preparation(struct db_conn *c, struct db_cargo *cargo, unsigned i, uint32_t *steps)
{
    const struct db_query *q = &cargo->request->queries[i];
    unsigned no;
    char name[NAME_MAX_LEN];

    if (q->rare)
        return true;
    no = c->owner->statement_no(c, q->statement);
    if (c->prepared[no] != 0)
        return true;
    c->prepared[no] = ++c->names;
    name_of(name, c, c->prepared[no]);
    cargo->prepares[*steps] = true;
    cargo->query_of[(*steps)++] = (uint8_t)i;
    return PQsendPrepare(c->pg, name, sql_of(q), 0, NULL) == 1;
}

static bool send_query(struct db_conn *c, struct db_cargo *cargo, unsigned i, uint32_t *steps)
{
    const struct db_query *q = &cargo->request->queries[i];
    char name[NAME_MAX_LEN];

    cargo->query_of[(*steps)++] = (uint8_t)i;
    if (q->rare)
        return PQsendQueryParams(c->pg, sql_of(q), q->n_params, NULL, q->values, q->lengths,
                                 q->formats, q->result_format) == 1;
    name_of(name, c, c->prepared[c->owner->statement_no(c, q->statement)]);
    return PQsendQueryPrepared(c->pg, name, q->n_params, q->values, q->lengths, q->formats,
                               q->result_format) == 1;
}

/* All preparations come before anything that runs: a statement that fails makes the server skip what is behind it up to the Sync,
 * and the next request, sent already, counts on what this one prepares. */
void db_conn_send(struct db_conn *c, struct db_request *r)
{
    uint32_t slot = db_pipe_push(&c->pipe, r, 0);
    struct db_cargo *cargo = &c->cargo[slot];
    uint32_t steps = 0;
    bool ok = true;

    assert(c->state == DB_CONN_UP);
    assert(r->n_queries > 0 && r->n_queries <= DB_QUERIES_MAX);
    memset(cargo, 0, sizeof *cargo);
    cargo->request = r;
    if (db_pipe_in_flight(&c->pipe) == 1)
        c->busy_since_ms = uv_now(c->loop);
    for (unsigned i = 0; ok && i < r->n_queries; i++)
        ok = send_preparation(c, cargo, i, &steps);
    for (unsigned i = 0; ok && i < r->n_queries; i++)
        ok = send_query(c, cargo, i, &steps);
    c->pipe.ring[slot].n_steps = steps;
    /* A false here means out of memory or a broken connection: cutting it is the timer's, so nobody
     * is called now. */
    if (!ok || !PQpipelineSync(c->pg))
        uv_timer_start(&c->timer, on_timer, 0, 0);
}

/* Writable is asked for only while libpq has bytes left. Each uv_poll_start() takes the descriptor out of epoll and puts it back,
 * two system calls, so it is called only for a change. */
void db_conn_flush(struct db_conn *c)
{
    int left, events;

    if (c->watch == NULL || c->state < DB_CONN_SETUP || c->state == DB_CONN_CLOSED)
        return;
    left = PQflush(c->pg); /* -1: the socket is broken, which reading will tell */
    events = UV_READABLE | (left == 1 ? UV_WRITABLE : 0);
    if (events == c->watch->events)
        return;
    c->watch->events = events;
    uv_poll_start(&c->watch->poll, events, on_ready);
}
