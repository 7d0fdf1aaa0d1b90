#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/doctor.h"
#include "ops/migrate.h"
#include "runtime/assets.h"
#include "runtime/db.h"

enum { VERSION_MIN = 150000, CONNECTIONS_SPARE = 3 };

static const char *field(const PGresult *r, const char *name)
{
    return PQgetvalue(r, 0, PQfnumber(r, name));
}

static bool yes(const PGresult *r, const char *name)
{
    return field(r, name)[0] == 't';
}

static bool is_null(const PGresult *r, const char *name)
{
    return PQgetisnull(r, 0, PQfnumber(r, name));
}

static void check_server(struct doctor *d, const PGresult *r)
{
    long left = strtol(field(r, "connections_left"), NULL, 10);
    long wanted = (long)CONFIG_NUMBER(d->config, DB_CONNECTIONS) + CONNECTIONS_SPARE;

    if (atoi(field(r, "version_num")) < VERSION_MIN)
        doctor_says(d, FINDING_FAIL, "postgresql", "upgrade to PostgreSQL 15 or newer",
                    "version %s is too old", field(r, "version"));
    else
        doctor_says(d, FINDING_OK, "postgresql", NULL, "version %s, database %s, role %s",
                    field(r, "version"), field(r, "database"), field(r, "role"));
    if (yes(r, "standby"))
        doctor_says(d, FINDING_FAIL, "postgresql", "point RINGBACK_DATABASE_URL at the primary",
                    "this server is a standby: it takes no writes");
    if (strcmp(field(r, "encoding"), "UTF8") != 0)
        doctor_says(d, FINDING_FAIL, "postgresql", "create the database with ENCODING 'UTF8'",
                    "the encoding is %s", field(r, "encoding"));
    if (left < wanted)
        doctor_says(d, FINDING_WARN, "postgresql",
                    "raise max_connections, or lower RINGBACK_DB_CONNECTIONS",
                    "%ld connections are free, a worker wants up to %ld", left, wanted);
}

static void check_durability(struct doctor *d, const PGresult *r)
{
    const char *commit = field(r, "synchronous_commit");
    bool good = true;

    if (strcmp(field(r, "fsync"), "on") != 0) {
        good = false;
        doctor_says(d, FINDING_FAIL, "durability", "set fsync = on",
                    "fsync is off: a power cut destroys the database");
    }
    if (strcmp(commit, "off") == 0) {
        good = false;
        doctor_says(d, FINDING_FAIL, "durability", "set synchronous_commit = on for this role",
                    "synchronous_commit is off: events are acknowledged before they are safe");
    }
    if (strcmp(field(r, "full_page_writes"), "on") != 0) {
        good = false;
        doctor_says(d, FINDING_WARN, "durability",
                    "set full_page_writes = on, unless the file system never tears a page",
                    "full_page_writes is off");
    }
    if (good)
        doctor_says(d, FINDING_OK, "durability", NULL, "fsync on, synchronous_commit %s", commit);
}

static void check_rights(struct doctor *d, const PGresult *r)
{
    if (!yes(r, "roles_there") && !yes(r, "may_create_role"))
        doctor_says(
            d, FINDING_FAIL, "rights",
            "create the roles anon, authenticated and service_role, or give this role CREATEROLE",
            "the roles of the API are missing and %s may not create them", field(r, "role"));
    else if (!yes(r, "may_create_schema") || !yes(r, "may_create_table"))
        doctor_says(
            d, is_null(r, "may_write") ? FINDING_FAIL : FINDING_WARN, "rights",
            "GRANT CREATE on the database and on schema public, or migrate with another role",
            "%s may not create schemas or tables: it cannot migrate", field(r, "role"));
    if (is_null(r, "may_write"))
        return;
    if (!yes(r, "may_write") || !yes(r, "sees_all"))
        doctor_says(d, FINDING_FAIL, "rights",
                    "run Ringback as the owner of the tables or as a role with BYPASSRLS",
                    "%s may not write all rows", field(r, "role"));
    else
        doctor_says(d, FINDING_OK, "rights", NULL, "%s may write all rows", field(r, "role"));
}

static bool carried(const char *version)
{
    size_t n;
    const struct asset *files = asset_list("schema/migrations/", &n);

    for (size_t i = 0; i < n; i++)
        if (strncmp(migration_version(files[i].path), version, MIGRATION_VERSION_LEN) == 0)
            return true;
    return false;
}

/* Counts what the ledger has of ours, and looks for what is newer than we are. */
static void check_schema(struct doctor *d, PGconn *db, bool ledger_there)
{
    const char *newest = migration_newest(), *newer = NULL;
    size_t total, ours = 0;
    PGresult *r = NULL;

    asset_list("schema/migrations/", &total);
    if (ledger_there)
        r = PQexec(db, asset_find("schema/ops/migration_versions.sql")->data);
    for (int i = 0; i < PQntuples(r); i++) {
        const char *version = PQgetvalue(r, i, 0);
        if (carried(version))
            ours++;
        else if (strcmp(version, newest) > 0)
            newer = version;
    }
    if (newer != NULL)
        doctor_says(d, FINDING_FAIL, "schema", "run the newer ringback",
                    "the database is at %s, newer than this binary's %s", newer, newest);
    else if (ours == 0)
        doctor_says(d, FINDING_FAIL, "schema", "run: ringback migrate",
                    "the database has no schema yet");
    else if (ours < total)
        doctor_says(d, FINDING_FAIL, "schema", "run: ringback migrate",
                    "%zu of %zu migrations are missing", total - ours, total);
    else
        doctor_says(d, FINDING_OK, "schema", NULL, "at %s, as this binary expects", newest);
    PQclear(r);
}

void doctor_check_postgresql(struct doctor *d)
{
    char *error = NULL;
    int64_t before, after;
    PGconn *db;
    PGresult *r;

    if (CONFIG_TEXT(d->config, DATABASE_URL) == NULL) {
        doctor_says(d, FINDING_FAIL, "postgresql",
                    "set RINGBACK_DATABASE_URL, such as postgresql://user@host/db",
                    "no database is named");
        return;
    }
    db = db_connect_blocking(CONFIG_TEXT(d->config, DATABASE_URL), "ringback doctor", &error);
    if (db == NULL) {
        doctor_says(d, FINDING_FAIL, "postgresql", "start it, or correct RINGBACK_DATABASE_URL",
                    "cannot be reached: %s", error != NULL ? error : "out of memory");
        free(error);
        return;
    }
    before = doctor_now_ms();
    r = PQexec(db, asset_find("schema/ops/doctor.sql")->data);
    after = doctor_now_ms();
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        doctor_says(d, FINDING_FAIL, "postgresql", "see PostgreSQL's log", "cannot be asked: %s",
                    PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
    } else {
        check_server(d, r);
        check_durability(d, r);
        check_rights(d, r);
        check_schema(d, db, yes(r, "ledger_there"));
        doctor_check_clock(d, "postgresql", before, strtoll(field(r, "clock_ms"), NULL, 10), after);
    }
    PQclear(r);
    PQfinish(db);
}
