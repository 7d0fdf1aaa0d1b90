/* One synchronous connection, for commands that run and end. */
#include <stdlib.h>
#include <string.h>

#include "runtime/db.h"
#include "runtime/db_conninfo_pg.h"

enum { MESSAGE_MAX = 400 };

static char *one_line(const char *text)
{
    char *line = malloc(MESSAGE_MAX);

    if (line != NULL)
        db_one_line(line, MESSAGE_MAX, text);
    return line;
}

PGconn *db_connect_blocking(const char *url, const char *application_name, char **error)
{
    struct db_conninfo info;
    const char *why = NULL;
    PGconn *pg;

    *error = NULL;
    if (!db_conninfo_read(&info, url, application_name, &why)) {
        *error = one_line(why);
        return NULL;
    }
    pg = PQconnectdbParams(info.keywords, info.values, 0);
    db_conninfo_free(&info);
    if (pg != NULL && PQstatus(pg) == CONNECTION_OK) {
        PQsetNoticeReceiver(pg, db_ignore_notice, NULL);
        return pg;
    }
    *error = one_line(pg == NULL ? "out of memory" : PQerrorMessage(pg));
    PQfinish(pg);
    return NULL;
}
