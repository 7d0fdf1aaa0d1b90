/* POST /webhooks/voice/<provider>: from a provider's signed callback to an envelope. What a
 * signature is, and which call a callback is about, the provider knows (handlers/voice/); routes,
 * secrets and metrics follow from its row in the table.
 *
 * Happy path: request -> URL as the provider called it -> verify -> call id -> publish under it.
 * Failures: no secret configured -> 503 that names the setting; authentic but about no call ->
 * answered and dropped; authentic but unreadable -> published all the same: the worker makes a dead
 * letter of it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "gateway/gateway.h"
#include "runtime/log.h"
#include "voice/provider.h"

enum {
    SMALL_ROOM = 64 * 1024,        /* does for the call id of nearly every callback */
    LARGE_ROOM_EXTRA = 256 * 1024, /* beside LARGE_ROOM_BODIES times the body */
    LARGE_ROOM_BODIES = 4,
    PATH_MAX_BYTES = 64,
    SAYS_MAX = 200,
    HEX_OF_DIGEST = 17,
};

static const char topic[] = "callback"; /* providers have one address for all they have to say */

struct route {
    struct voice *voice;
    const struct voice_provider *provider;
    const char *secrets; /* NULL: none configured */
    struct gateway_source source;
    char path[PATH_MAX_BYTES];
    char says_unsigned[SAYS_MAX], says_unconfigured[SAYS_MAX];
};

struct voice {
    struct gateway *gateway;
    const char *public_url; /* NULL: as the Host header says */
    size_t public_url_len;  /* without a slash at its end */
    char *room;
    struct route routes[];
};

/* The URL that the provider called: it signs it, and our own ids stand in its query. NULL: out of
 * memory. */
static const char *called_url(const struct voice *v, struct http_request *r)
{
    const char *host = http_header(r, "Host"), *query = http_query(r), *path = http_path(r);
    size_t room;
    char *url;

    if (host == NULL)
        host = "";
    room = strlen("http://") + v->public_url_len + strlen(host) + strlen(path) + strlen(query) + 2;
    url = http_scratch(r, room);
    if (url == NULL)
        return NULL;
    snprintf(url, room, "%s%.*s%s%s%s", v->public_url == NULL ? "http://" : "",
             v->public_url == NULL ? (int)strlen(host) : (int)v->public_url_len,
             v->public_url == NULL ? host : v->public_url, path, *query == '\0' ? "" : "?", query);
    return url;
}

static void read_request(struct voice_request *out, const struct route *route,
                         struct http_request *r, const char *url)
{
    *out = (struct voice_request){.url = text_of(url), .now_us = (int64_t)http_arrived_us(r)};
    out->body = http_body(r, &out->body_len);
    for (const char *const *name = route->provider->headers; *name != NULL; name++) {
        const char *value = http_header(r, *name);

        assert(out->n_headers < VOICE_HEADERS_MAX);
        if (value != NULL)
            out->headers[out->n_headers++] = (struct voice_header){*name, text_of(value)};
    }
}

/* What may travel with the event, in the envelope and in what the provider is asked from here on:
 * the worker must come to the same answers. The headers of a signature may be the secret itself. */
static void keep_headers(struct voice_request *q, struct envelope *e, struct http_request *r)
{
    static const char kept[] = "content-type";
    struct text value = gateway_header(r, kept);

    q->n_headers = 0;
    if (value.p != NULL)
        q->headers[q->n_headers++] = (struct voice_header){kept, value};
    gateway_keep_header(e, kept, value);
    gateway_keep_header(e, "url", q->url);
}

enum named { NAMED, UNNAMED, NO_ROOM };

/* The routing key, in the arena. */
static enum named name_call(const struct route *route, const struct voice_request *q,
                            const struct envelope *e, struct arena *arena, struct text *key)
{
    struct voice_events *events;
    enum verdict verdict;
    char hex[HEX_OF_DIGEST];

    *key = TEXT_NULL;
    if (route->provider->call_id(q, arena, key) && !text_empty(*key))
        return arena->failed ? NO_ROOM : NAMED;
    if (arena->failed)
        return NO_ROOM;
    events = arena_alloc(arena, sizeof *events);
    if (events == NULL)
        return NO_ROOM;
    events->arena = arena;
    verdict = route->provider->read(q, events);
    if (arena->failed)
        return NO_ROOM;
    if (verdict != VERDICT_REJECT)
        return UNNAMED;
    for (size_t i = 0; i < sizeof e->digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", e->digest[i]);
    *key = (struct text){arena_copy(arena, hex, strlen(hex)), strlen(hex)};
    return arena->failed ? NO_ROOM : NAMED;
}

static void publish(const struct route *route, struct http_request *r, struct envelope *e,
                    enum named named, struct text key)
{
    struct gateway *g = route->voice->gateway;

    e->key = key;
    if (named == NAMED)
        gateway_publish(g, r, &route->source, topic, e);
    else
        gateway_answer(g, r, &route->source, topic,
                       named == UNNAMED ? RESULT_DROPPED : RESULT_UNAVAILABLE);
}

/* The signature was right. */
static void accept_callback(const struct route *route, struct http_request *r,
                            struct voice_request *q)
{
    size_t room = LARGE_ROOM_BODIES * q->body_len + LARGE_ROOM_EXTRA;
    struct envelope e;
    struct arena arena;
    struct text key;
    enum named named;
    char *large;

    gateway_envelope(&e, r, &route->source, topic);
    keep_headers(q, &e, r);
    arena_init(&arena, route->voice->room, SMALL_ROOM);
    named = name_call(route, q, &e, &arena, &key);
    if (named != NO_ROOM) {
        publish(route, r, &e, named, key);
        return;
    }
    large = malloc(room);
    if (large != NULL) {
        arena_init(&arena, large, room);
        named = name_call(route, q, &e, &arena, &key);
    }
    publish(route, r, &e, named, key);
    free(large);
}

static void on_callback(void *ctx, struct http_request *r)
{
    const struct route *route = ctx;
    struct gateway *g = route->voice->gateway;
    struct voice_request q;
    const char *url;

    if (route->secrets == NULL) {
        gateway_answer(g, r, &route->source, "", RESULT_UNCONFIGURED);
        return;
    }
    url = called_url(route->voice, r);
    if (url == NULL) {
        gateway_answer(g, r, &route->source, "", RESULT_UNAVAILABLE);
        return;
    }
    read_request(&q, route, r, url);
    if (route->provider->verify(&q, route->secrets))
        accept_callback(route, r, &q);
    else
        gateway_answer(g, r, &route->source, "", RESULT_UNSIGNED);
}

static void open_route(struct route *route, const struct voice_provider *p, struct door *door,
                       const struct config *config)
{
    route->provider = p;
    route->secrets = config_text_of(config, p->secret_setting);
    snprintf(route->path, sizeof route->path, "/webhooks/voice/%s", p->name);
    snprintf(route->says_unsigned, sizeof route->says_unsigned,
             "the signature is missing, too old, or was not made with the secret that is "
             "configured here: check RINGBACK_%s and RINGBACK_PUBLIC_URL",
             p->secret_setting);
    snprintf(route->says_unconfigured, sizeof route->says_unconfigured,
             "RINGBACK_%s is not set: nobody can tell whether this is authentic",
             p->secret_setting);
    /* An empty object is the one answer that means "nothing" to every provider: some act upon what
     * they find in it. */
    route->source = (struct gateway_source){
        .name = p->name,
        .says = {[RESULT_STORED] = "{}",
                 [RESULT_DROPPED] = "{}",
                 [RESULT_UNSIGNED] = route->says_unsigned,
                 [RESULT_UNCONFIGURED] = route->says_unconfigured},
    };
    door_route(door, "POST", route->path, (size_t)CONFIG_NUMBER(config, MAX_BODY), on_callback,
               route);
}

struct voice *voice_open(struct gateway *g, struct door *door, const struct config *config)
{
    size_t n;
    const struct voice_provider *const *providers = voice_providers(&n);
    struct voice *v = calloc(1, sizeof *v + n * sizeof v->routes[0]);

    if (v != NULL)
        v->room = malloc(SMALL_ROOM);
    if (v == NULL || v->room == NULL) {
        log_error("gateway cannot start", "reason", "out of memory", NULL);
        free(v);
        return NULL;
    }
    v->gateway = g;
    v->public_url = config_text_of(config, "PUBLIC_URL");
    v->public_url_len = v->public_url == NULL ? 0 : strlen(v->public_url);
    while (v->public_url_len > 0 && v->public_url[v->public_url_len - 1] == '/')
        v->public_url_len--;
    for (size_t i = 0; i < n; i++) {
        v->routes[i].voice = v;
        open_route(&v->routes[i], providers[i], door, config);
    }
    return v;
}

void voice_free(struct voice *v)
{
    if (v != NULL)
        free(v->room);
    free(v);
}
