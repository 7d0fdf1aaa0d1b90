/* PostgreSQL connections on a uv loop: a small pool, prepared statements, pipelines. Driver: db_pg.c (libpq and uv);
 * which result belongs to which request is pure: db_pipe.c.
 *
 * A request is a list of prepared statements that run as ONE implicit transaction (one Sync): all or nothing, one round trip.
 * Happy path: db_submit -> done(ok). Failures: an error in a statement -> done(failed with SQLSTATE), nothing stored;
 * connection lost -> done(SQLSTATE "08006"): it may or may not have been committed. Reconnects by itself. */
#ifndef RUNTIME_DB_H
#define RUNTIME_DB_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* A statement lives in schema/, in a file of its own; it is prepared on first use on each connection. */
struct db_statement {
    const char *path; /* "schema/worker/upsert_orders.sql"; of a variant, a name that no other text has */
};

enum { DB_PARAMS_MAX = 80, DB_QUERIES_MAX = 32 };

struct db_query {
    const struct db_statement *statement;
    const char *text; /* NULL: the statement's file as it is; else a variant of it, which always goes
                         with this statement */
    bool rare; /* not worth a place among the prepared ones: parsed and planned at each use */
    int n_params;
    const char *const *values; /* NULL entry: SQL NULL */
    const int *lengths;        /* for binary ones */
    const int *formats;        /* 1 binary, 0 text; NULL: all text */
    int result_format;
};

struct db_request;

struct db_outcome {
    bool ok;
    char sqlstate[6]; /* "" when ok; "08006" when the connection was lost */
    char message[256];
    char detail[256], hint[32], column[64]; /* what RAISE ... USING said; "" when it did not */
    unsigned failed_at; /* index of the query that failed */
    PGresult **results; /* when ok: one per query; valid during the callback */
};

/* Called exactly once per submitted request, never from inside db_submit(). */
typedef void (*db_cb)(struct db_request *r, const struct db_outcome *o);

struct db_request {
    const struct db_query *queries; /* with all they point to, the caller's until the callback */
    unsigned n_queries;
    db_cb done;
    void *ctx;
    uint64_t
        deadline_ms; /* 0: none; later than this after submission the connection is cut: SQLSTATE 57014;
                                     * still waiting for a connection by then: "08006", nothing was sent */
    uint64_t wait_ms; /* 0: deadline_ms; a shorter bound for waiting in line alone */
    struct db_request *next; /* this and the rest are the pool's */
    uint64_t due_ms, wait_due_ms;
    unsigned attempts;
};

struct db_options {
    const char *url;
    const char *application_name;
    unsigned connections;
    unsigned depth; /* requests in flight on one connection at most; 0: DB_PIPE_DEPTH. A slow statement
                       keeps those behind it waiting */
    uint64_t stall_ms; /* nothing more is sent behind a request that has been running for this long; 0: however long */
    const char *const
        *setup; /* NULL-terminated SET commands run on each new connection; may be NULL */
    void (*on_state)(void *ctx, unsigned up,
                     const char *reason); /* number of live connections changed */
    /* A notification on a channel listened to through `setup` ("LISTEN x"); may be NULL. */
    void (*on_notify)(void *ctx, const char *channel, const char *payload);
    void *ctx;
};

struct db_pool;
/* NULL: out of memory, or a URL that libpq does not understand. `options` is copied, what it points to is borrowed. */
struct db_pool *db_open(uv_loop_t *loop, const struct db_options *options);
unsigned db_up(const struct db_pool *p);   /* live connections */
unsigned db_idle(const struct db_pool *p); /* live connections with nothing in flight */

/* Goes to the connection with the fewest requests in flight; waits in line when none is up, or has room. */
void db_submit(struct db_pool *p, struct db_request *r);

/* Waiting and running requests get done(08006), then on_closed; all of it later. Nothing may be submitted any more. */
void db_close(struct db_pool *p, void (*on_closed)(void *ctx), void *ctx);

/* ---- for commands that may block (migrate, tenant, doctor, rollup): plain synchronous libpq ---- */
/* NULL: *error (malloc'ed, caller frees) tells why in one line without the password. */
PGconn *db_connect_blocking(const char *url, const char *application_name, char **error);

#endif
