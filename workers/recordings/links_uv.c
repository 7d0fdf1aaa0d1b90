/* Happy path: recording_link -> a URL is computed, or was kept, or Storage is asked -> done, a turn later or when it answers.
 * Failures: no store, no key, no such file, a store that is away or refuses: done with a status and a sentence. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recordings/endpoint.h"
#include "recordings/links_internal.h"
#include "runtime/log.h"

enum { STORE_ANSWER_MAX = 16 * 1024 };

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- telling ---- */

static void enlist(struct recording_link **head, struct recording_link *l)
{
    l->next = *head;
    l->at = head;
    if (l->next != NULL)
        l->next->at = &l->next;
    *head = l;
}

static void delist(struct recording_link *l)
{
    *l->at = l->next;
    if (l->next != NULL)
        l->next->at = l->at;
}

static void tell(struct recording_link *l)
{
    struct recording_links *s = l->owner;

    metric_add(l->status == 200 ? s->made : s->failed, 1);
    l->done(l); /* last use */
}

static void on_soon(uv_timer_t *timer)
{
    struct recording_links *s = timer->data;

    while (s->soon != NULL) {
        struct recording_link *l = s->soon;

        delist(l);
        tell(l);
    }
}

static void tell_soon(struct recording_link *l, unsigned status, const char *sentence)
{
    l->status = status;
    l->sentence = sentence;
    enlist(&l->owner->soon, l);
    uv_timer_start(&l->owner->timer, on_soon, 0, 0);
}

/* ---- our own ---- */

/* Where the asker reaches us. He sees only his own link, so what he says of it harms nobody else; of a Host that is none, or
 * of a connection that is gone, comes no link that leads elsewhere. */
static void base_of(const struct recording_links *s, struct http_request *http,
                    char out[LINK_BASE_MAX])
{
    const char *host = http_header(http, "Host"), *proto = http_header(http, "X-Forwarded-Proto");
    char url[LINK_BASE_MAX];
    int n;

    snprintf(out, LINK_BASE_MAX, "%s", s->public_url);
    if (*out != '\0' || host == NULL || strchr(host, '/') != NULL)
        return;
    n = snprintf(url, sizeof url, "%s://%s",
                 proto != NULL && strcmp(proto, "https") == 0 ? "https" : "http", host);
    if ((size_t)n >= sizeof url || !endpoint_take(url, out, LINK_BASE_MAX))
        *out = '\0';
}

static void sign_own(struct recording_links *s, struct recording_link *l, int64_t now_s)
{
    char base[LINK_BASE_MAX], query[TICKET_QUERY_SIZE];
    int n;

    l->expires_s = now_s + LINK_SECONDS;
    if (!ticket_write(&s->keys, l->path, l->expires_s, query)) {
        tell_soon(l, 503,
                  s->keys.n == 0 ? "links to recordings need RINGBACK_ENCRYPTION_KEY to be set here"
                                 : "the link cannot be made at the moment: try again");
        return;
    }
    base_of(s, l->http, base);
    n = snprintf(l->url, sizeof l->url, "%s" LINK_ROUTE "%s?%s", base, l->path, query);
    assert((size_t)n < sizeof l->url); /* each part is bounded */
    tell_soon(l, 200, NULL);
}

/* ---- a store's ---- */

static void presign(struct recording_links *s, struct recording_link *l, int64_t now)
{
    l->expires_s = now / 1000000 + LINK_SECONDS;
    if (s->store.kind->link(&s->store, l->path, now, LINK_SECONDS, l->url))
        tell_soon(l, 200, NULL);
    else
        tell_soon(l, 502, "the link to this recording would be too long");
}

static struct kept_link *kept_of(struct recording_links *s, const char *path)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (const char *p = path; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    return &s->kept[h % LINKS_KEPT_MAX];
}

static void keep(struct recording_links *s, const struct recording_link *l)
{
    struct kept_link *k = kept_of(s, l->path);
    char *url = strdup(l->url);

    if (url == NULL)
        return; /* asked again, then */
    free(k->url);
    k->url = url;
    k->expires_s = l->expires_s;
    snprintf(k->path, sizeof k->path, "%s", l->path);
}

static bool reuse(struct recording_links *s, struct recording_link *l, int64_t now_s)
{
    const struct kept_link *k = kept_of(s, l->path);

    if (strcmp(k->path, l->path) != 0 || k->expires_s - now_s < LINK_SECONDS - LINK_REUSE_SECONDS ||
        k->expires_s - now_s > LINK_SECONDS)
        return false;
    snprintf(l->url, sizeof l->url, "%s", k->url);
    l->expires_s = k->expires_s;
    return true;
}

static void judge(struct recording_link *l, const struct ask_answer *a)
{
    const struct store *store = &l->owner->store;

    l->status = 502;
    l->sentence = "the store of recordings refused to make a link";
    if (a->status == 200 && store->kind->read_link(store, a->text, a->len, l->url)) {
        l->status = 200;
        l->sentence = NULL;
    } else if (store->kind->is_absent((int)a->status, a->text)) {
        l->status = 404;
        l->sentence = "the recording is not in its store any more";
    } else if (a->status == 0 || a->status == 429 || a->status >= 500) {
        l->status = 503;
        l->sentence = "the store of recordings cannot be reached at the moment: try again";
    }
}

static void on_asked(void *ctx, const struct ask_answer *a)
{
    struct recording_link *l = ctx;
    struct recording_links *s = l->owner;
    bool trouble;

    delist(l);
    s->n_asked--;
    judge(l, a);
    trouble = l->status == 502 || l->status == 503;
    if (trouble && !s->in_trouble)
        log_warn("links to recordings are not to be had", "status", log_num(a->status), "reason",
                 a->reason != NULL ? a->reason : l->sentence, NULL);
    if (!trouble && s->in_trouble)
        log_info("links to recordings are to be had again", NULL);
    s->in_trouble = trouble;
    if (l->status == 200)
        keep(s, l);
    tell(l);
}

static void ask_store(struct recording_links *s, struct recording_link *l, int64_t now_s)
{
    char body[STORE_BODY_MAX];
    struct store_request *r;
    struct ask_request request = {
        .body = body, .answer_max = STORE_ANSWER_MAX, .timeout_ms = LINK_ASK_MS};

    if (s->n_asked == LINKS_ASKED_MAX) {
        tell_soon(l, 503, "too many links are being made at once: try again");
        return;
    }
    l->ask = NULL;
    l->expires_s =
        now_s + LINK_SECONDS; /* from before it is asked: never later than the store's own */
    r = malloc(sizeof *r);
    if (r != NULL && s->store.kind->ask_link(&s->store, l->path, LINK_SECONDS, r, body)) {
        static_assert((int)STORE_HEADERS_MAX <= (int)ASK_HEADERS_MAX, "room for all");
        request.method = r->method;
        request.url = r->url;
        for (unsigned i = 0; i < r->n_headers; i++)
            request.headers[i] = r->headers[i];
        l->ask = ask(s->asker, &request, on_asked, l);
    }
    free(r);
    if (l->ask == NULL) {
        tell_soon(l, 503, "the link cannot be made at the moment: try again");
        return;
    }
    enlist(&s->asked, l);
    s->n_asked++;
}

void recording_link(struct recording_links *s, struct recording_link *l)
{
    int64_t now = now_us();

    l->owner = s;
    if (s->store.kind == NULL)
        tell_soon(l, 503, "recordings have no store here: set RINGBACK_RECORDINGS_STORE");
    else if (strlen(l->path) >= STORE_PATH_MAX)
        tell_soon(l, 404, "the recording is not in its store any more");
    else if (s->store.kind->local)
        sign_own(s, l, now / 1000000);
    else if (s->store.kind->link != NULL)
        presign(s, l, now);
    else if (reuse(s, l, now / 1000000))
        tell_soon(l, 200, NULL);
    else
        ask_store(s, l, now / 1000000);
}

/* ---- life ---- */

static void links_free(struct recording_links *s)
{
    for (size_t i = 0; s->kept != NULL && i < LINKS_KEPT_MAX; i++)
        free(s->kept[i].url);
    free(s->kept);
    bytes_wipe(&s->keys, sizeof s->keys);
    free(s);
}

static bool take_settings(struct recording_links *s, const struct config *c, char *error,
                          size_t size)
{
    const char *public_url = CONFIG_TEXT(c, PUBLIC_URL), *why;
    struct store_settings given;

    if (public_url != NULL && !endpoint_take(public_url, s->public_url, sizeof s->public_url)) {
        snprintf(error, size,
                 "RINGBACK_PUBLIC_URL is \"%.80s\"; accepted is a URL such as "
                 "https://ringback.example.com",
                 public_url);
        return false;
    }
    if (!ticket_keys_init(&s->keys, CONFIG_TEXT(c, ENCRYPTION_KEY), CONFIG_TEXT(c, JWT_SECRET),
                          &why)) {
        snprintf(error, size, "RINGBACK_ENCRYPTION_KEY: %s", why);
        return false;
    }
    if (CONFIG_TEXT(c, RECORDINGS_STORE) == NULL)
        return true;
    given = store_settings_of(c);
    given.read_only = true;
    return store_open(&s->store, &given, error, size);
}

struct recording_links *recording_links_open(uv_loop_t *loop, const struct config *config,
                                             char *error, size_t error_size)
{
    struct recording_links *s = calloc(1, sizeof *s);

    snprintf(error, error_size, "out of memory");
    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->made = metric_counter("ringback_recording_links_total", "result=\"made\"",
                             "links to recordings that were asked for");
    s->failed = metric_counter("ringback_recording_links_total", "result=\"failed\"",
                               "links to recordings that were asked for");
    s->served = metric_counter("ringback_recordings_served_total", NULL,
                               "requests for recordings of our own folder that were served");
    if (!take_settings(s, config, error, error_size)) {
        links_free(s);
        return NULL;
    }
    if (s->store.kind != NULL && s->store.kind->ask_link != NULL) {
        s->asker = asker_new(loop);
        s->kept = calloc(LINKS_KEPT_MAX, sizeof *s->kept);
        if (s->asker == NULL || s->kept == NULL)
            abort(); /* at the start */
    }
    s->timer.data = s;
    uv_timer_init(loop, &s->timer);
    return s;
}

void recording_links_serve(struct recording_links *s, struct door *door)
{
    if (s->store.kind != NULL && s->store.kind->local)
        door_route(door, "GET", LINK_ROUTE "*", 0, links_serve, s);
}

static void on_part_closed(struct recording_links *s)
{
    void (*on_closed)(void *) = s->on_closed;
    void *ctx = s->closed_ctx;

    if (--s->open > 0)
        return;
    links_free(s);
    on_closed(ctx);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static void on_asker_closed(void *ctx)
{
    on_part_closed(ctx);
}

void recording_links_close(struct recording_links *s, void (*on_closed)(void *ctx), void *ctx)
{
    s->on_closed = on_closed;
    s->closed_ctx = ctx;
    s->open = s->asker == NULL ? 1 : 2;
    on_soon(&s->timer);
    while (s->asked != NULL) {
        struct recording_link *l = s->asked;

        delist(l);
        ask_stop(l->ask);
        l->status = 503;
        l->sentence = "this server is being stopped: try again";
        tell(l);
    }
    if (s->asker != NULL)
        asker_close(s->asker, on_asker_closed, s);
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}
