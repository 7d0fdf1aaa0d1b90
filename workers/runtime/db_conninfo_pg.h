/* The connection string as keywords and values, with what every connection of ours has: keepalives
 * that find a half-open connection, a primary that takes writes, UTF-8. What the string itself says
 * wins. */
#ifndef RUNTIME_DB_CONNINFO_PG_H
#define RUNTIME_DB_CONNINFO_PG_H

#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

struct db_conninfo {
    const char **keywords, **values; /* NULL-terminated, for PQconnectStartParams(..., 0) */
    PQconninfoOption *parsed;        /* owns what the string said */
};

/* `url` NULL or "": libpq's own defaults (PGHOST ...). False: `why` holds one line without any part
 * of the string, because that may hold a password. `application_name` is borrowed. */
bool db_conninfo_read(struct db_conninfo *out, const char *url, const char *application_name,
                      const char **why);
void db_conninfo_free(struct db_conninfo *c);

/* libpq's message as one line without the final full stop of a newline, cut to `size`. */
void db_one_line(char *out, size_t size, const char *message);

/* For PQsetNoticeReceiver(): libpq would print notices to stderr, between our log lines. */
void db_ignore_notice(void *arg, const PGresult *res);

#endif
