#include "realtime/memberships_pg.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "realtime/limits.h"
#include "realtime/members.h"
#include "realtime/socket_lws.h"
#include "runtime/db.h"
#include "runtime/log.h"

enum { QUESTION_DEADLINE_MS = 5000, UUID_TEXT_MAX = JWT_SUB_SIZE };

static const struct db_statement statement = {"schema/ops/memberships.sql"};

struct memberships {
    struct db_pool *pool;
    struct hub *hub;
    void (*on_answer)(void *ctx);
    void *ctx;
    bool asking, failing;
    struct db_request request;
    struct db_query query;
    const char *value;
    unsigned n;
    const char *subs[REALTIME_LOOKUPS_MAX];               /* the hub's, until answered */
    char array[REALTIME_LOOKUPS_MAX * UUID_TEXT_MAX + 3]; /* {uuid,uuid} */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static void on_state(void *ctx, unsigned up, const char *reason)
{
    struct memberships *m = ctx;

    if (up == 0 && !m->failing)
        log_warn("memberships: no database", "reason", reason, NULL);
    m->failing = up == 0;
}

/* Rows are (user_id, organization_id), ordered by user: hands the rows of one user over. */
static void answer_one(struct memberships *m, const char *sub, const PGresult *rows,
                       struct instant now)
{
    char organizations[USER_ORGANIZATIONS_MAX][ORGANIZATION_ID_SIZE];
    unsigned n = 0;

    for (int i = 0; i < PQntuples(rows) && n < USER_ORGANIZATIONS_MAX; i++)
        if (strcmp(PQgetvalue(rows, i, 0), sub) == 0)
            snprintf(organizations[n++], sizeof organizations[0], "%s", PQgetvalue(rows, i, 1));
    hub_members(m->hub, sub, organizations, n, now);
}

static void on_done(struct db_request *r, const struct db_outcome *o)
{
    struct memberships *m = r->ctx;
    struct instant now = sockets_now();

    m->asking = false;
    if (!o->ok && strcmp(o->sqlstate, "08006") != 0)
        log_warn("memberships: look-up failed", "sqlstate", o->sqlstate, "message", o->message,
                 NULL);
    for (unsigned i = 0; i < m->n; i++) {
        if (o->ok)
            answer_one(m, m->subs[i], o->results[0], now);
        else
            hub_members_failed(m->hub, m->subs[i], now);
    }
    m->on_answer(m->ctx);
}

struct memberships *memberships_open(uv_loop_t *loop, const char *database_url, struct hub *hub,
                                     void (*on_answer)(void *ctx), void *ctx)
{
    struct memberships *m = calloc(1, sizeof *m);
    struct db_options options = {.url = database_url,
                                 .application_name = "ringback-realtime",
                                 .connections = 1,
                                 .on_state = on_state,
                                 .ctx = m};

    if (m == NULL)
        return NULL;
    m->hub = hub;
    m->on_answer = on_answer;
    m->ctx = ctx;
    m->pool = db_open(loop, &options);
    if (m->pool == NULL) {
        free(m);
        return NULL;
    }
    return m;
}

void memberships_pump(struct memberships *m)
{
    size_t used = 0;

    if (m->asking || m->on_closed != NULL)
        return;
    m->n = hub_lookups(m->hub, m->subs, REALTIME_LOOKUPS_MAX, sockets_now());
    if (m->n == 0)
        return;
    for (unsigned i = 0; i < m->n; i++)
        used += (size_t)snprintf(m->array + used, sizeof m->array - used, "%c%s",
                                 i == 0 ? '{' : ',', m->subs[i]);
    snprintf(m->array + used, sizeof m->array - used, "}");
    m->value = m->array;
    m->query = (struct db_query){.statement = &statement, .n_params = 1, .values = &m->value};
    m->request = (struct db_request){.queries = &m->query,
                                     .n_queries = 1,
                                     .done = on_done,
                                     .ctx = m,
                                     .deadline_ms = QUESTION_DEADLINE_MS};
    m->asking = true;
    db_submit(m->pool, &m->request);
}

static void on_pool_closed(void *ctx)
{
    struct memberships *m = ctx;
    void (*done)(void *) = m->on_closed;
    void *done_ctx = m->closed_ctx;

    assert(!m->asking);
    free(m);
    done(done_ctx);
}

void memberships_close(struct memberships *m, void (*on_closed)(void *ctx), void *ctx)
{
    m->on_closed = on_closed;
    m->closed_ctx = ctx;
    db_close(m->pool, on_pool_closed, m);
}
