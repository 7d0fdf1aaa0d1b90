#include "runtime/db_url.h"

#include <libpq-fe.h>

bool db_url_check(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);

    if (options == NULL)
        return false;
    PQconninfoFree(options);
    return true;
}
