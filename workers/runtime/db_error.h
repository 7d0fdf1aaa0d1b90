/* What an SQLSTATE asks of the one who got it. Policy as a table: architecture.md, decision 6.
 * Codes: PostgreSQL manual, appendix A. */
#ifndef RUNTIME_DB_ERROR_H
#define RUNTIME_DB_ERROR_H

enum db_action {
    DB_RETRY_BATCH, /* a conflict with another transaction: the same again, after a jittered moment
                     */
    DB_RECONNECT,   /* this connection (or server) is of no use: the same again on a new one */
    DB_BACK_OFF,    /* the server lacks room: the same again, much later */
    DB_ISOLATE,     /* some row is at fault: find it, store the others */
    DB_HALVE,       /* it took too long: the same in smaller portions */
    DB_PREPARE_AGAIN,  /* the server forgot a prepared statement, or its plan no longer fits */
    DB_STOP_NOT_READY, /* the program and the database do not fit each other: no data is at fault */
};

enum { DB_ACTIONS = DB_STOP_NOT_READY + 1 };

/* `attempts`: how often this work has failed before with an error of this kind. Some errors look
 * like the server's trouble at first and turn out to be a row's. Never NULL; unknown codes isolate.
 */
enum db_action db_error_action(const char *sqlstate, unsigned attempts);

const char *db_action_name(enum db_action a);

/* A stable word for a dead letter's reason: "invalid_value", "constraint_violation", "timeout",
 * "database_error". */
const char *db_error_reason(const char *sqlstate);

#endif
