/* Happy path: file and secret are read, the URL's document is asked for -> keyring_verify: cache, else arithmetic -> a tick
 * now and then: has the file changed, is the document due?
 * Failures: an unreadable file or document leaves the keys that came before (of a document: for a day) and is told once;
 * a token with an unknown key waits for the next document, and no longer than KEYRING_WAIT_MS. */
#include "runtime/keyring.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmac.h"
#include "runtime/ask.h"
#include "runtime/jwks_plan.h"
#include "runtime/jwt_cache.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/watched_file.h"

enum { TROUBLE_MAX = 256, SHOWN_MAX = 256 };

struct keyring {
    uv_loop_t *loop;
    const char *secret, *url; /* NULL: unset */
    struct watched_file file; /* path NULL: unset */
    char *document;           /* what the URL brought last; NULL: nothing (any more) */
    size_t document_len;
    struct jwt_keys *keys; /* of all three */
    struct jwt_cache *cache;
    struct jwks_plan plan;
    struct asker *asker;
    struct ask *fetch;     /* under way */
    char shown[SHOWN_MAX]; /* the URL without its query, in which somebody may keep a key */
    char trouble[TROUBLE_MAX];
    struct keyring_waiter *waiters;
    unsigned n_waiters;
    uv_timer_t tick;
    unsigned open; /* parts that are not closed yet */
    struct metric *good, *failed, *size, *age;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

/* ---- the keys ---- */

/* Makes them anew of what there is. False: nothing has changed, and *why says why. */
static bool assemble(struct keyring *k, const char **why)
{
    struct jwt_keys *keys =
        jwt_keys_new(k->secret, k->file.text, k->file.text == NULL ? 0 : k->file.len, why);

    if (keys == NULL)
        return false;
    if (k->document != NULL && !jwt_keys_add(keys, k->document, k->document_len)) {
        jwt_keys_free(keys);
        *why = "the answer is no JWKS";
        return false;
    }
    jwt_keys_free(k->keys);
    k->keys = keys;
    jwt_cache_forget(k->cache);
    metric_set(k->size, jwt_keys_count(keys));
    return true;
}

/* ---- waiting ---- */

static void link_waiter(struct keyring_waiter **head, struct keyring_waiter *w)
{
    w->next = *head;
    w->at = head;
    if (w->next != NULL)
        w->next->at = &w->next;
    *head = w;
}

static void unlink_waiter(struct keyring_waiter *w)
{
    *w->at = w->next;
    if (w->next != NULL)
        w->next->at = w->at;
    w->at = NULL;
    w->next = NULL;
}

bool keyring_wait(struct keyring *k, struct keyring_waiter *w)
{
    assert(w->at == NULL);
    if (k->n_waiters >= KEYRING_WAITERS_MAX)
        return false;
    k->n_waiters++;
    w->since_ms = uv_now(k->loop);
    link_waiter(&k->waiters, w);
    return true;
}

void keyring_leave(struct keyring *k, struct keyring_waiter *w)
{
    if (w->at == NULL)
        return;
    k->n_waiters--;
    unlink_waiter(w);
}

/* Tells those who have waited since `until_ms` or longer. They may come and go meanwhile. */
static void wake(struct keyring *k, uint64_t until_ms)
{
    struct keyring_waiter *told = NULL;

    for (struct keyring_waiter *w = k->waiters, *next; w != NULL; w = next) {
        next = w->next;
        if (w->since_ms > until_ms)
            continue;
        unlink_waiter(w);
        link_waiter(&told, w);
    }
    while (told != NULL) {
        struct keyring_waiter *w = told;

        keyring_leave(k, w);
        w->ready(w->ctx);
    }
}

/* ---- the file ---- */

static void reread_file(struct keyring *k)
{
    struct watched_file before = k->file;
    const char *why;

    k->file.text = NULL; /* so that reading leaves it alone */
    if (watched_file_read(&k->file, &why) && assemble(k, &why)) {
        free(before.text);
        wake(k, UINT64_MAX);
        log_info("keys were read again", "file", k->file.path, "keys",
                 log_num(jwt_keys_count(k->keys)), NULL);
        return;
    }
    free(k->file.text);
    k->file.text = before.text;
    k->file.len = before.len;
    log_warn("RINGBACK_JWKS_FILE has changed, and cannot be used: the keys that it had are kept",
             "value", k->file.path, "reason", why, NULL);
}

/* ---- fetching ---- */

/* True: it was taken; *changed: the keys are others now. */
static bool take_document(struct keyring *k, const struct ask_answer *a, bool *changed)
{
    char *before = k->document, *text;
    size_t before_len = k->document_len;
    const char *why = a->reason;

    *changed = false;
    if (why == NULL && a->status != 200) {
        snprintf(k->trouble, sizeof k->trouble, "the server answered %ld", a->status);
        return false;
    }
    if (why == NULL && before != NULL && before_len == a->len &&
        memcmp(before, a->text, a->len) == 0)
        return true;
    text = why == NULL ? malloc(a->len + 1) : NULL;
    if (text != NULL) {
        memcpy(text, a->text, a->len);
        k->document = text;
        k->document_len = a->len;
        if (assemble(k, &why)) {
            free(before);
            *changed = true;
            return true;
        }
        free(text);
        k->document = before;
        k->document_len = before_len;
    }
    snprintf(k->trouble, sizeof k->trouble, "%s", why == NULL ? "out of memory" : why);
    return false;
}

static void on_fetched(void *ctx, const struct ask_answer *answer)
{
    struct keyring *k = ctx;
    bool had_trouble = k->trouble[0] != '\0', changed;
    uint64_t now = uv_now(k->loop);

    k->fetch = NULL;
    if (take_document(k, answer, &changed)) {
        if (changed || had_trouble)
            log_info("keys were fetched", "keys", log_num(jwt_keys_count(k->keys)), NULL);
        k->trouble[0] = '\0';
        metric_add(k->good, 1);
        jwks_plan_good(&k->plan, now, answer->fresh_s);
    } else {
        if (!had_trouble)
            log_warn("RINGBACK_JWKS_URL: no keys came; those that were there before are kept",
                     "value", k->shown, "reason", k->trouble, NULL);
        metric_add(k->failed, 1);
        jwks_plan_failed(&k->plan, now);
    }
    wake(k, changed ? UINT64_MAX : k->plan.begun_ms);
}

static void fetch_if_due(struct keyring *k)
{
    const struct ask_request request = {.method = "GET",
                                        .url = k->url,
                                        .headers = {"accept: application/json"},
                                        .answer_max = KEYRING_DOCUMENT_MAX,
                                        .timeout_ms = KEYRING_FETCH_MS};

    if (k->url == NULL || !jwks_plan_due(&k->plan, uv_now(k->loop)))
        return;
    k->fetch = ask(k->asker, &request, on_fetched, k);
    if (k->fetch == NULL) { /* out of memory */
        snprintf(k->trouble, sizeof k->trouble, "out of memory");
        jwks_plan_failed(&k->plan, uv_now(k->loop));
    }
}

static void drop_stale(struct keyring *k, uint64_t now)
{
    const char *why;

    if (!jwks_plan_stale(&k->plan, now))
        return;
    log_error(
        "no keys came from RINGBACK_JWKS_URL for a day: those from there are not used any more",
        "reason", k->trouble, NULL);
    free(k->document);
    k->document = NULL;
    assemble(k, &why); /* out of memory: at the next start */
}

static void on_tick(uv_timer_t *timer)
{
    struct keyring *k = timer->data;
    uint64_t now = uv_now(k->loop);

    if (k->file.path != NULL && watched_file_changed(&k->file))
        reread_file(k);
    fetch_if_due(k);
    drop_stale(k, now);
    if (k->plan.good_ms != 0)
        metric_set(k->age, (double)(now - k->plan.good_ms) / 1000);
    if (k->waiters != NULL && now > KEYRING_WAIT_MS)
        wake(k, now - KEYRING_WAIT_MS);
}

/* ---- checking ---- */

/* What a token says of its key: a hash of its header, which nobody can make equal to another's. */
static uint64_t key_named(const char *token, size_t len)
{
    const char *dot = memchr(token, '.', len);
    uint8_t digest[SHA256_SIZE];
    uint64_t key;

    sha256(digest, token, dot == NULL ? len : (size_t)(dot - token), NULL);
    memcpy(&key, digest, sizeof key);
    return key;
}

enum jwt_result keyring_verify(struct keyring *k, const char *token, size_t len, int64_t now_s,
                               struct jwt *out)
{
    enum jwt_result r =
        len > JWT_MAX ? JWT_MALFORMED : jwt_cache_get(k->cache, token, len, now_s, out);

    if (r != JWT_NO_KEY)
        return r;
    r = jwt_verify(k->keys, token, len, now_s, out);
    if (r == JWT_OK)
        jwt_cache_put(k->cache, out);
    if (r != JWT_UNKNOWN_KEY || k->url == NULL)
        return r;
    if (jwks_plan_want(&k->plan, key_named(token, len), uv_now(k->loop)) == JWKS_ABSENT)
        return r;
    fetch_if_due(k);
    return JWT_PENDING;
}

const char *keyring_ready(const struct keyring *k)
{
    return k->url == NULL || k->document != NULL || k->secret != NULL || k->file.path != NULL
               ? NULL
               : "jwks";
}

unsigned keyring_size(const struct keyring *k)
{
    return jwt_keys_count(k->keys);
}

const char *keyring_trouble(const struct keyring *k)
{
    return k->trouble;
}

const char *keyring_url(const struct keyring *k)
{
    return k->shown;
}

/* ---- life ---- */

static void register_metrics(struct keyring *k)
{
    static const char *const name = "ringback_jwks_fetches_total";
    static const char *const help = "documents with the keys of tokens that were asked for";

    k->good = metric_counter(name, "result=\"good\"", help);
    k->failed = metric_counter(name, "result=\"failed\"", help);
    k->size = metric_gauge("ringback_jwks_keys", NULL, "public keys that tokens are checked with");
    k->age = metric_gauge("ringback_jwks_age_seconds", NULL,
                          "since the document with the keys last came");
}

static void keyring_free(struct keyring *k)
{
    jwt_keys_free(k->keys);
    jwt_cache_free(k->cache);
    watched_file_free(&k->file);
    free(k->document);
    free(k);
}

/* What must be right at the start. */
static bool load(struct keyring *k, char *error, size_t size)
{
    const char *why = "out of memory";

    if (k->file.path != NULL && !watched_file_read(&k->file, &why)) {
        snprintf(error, size, "RINGBACK_JWKS_FILE is \"%.160s\": %s", k->file.path, why);
        return false;
    }
    if (k->cache != NULL && assemble(k, &why))
        return true;
    snprintf(error, size, "RINGBACK_JWT_SECRET or RINGBACK_JWKS_FILE: %s", why);
    return false;
}

struct keyring *keyring_open(uv_loop_t *loop, const struct config *config, char *error,
                             size_t error_size)
{
    struct keyring *k = calloc(1, sizeof *k);

    snprintf(error, error_size, "out of memory");
    if (k == NULL)
        return NULL;
    register_metrics(k);
    k->loop = loop;
    k->secret = CONFIG_TEXT(config, JWT_SECRET);
    k->url = CONFIG_TEXT(config, JWKS_URL);
    k->file =
        (struct watched_file){.path = CONFIG_TEXT(config, JWKS_FILE), .max = KEYRING_DOCUMENT_MAX};
    if (k->url != NULL)
        snprintf(k->shown, sizeof k->shown, "%.*s", (int)strcspn(k->url, "?#"), k->url);
    k->cache = jwt_cache_new();
    if (!load(k, error, error_size) || (k->url != NULL && (k->asker = asker_new(loop)) == NULL)) {
        keyring_free(k);
        return NULL;
    }
    jwks_plan_init(&k->plan, uv_now(loop));
    k->tick.data = k;
    uv_timer_init(loop, &k->tick);
    uv_timer_start(&k->tick, on_tick, KEYRING_TICK_MS, KEYRING_TICK_MS);
    fetch_if_due(k);
    return k;
}

static void on_part_closed(struct keyring *k)
{
    void (*on_closed)(void *) = k->on_closed;
    void *ctx = k->closed_ctx;

    if (--k->open > 0)
        return;
    keyring_free(k);
    on_closed(ctx);
}

static void on_tick_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static void on_asker_closed(void *ctx)
{
    on_part_closed(ctx);
}

void keyring_close(struct keyring *k, void (*on_closed)(void *ctx), void *ctx)
{
    assert(k->waiters == NULL);
    k->on_closed = on_closed;
    k->closed_ctx = ctx;
    k->open = k->asker == NULL ? 1 : 2;
    if (k->fetch != NULL)
        ask_stop(k->fetch);
    if (k->asker != NULL)
        asker_close(k->asker, on_asker_closed, k);
    uv_close((uv_handle_t *)&k->tick, on_tick_closed);
}
