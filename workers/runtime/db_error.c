#include "runtime/db_error.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

enum { FOREVER = UINT_MAX };

/* The first prefix that fits decides. After `patience` attempts the answer becomes DB_ISOLATE. */
static const struct rule {
    const char *prefix;
    enum db_action action;
    unsigned patience;
} rules[] = {
    {"40001", DB_RETRY_BATCH, FOREVER}, /* serialization_failure */
    {"40P01", DB_RETRY_BATCH, FOREVER}, /* deadlock_detected: also a bug of ours, counted */
    {"55P03", DB_RETRY_BATCH, FOREVER}, /* lock_not_available: lock_timeout */
    {"40", DB_RETRY_BATCH, FOREVER},    /* rolled back for another reason of concurrency */
    {"08", DB_RECONNECT, FOREVER},      /* connection exceptions */
    {"57P0", DB_RECONNECT, FOREVER},    /* admin_shutdown, crash_shutdown, cannot_connect_now ... */
    {"53300", DB_RECONNECT, FOREVER},   /* too_many_connections */
    {"25006", DB_RECONNECT, FOREVER},   /* read_only_sql_transaction: a demoted primary */
    {"25P03", DB_RECONNECT, FOREVER},   /* idle_in_transaction_session_timeout */
    {"53", DB_BACK_OFF, FOREVER},       /* disk_full, out_of_memory */
    {"58", DB_BACK_OFF, FOREVER},       /* system_error, io_error */
    {"54", DB_BACK_OFF, 3},         /* a limit: of the server for once, or an index row too long */
    {"57014", DB_HALVE, FOREVER},   /* query_canceled: statement_timeout */
    {"26000", DB_PREPARE_AGAIN, 3}, /* invalid_sql_statement_name: a pooler changed the server */
    {"0A000", DB_PREPARE_AGAIN, 3}, /* "cached plan must not change result type" */
    {"42", DB_STOP_NOT_READY, FOREVER}, /* syntax, missing table or column, missing privilege */
    {"28", DB_STOP_NOT_READY, FOREVER}, /* authentication */
    {"3D", DB_STOP_NOT_READY, FOREVER}, /* no such database */
    {"3F", DB_STOP_NOT_READY, FOREVER}, /* no such schema */
    {"XX", DB_STOP_NOT_READY, FOREVER}, /* internal error, corruption */
    {"22", DB_ISOLATE, FOREVER},        /* data exceptions */
    {"23", DB_ISOLATE, FOREVER},        /* constraint violations */
    {"21", DB_ISOLATE, FOREVER},        /* cardinality */
    {"P0", DB_ISOLATE, FOREVER},        /* RAISE in a function of ours */
};

enum { N_RULES = sizeof rules / sizeof rules[0] };

enum db_action db_error_action(const char *sqlstate, unsigned attempts)
{
    for (size_t i = 0; i < N_RULES; i++) {
        const struct rule *r = &rules[i];

        if (strncmp(sqlstate, r->prefix, strlen(r->prefix)) == 0)
            return attempts < r->patience ? r->action : DB_ISOLATE;
    }
    return DB_ISOLATE;
}

const char *db_action_name(enum db_action a)
{
    static const char *const names[] = {
        [DB_RETRY_BATCH] = "retry",   [DB_RECONNECT] = "reconnect",
        [DB_BACK_OFF] = "back off",   [DB_ISOLATE] = "isolate",
        [DB_HALVE] = "halve",         [DB_PREPARE_AGAIN] = "prepare again",
        [DB_STOP_NOT_READY] = "stop",
    };

    return names[a];
}

const char *db_error_reason(const char *sqlstate)
{
    static const struct {
        const char *prefix, *reason;
    } reasons[] = {
        {"22", "invalid_value"},
        {"23", "constraint_violation"},
        {"57014", "timeout"},
        {"54", "limit_exceeded"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strncmp(sqlstate, reasons[i].prefix, strlen(reasons[i].prefix)) == 0)
            return reasons[i].reason;
    return "database_error";
}
