/* Running the files of schema/ops/ on a blocking connection, with errors that a person understands.
 */
#ifndef OPS_QUERY_PG_H
#define OPS_QUERY_PG_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "runtime/config.h"

/* NULL: one line has been printed ("ringback tenant: ..."). */
PGconn *ops_connect(const struct config *config, const char *command);

/* Runs one statement of an asset; text parameters, text results. NULL: the error has been printed,
 * unless its SQLSTATE is `expected` (may be NULL): then *matched is set and nothing is printed. */
PGresult *ops_query(PGconn *db, const char *command, const char *path, int n,
                    const char *const *values, const char *expected, bool *matched);

/* Prints in one line why a statement failed. */
void ops_print_error(const char *command, const PGconn *db, const PGresult *r);

/* BEGIN, COMMIT, ROLLBACK. */
bool ops_run(PGconn *db, const char *command, const char *sql);

/* Prints a JSON string, quotes included. */
void ops_json_text(const char *text);

#endif
