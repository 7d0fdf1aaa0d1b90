/* `ringback migrate`. Happy path: advisory lock -> ledger read -> each missing migration in a transaction of its own,
 * with its row in the ledger -> unlock. Several pods may do it at once: the lock lets one work, the others find nothing to do.
 * Failures: a database newer than this binary, or one with a migration that this binary does not carry, is refused
 * before anything is changed; a failing migration is rolled back whole and named. */
#include "ops/migrate.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/commands.h"
#include "runtime/assets.h"
#include "runtime/db.h"

/* Any fixed number: "ringback" in ASCII. */
#define MIGRATE_LOCK "8244228899632767851"

static const char *sql_of(const char *path)
{
    return asset_find(path)->data;
}

/* Runs SQL that returns no rows. False: the error has been printed in one line. */
static bool run(PGconn *db, const char *what, const char *sql)
{
    PGresult *r = PQexec(db, sql);
    ExecStatusType status = PQresultStatus(r);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

    if (!ok) {
        const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
        const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
        const char *where = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
        fprintf(stderr, "ringback migrate: %s: %s (SQLSTATE %s%s%s)\n", what,
                text != NULL ? text : PQerrorMessage(db), state != NULL ? state : "none",
                where != NULL ? ", character " : "", where != NULL ? where : "");
    }
    PQclear(r);
    return ok;
}

static bool carried(const struct asset *files, size_t n, const char *version)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(migration_version(files[i].path), version, MIGRATION_VERSION_LEN) == 0)
            return true;
    return false;
}

static bool applied(const PGresult *ledger, const char *version)
{
    for (int i = 0; i < PQntuples(ledger); i++)
        if (strncmp(PQgetvalue(ledger, i, 0), version, MIGRATION_VERSION_LEN) == 0)
            return true;
    return false;
}

/* A database that knows more than we do must not be touched. Older foreign migrations (the project's own, made with
 * Supabase's CLI) are not ours to judge. */
static bool refuse_newer(const PGresult *ledger, const struct asset *files, size_t n)
{
    for (int i = 0; i < PQntuples(ledger); i++) {
        const char *version = PQgetvalue(ledger, i, 0);
        if (strcmp(version, migration_newest()) > 0 && !carried(files, n, version)) {
            fprintf(stderr,
                    "ringback migrate: the database is at %s, newer than this binary's %s: run the "
                    "newer ringback\n",
                    version, migration_newest());
            return true;
        }
    }
    return false;
}

static bool apply(PGconn *db, const struct asset *file)
{
    const char *values[2];
    char version[MIGRATION_VERSION_LEN + 1] = "", name[128];
    PGresult *r;
    bool ok;

    memcpy(version, migration_version(file->path), MIGRATION_VERSION_LEN);
    migration_name(file->path, name, sizeof name);
    if (!run(db, file->path, "BEGIN"))
        return false;
    ok = run(db, file->path, file->data);
    if (ok) {
        values[0] = version;
        values[1] = name;
        r = PQexecParams(db, sql_of("schema/ops/migration_record.sql"), 2, NULL, values, NULL, NULL,
                         0);
        ok = PQresultStatus(r) == PGRES_COMMAND_OK;
        if (!ok)
            fprintf(stderr, "ringback migrate: %s: %s", file->path, PQresultErrorMessage(r));
        PQclear(r);
    }
    if (!run(db, file->path, ok ? "COMMIT" : "ROLLBACK"))
        return false;
    if (ok)
        printf("applied %s %s\n", version, name);
    return ok;
}

static bool migrate(PGconn *db)
{
    size_t n, done = 0;
    const struct asset *files = asset_list("schema/migrations/", &n);
    PGresult *ledger;
    bool ok;

    if (!run(db, "settings",
             "SET client_min_messages = warning; SET lock_timeout = '30s'; SET statement_timeout = "
             "0") ||
        !run(db, "another migration is running for too long",
             "SELECT pg_advisory_lock(" MIGRATE_LOCK ")") ||
        !run(db, "ledger", sql_of("schema/ops/migration_ledger.sql")))
        return false;
    ledger = PQexec(db, sql_of("schema/ops/migration_versions.sql"));
    ok = PQresultStatus(ledger) == PGRES_TUPLES_OK && !refuse_newer(ledger, files, n);
    for (size_t i = 0; ok && i < n; i++) {
        if (applied(ledger, migration_version(files[i].path)))
            continue;
        ok = apply(db, &files[i]);
        done++;
    }
    PQclear(ledger);
    if (ok)
        printf(done == 0 ? "nothing to do: the database is at %s\n" : "the database is now at %s\n",
               migration_newest());
    return ok;
}

static int command_run(const struct config *config, int argc, char **argv)
{
    char *error = NULL;
    PGconn *db;
    bool ok;

    if (argc > 1) {
        fprintf(
            stderr,
            "ringback migrate: unknown argument \"%s\"; it takes only settings (--database-url)\n",
            argv[1]);
        return 2;
    }
    db = db_connect_blocking(CONFIG_TEXT(config, DATABASE_URL), "ringback migrate", &error);
    if (db == NULL) {
        fprintf(stderr, "ringback migrate: %s\n", error);
        free(error);
        return 1;
    }
    ok = migrate(db);
    PQfinish(db); /* the advisory lock goes with the session */
    return ok ? 0 : 1;
}

const struct command command_migrate = {
    .name = "migrate",
    .usage = "",
    .help = "brings a database to this version; safe to run from several pods at once",
    .run = command_run,
};
