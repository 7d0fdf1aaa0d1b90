/* One connection of a pool: comes up by itself, again and again; runs requests in a pipeline.
 *
 *   WAITING -> CONNECTING -> SETUP -> UP
 *      ^___________|___________|______|      any failure: back off, try again
 *      '-> CLOSED                            only when the pool closes
 *
 * Happy path: PQconnectStart, PQconnectPoll until done, the setup commands, then requests.
 * Failures: anything odd ends in lost(): all requests in flight go back to the pool, the next
 * attempt is put on the timer. */
#ifndef RUNTIME_DB_CONN_PG_H
#define RUNTIME_DB_CONN_PG_H

#include "runtime/db.h"
#include "runtime/db_conninfo_pg.h"
#include "runtime/db_pipe.h"

enum { DB_STATEMENTS_MAX = 512, DB_STEPS_MAX = 2 * DB_QUERIES_MAX };

enum db_conn_state {
    DB_CONN_WAITING,
    DB_CONN_CONNECTING,
    DB_CONN_SETUP,
    DB_CONN_UP,
    DB_CONN_CLOSED
};

/* What a connection tells its pool. Called from loop callbacks only, never from inside
 * db_conn_send(). */
struct db_conn;
struct db_conn_owner {
    void (*on_state)(struct db_conn *c,
                     const char *reason); /* came up, went down, or failed to come up */
    void (*on_done)(struct db_conn *c, struct db_request *r, const struct db_outcome *o);
    void (*on_notify)(struct db_conn *c, const char *channel, const char *payload);
    void (*on_closed)(struct db_conn *c); /* last use of the connection */
    unsigned (*statement_no)(struct db_conn *c,
                             const struct db_statement *s); /* < DB_STATEMENTS_MAX */
};

/* What goes with a flight of the pipe, by slot. */
struct db_cargo {
    struct db_request *request; /* NULL: the setup commands */
    PGresult *results[DB_QUERIES_MAX];
    uint8_t query_of[DB_STEPS_MAX]; /* step -> index of its query */
    bool prepares[DB_STEPS_MAX]; /* the step prepares that query's statement, it does not run it */
    char sqlstate[6];
    char message[256];
    char detail[256], hint[32], column[64];
    unsigned failed_at;
};

struct db_watch;

struct db_conn {
    const struct db_conn_owner *owner;
    void *pool;
    uv_loop_t *loop;
    const struct db_conninfo *info;
    const char *const *setup;
    enum db_conn_state state;
    PGconn *pg;
    struct db_watch *watch; /* the poll handle of the present socket; NULL: none */
    uv_timer_t timer;       /* connect timeout, or the pause before the next attempt */
    unsigned open_handles;
    unsigned failures; /* in a row */
    uint64_t random;
    uint32_t incarnation; /* makes statement names unique on a shared server connection */
    uint32_t names;
    uint32_t prepared[DB_STATEMENTS_MAX]; /* number of the statement's name; 0: not prepared */
    uint64_t busy_since_ms;               /* when the oldest flight came to its turn */
    struct db_pipe pipe;
    struct db_cargo cargo[DB_PIPE_DEPTH];
};

/* Starts connecting. */
void db_conn_init(struct db_conn *c, uv_loop_t *loop, uint64_t seed);

bool db_conn_has_room(const struct db_conn *c);
unsigned db_conn_in_flight(const struct db_conn *c);
uint64_t
db_conn_busy_ms(const struct db_conn *c); /* how long the oldest request has been running */

/* Puts the request into the pipeline; the connection must have room. db_conn_flush() sends. */
void db_conn_send(struct db_conn *c, struct db_request *r);
void db_conn_flush(struct db_conn *c);

/* The server is back, another connection has found out: no long pause before this one tries again. */
void db_conn_hasten(struct db_conn *c);

/* The oldest request in flight, or NULL. */
struct db_request *db_conn_oldest(const struct db_conn *c);

/* Cuts the connection; it comes back by itself. The oldest request gets `sqlstate`, the others
 * "08006". */
void db_conn_cut(struct db_conn *c, const char *sqlstate, const char *why);

/* For good: requests in flight get "08006"; on_closed comes later. */
void db_conn_close(struct db_conn *c);

#endif
