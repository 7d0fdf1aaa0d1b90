/* The role `api`: REST under /v1.
 *
 * Happy path: request -> endpoint -> token -> limiter -> values checked -> begin.sql and the endpoint's statement in one round
 * trip, as the user, under row level security -> the JSON that PostgreSQL made goes out as it is.
 * Failures: each has a status and a sentence (answer.c); 503 carries Retry-After; what changed nothing is tried again, TRIES_MAX times in all. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/auth.h"
#include "api/call.h"
#include "api/openapi.h"
#include "runtime/log.h"

#define API_PATH "/v1/*"
#define OPENAPI_PATH "/v1/openapi.json"

enum {
    BODY_MAX = 1 << 20,
    IN_FLIGHT_MAX = 1024, /* requests that wait for PostgreSQL, or in line for it */
    WAIT_MS_MAX = 2000,   /* in line for a connection */
    DEPTH = 2,     /* requests in flight on one connection: the next is there when one is done */
    STALL_MS = 50, /* a statement that runs for this long has nothing more sent behind it */
    CUT_MS = 2000, /* over the statement's own timeout, a connection is cut */
    TRIES_MAX =
        4, /* connections die together: the next one may be dead too, and not yet known to be */
    AWAY_AFTER_MS =
        250, /* without any connection for as long, the database is away; before that it is only coming back */
    REQUEST_ID_MAX = 64, /* of a client's own */
    SETTING_MAX = 64,
};

static struct api api;

static const struct db_statement begin_statement = {"schema/api/begin.sql"};

/* ---- from the answer of PostgreSQL to that of HTTP ---- */

static void on_done(struct db_request *r, const struct db_outcome *o);

static void submit(struct call *c)
{
    c->request = (struct db_request){.queries = c->queries,
                                     .n_queries = CALL_QUERIES,
                                     .done = on_done,
                                     .ctx = c,
                                     .deadline_ms = c->api->timeout_ms + CUT_MS,
                                     .wait_ms = WAIT_MS_MAX};
    if (c->tries++ == 0)
        c->since_ms = uv_now(c->api->app->loop);
    db_submit(c->api->pool, &c->request);
}

static bool is_away(const struct api *a)
{
    return a->db_up == 0 && uv_now(a->app->loop) - a->down_ms >= AWAY_AFTER_MS;
}

/* In time: what has waited in line for as long as one may has had its turn. */
static bool may_try_again(const struct call *c)
{
    return c->tries < TRIES_MAX && !c->api->stopping && !is_away(c->api) &&
           uv_now(c->api->app->loop) - c->since_ms < WAIT_MS_MAX;
}

static void answer_failed(struct call *c, const struct db_outcome *o)
{
    struct sql_error e = {o->sqlstate, o->message, o->detail, o->hint, o->column};
    struct fault f = answer_of_sql(&e);

    if (f.status == 500)
        log_error("request failed", "request_id", c->request_id, "endpoint",
                  c->plan->endpoint->name, "sqlstate", o->sqlstate, "message", o->message, NULL);
    reply_fault(c, &f);
}

/* The statement's one value; zero rows or NULL: there is no such thing. */
static void answer_rows(struct call *c, PGresult *const results[])
{
    static const struct fault none = {404, "NOT_FOUND",
                                      "there is no such thing in this organization", NULL, NULL};
    const PGresult *begin = results[0], *rows = results[1];

    limiter_learn(c->api->limiter, c->user, PQgetvalue(begin, 0, 0));
    if (PQntuples(rows) == 0 || PQgetisnull(rows, 0, 0))
        reply_fault(c, &none);
    else if (c->plan->endpoint->link)
        call_link_begin(c, (struct text){PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0)});
    else
        reply_ok(c, PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0));
}

static void on_done(struct db_request *r, const struct db_outcome *o)
{
    struct call *c = r->ctx;

    if (o->ok)
        answer_rows(c, o->results);
    else if (may_try_again(c) && answer_try_again(o->sqlstate, c->reads))
        submit(c);
    else
        answer_failed(c, o);
}

/* ---- from the request to PostgreSQL ---- */

static bool fill_queries(struct call *c)
{
    struct api *a = c->api;
    const struct variant *v = variants_get(a->variants, c->plan_no, &c->input);
    const struct template_out *sql = &c->rare;

    if (v != NULL)
        sql = &v->sql;
    else if (!variants_expand(a->variants, c->plan_no, &c->input, &c->arena, &c->rare))
        return false;
    for (unsigned k = 0; k < sql->n_places; k++)
        c->values[k] = c->input.values[sql->places[k]];
    c->begin_values[0] = c->user_id;
    c->begin_values[1] = c->organization[0] != '\0' ? c->organization : NULL;
    c->begin_values[2] = c->plan->endpoint->admin ? "admin" : "member";
    c->queries[0] = (struct db_query){
        .statement = &begin_statement, .n_params = CALL_BEGIN_VALUES, .values = c->begin_values};
    c->rare_statement.path = c->plan->endpoint->name;
    c->queries[1] = (struct db_query){.statement = v != NULL ? &v->statement : &c->rare_statement,
                                      .text = sql->text,
                                      .rare = v == NULL,
                                      .n_params = (int)sql->n_places,
                                      .values = c->values};
    return true;
}

static void run(struct call *c)
{
    static const struct fault away = {503, "UNAVAILABLE",
                                      "the database cannot be reached at the moment: try again",
                                      NULL, NULL},
                              full = {503, "UNAVAILABLE",
                                      "too many requests are waiting: try again", NULL, NULL},
                              memory = {503, "UNAVAILABLE",
                                        "there is no memory for this: try again", NULL, NULL};

    if (is_away(c->api)) {
        reply_fault(c, &away);
    } else if (c->api->in_flight >= IN_FLIGHT_MAX) {
        reply_fault(c, &full);
    } else if (!fill_queries(c)) {
        reply_fault(c, &memory);
    } else {
        c->submitted = true;
        metric_set(c->api->in_flight_gauge, ++c->api->in_flight);
        submit(c);
    }
}

/* ---- what is looked at before ---- */

/* A client's own id when it is plain, else ours. */
static void name_request(struct call *c)
{
    const char *id = http_header(c->http, "X-Request-Id");
    size_t n = id == NULL ? 0
                          : strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-_.");

    if (n > 0 && n <= REQUEST_ID_MAX && id[n] == '\0')
        snprintf(c->request_id, sizeof c->request_id, "%s", id);
    else
        snprintf(c->request_id, sizeof c->request_id, "%s-%llu", c->api->id_prefix,
                 (unsigned long long)++c->api->requests);
}

/* False: answered. */
static bool know_organization(struct call *c)
{
    static const struct api_param named = {.name = "X-Organization-Id", .type = API_UUID};
    const char *header = http_header(c->http, "X-Organization-Id"), *id;
    struct problem problem;
    struct fault f;

    if (header == NULL)
        return true;
    id = value_of_text(&named, text_of(header), &c->arena, &problem);
    if (id == NULL) {
        f = (struct fault){400, "VALIDATION_ERROR", problem.text, problem.field, NULL};
        reply_fault(c, &f);
        return false;
    }
    snprintf(c->organization, sizeof c->organization, "%s", id);
    return true;
}

/* False: answered. */
static bool know_user(struct call *c, enum jwt_result verified, const struct jwt *jwt)
{
    struct fault f = {403, "FORBIDDEN", "this token is not of a signed-in user", NULL, NULL};
    const char *why = NULL;

    switch (auth_of(verified, jwt, &why)) {
    case AUTH_USER:
        snprintf(c->user_id, sizeof c->user_id, "%s", jwt->sub);
        snprintf(c->user, sizeof c->user, "%s %s", jwt->sub, c->organization);
        return true;
    case AUTH_LATER:
        f = (struct fault){503, "UNAVAILABLE", why, NULL, NULL};
        break;
    case AUTH_BAD:
        f = (struct fault){401, "UNAUTHORIZED", why, NULL, NULL};
        break;
    case AUTH_NO_USER:
        break;
    }
    reply_fault(c, &f);
    return false;
}

/* False: answered. */
static bool has_room(struct call *c)
{
    static const struct fault f = {429, "RATE_LIMITED",
                                   "too many requests of this organization: slow down", NULL, NULL};
    uint64_t wait_ms = limiter_take(c->api->limiter, c->user, uv_now(c->api->app->loop));
    char seconds[24];

    if (wait_ms == 0)
        return true;
    snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)(wait_ms + 999) / 1000);
    reply_fault_with(c, &f, "Retry-After", seconds);
    return false;
}

/* ---- the door's call ---- */

/* The token was looked at. */
static void serve_as(struct call *c, const struct match *m, enum jwt_result verified,
                     const struct jwt *jwt)
{
    struct text body = {NULL, 0};
    struct problem problem;
    struct fault f;

    if (!know_user(c, verified, jwt) || !has_room(c))
        return;
    body.p = http_body(c->http, &body.n);
    if (c->reads)
        body.n = 0;
    if (input_read(c->plan, m->path, text_of(http_query(c->http)), body, &c->arena, &c->input,
                   &problem)) {
        run(c);
        return;
    }
    f = (struct fault){400, "VALIDATION_ERROR", problem.text, problem.field, NULL};
    reply_fault(c, &f);
}

static void leave_waiting(struct call *c)
{
    *c->at_waiting = c->next_waiting;
    if (c->next_waiting != NULL)
        c->next_waiting->at_waiting = c->at_waiting;
    keyring_leave(c->api->app->keyring, &c->keys);
    free(c->token);
    c->token = NULL;
}

static void on_keys(void *ctx)
{
    struct call *c = ctx;
    enum jwt_result verified;
    struct match m;
    struct jwt jwt;

    verified = keyring_verify(c->api->app->keyring, c->token, strlen(c->token), time(NULL), &jwt);
    leave_waiting(c);
    plans_match(&c->api->plans, http_method(c->http), http_path(c->http), &m);
    serve_as(c, &m, verified, &jwt);
}

/* The key of its token may have been made a moment ago: the request waits until the keys were fetched again. */
static void wait_for_keys(struct call *c, const struct match *m, const char *token, size_t len)
{
    struct api *a = c->api;

    c->keys = (struct keyring_waiter){.ready = on_keys, .ctx = c};
    c->token = strndup(token, len);
    if (c->token == NULL || !keyring_wait(a->app->keyring, &c->keys)) {
        free(c->token);
        serve_as(c, m, JWT_PENDING, NULL);
        return;
    }
    c->next_waiting = a->waiting;
    c->at_waiting = &a->waiting;
    if (a->waiting != NULL)
        a->waiting->at_waiting = &c->next_waiting;
    a->waiting = c;
}

static void serve(struct call *c, const struct match *m)
{
    static const struct fault no_token = {
        401, "UNAUTHORIZED", "a token is needed: send the header Authorization: Bearer TOKEN", NULL,
        NULL};
    enum jwt_result verified;
    const char *token;
    struct jwt jwt;
    size_t len;

    if (!know_organization(c))
        return;
    token = auth_token(http_header(c->http, "Authorization"), &len);
    if (len == 0) {
        reply_fault(c, &no_token);
        return;
    }
    verified = keyring_verify(c->api->app->keyring, token, len, time(NULL), &jwt);
    if (verified == JWT_PENDING)
        wait_for_keys(c, m, token, len);
    else
        serve_as(c, m, verified, &jwt);
}

static void refuse_path(struct call *c, const struct match *m)
{
    static const struct fault none = {404, "NOT_FOUND",
                                      "there is nothing at this address; GET " OPENAPI_PATH
                                      " lists what there is",
                                      NULL, NULL},
                              other = {405, "METHOD_NOT_ALLOWED",
                                       "this address takes other methods: see the header Allow",
                                       NULL, NULL};

    if (m->allow[0] == '\0')
        reply_fault(c, &none);
    else
        reply_fault_with(c, &other, "Allow", m->allow);
}

static void on_request(void *ctx, struct http_request *http)
{
    struct api *a = ctx;
    const char *header, *method = http_method(http), *path = http_path(http);
    struct match m;
    struct call *c;
    size_t body_len, room;

    http_body(http, &body_len);
    plans_match(&a->plans, method, path, &m);
    if (strcmp(path, OPENAPI_PATH) == 0)
        snprintf(m.allow, sizeof m.allow, "GET");
    room = input_room(strlen(http_query(http)), body_len); /* the door bounds both */
    if (m.plan != NULL)
        room += variants_room(a->variants, m.no);
    c = http_scratch(http, sizeof *c + room);
    if (c == NULL) {
        http_respond(http, &(struct http_reply){.status = 503, .headers = {"Retry-After", "1"}});
        return;
    }
    *c = (struct call){.api = a, .http = http, .plan = m.plan, .plan_no = m.no};
    arena_init(&c->arena, c + 1, room);
    c->reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    c->gzip = answer_takes_gzip(http_header(http, "Accept-Encoding"));
    header = http_header(http, "If-None-Match");
    snprintf(c->if_none_match, sizeof c->if_none_match, "%s", header == NULL ? "" : header);
    name_request(c);
    if (strcmp(method, "OPTIONS") == 0)
        reply_preflight(c);
    else if (c->reads && strcmp(path, OPENAPI_PATH) == 0)
        reply_ok(c, a->openapi, a->openapi_len);
    else if (m.plan == NULL)
        refuse_path(c, &m);
    else
        serve(c, &m);
}

/* ---- life ---- */

static void on_db_state(void *ctx, unsigned up, const char *reason)
{
    struct api *a = ctx;

    if (up == 0 && a->db_up > 0) {
        log_warn("api has no database: requests get 503", "reason", reason, NULL);
        a->down_ms = uv_now(a->app->loop);
    } else if (up > 0 && a->db_up == 0) {
        log_info("api has its database", NULL);
    }
    a->db_up = up;
}

static bool open_database(struct api *a)
{
    /* Generic plans: each variant of a statement is a plan of its own, so none depends on the values. enable_seqscan: plans
     * may be made while tables are still empty. enable_bitmapscan: schema/migrations/20261128000600_search_plans.sql tells
     * why. jit: compiling takes longer than running. */
    static char timeout[SETTING_MAX];
    static const char *const setup[] = {"SET plan_cache_mode = force_generic_plan",
                                        "SET enable_seqscan = off",
                                        "SET enable_bitmapscan = off",
                                        "SET jit = off",
                                        "SET timezone = 'UTC'",
                                        timeout,
                                        NULL};
    struct db_options options = {.url = CONFIG_TEXT(a->app->config, DATABASE_URL),
                                 .application_name = "ringback-api",
                                 .connections =
                                     (unsigned)CONFIG_NUMBER(a->app->config, API_DB_CONNECTIONS),
                                 .depth = DEPTH,
                                 .stall_ms = STALL_MS,
                                 .setup = setup,
                                 .on_state = on_db_state,
                                 .ctx = a};

    a->timeout_ms = CONFIG_NUMBER(a->app->config, API_TIMEOUT);
    snprintf(timeout, sizeof timeout, "SET statement_timeout = %llu",
             (unsigned long long)a->timeout_ms);
    if (options.url == NULL) {
        log_error("api cannot start", "reason", "RINGBACK_DATABASE_URL is not set", NULL);
        return false;
    }
    a->pool = db_open(a->app->loop, &options);
    if (a->pool == NULL)
        log_error("api cannot start", "reason", "no connection to PostgreSQL can be set up", NULL);
    return a->pool != NULL;
}

static void register_metrics(struct api *a)
{
    a->seconds =
        metric_histogram("ringback_api_seconds", NULL, "REST: from a complete head to the answer");
    a->in_flight_gauge =
        metric_gauge("ringback_api_in_flight", NULL, "REST requests in PostgreSQL's hands");
    a->refused = metric_counter("ringback_api_refused_total", NULL,
                                "REST requests for addresses that do not exist, and preflights");
}

static bool prepare(struct api *a)
{
    char error[256];

    plans_make(&a->plans, api_endpoints, api_endpoints_n);
    a->variants = variants_new(&a->plans, error, sizeof error);
    if (a->variants == NULL) {
        log_error("api cannot start", "reason", error, NULL);
        return false;
    }
    a->links = recording_links_open(a->app->loop, a->app->config, error, sizeof error);
    if (a->links == NULL) {
        log_error("api cannot start", "reason", error, NULL);
        return false;
    }
    a->limiter = limiter_new(CONFIG_NUMBER(a->app->config, API_RATE));
    a->openapi = openapi_write(&a->plans, &a->openapi_len);
    if (a->limiter == NULL || a->openapi == NULL)
        log_error("api cannot start", "reason", "out of memory", NULL);
    return a->limiter != NULL && a->openapi != NULL;
}

static bool start(struct app *app)
{
    static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"};
    struct api *a = &api;
    uint32_t random = 0;

    assert(app->door != NULL);
    a->app = app;
    uv_random(NULL, NULL, &random, sizeof random, 0, NULL);
    snprintf(a->id_prefix, sizeof a->id_prefix, "%08x", random);
    register_metrics(a);
    if (!prepare(a) || !open_database(a))
        return false;
    recording_links_serve(a->links, app->door); /* the first route that fits is taken */
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        door_route(app->door, methods[i], API_PATH, BODY_MAX, on_request, a);
    return true;
}

static const char *ready(void)
{
    return api.db_up == 0 ? "postgres" : keyring_ready(api.app->keyring);
}

static void on_links_closed(void *ctx)
{
    struct api *a = ctx;

    variants_free(a->variants);
    limiter_free(a->limiter);
    free(a->openapi);
    a->stopped(a->stopped_ctx);
}

static void on_pool_closed(void *ctx)
{
    struct api *a = ctx;

    recording_links_close(a->links, on_links_closed, a);
}

/* The door is closed already: what was accepted has been answered, or nobody waits for it any more. */
static void stop(void (*done)(void *ctx), void *ctx)
{
    while (api.waiting != NULL) {
        struct call *c = api.waiting;

        leave_waiting(c);
        serve_as(c, NULL, JWT_PENDING, NULL);
    }
    api.stopping = true;
    api.stopped = done;
    api.stopped_ctx = ctx;
    db_close(api.pool, on_pool_closed, &api);
}

const struct role role_api = {
    .name = "api",
    .help = "REST /v1",
    .tokens = true,
    .start = start,
    .ready = ready,
    .stop = stop,
};
