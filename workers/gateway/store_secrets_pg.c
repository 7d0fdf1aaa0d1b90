#include "gateway/store_secrets.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/signature.h"
#include "runtime/db.h"
#include "runtime/log.h"
#include "runtime/metrics.h"

enum {
    KNOWN_MAX = 20000, /* stores with a secret of their own, in memory */
    NONE_MAX = 4000,   /* domains known to have none */
    REFRESH_MS = 5000,
    ASK_DOMAINS_MAX = 64, /* in one query */
    ASK_SPACING_MS = 20,  /* between two queries: fifty a second at most, whoever sends what */
    ASK_DEADLINE_MS = 2000,
    REFRESH_DEADLINE_MS = 10000,
    WAITERS_MAX = 2000,
    CHANGED_MAX = 48, /* a timestamp as text */
    BROKEN_LOG_MS = 60000,
};

static const struct db_statement load_changed = {"schema/ops/store_secrets_changed.sql"};
static const struct db_statement load_asked = {"schema/ops/store_secrets.sql"};

struct waiter {
    struct waiter *next;
    store_secrets_cb cb;
    void *ctx;
};

struct question {
    char domain[SHOP_DOMAIN_MAX + 1];
    struct waiter *waiters;
};

struct questions {
    struct question q[ASK_DOMAINS_MAX];
    unsigned n;
};

/* A request with one statement and its parameters. */
struct query {
    struct db_request request;
    struct db_query query;
    const char *values[2];
    bool running;
};

struct store_secrets {
    uv_loop_t *loop;
    const struct seal *seal;
    struct db_pool *db;
    struct secret_cache *cache;
    uv_timer_t refresh_timer, ask_timer;
    struct query refresh, ask;
    char changed[CHANGED_MAX]; /* "": nothing loaded yet */
    char limit[12];
    char domains[ASK_DOMAINS_MAX * (SHOP_DOMAIN_MAX + 2)]; /* as an array literal */
    struct questions sent, next; /* being answered; gathering for the next query */
    unsigned n_waiters;
    uint64_t broken_logged_ms;
    char trouble[6]; /* SQLSTATE of the last refresh, "" when it worked: logged when it changes */
    struct metric *known, *asked;
    bool closing;
    unsigned open_handles;
    void (*on_closed)(void *ctx);
    void *on_closed_ctx;
};

/* ---- answers into memory ---- */

static void remember(struct store_secrets *s, const char *domain, const char *sealed)
{
    uint8_t secret[STORE_SECRET_MAX];
    uint64_t now = uv_now(s->loop);
    const char *why = NULL;
    size_t n = 0;

    if (sealed == NULL) {
        secret_cache_put(s->cache, domain, SECRET_NONE, NULL, 0, now);
    } else if (seal_open(s->seal, secret, sizeof secret, &n, sealed, strlen(sealed), &why) &&
               n > 0) {
        secret_cache_put(s->cache, domain, SECRET_KNOWN, secret, n, now);
    } else {
        secret_cache_put(s->cache, domain, SECRET_BROKEN, NULL, 0, now);
        if (s->broken_logged_ms == 0 || now - s->broken_logged_ms >= BROKEN_LOG_MS) {
            s->broken_logged_ms = now;
            log_error(
                "a store's webhook secret cannot be opened; its webhooks get 503 until it can",
                "store", domain, "reason", why != NULL ? why : "it is empty", NULL);
        }
    }
    bytes_wipe(secret, sizeof secret);
}

/* Rows: store_domain, webhook_secret. */
static void remember_rows(struct store_secrets *s, const PGresult *rows)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        char domain[SHOP_DOMAIN_MAX + 1];

        if (shop_domain(domain, PQgetvalue(rows, i, 0))) /* no other can ever be asked for */
            remember(s, domain, PQgetisnull(rows, i, 1) ? NULL : PQgetvalue(rows, i, 1));
    }
    metric_set(s->known, (double)secret_cache_count(s->cache, SECRET_KNOWN));
}

static void submit(struct store_secrets *s, struct query *q, const struct db_statement *statement,
                   int n_params, uint64_t deadline_ms, db_cb done)
{
    assert(!q->running);
    q->running = true;
    q->query = (struct db_query){.statement = statement, .n_params = n_params, .values = q->values};
    q->request = (struct db_request){
        .queries = &q->query, .n_queries = 1, .done = done, .ctx = s, .deadline_ms = deadline_ms};
    db_submit(s->db, &q->request);
}

/* ---- the regular refresh ---- */

static void on_refreshed(struct db_request *r, const struct db_outcome *o)
{
    struct store_secrets *s = r->ctx;
    int n;

    s->refresh.running = false;
    if (!o->ok) {
        if (!s->closing && strcmp(s->trouble, o->sqlstate) != 0)
            log_warn("stores' webhook secrets were not refreshed", "sqlstate", o->sqlstate,
                     "reason", o->message, NULL);
        memcpy(s->trouble, o->sqlstate, sizeof s->trouble);
        return;
    }
    s->trouble[0] = '\0';
    remember_rows(s, o->results[0]);
    n = PQntuples(o->results[0]);
    if (n > 0)
        snprintf(s->changed, sizeof s->changed, "%s", PQgetvalue(o->results[0], n - 1, 2));
}

static void on_refresh_due(uv_timer_t *t)
{
    struct store_secrets *s = t->data;

    if (s->refresh.running || s->closing || db_up(s->db) == 0)
        return;
    s->refresh.values[0] = s->changed[0] != '\0' ? s->changed : NULL;
    s->refresh.values[1] = s->limit;
    submit(s, &s->refresh, &load_changed, 2, REFRESH_DEADLINE_MS, on_refreshed);
}

static void on_db_state(void *ctx, unsigned up, const char *reason)
{
    struct store_secrets *s = ctx;

    if (up == 0 && !s->closing)
        log_warn("PostgreSQL is away: stores' own webhook secrets are as they were last loaded",
                 "reason", reason, NULL);
    if (up > 0)
        uv_timer_start(&s->refresh_timer, on_refresh_due, 0, REFRESH_MS);
}

/* ---- questions ---- */

static void tell(struct store_secrets *s, struct questions *all, bool ok)
{
    struct questions told = *all; /* those who are told may ask again */

    all->n = 0;
    for (unsigned i = 0; i < told.n; i++) {
        for (struct waiter *w = told.q[i].waiters, *next; w != NULL; w = next) {
            next = w->next;
            s->n_waiters--;
            w->cb(w->ctx, ok);
            free(w);
        }
    }
}

static void on_ask_due(uv_timer_t *t);

static void on_answered(struct db_request *r, const struct db_outcome *o)
{
    struct store_secrets *s = r->ctx;

    s->ask.running = false;
    if (o->ok) {
        for (unsigned i = 0; i < s->sent.n; i++) /* who is not among the rows has none */
            remember(s, s->sent.q[i].domain, NULL);
        remember_rows(s, o->results[0]);
    } else if (!s->closing) {
        log_warn("a store's webhook secret could not be looked up", "sqlstate", o->sqlstate,
                 "reason", o->message, NULL);
    }
    tell(s, &s->sent, o->ok);
}

/* The timer of the spacing: runs while a question may not be sent yet. */
static void on_ask_due(uv_timer_t *t)
{
    struct store_secrets *s = t->data;
    size_t n = 0;

    if (s->next.n == 0) {
        uv_timer_stop(t);
        return;
    }
    if (s->ask.running)
        return; /* the next tick will do */
    s->sent = s->next;
    s->next.n = 0;
    for (unsigned i = 0; i < s->sent.n; i++) /* checked names: nothing in them needs quoting */
        n += (size_t)snprintf(s->domains + n, sizeof s->domains - n, "%c%s", i == 0 ? '{' : ',',
                              s->sent.q[i].domain);
    snprintf(s->domains + n, sizeof s->domains - n, "}");
    s->ask.values[0] = s->domains;
    metric_add(s->asked, 1);
    submit(s, &s->ask, &load_asked, 1, ASK_DEADLINE_MS, on_answered);
}

static struct question *question_for(struct questions *all, const char *domain)
{
    struct question *q;

    for (unsigned i = 0; i < all->n; i++)
        if (strcmp(all->q[i].domain, domain) == 0)
            return &all->q[i];
    if (all->n == ASK_DOMAINS_MAX)
        return NULL;
    q = &all->q[all->n++];
    q->waiters = NULL;
    snprintf(q->domain, sizeof q->domain, "%s", domain);
    return q;
}

bool store_secrets_ask(struct store_secrets *s, const char *domain, store_secrets_cb cb, void *ctx)
{
    struct waiter *w = NULL;
    struct question *q;

    if (s->closing || db_up(s->db) == 0 || s->n_waiters == WAITERS_MAX)
        return false;
    if (cb != NULL) {
        w = malloc(sizeof *w);
        if (w == NULL)
            return false;
    }
    q = question_for(&s->next,
                     domain); /* not one already sent: its answer may be older than the request */
    if (q == NULL) {
        free(w);
        return false;
    }
    if (w != NULL) {
        *w = (struct waiter){.next = q->waiters, .cb = cb, .ctx = ctx};
        q->waiters = w;
        s->n_waiters++;
    }
    if (!uv_is_active((uv_handle_t *)&s->ask_timer))
        uv_timer_start(&s->ask_timer, on_ask_due, 0, ASK_SPACING_MS);
    return true;
}

struct secret_view store_secrets_find(struct store_secrets *s, const char *domain)
{
    return secret_cache_find(s->cache, domain, uv_now(s->loop));
}

/* ---- life ---- */

struct store_secrets *store_secrets_open(uv_loop_t *loop, const char *database_url,
                                         const struct seal *seal)
{
    static const char *const setup[] = {"SET default_transaction_read_only = on",
                                        "SET statement_timeout = '10s'", NULL};
    struct store_secrets *s = calloc(1, sizeof *s);
    struct db_options options = {.url = database_url,
                                 .application_name = "ringback gateway",
                                 .connections = 1,
                                 .setup = setup,
                                 .on_state = on_db_state,
                                 .ctx = s};

    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->seal = seal;
    snprintf(s->limit, sizeof s->limit, "%d", KNOWN_MAX);
    s->known = metric_gauge("ringback_gateway_store_secrets", NULL,
                            "stores' own webhook secrets in memory");
    s->asked = metric_counter("ringback_gateway_store_secret_queries_total", NULL,
                              "questions to PostgreSQL about stores that were not in memory");
    s->cache = secret_cache_new(KNOWN_MAX, NONE_MAX);
    if (s->cache != NULL)
        s->db = db_open(loop, &options);
    if (s->db == NULL) {
        secret_cache_free(s->cache);
        free(s);
        return NULL;
    }
    uv_timer_init(loop, &s->refresh_timer);
    uv_timer_init(loop, &s->ask_timer);
    s->refresh_timer.data = s->ask_timer.data = s;
    s->open_handles = 2;
    return s;
}

static void on_handle_closed(uv_handle_t *h)
{
    struct store_secrets *s = h->data;

    if (--s->open_handles > 0)
        return;
    secret_cache_free(s->cache);
    s->on_closed(s->on_closed_ctx);
    free(s);
}

static void on_db_closed(void *ctx)
{
    struct store_secrets *s = ctx;

    tell(s, &s->next, false);
    uv_close((uv_handle_t *)&s->refresh_timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->ask_timer, on_handle_closed);
}

void store_secrets_close(struct store_secrets *s, void (*on_closed)(void *ctx), void *ctx)
{
    s->closing = true;
    s->on_closed = on_closed;
    s->on_closed_ctx = ctx;
    uv_timer_stop(&s->refresh_timer);
    uv_timer_stop(&s->ask_timer);
    db_close(s->db, on_db_closed, s); /* what runs gets its callback first */
}
