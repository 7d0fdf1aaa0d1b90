#include "runtime/ask.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/multi_curl.h"

enum { FIRST_BYTES = 4096, HEADER_MAX = 256 };

struct asker {
    struct multi *multi;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

struct ask {
    struct multi_transfer transfer; /* first: curl's transfer is the ask */
    struct asker *asker;
    struct curl_slist *headers;
    ask_cb done;
    void *ctx;
    char *text; /* NUL-terminated once there is any */
    size_t len, size, max;
    bool too_long;
    char error[CURL_ERROR_SIZE];
};

static void ask_free(struct ask *a)
{
    if (a->transfer.easy != NULL)
        curl_easy_cleanup(a->transfer.easy);
    curl_slist_free_all(a->headers);
    free(a->text);
    free(a);
}

static bool grow(struct ask *a, size_t need)
{
    size_t size = a->size == 0 ? FIRST_BYTES : a->size;
    char *text;

    while (size < need)
        size *= 2;
    if (size == a->size)
        return true;
    text = realloc(a->text, size);
    if (text == NULL)
        return false;
    a->text = text;
    a->size = size;
    return true;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct ask *a = ctx;

    n *= size;
    a->too_long = n > a->max - a->len;
    if (a->too_long || !grow(a, a->len + n + 1))
        return CURL_WRITEFUNC_ERROR;
    memcpy(a->text + a->len, data, n);
    a->len += n;
    a->text[a->len] = '\0';
    return n;
}

/* A header of the answer, or NULL; curl's memory is overwritten by the next call. */
static const char *header_of(CURL *easy, const char *name, char copy[HEADER_MAX])
{
    struct curl_header *h;

    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return NULL;
    snprintf(copy, HEADER_MAX, "%s", h->value);
    return copy;
}

static void on_done(struct multi_transfer *t, CURLcode result)
{
    struct ask *a = (struct ask *)t;
    struct ask_answer answer = {.text = a->text == NULL ? "" : a->text, .len = a->len};
    char control[HEADER_MAX], age[HEADER_MAX];

    if (result == CURLE_OK) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &answer.status);
        answer.fresh_s = ask_fresh_s(header_of(t->easy, "Cache-Control", control),
                                     header_of(t->easy, "Age", age));
    } else {
        answer.reason = a->too_long           ? "the answer is too long"
                        : a->error[0] != '\0' ? a->error
                                              : curl_easy_strerror(result);
    }
    a->done(a->ctx, &answer);
    ask_free(a);
}

static bool add_headers(struct ask *a, const struct ask_request *r)
{
    for (size_t i = 0; i < ASK_HEADERS_MAX && r->headers[i] != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(a->headers, r->headers[i]);

        if (longer == NULL)
            return false;
        a->headers = longer;
    }
    return true;
}

static bool prepare(struct ask *a, const struct ask_request *r)
{
    CURL *e = curl_easy_init();

    a->transfer.easy = e;
    if (e == NULL || !add_headers(a, r))
        return false;
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L); /* names are resolved on threads */
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)ASK_CONNECT_MS);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "ringback/" RINGBACK_VERSION);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, a->error);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, a->headers);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, a);
    if (r->body != NULL && curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, r->body) != CURLE_OK)
        return false;
    return curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
}

struct ask *ask(struct asker *asker, const struct ask_request *r, ask_cb done, void *ctx)
{
    struct ask *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    a->asker = asker;
    a->done = done;
    a->ctx = ctx;
    a->max = r->answer_max;
    a->transfer.done = on_done;
    if (!prepare(a, r) || !multi_add(asker->multi, &a->transfer)) {
        ask_free(a);
        return NULL;
    }
    return a;
}

void ask_stop(struct ask *a)
{
    multi_remove(a->asker->multi, &a->transfer);
    ask_free(a);
}

struct asker *asker_new(uv_loop_t *loop)
{
    struct asker *a = calloc(1, sizeof *a);

    if (a == NULL || (a->multi = multi_new(loop)) == NULL) {
        free(a);
        return NULL;
    }
    return a;
}

static void on_multi_closed(void *ctx)
{
    struct asker *a = ctx;
    void (*on_closed)(void *) = a->on_closed;
    void *closed_ctx = a->closed_ctx;

    free(a);
    on_closed(closed_ctx);
}

void asker_close(struct asker *a, void (*on_closed)(void *ctx), void *ctx)
{
    a->on_closed = on_closed;
    a->closed_ctx = ctx;
    multi_close(a->multi, on_multi_closed, a);
}
