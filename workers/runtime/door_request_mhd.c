/* One request, from its request line to the end of its answer.
 *
 * Happy path: request_begin (raw target) -> head checked, route found -> body in pieces -> the
 * role's handler -> suspended until http_respond() -> resumed -> answer -> request_finished.
 * Failures: an ambiguous head, no such route, a body that is announced too large -> answered at
 * once, the connection ends; a body that grows too large or finds no memory -> answer written
 * straight to the socket, the connection ends; the connection ends while a role works on it -> the
 * role's answer is dropped, its memory goes with it. */
#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event.h"
#include "runtime/door_mhd.h"
#include "runtime/http_error.h"
#include "runtime/http_framing.h"

enum {
    BODY_FIRST_BYTES = 4096, /* of a body whose length is not known */
    BODY_AT_ONCE_MAX =
        65536, /* up to here an announced length is believed; above, memory comes with the bytes */
    BODY_RATE_MIN =
        16384, /* bytes per second that a body, or the reader of an answer, must keep up */
};

/* ---- answers of our own ---- */

void fd_tell(int fd, unsigned status, const char *code, const char *message)
{
    char body[HTTP_ERROR_TEXT_MAX], text[HTTP_ERROR_TEXT_MAX + 256];
    size_t len = http_error_text(body, code, message);
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
                     "Access-Control-Allow-Origin: *\r\n"
                     "%sContent-Length: %zu\r\n\r\n%s",
                     status, MHD_get_reason_phrase_for(status),
                     status == 503 ? "Retry-After: 2\r\n" : "", len, body);

    static_assert(DOOR_RETRY_AFTER_S == 2, "written out above");
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return; /* the sender is gone, or takes nothing: so be it */
}

/* ---- life ---- */

/* Roles read the query from our own copy. libmicrohttpd would cut it into a list in the memory of its connection, and where
 * that is full (some 200 parameters) it neither answers nor goes on. So it is shown an empty one; the text is its own buffer. */
static void hide_query(char *uri)
{
    char *mark = strchr(uri, '?');

    if (mark != NULL)
        mark[1] = '\0';
}

void *request_begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    size_t n = strlen(uri) + 1;
    struct http_request *r = calloc(1, sizeof *r + n);
    struct conn *c = conn_of(mhd);

    (void)cls;
    if (r == NULL || c == NULL) {
        free(r);
        return NULL;
    }
    r->uri = memcpy(r + 1, uri, n);
    hide_query((char *)(uintptr_t)uri);
    r->path = r->query = "";
    r->door = c->door;
    r->conn = c;
    c->request = r;
    if (c->deadline_ms > uv_now(c->door->loop) + DOOR_HEAD_MS_MAX)
        c->deadline_ms = uv_now(c->door->loop) + DOOR_HEAD_MS_MAX;
    return r;
}

static void request_free(struct http_request *r)
{
    if (r->reply != NULL)
        MHD_destroy_response(r->reply);
    free(r->scratch);
    free(r->body);
    free(r);
}

void request_finished(void *cls, struct MHD_Connection *mhd, void **context,
                      enum MHD_RequestTerminationCode why)
{
    struct http_request *r = *context;
    struct conn *c;

    (void)cls;
    (void)mhd;
    (void)why;
    *context = NULL;
    if (r == NULL)
        return;
    assert(!r->finished);
    r->finished = true;
    c = r->conn;
    c->request = NULL;
    conn_enter(c, CONN_HEAD, uv_now(c->door->loop) + c->door->o.idle_timeout_ms);
    c->door->bodies_bytes -= r->body_room;
    r->conn = NULL;
    r->door = NULL;
    if (!r->handled || r->responded)
        request_free(r);
}

/* ---- the head ---- */

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    framing_header(cls, name, name_len, value == NULL ? "" : value, value == NULL ? 0 : value_len);
    return MHD_YES;
}

static bool method_fits(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* The route; NULL: none, and `allow` lists the methods that the path has ("" when there is no such
 * path). */
static const struct route *find_route(const struct door *d, const char *path, const char *method,
                                      char *allow, size_t allow_size)
{
    size_t n = 0;

    allow[0] = '\0';
    for (size_t i = 0; i < d->n_routes; i++) {
        const struct route *route = &d->routes[i];

        if (strncmp(route->path, path, route->path_len) != 0 ||
            (!route->prefix && path[route->path_len] != '\0'))
            continue;
        if (method_fits(route, method))
            return route;
        if (n < allow_size)
            n += (size_t)snprintf(allow + n, allow_size - n, "%s%s", n > 0 ? ", " : "",
                                  route->method);
    }
    return NULL;
}

const struct route *request_route(const struct door *d, const char *path, const char *method)
{
    char allow[1];

    return find_route(d, path, method, allow, sizeof allow);
}

static void refuse(struct http_request *r, unsigned status, const char *code, const char *message,
                   const char *reason)
{
    r->close = true;
    door_count_refused(reason);
    http_respond_error(r, status, code, message, NULL, NULL);
}

/* The target has to be looked at before it is cut in two. */
static bool is_given_away(const struct http_request *r)
{
    char start[256];
    int n = snprintf(start, sizeof start, "%s %s", r->method, r->uri);

    return acceptor_gives_away(r->door->acceptor, start,
                               (size_t)n < sizeof start ? (size_t)n : sizeof start - 1);
}

static void choose_route(struct http_request *r)
{
    char allow[128];

    r->route = find_route(r->door, r->path, r->method, allow, sizeof allow);
    if (r->route == NULL && allow[0] != '\0') {
        http_respond_error(r, 405, "METHOD_NOT_ALLOWED",
                           "this address takes other methods: see the header Allow", "Allow",
                           allow);
    } else if (r->route == NULL) {
        http_respond_error(r, 404, "NOT_FOUND", "there is nothing at this address", NULL, NULL);
    } else if (r->declared > r->route->body_max) {
        refuse(r, 413, "PAYLOAD_TOO_LARGE", "the body is larger than this address takes",
               "too_large");
    }
}

static void check_head(struct http_request *r, const char *method, const char *version)
{
    struct framing framing;
    const char *fault;

    framing_begin(&framing, method, version);
    MHD_get_connection_values_n(r->conn->mhd, MHD_HEADER_KIND, on_header, &framing);
    fault = framing_end(&framing, version);
    r->chunked = framing.chunked;
    r->declared = framing.length;
    if (fault != NULL) {
        refuse(r, 400, "BAD_REQUEST", fault, "bad_framing");
        return;
    }
    memcpy(r->method, method, strlen(method) + 1); /* its length was checked */
    static_assert(sizeof r->method > HTTP_METHOD_MAX, "room for the longest method");
    if (is_given_away(r))
        refuse(r, 421, "MISDIRECTED_REQUEST",
               "websockets need a connection of their own: connect again and send this first",
               "upgrade_on_reuse");
    else if (!target_split(r->uri, &r->path, &r->query))
        refuse(r, 400, "BAD_REQUEST",
               "the address in the request line is not one that can be served", "bad_target");
    else
        choose_route(r);
}

static enum MHD_Result send_reply(struct http_request *r)
{
    struct conn *c = r->conn;
    enum MHD_Result result;

    if (r->reply == NULL)
        return MHD_NO; /* there was no memory for it */
    conn_enter(c, CONN_ANSWER, request_answer_deadline(c->door, r->reply_len));
    result = MHD_queue_response(c->mhd, r->status, r->reply);
    MHD_destroy_response(r->reply); /* our reference */
    r->reply = NULL;
    return result;
}

uint64_t request_answer_deadline(const struct door *d, size_t len)
{
    return uv_now(d->loop) + d->o.idle_timeout_ms + len * 1000 / BODY_RATE_MIN;
}

uint64_t request_body_deadline(const struct http_request *r)
{
    uint64_t idle = r->door->o.idle_timeout_ms, next = uv_now(r->door->loop) + idle;
    uint64_t whole = r->head_ms + idle + r->body_len * 1000 / BODY_RATE_MIN;

    return next < whole ? next : whole;
}

static enum MHD_Result take_head(struct http_request *r, const char *method, const char *version)
{
    uv_timeval64_t now = {0};
    bool has_body;

    uv_gettimeofday(&now);
    r->headed = true;
    r->arrived_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
    r->head_ms = uv_now(r->door->loop);
    conn_enter(r->conn, CONN_BODY, request_body_deadline(r));
    r->calling = true;
    check_head(r, method, version);
    r->calling = false;
    has_body = r->chunked || r->declared > 0;
    if (!r->responded || (!r->close && !has_body))
        return MHD_YES; /* without a body the connection survives the answer, which goes out at the
                           final call */
    r->conn->linger = true;
    return send_reply(r);
}

/* ---- the body ---- */

/* Makes room for `more` bytes. False: the sender was told why not. */
static bool body_grow(struct http_request *r, size_t more)
{
    struct door *d = r->door;
    size_t need = r->body_len + more, room = r->body_room * 2, most = r->route->body_max;
    char *body = NULL;

    if (need > most) {
        door_count_refused("too_large");
        fd_tell(r->conn->fd, 413, "PAYLOAD_TOO_LARGE",
                "the body is larger than this address takes");
        return false;
    }
    if (!r->chunked && r->declared < most)
        most = (size_t)r->declared;
    if (room < BODY_FIRST_BYTES)
        room = r->chunked ? BODY_FIRST_BYTES : BODY_AT_ONCE_MAX;
    if (room < need)
        room = need;
    if (room > most)
        room = most;
    assert(room >= need);
    if (d->bodies_bytes - r->body_room + room <= DOOR_BODIES_BYTES_MAX)
        body = realloc(r->body, room + EVENT_BODY_PADDING);
    if (body == NULL) {
        door_count_refused("no_memory");
        fd_tell(r->conn->fd, 503, "UNAVAILABLE",
                "too many large requests at once: send it again in a moment");
        return false;
    }
    d->bodies_bytes += room - r->body_room;
    r->body = body;
    r->body_room = room;
    return true;
}

bool request_body_reserve(struct http_request *r, size_t len)
{
    struct door *d = r->door;

    if (len == 0)
        return true;
    if (len > BODY_AT_ONCE_MAX || d->bodies_bytes + len > DOOR_BODIES_BYTES_MAX)
        return false;
    r->body = malloc(len + EVENT_BODY_PADDING);
    if (r->body == NULL)
        return false;
    r->body_room = len;
    d->bodies_bytes += len;
    return true;
}

void http_body_done(struct http_request *r)
{
    if (r->door != NULL)
        r->door->bodies_bytes -= r->body_room;
    free(r->body);
    r->body = NULL;
    r->body_len = r->body_room = 0;
}

static enum MHD_Result take_piece(struct http_request *r, const char *data, size_t *size)
{
    if (r->responded) { /* refused already: the rest is thrown away */
        *size = 0;
        return MHD_YES;
    }
    if (r->body_len + *size > r->body_room && !body_grow(r, *size)) {
        r->conn->linger = true;
        return MHD_NO;
    }
    memcpy(r->body + r->body_len, data, *size);
    r->body_len += *size;
    *size = 0;
    conn_enter(r->conn, CONN_BODY, request_body_deadline(r));
    return MHD_YES;
}

/* ---- the role ---- */

static enum MHD_Result call_role(struct http_request *r)
{
    if (r->body != NULL)
        memset(r->body + r->body_len, 0, EVENT_BODY_PADDING);
    conn_enter(r->conn, CONN_HANDLER, UINT64_MAX);
    r->handled = true;
    r->calling = true;
    r->route->handler(r->route->ctx, r);
    r->calling = false;
    if (r->responded)
        return send_reply(r);
    MHD_suspend_connection(r->conn->mhd);
    r->suspended = true;
    return MHD_YES;
}

enum MHD_Result request_step(void *cls, struct MHD_Connection *mhd, const char *url,
                             const char *method, const char *version, const char *data,
                             size_t *size, void **context)
{
    struct http_request *r = *context;

    (void)cls;
    (void)mhd;
    (void)url; /* decoded: the raw one is in r->uri */
    if (r == NULL || r->conn->kill)
        return MHD_NO;
    if (!r->headed)
        return take_head(r, method, version);
    if (*size > 0)
        return take_piece(r, data, size);
    if (r->responded)
        return send_reply(r);
    return call_role(r);
}

static void add_headers(const struct http_request *r, const struct http_reply *reply,
                        struct MHD_Response *response)
{
    if (reply->len > 0 || reply->content_type != NULL)
        MHD_add_response_header(response, "Content-Type",
                                reply->content_type != NULL ? reply->content_type
                                                            : "text/plain; charset=utf-8");
    for (size_t i = 0;
         i + 1 < sizeof reply->headers / sizeof reply->headers[0] && reply->headers[i] != NULL;
         i += 2)
        MHD_add_response_header(response, reply->headers[i], reply->headers[i + 1]);
    if (r->close || r->door->state != DOOR_OPEN)
        MHD_add_response_header(response, "Connection", "close");
}

/* `response` NULL: there was no memory for it. */
static void respond(struct http_request *r, const struct http_reply *reply,
                    struct MHD_Response *response)
{
    assert(!r->responded); /* exactly one answer */
    assert(reply->status >= 200 && reply->status <= 599);
    r->responded = true;
    r->reply = response;
    if (r->finished) { /* nobody waits for it any more */
        request_free(r);
        return;
    }
    r->status = reply->status;
    r->reply_len = reply->len;
    if (response != NULL)
        add_headers(r, reply, response);
    if (!r->suspended)
        return; /* inside its handler: sent when that returns */
    assert(!r->calling);
    r->suspended = false;
    MHD_resume_connection(r->conn->mhd);
    door_turn_again(r->door);
}

void http_respond(struct http_request *r, const struct http_reply *reply)
{
    if (r->plain != NULL) {
        plain_respond(r, reply);
        return;
    }
    respond(r, reply,
            MHD_create_response_from_buffer(reply->len, (void *)(uintptr_t)reply->body,
                                            MHD_RESPMEM_MUST_COPY));
}

void http_respond_file(struct http_request *r, const struct http_reply *reply, int fd,
                       uint64_t offset)
{
    struct MHD_Response *response;

    assert(r->plain == NULL); /* files are answers to GET */
    response = MHD_create_response_from_fd_at_offset64(reply->len, fd, offset);
    if (response == NULL)
        close(fd);
    respond(r, reply, response);
}

/* ---- what a role may ask ---- */

const char *http_method(const struct http_request *r)
{
    return r->method;
}

const char *http_path(const struct http_request *r)
{
    return r->path;
}

const char *http_query(const struct http_request *r)
{
    return r->query;
}

const char *http_header(const struct http_request *r, const char *name)
{
    if (r->plain != NULL)
        return plain_header(r, name);
    return r->conn == NULL ? NULL
                           : MHD_lookup_connection_value(r->conn->mhd, MHD_HEADER_KIND, name);
}

const char *http_body(const struct http_request *r, size_t *len)
{
    static const char none[EVENT_BODY_PADDING + 1];

    *len = r->body_len;
    return r->body != NULL ? r->body : none;
}

const char *http_peer(const struct http_request *r)
{
    const union MHD_ConnectionInfo *info;

    if (r->peer[0] == '\0' && r->plain != NULL) {
        plain_peer(r, ((struct http_request *)(uintptr_t)r)->peer, sizeof r->peer);
    } else if (r->peer[0] == '\0' && r->conn != NULL) {
        info = MHD_get_connection_info(r->conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        if (info != NULL && info->client_addr != NULL)
            getnameinfo(info->client_addr, sizeof(struct sockaddr_in6),
                        ((struct http_request *)(uintptr_t)r)->peer, sizeof r->peer, NULL, 0,
                        NI_NUMERICHOST);
    }
    return r->peer;
}

uint64_t http_arrived_us(const struct http_request *r)
{
    return r->arrived_us;
}

void *http_scratch(struct http_request *r, size_t size)
{
    if (r->scratch == NULL && r->plain != NULL)
        r->scratch = plain_scratch(r, size);
    if (r->scratch == NULL)
        r->scratch = calloc(1, size);
    return r->scratch;
}
