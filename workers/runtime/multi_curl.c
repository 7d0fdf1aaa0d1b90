#include "runtime/multi_curl.h"

#include <assert.h>
#include <stdlib.h>

struct multi {
    uv_loop_t *loop;
    CURLM *curl;
    uv_timer_t timer;
    unsigned handles; /* of the loop, still open */
    unsigned transfers;
    bool closing;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

/* A socket that curl wants to hear of. */
struct watch {
    struct multi *multi;
    curl_socket_t socket;
    uv_poll_t poll;
};

static void on_handle_closed(struct multi *m)
{
    void (*on_closed)(void *ctx) = m->on_closed;
    void *ctx = m->closed_ctx;

    if (--m->handles > 0 || !m->closing)
        return;
    free(m); /* last use */
    on_closed(ctx);
}

static void on_timer_closed(uv_handle_t *h)
{
    on_handle_closed(h->data);
}

static void on_watch_closed(uv_handle_t *h)
{
    struct watch *w = h->data;
    struct multi *m = w->multi;

    free(w);
    on_handle_closed(m);
}

/* Hands ended transfers back to their owners, who may add new ones meanwhile. */
static void reap(struct multi *m)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(m->curl, &left)) != NULL) {
        CURLcode result = message->data.result;
        CURL *easy = message->easy_handle;
        struct multi_transfer *t = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        multi_remove(m, t); /* the message is gone with it */
        t->done(t, result);
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct multi *m = w->multi;
    int action = 0, running;

    if (status < 0)
        action |= CURL_CSELECT_ERR;
    if ((events & UV_READABLE) != 0)
        action |= CURL_CSELECT_IN;
    if ((events & UV_WRITABLE) != 0)
        action |= CURL_CSELECT_OUT;
    curl_multi_socket_action(m->curl, w->socket, action, &running);
    reap(m);
}

static void on_timer(uv_timer_t *t)
{
    struct multi *m = t->data;
    int running;

    curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(m);
}

/* curl's deadline: -1 none. A deadline of 0 is also met by the loop, later: curl must not be called
 * from here. */
static int want_timer(CURLM *curl, long timeout_ms, void *ctx)
{
    struct multi *m = ctx;

    (void)curl;
    if (m->closing)
        return 0;
    if (timeout_ms < 0)
        uv_timer_stop(&m->timer);
    else
        uv_timer_start(&m->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static struct watch *watch_new(struct multi *m, curl_socket_t socket)
{
    struct watch *w = calloc(1, sizeof *w);

    if (w == NULL || uv_poll_init_socket(m->loop, &w->poll, socket) != 0) {
        free(w);
        return NULL;
    }
    w->multi = m;
    w->socket = socket;
    w->poll.data = w;
    m->handles++;
    curl_multi_assign(m->curl, socket, w);
    return w;
}

static int want_socket(CURL *easy, curl_socket_t socket, int what, void *ctx, void *socket_ctx)
{
    struct multi *m = ctx;
    struct watch *w = socket_ctx;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            curl_multi_assign(m->curl, socket, NULL);
            uv_poll_stop(&w->poll);
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        }
        return 0;
    }
    if (w == NULL && (w = watch_new(m, socket)) == NULL)
        return -1;
    if ((what & CURL_POLL_IN) != 0)
        events |= UV_READABLE;
    if ((what & CURL_POLL_OUT) != 0)
        events |= UV_WRITABLE;
    return uv_poll_start(&w->poll, events, on_socket) == 0 ? 0 : -1;
}

struct multi *multi_new(uv_loop_t *loop)
{
    struct multi *m = calloc(1, sizeof *m);

    if (m == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
        (m->curl = curl_multi_init()) == NULL) {
        free(m);
        return NULL;
    }
    m->loop = loop;
    m->timer.data = m;
    m->handles = 1;
    uv_timer_init(loop, &m->timer);
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, (long)MULTI_IDLE_CONNECTIONS_MAX);
    return m;
}

bool multi_add(struct multi *m, struct multi_transfer *t)
{
    assert(!m->closing);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, (char *)t);
    if (curl_multi_add_handle(m->curl, t->easy) != CURLM_OK)
        return false;
    m->transfers++;
    return true;
}

void multi_remove(struct multi *m, struct multi_transfer *t)
{
    assert(m->transfers > 0);
    m->transfers--;
    curl_multi_remove_handle(m->curl, t->easy);
}

void multi_close(struct multi *m, void (*on_closed)(void *ctx), void *ctx)
{
    assert(m->transfers == 0);
    assert(!m->closing);
    m->closing = true;
    m->on_closed = on_closed;
    m->closed_ctx = ctx;
    curl_multi_cleanup(m->curl); /* may still take its sockets away */
    uv_timer_stop(&m->timer);
    uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}
