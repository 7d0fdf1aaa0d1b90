/* The pool: requests wait in one line and go, once per turn of the loop, to the connection with the
 * fewest in flight. db_conn_pg.c is one connection, db_pipe.c tells whose a result is.
 *
 * Nothing is ever called back from inside db_submit() or db_close(): both only ask for a turn,
 * which comes before the loop next sleeps (prepare) or right after the callbacks of this poll
 * (check). */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/assets.h"
#include "runtime/db.h"
#include "runtime/db_conn_pg.h"
#include "runtime/db_error.h"

enum { DEADLINE_TICK_MS = 200, DB_CONNECTIONS_MAX = 64, PREPARE_AGAIN_MAX = 2 };

struct line {
    struct db_request *first, *last;
};

struct db_pool {
    uv_loop_t *loop;
    struct db_options options;
    struct db_conninfo info;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t
        tick; /* looks for requests past their deadline; runs only while there are requests */
    struct line waiting;
    const struct db_statement *statements[DB_STATEMENTS_MAX];
    unsigned n_statements;
    unsigned up;
    unsigned open_handles, open_conns;
    bool closing, shut;
    char reason[256]; /* the last one reported */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    struct db_conn conns[]; /* options.connections of them */
};

static void turn(struct db_pool *p);

static void put(struct line *l, struct db_request *r)
{
    r->next = NULL;
    if (l->last == NULL)
        l->first = r;
    else
        l->last->next = r;
    l->last = r;
}

static void put_first(struct line *l, struct db_request *r)
{
    r->next = l->first;
    l->first = r;
    if (l->last == NULL)
        l->last = r;
}

static struct db_request *take(struct line *l)
{
    struct db_request *r = l->first;

    if (r != NULL) {
        l->first = r->next;
        if (l->first == NULL)
            l->last = NULL;
    }
    return r;
}

/* ---- turns of the loop -------------------------------------------------------------------------
 */

static void on_prepare(uv_prepare_t *h)
{
    turn(h->data);
}

static void on_check(uv_check_t *h)
{
    turn(h->data);
}

static void on_tick(uv_timer_t *t);

static void ask_for_turn(struct db_pool *p)
{
    if (p->shut)
        return;
    uv_prepare_start(&p->prepare, on_prepare);
    uv_check_start(&p->check, on_check);
    if (!uv_is_active((uv_handle_t *)&p->tick))
        uv_timer_start(&p->tick, on_tick, DEADLINE_TICK_MS, DEADLINE_TICK_MS);
}

static void fail(struct db_request *r, const char *sqlstate, const char *message)
{
    struct db_outcome o = {.ok = false};

    snprintf(o.sqlstate, sizeof o.sqlstate, "%s", sqlstate);
    snprintf(o.message, sizeof o.message, "%s", message);
    r->done(r, &o);
}

/* One that was sent before was found then. */
static bool is_known(const struct db_pool *p, const struct db_statement *s)
{
    for (unsigned i = 0; i < p->n_statements; i++)
        if (p->statements[i] == s)
            return true;
    return false;
}

/* NULL: all of the request's statements exist; else the path of the first that does not. */
static const char *missing_statement(const struct db_pool *p, const struct db_request *r)
{
    for (unsigned i = 0; i < r->n_queries; i++) {
        const struct db_query *q = &r->queries[i];

        if (q->text == NULL && !is_known(p, q->statement) && asset_find(q->statement->path) == NULL)
            return q->statement->path;
    }
    return NULL;
}

/* A connection whose statement hangs takes nothing more: what was sent behind it could not be taken back. */
static bool takes_more(const struct db_pool *p, const struct db_conn *c)
{
    return db_conn_has_room(c) && db_conn_in_flight(c) < p->options.depth &&
           (p->options.stall_ms == 0 || db_conn_busy_ms(c) < p->options.stall_ms);
}

static struct db_conn *least_busy(struct db_pool *p)
{
    struct db_conn *best = NULL;

    for (unsigned i = 0; i < p->options.connections; i++) {
        struct db_conn *c = &p->conns[i];

        if (takes_more(p, c) && (best == NULL || db_conn_in_flight(c) < db_conn_in_flight(best)))
            best = c;
    }
    return best;
}

static void shut_down(struct db_pool *p);

static void turn(struct db_pool *p)
{
    struct db_conn *c;

    uv_prepare_stop(&p->prepare);
    uv_check_stop(&p->check);
    if (p->closing) {
        shut_down(p);
        return;
    }
    while (p->waiting.first != NULL && (c = least_busy(p)) != NULL) {
        struct db_request *r = take(&p->waiting);
        const char *missing = missing_statement(p, r);

        if (missing == NULL) {
            db_conn_send(c, r);
            continue;
        }
        char message[256];
        snprintf(message, sizeof message, "%s is not part of this binary", missing);
        fail(r, "42704", message); /* undefined_object */
    }
    for (unsigned i = 0; i < p->options.connections; i++)
        if (db_conn_in_flight(&p->conns[i]) > 0)
            db_conn_flush(&p->conns[i]);
}

/* ---- deadlines ---------------------------------------------------------------------------------
 */

static bool is_due(const struct db_request *r, uint64_t now)
{
    return r->deadline_ms != 0 && now >= r->due_ms;
}

static bool has_waited(const struct db_request *r, uint64_t now)
{
    return is_due(r, now) || (r->wait_ms != 0 && now >= r->wait_due_ms);
}

/* Requests that never left are taken out of the line, the others keep their order. */
static void expire_waiting(struct db_pool *p, uint64_t now)
{
    struct line all = p->waiting, expired = {NULL, NULL};
    struct db_request *r;

    p->waiting = (struct line){NULL, NULL};
    while ((r = take(&all)) != NULL)
        put(has_waited(r, now) ? &expired : &p->waiting, r);
    while ((r = take(&expired)) != NULL)
        fail(r, "08006", p->reason[0] == '\0' ? "no connection in time" : p->reason);
}

static void on_tick(uv_timer_t *t)
{
    struct db_pool *p = t->data;
    uint64_t now = uv_now(p->loop);
    bool idle = p->waiting.first == NULL;

    for (unsigned i = 0; i < p->options.connections; i++) {
        const struct db_request *oldest = db_conn_oldest(&p->conns[i]);

        idle = idle && db_conn_in_flight(&p->conns[i]) == 0;
        if (oldest != NULL && is_due(oldest, now))
            db_conn_cut(&p->conns[i], "57014", "no answer within the request's deadline");
    }
    expire_waiting(p, now);
    if (idle)
        uv_timer_stop(&p->tick);
}

/* ---- what the connections tell ------------------------------------------------------------------
 */

static void on_conn_state(struct db_conn *c, const char *reason)
{
    struct db_pool *p = c->pool;
    unsigned up = 0;
    bool news;

    for (unsigned i = 0; i < p->options.connections; i++)
        up += p->conns[i].state == DB_CONN_UP;
    for (unsigned i = 0; i < p->options.connections && p->up == 0 && up > 0; i++)
        db_conn_hasten(&p->conns[i]);
    news = up != p->up || (up == 0 && reason != NULL && strcmp(reason, p->reason) != 0);
    p->up = up;
    snprintf(p->reason, sizeof p->reason, "%s", reason == NULL ? "" : reason);
    if (p->waiting.first != NULL)
        ask_for_turn(p);
    if (news && !p->closing && p->options.on_state != NULL)
        p->options.on_state(p->options.ctx, up, reason);
}

static void on_conn_done(struct db_conn *c, struct db_request *r, const struct db_outcome *o)
{
    struct db_pool *p = c->pool;

    if (p->waiting.first != NULL)
        ask_for_turn(p);
    if (!o->ok && db_error_action(o->sqlstate, r->attempts) == DB_PREPARE_AGAIN &&
        r->attempts < PREPARE_AGAIN_MAX && !p->closing) {
        r->attempts++;
        put_first(&p->waiting, r);
        ask_for_turn(p);
        return;
    }
    r->done(r, o);
}

static void on_conn_notify(struct db_conn *c, const char *channel, const char *payload)
{
    struct db_pool *p = c->pool;

    if (p->options.on_notify != NULL && !p->closing)
        p->options.on_notify(p->options.ctx, channel, payload);
}

/* The same file means the same prepared statement, whoever declared it. */
static unsigned statement_no(struct db_conn *c, const struct db_statement *s)
{
    struct db_pool *p = c->pool;

    for (unsigned i = 0; i < p->n_statements; i++)
        if (p->statements[i] == s)
            return i;
    for (unsigned i = 0; i < p->n_statements; i++)
        if (strcmp(p->statements[i]->path, s->path) == 0)
            return i;
    assert(p->n_statements < DB_STATEMENTS_MAX);
    p->statements[p->n_statements] = s;
    return p->n_statements++;
}

/* ---- opening and closing ------------------------------------------------------------------------
 */

static void gone(struct db_pool *p)
{
    void (*on_closed)(void *) = p->on_closed;
    void *ctx = p->closed_ctx;

    if (p->open_handles > 0 || p->open_conns > 0)
        return;
    db_conninfo_free(&p->info);
    free(p);
    if (on_closed != NULL)
        on_closed(ctx);
}

static void on_conn_closed(struct db_conn *c)
{
    struct db_pool *p = c->pool;

    p->open_conns--;
    gone(p);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct db_pool *p = h->data;

    p->open_handles--;
    gone(p);
}

static void shut_down(struct db_pool *p)
{
    struct db_request *r;

    p->shut = true;
    for (unsigned i = 0; i < p->options.connections; i++)
        db_conn_close(&p->conns[i]);
    while ((r = take(&p->waiting)) != NULL)
        fail(r, "08006", "closing");
    uv_close((uv_handle_t *)&p->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&p->check, on_handle_closed);
    uv_close((uv_handle_t *)&p->tick, on_handle_closed);
}

static const struct db_conn_owner conn_owner = {
    .on_state = on_conn_state,
    .on_done = on_conn_done,
    .on_notify = on_conn_notify,
    .on_closed = on_conn_closed,
    .statement_no = statement_no,
};

struct db_pool *db_open(uv_loop_t *loop, const struct db_options *options)
{
    unsigned n = options->connections;
    struct db_pool *p;
    const char *why = NULL;

    assert(n > 0 && n <= DB_CONNECTIONS_MAX);
    p = calloc(1, sizeof *p + n * sizeof p->conns[0]);
    if (p == NULL)
        return NULL;
    p->loop = loop;
    p->options = *options;
    if (p->options.depth == 0)
        p->options.depth = DB_PIPE_DEPTH;
    if (!db_conninfo_read(&p->info, options->url, options->application_name, &why)) {
        free(p);
        return NULL;
    }
    uv_prepare_init(loop, &p->prepare);
    uv_check_init(loop, &p->check);
    uv_timer_init(loop, &p->tick);
    p->prepare.data = p->check.data = p->tick.data = p;
    p->open_handles = 3;
    p->open_conns = n;
    for (unsigned i = 0; i < n; i++) {
        p->conns[i].owner = &conn_owner;
        p->conns[i].pool = p;
        p->conns[i].info = &p->info;
        p->conns[i].setup = options->setup;
        db_conn_init(&p->conns[i], loop, uv_hrtime() * 2654435761u + (uint64_t)uv_os_getpid() + i);
    }
    return p;
}

unsigned db_up(const struct db_pool *p)
{
    return p->up;
}

unsigned db_idle(const struct db_pool *p)
{
    unsigned n = 0;

    for (unsigned i = 0; i < p->options.connections; i++)
        n += p->conns[i].state == DB_CONN_UP && db_conn_in_flight(&p->conns[i]) == 0;
    return n;
}

void db_submit(struct db_pool *p, struct db_request *r)
{
    assert(!p->shut);
    assert(r->n_queries > 0 && r->n_queries <= DB_QUERIES_MAX);
    r->attempts = 0;
    r->due_ms = uv_now(p->loop) + r->deadline_ms;
    r->wait_due_ms = uv_now(p->loop) + r->wait_ms;
    put(&p->waiting, r);
    ask_for_turn(p);
}

void db_close(struct db_pool *p, void (*on_closed)(void *ctx), void *ctx)
{
    assert(!p->closing);
    p->closing = true;
    p->on_closed = on_closed;
    p->closed_ctx = ctx;
    ask_for_turn(p);
}
