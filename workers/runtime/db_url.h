#ifndef RUNTIME_DB_URL_H
#define RUNTIME_DB_URL_H

#include <stdbool.h>

/* True if libpq can read the connection string; opens nothing. */
bool db_url_check(const char *url);

#endif
