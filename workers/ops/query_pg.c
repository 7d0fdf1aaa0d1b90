#include "ops/query_pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/assets.h"
#include "runtime/db.h"

PGconn *ops_connect(const struct config *config, const char *command)
{
    char *error = NULL, name[64];
    PGconn *db;

    snprintf(name, sizeof name, "ringback %s", command);
    db = db_connect_blocking(CONFIG_TEXT(config, DATABASE_URL), name, &error);
    if (db == NULL)
        fprintf(stderr, "ringback %s: %s\n", command, error != NULL ? error : "out of memory");
    free(error);
    return db;
}

void ops_print_error(const char *command, const PGconn *db, const PGresult *r)
{
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

    if (state != NULL && strcmp(state, "42P01") == 0)
        text = "the database has no tables of Ringback: run `ringback migrate` first";
    fprintf(stderr, "ringback %s: %s%s%s%s\n", command, text != NULL ? text : PQerrorMessage(db),
            state != NULL ? " (SQLSTATE " : "", state != NULL ? state : "",
            state != NULL ? ")" : "");
}

PGresult *ops_query(PGconn *db, const char *command, const char *path, int n,
                    const char *const *values, const char *expected, bool *matched)
{
    const struct asset *file = asset_find(path);
    const char *state;
    PGresult *r;

    if (file == NULL) {
        fprintf(stderr, "ringback %s: this binary was built without %s\n", command, path);
        return NULL;
    }
    r = n > 0 ? PQexecParams(db, file->data, n, NULL, values, NULL, NULL, 0)
              : PQexec(db, file->data);
    if (PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK)
        return r;
    state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (expected != NULL && state != NULL && strcmp(state, expected) == 0)
        *matched = true;
    else
        ops_print_error(command, db, r);
    PQclear(r);
    return NULL;
}

bool ops_run(PGconn *db, const char *command, const char *sql)
{
    PGresult *r = PQexec(db, sql);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;

    if (!ok)
        ops_print_error(command, db, r);
    PQclear(r);
    return ok;
}

void ops_json_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}
