#include "realtime/side_door.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "realtime/socket_lws.h"
#include "runtime/http_error.h"
#include "runtime/jsontext.h"

#define SIDE_PATH "/realtime/v1/api/broadcast"
#define CORS_ORIGIN "Access-Control-Allow-Origin", "*"

enum {
    SIDE_BODY_MAX = 256 * 1024,
    SIDE_MESSAGES_MAX = 100,
    SIDE_WAIT_MS = 5000,
    SIDE_WAITING_MAX = 1000
};

/* A request that may have to wait for the key of its token, then for its sender's memberships. */
struct post {
    struct post *next;
    struct http_request *http;
    uint64_t give_up_at;
    struct keyring_waiter key;
    bool waited;            /* for the key */
    bool identified;        /* the token is good */
    char sub[JWT_SUB_SIZE]; /* "": a server of ours */
};

static struct {
    struct hub *hub;
    struct keyring *keyring;
    void (*on_input)(void *ctx);
    struct post *waiting;
    unsigned n_waiting;
    bool closed;
} side;

/* One message of a request. */
struct said {
    char topic[TOPIC_MAX]; /* with "realtime:" */
    char event[BROADCAST_EVENT_MAX];
    struct text data;
    bool json;
};

static void accepted(struct http_request *r)
{
    http_respond(r, &(struct http_reply){.status = 202, .headers = {CORS_ORIGIN, NULL}});
}

static void fail(struct http_request *r, unsigned status, const char *message)
{
    static const struct {
        unsigned status;
        const char *code;
    } codes[] = {{400, "VALIDATION_ERROR"}, {401, "UNAUTHORIZED"}, {403, "FORBIDDEN"}};
    const char *code = "UNAVAILABLE";

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].status == status)
            code = codes[i].code;
    http_respond_error(r, status, code, message, NULL, NULL);
}

/* ---- reading ---- */

static bool set_topic(struct said *m, const char *topic)
{
    return topic[0] != '\0' &&
           snprintf(m->topic, sizeof m->topic, "realtime:%s", topic) < (int)sizeof m->topic;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A segment of a path. False: too long, or it holds NUL. */
static bool decode(const char *p, size_t n, char *out, size_t size)
{
    const char *end = p + n;
    size_t used = 0;

    while (p < end) {
        char c = *p++;

        if (c == '%' && end - p >= 2 && hex(p[0]) >= 0 && hex(p[1]) >= 0) {
            c = (char)(hex(p[0]) << 4 | hex(p[1]));
            p += 2;
        }
        if (c == '\0' || used + 1 >= size)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return used > 0;
}

/* .../broadcast/<topic>/events/<event> */
static bool read_path(struct http_request *r, struct said *m)
{
    const char *type = http_header(r, "Content-Type"), *path = http_path(r) + strlen(SIDE_PATH "/");
    const char *middle = strstr(path, "/events/");
    char topic[TOPIC_MAX];

    m->data.p = http_body(r, &m->data.n);
    m->json = type == NULL || strncasecmp(type, "application/octet-stream", 24) != 0;
    if (m->json && m->data.n == 0)
        m->data = TEXT("{}");
    return middle != NULL && decode(path, (size_t)(middle - path), topic, sizeof topic) &&
           set_topic(m, topic) && decode(middle + 8, strlen(middle + 8), m->event, sizeof m->event);
}

static bool read_message(struct text object, struct said *m)
{
    char topic[TOPIC_MAX];

    m->json = true;
    m->data = jsontext_get(object, "payload");
    if (text_empty(m->data))
        m->data = TEXT("{}");
    return jsontext_string(jsontext_get(object, "topic"), topic, sizeof topic, NULL) &&
           set_topic(m, topic) &&
           jsontext_string(jsontext_get(object, "event"), m->event, sizeof m->event, NULL);
}

/* ---- saying ---- */

/* Where this sender's message belongs; 0, or the status of the refusal. */
static unsigned place(const struct post *p, const struct said *m, char organization[37])
{
    const char *name = m->topic + strlen("realtime:");

    if (p->sub[0] != '\0')
        return hub_home(side.hub, p->sub, m->topic, organization, sockets_now()) == HUB_HOME_KNOWN
                   ? 0
                   : 403;
    snprintf(organization, 37, "%s", name);
    return strspn(organization, "0123456789abcdef-") == 36 ? 0 : 403;
}

/* 0, or the status of the refusal and *why. */
static unsigned say(const struct post *p, const struct said *m, const char **why)
{
    char organization[37];
    unsigned status = place(p, m, organization);

    *why = "You do not have permissions to write to this Channel topic";
    if (status != 0)
        return status;
    if (m->data.n > SESSION_FRAME_IN_MAX) {
        *why = "a payload may hold 64 KiB";
        return 413;
    }
    if (m->json && !jsontext_valid(m->data)) {
        *why = "the payload is not JSON";
        return 400;
    }
    *why = rooms_broadcast(side.hub, organization, m->topic, 0, m->json, m->event, m->data);
    return *why == NULL ? 0 : 503;
}

static unsigned say_list(const struct post *p, const char **why)
{
    struct jsontext_each each;
    struct text body, list, object;
    struct said m;
    unsigned n = 0, status;

    body.p = http_body(p->http, &body.n);
    *why = "the body is not {\"messages\":[{\"topic\",\"event\",\"payload\"}]}";
    list = jsontext_valid(body) ? jsontext_get(body, "messages") : TEXT_NULL;
    if (jsontext_kind(list) != JSONTEXT_ARRAY)
        return 400;
    for (jsontext_open(&each, list); jsontext_element(&each, &object); n++) {
        if (n == SIDE_MESSAGES_MAX || !read_message(object, &m))
            return 400;
        if ((status = say(p, &m, why)) != 0)
            return status;
    }
    return 0;
}

static void settle(const struct post *p)
{
    const char *why = "the path is not " SIDE_PATH "/<topic>/events/<event>";
    struct said m;
    unsigned status = 400;

    if (strcmp(http_path(p->http), SIDE_PATH) == 0)
        status = say_list(p, &why);
    else if (read_path(p->http, &m))
        status = say(p, &m, &why);
    if (status == 0)
        accepted(p->http);
    else
        fail(p->http, status, why);
}

static enum jwt_result read_token(struct http_request *r, char sub[JWT_SUB_SIZE])
{
    const char *authorization = http_header(r, "Authorization");
    enum jwt_result result;
    struct jwt jwt;

    sub[0] = '\0';
    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
        return JWT_MALFORMED;
    authorization += 7;
    result = keyring_verify(side.keyring, authorization, strlen(authorization),
                            sockets_now().unix_s, &jwt);
    if (result != JWT_OK || strcmp(jwt.role, "service_role") == 0)
        return result;
    memcpy(sub, jwt.sub, JWT_SUB_SIZE);
    return strcmp(jwt.role, "authenticated") == 0 && sub[0] != '\0' ? JWT_OK : JWT_BAD_CLAIMS;
}

static void on_key(void *ctx)
{
    (void)ctx;
    side_door_pump();
}

/* False: it waits for the key. Else it is identified, or answered. */
static bool identify(struct post *p, bool *answered)
{
    enum jwt_result r = read_token(p->http, p->sub);

    p->identified = r == JWT_OK;
    *answered = false;
    if (p->identified)
        return true;
    if (r == JWT_PENDING && !p->waited && !side.closed) {
        p->waited = true;
        p->key = (struct keyring_waiter){.ready = on_key};
        if (keyring_wait(side.keyring, &p->key))
            return false;
    }
    *answered = true;
    if (r == JWT_PENDING)
        fail(p->http, 503, "the token's key cannot be fetched: try again");
    else
        fail(p->http, 401,
             "needs a user's token, or one of role service_role, as Authorization: Bearer");
    return true;
}

/* True: answered, one way or the other. */
static bool try(struct post *p, struct instant now)
{
    char organization[37];
    bool answered;

    if (p->key.at != NULL && !side.closed)
        return false;
    keyring_leave(side.keyring, &p->key);
    if (!p->identified && !identify(p, &answered))
        return false;
    if (!p->identified)
        return answered;
    if (p->sub[0] != '\0' && hub_home(side.hub, p->sub, "", organization, now) == HUB_HOME_ASKED) {
        if (now.ms < p->give_up_at && !side.closed)
            return false;
        fail(p->http, 503, "memberships cannot be looked up: try again");
        return true;
    }
    settle(p);
    return true;
}

void side_door_pump(void)
{
    struct instant now;

    if (side.waiting == NULL)
        return;
    now = sockets_now();
    for (struct post **at = &side.waiting; *at != NULL;) {
        struct post *p = *at, *next = p->next;

        if (!try(p, now)) {
            at = &p->next;
            continue;
        }
        *at = next; /* the answer freed *p */
        side.n_waiting--;
    }
}

/* ---- arriving ---- */

static void on_post(void *ctx, struct http_request *r)
{
    struct post *p = http_scratch(r, sizeof *p);
    struct instant now = sockets_now();

    (void)ctx;
    if (p == NULL || side.closed || side.n_waiting >= SIDE_WAITING_MAX) {
        fail(r, 503, "too much is under way: try again");
        return;
    }
    p->http = r;
    p->give_up_at = now.ms + SIDE_WAIT_MS;
    if (!try(p, now)) {
        p->next = side.waiting;
        side.waiting = p;
        side.n_waiting++;
    }
    side.on_input(NULL);
}

/* A browser asks before it posts to another origin. */
static void on_options(void *ctx, struct http_request *r)
{
    (void)ctx;
    http_respond(
        r, &(struct http_reply){.status = 204,
                                .headers = {CORS_ORIGIN, "Access-Control-Allow-Methods",
                                            "POST, OPTIONS", "Access-Control-Allow-Headers",
                                            "authorization, apikey, content-type, x-client-info",
                                            "Access-Control-Max-Age", "86400", NULL}});
}

void side_door_open(struct door *door, struct hub *hub, struct keyring *keyring,
                    void (*on_input)(void *ctx))
{
    static const char *const paths[] = {SIDE_PATH, SIDE_PATH "/*"};

    memset(&side, 0, sizeof side);
    side.hub = hub;
    side.keyring = keyring;
    side.on_input = on_input;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        door_route(door, "POST", paths[i], SIDE_BODY_MAX, on_post, NULL);
        door_route(door, "OPTIONS", paths[i], 0, on_options, NULL);
    }
}

void side_door_close(void)
{
    side.closed = true;
    side_door_pump();
    assert(side.waiting == NULL);
}
