/* `ringback rollup verify`: computes every rollup row from the facts and compares; prints what
 * differs, exit status 1. `ringback rollup rebuild`: writes the rollups anew from the facts, in one
 * transaction. */
#include <stdio.h>
#include <string.h>

#include "ops/commands.h"
#include "ops/flags.h"
#include "ops/query_pg.h"

static void print_text(const PGresult *r)
{
    for (int row = 0; row < PQntuples(r); row++) {
        printf("drift:");
        for (int column = 0; column < PQnfields(r); column++)
            printf(" %s=%s", PQfname(r, column),
                   PQgetisnull(r, row, column) ? "(none)" : PQgetvalue(r, row, column));
        putchar('\n');
    }
    if (PQntuples(r) == 0)
        puts("ok: every rollup equals the sum of its facts");
}

static void print_json(const PGresult *r)
{
    printf("{\"drift\":[");
    for (int row = 0; row < PQntuples(r); row++) {
        printf(row == 0 ? "{" : ",{");
        for (int column = 0; column < PQnfields(r); column++) {
            if (column > 0)
                putchar(',');
            ops_json_text(PQfname(r, column));
            putchar(':');
            if (PQgetisnull(r, row, column))
                printf("null");
            else
                ops_json_text(PQgetvalue(r, row, column));
        }
        putchar('}');
    }
    puts("]}");
}

static int verify(PGconn *db, bool json)
{
    PGresult *r = ops_query(db, "rollup", "schema/ops/rollup_verify.sql", 0, NULL, NULL, NULL);
    int rows;

    if (r == NULL)
        return 1;
    rows = PQntuples(r);
    if (json)
        print_json(r);
    else
        print_text(r);
    PQclear(r);
    return rows == 0 ? 0 : 1;
}

static int rebuild(PGconn *db, bool json)
{
    PGresult *r = ops_query(db, "rollup", "schema/ops/rollup_rebuild.sql", 0, NULL, NULL, NULL);

    if (r == NULL)
        return 1;
    printf(json ? "{\"mended\":%s}\n" : "rebuilt from the facts, %s rows mended\n",
           PQgetvalue(r, 0, 0));
    PQclear(r);
    return 0;
}

static int command_run(const struct config *config, int argc, char **argv)
{
    bool json = false, verifying = argc > 1 && strcmp(argv[1], "verify") == 0;
    const struct flag table[] = {{"json", FLAG_SET, &json, 0, 0}, {NULL, FLAG_SET, NULL, 0, 0}};
    char error[FLAG_ERROR_MAX];
    PGconn *db;
    int rc;

    if (!verifying && (argc < 2 || strcmp(argv[1], "rebuild") != 0)) {
        fprintf(stderr, "ringback rollup: say what to do: verify or rebuild\n");
        return 2;
    }
    if (!flags_read(table, argc, argv, 2, error)) {
        fprintf(stderr, "ringback rollup: %s\n", error);
        return 2;
    }
    db = ops_connect(config, "rollup");
    if (db == NULL)
        return 1;
    rc = verifying ? verify(db, json) : rebuild(db, json);
    PQfinish(db);
    return rc;
}

const struct command command_rollup = {
    .name = "rollup",
    .usage = "verify | rebuild [--json]",
    .help = "verify: recompute the analytics from the facts and compare, exit status 1 on any "
            "drift; rebuild: write them anew",
    .run = command_run,
};
