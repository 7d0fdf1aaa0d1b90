#include "runtime/db_conninfo_pg.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *keyword, *value;
} defaults[] = {
    {"client_encoding", "UTF8"},
    {"target_session_attrs", "read-write"}, /* a demoted primary answers 25006 to every write */
    {"connect_timeout", "10"},              /* seconds; only PQconnectdbParams() obeys it */
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "15000"}, /* ms; keepalives do not fire while data is unacknowledged */
};

enum { N_DEFAULTS = sizeof defaults / sizeof defaults[0] };

static const char *default_of(const char *keyword)
{
    for (size_t i = 0; i < N_DEFAULTS; i++)
        if (strcmp(defaults[i].keyword, keyword) == 0)
            return defaults[i].value;
    return NULL;
}

bool db_conninfo_read(struct db_conninfo *out, const char *url, const char *application_name,
                      const char **why)
{
    size_t n = 0, used = 0;
    char *error = NULL;

    *out = (struct db_conninfo){.parsed = PQconninfoParse(url == NULL ? "" : url, &error)};
    if (out->parsed == NULL) {
        *why = "the database URL is not one that PostgreSQL's client library understands";
        PQfreemem(error);
        return false;
    }
    while (out->parsed[n].keyword != NULL)
        n++;
    out->keywords = calloc(n + 1, sizeof *out->keywords);
    out->values = calloc(n + 1, sizeof *out->values);
    if (out->keywords == NULL || out->values == NULL) {
        *why = "out of memory";
        db_conninfo_free(out);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const PQconninfoOption *o = &out->parsed[i];
        const char *value = o->val != NULL ? o->val : default_of(o->keyword);

        if (strcmp(o->keyword, "application_name") == 0)
            value = application_name;
        if (value == NULL)
            continue;
        out->keywords[used] = o->keyword;
        out->values[used++] = value;
    }
    return true;
}

void db_conninfo_free(struct db_conninfo *c)
{
    free(c->keywords);
    free(c->values);
    PQconninfoFree(c->parsed);
    *c = (struct db_conninfo){.parsed = NULL};
}

void db_one_line(char *out, size_t size, const char *message)
{
    const char *p = message;
    size_t n = 0;

    for (; *p != '\0' && n + 1 < size; p++) {
        char ch = *p == '\n' || *p == '\r' || *p == '\t' ? ' ' : *p;

        if (ch == ' ' && (n == 0 || out[n - 1] == ' '))
            continue;
        out[n++] = ch;
    }
    if (*p != '\0') { /* cut: perhaps in the middle of a character of several bytes */
        while (n > 0 && (out[n - 1] & 0x80) != 0)
            n--;
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

void db_ignore_notice(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}
