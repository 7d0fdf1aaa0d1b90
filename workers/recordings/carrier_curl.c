#include "recordings/carrier.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "recordings/address.h"
#include "recordings/media.h"
#include "recordings/spool.h"
#include "runtime/multi_curl.h"

enum { HTTP_OK = 200, HTTP_ERASED = 204, SHA256_HEX = 65 };

/* A file on its way. It outlives its slot while a thread or the disk is still busy with it. */
struct parcel {
    struct multi_transfer transfer; /* first: curl's transfer is the parcel */
    struct carrier *carrier;
    unsigned slot;
    enum carrier_work work;
    bool dropped; /* nobody is told any more */
    bool running; /* curl is at it */
    bool paused;  /* curl waits for room in the spool */
    bool threaded;
    bool failed; /* before it began: told soon */
    struct curl_slist *headers;
    struct spool *spool; /* NULL: an erasure */
    struct media media;
    int64_t sent;     /* of the file, to the store */
    bool unreadable;  /* the file could not be read back */
    bool too_large;   /* more came than is allowed */
    bool not_allowed; /* an address that is not public */
    char reply[CARRIER_REPLY_MAX];
    size_t reply_len;
    struct store_request request;
    uv_work_t thread;
    char path[STORE_PATH_MAX];
    bool kept;
    char error[CURL_ERROR_SIZE > STORE_ERROR_MAX ? CURL_ERROR_SIZE : STORE_ERROR_MAX];
    char reason[COPY_REASON_MAX];
};

struct carrier {
    uv_loop_t *loop;
    struct carrier_options options;
    struct multi *multi;
    struct parcel *slots[COPIES_MAX];
    uv_timer_t soon;
    unsigned parcels; /* not yet freed */
    uint64_t serial;
    bool closing;
    unsigned open; /* handles */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

/* ---- the life of a parcel ---------------------------------------------------------------------- */

static void review_closing(struct carrier *c);

static struct parcel *parcel_new(struct carrier *c, unsigned slot, enum carrier_work work)
{
    struct parcel *p = calloc(1, sizeof *p);

    assert(!c->closing);
    assert(slot < COPIES_MAX);
    assert(c->slots[slot] == NULL);
    if (p == NULL)
        abort(); /* some ten kilobytes: the process is at its end */
    p->carrier = c;
    p->slot = slot;
    p->work = work;
    c->slots[slot] = p;
    c->parcels++;
    return p;
}

static void parcel_free(void *ctx)
{
    struct parcel *p = ctx;
    struct carrier *c = p->carrier;

    curl_slist_free_all(p->headers);
    free(p);
    c->parcels--;
    review_closing(c);
}

/* Frees the parcel now, or when thread and disk are done with it. */
static void parcel_leave(struct parcel *p)
{
    struct spool *spool = p->spool;

    assert(p->dropped);
    if (p->threaded)
        return; /* on_thread_done() comes here again */
    if (p->transfer.easy != NULL)
        curl_easy_cleanup(p->transfer.easy);
    p->transfer.easy = NULL;
    p->spool = NULL;
    if (spool != NULL)
        spool_close(spool, parcel_free, p);
    else
        parcel_free(p);
}

void carrier_drop(struct carrier *c, unsigned slot)
{
    struct parcel *p = c->slots[slot];

    if (p == NULL)
        return;
    c->slots[slot] = NULL;
    p->dropped = true;
    if (p->running)
        multi_remove(c->multi, &p->transfer);
    p->running = false;
    parcel_leave(p);
}

static void tell(struct parcel *p, const struct carried *carried)
{
    struct carried out = *carried;

    out.work = p->work;
    if (!p->dropped)
        p->carrier->options.on_carried(p->carrier->options.ctx, p->slot, &out);
}

static void tell_trouble(struct parcel *p, enum copy_trouble trouble, const char *reason,
                         int64_t retry_after_ms)
{
    tell(p,
         &(struct carried){.trouble = trouble, .reason = reason, .retry_after_ms = retry_after_ms});
}

/* ---- curl ------------------------------------------------------------------------------------------- */

/* What all transfers have in common. HTTP/1.1, because a paused stream of HTTP/2 would be collected in
 * memory; no signals, because names are resolved on threads, and no waiting for such a thread. */
static CURL *easy_new(struct parcel *p, const char *url)
{
    CURL *e = curl_easy_init();

    if (e == NULL)
        abort();
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CARRIER_CONNECT_MS);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)CARRIER_SLOW_BYTES);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)CARRIER_SLOW_SECONDS);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "ringback/" RINGBACK_VERSION);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, p->error);
    p->error[0] = '\0';
    p->transfer.easy = e;
    return e;
}

static void run(struct parcel *p, void (*done)(struct multi_transfer *t, CURLcode result))
{
    p->transfer.done = done;
    p->running = true;
    if (!multi_add(p->carrier->multi, &p->transfer))
        abort(); /* out of memory */
}

static int64_t retry_after_ms(CURL *easy)
{
    curl_off_t seconds = 0;

    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds > 0 && seconds < INT32_MAX ? (int64_t)seconds * 1000 : 0;
}

/* A sentence about a transfer that ended with `result`. curl's own may name a host, never a link. */
static const char *why(struct parcel *p, const char *what, CURLcode result)
{
    snprintf(p->reason, sizeof p->reason, "%.40s: %.190s", what,
             p->error[0] != '\0' ? p->error : curl_easy_strerror(result));
    return p->reason;
}

/* ---- fetching --------------------------------------------------------------------------------------- */

/* The address is looked at after the name was resolved, and it is the one that is connected to: a name
 * that resolves differently a moment later gains nothing. */
static curl_socket_t open_public(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct parcel *p = ctx;

    (void)purpose;
    if (!address_is_public(&a->addr)) {
        p->not_allowed = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* A connection that is used again was opened by somebody else, perhaps to the store. */
static int ask_public(void *ctx, char *their_ip, char *our_ip, int their_port, int our_port)
{
    struct parcel *p = ctx;

    (void)our_ip;
    (void)their_port;
    (void)our_port;
    if (address_text_is_public(their_ip))
        return CURL_PREREQFUNC_OK;
    p->not_allowed = true;
    return CURL_PREREQFUNC_ABORT;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct parcel *p = ctx;

    n *= size;
    if ((uint64_t)spool_size(p->spool) + n > p->carrier->options.bytes_max) {
        p->too_large = true;
        return 0;
    }
    if (spool_put(p->spool, data, n))
        return n;
    if (spool_error(p->spool) != NULL)
        return 0;
    p->paused = true;
    return CURL_WRITEFUNC_PAUSE;
}

static void on_room(void *ctx)
{
    struct parcel *p = ctx;

    if (!p->paused || !p->running)
        return;
    p->paused = false;
    curl_easy_pause(p->transfer.easy, CURLPAUSE_CONT);
}

static enum copy_trouble trouble_of_status(long status)
{
    if (status == 404 || status == 425)
        return TROUBLE_MISSING;
    if (status == 408 || status == 429 || status >= 500)
        return TROUBLE_NETWORK;
    return TROUBLE_REFUSED;
}

/* A transfer that did not bring a whole file. */
static void tell_not_fetched(struct parcel *p, CURLcode result, long status)
{
    if (p->not_allowed) {
        tell_trouble(p, TROUBLE_LINK, "the link leads to an address that is not public", 0);
    } else if (p->too_large || result == CURLE_FILESIZE_EXCEEDED) {
        tell_trouble(p, TROUBLE_SIZE, "the recording is larger than RINGBACK_RECORDINGS_MAX_BYTES",
                     0);
    } else if (result == CURLE_WRITE_ERROR && spool_error(p->spool) != NULL) {
        snprintf(p->reason, sizeof p->reason, "spool file: %s", spool_error(p->spool));
        tell_trouble(p, TROUBLE_STORE, p->reason, 0);
    } else if (result == CURLE_HTTP_RETURNED_ERROR || (result == CURLE_OK && status != HTTP_OK)) {
        snprintf(p->reason, sizeof p->reason, "the provider answered %ld", status);
        tell_trouble(p, trouble_of_status(status), p->reason, retry_after_ms(p->transfer.easy));
    } else if (result == CURLE_TOO_MANY_REDIRECTS) {
        tell_trouble(p, TROUBLE_REFUSED, "the link is redirected too often", 0);
    } else if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_URL_MALFORMAT) {
        tell_trouble(p, TROUBLE_LINK, "the link leads to something else than http or https", 0);
    } else {
        tell_trouble(p, TROUBLE_NETWORK, why(p, "the provider", result), 0);
    }
}

static void on_fetched(struct multi_transfer *t, CURLcode result)
{
    struct parcel *p = (struct parcel *)t;
    long status = 0;
    curl_off_t promised = -1;

    p->running = false;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &promised);
    if (result != CURLE_OK || status != HTTP_OK) {
        tell_not_fetched(p, result, status);
        return;
    }
    if (spool_size(p->spool) == 0 || (promised >= 0 && promised != spool_size(p->spool))) {
        tell_trouble(p, TROUBLE_CONTENT, "the recording came empty or cut short", 0);
        return;
    }
    spool_finish(p->spool);
}

static void on_spooled(void *ctx, bool ok)
{
    struct parcel *p = ctx;
    char *type = NULL, *path = NULL;
    size_t n;
    const uint8_t *head = spool_head(p->spool, &n);

    if (!ok) {
        snprintf(p->reason, sizeof p->reason, "spool file: %s", spool_error(p->spool));
        tell_trouble(p, TROUBLE_STORE, p->reason, 0);
        return;
    }
    curl_easy_getinfo(p->transfer.easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(p->transfer.easy, CURLINFO_EFFECTIVE_URL, &path);
    if (!media_of(head, n, spool_size(p->spool), type, path, &p->media)) {
        tell_trouble(p, TROUBLE_CONTENT, "what came is no recording", 0);
        return;
    }
    tell(p, &(struct carried){.size = spool_size(p->spool),
                              .duration_seconds = p->media.duration_seconds,
                              .extension = p->media.extension});
}

static bool open_spool(struct parcel *p, const char *name)
{
    struct carrier *c = p->carrier;
    struct spool_options options = {.on_room = on_room, .on_finished = on_spooled, .ctx = p};
    char folder[STORE_ROOT_MAX], path[SPOOL_PATH_MAX];

    if (c->options.store->kind->local) {
        store_incoming(c->options.store, folder);
        snprintf(path, sizeof path, "%s/%s.%d.%llu", folder, name, (int)getpid(),
                 (unsigned long long)c->serial++);
        options.path = path;
    }
    p->spool = spool_open(c->loop, &options);
    if (p->spool == NULL)
        snprintf(p->reason, sizeof p->reason, "spool file: %s", strerror(errno));
    return p->spool != NULL;
}

static void on_soon(uv_timer_t *t)
{
    struct carrier *c = t->data;

    for (unsigned i = 0; i < COPIES_MAX; i++) {
        struct parcel *p = c->slots[i];
        if (p == NULL || !p->failed)
            continue;
        p->failed = false;
        tell_trouble(p, TROUBLE_STORE, p->reason, 0);
    }
}

/* A failure that is known before anything was begun, with its reason, is told a turn later. */
static void fail_soon(struct parcel *p)
{
    p->failed = true;
    uv_timer_start(&p->carrier->soon, on_soon, 0, 0);
}

void carrier_fetch(struct carrier *c, unsigned slot, const char *name,
                   const struct provider_link *link)
{
    struct parcel *p = parcel_new(c, slot, CARRIER_FETCH);
    CURL *e;

    if (!open_spool(p, name)) {
        fail_soon(p);
        return;
    }
    e = easy_new(p, link->url);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)CARRIER_REDIRECTS_MAX);
    curl_easy_setopt(e, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)c->options.bytes_max);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, p);
    if (link->user[0] != '\0') { /* curl keeps it from other hosts that it is redirected to */
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(e, CURLOPT_USERPWD, link->user);
    }
    if (!c->options.allow_private) {
        /* Through a proxy the proxy's address would be looked at. */
        curl_easy_setopt(e, CURLOPT_PROXY, "");
        curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_public);
        curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, p);
        curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, ask_public);
        curl_easy_setopt(e, CURLOPT_PREREQDATA, p);
    }
    run(p, on_fetched);
}

/* ---- asking a store over HTTP -------------------------------------------------------------------- */

static size_t on_reply(char *data, size_t size, size_t n, void *ctx)
{
    struct parcel *p = ctx;
    size_t room = sizeof p->reply - 1 - p->reply_len;

    n *= size;
    memcpy(p->reply + p->reply_len, data, n < room ? n : room);
    p->reply_len += n < room ? n : room;
    p->reply[p->reply_len] = '\0';
    return n;
}

/* From the page cache, mostly: it was written a moment ago. */
static size_t on_upload(char *out, size_t size, size_t n, void *ctx)
{
    struct parcel *p = ctx;
    ssize_t got = pread(spool_fd(p->spool), out, size * n, p->sent);

    if (got < 0) {
        p->unreadable = true;
        return CURL_READFUNC_ABORT;
    }
    p->sent += got;
    return (size_t)got;
}

/* curl sends the file again from its beginning when a kept connection turns out to be dead. */
static int on_rewind(void *ctx, curl_off_t offset, int origin)
{
    struct parcel *p = ctx;

    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    p->sent = offset;
    return CURL_SEEKFUNC_OK;
}

/* Makes the reply fit for a log: one line of plain characters. */
static void flatten(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = ' ';
}

static void on_asked(struct multi_transfer *t, CURLcode result)
{
    struct parcel *p = (struct parcel *)t;
    const struct store_kind *kind = p->carrier->options.store->kind;
    long status = 0;

    p->running = false;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK) {
        tell_trouble(p, TROUBLE_STORE,
                     why(p, p->unreadable ? "the spool file cannot be read" : "the store", result),
                     0);
        return;
    }
    if (status / 100 == 2 || (p->work == CARRIER_ERASE && kind->is_absent((int)status, p->reply))) {
        tell(p, &(struct carried){.trouble = TROUBLE_NONE});
        return;
    }
    flatten(p->reply);
    snprintf(p->reason, sizeof p->reason, "the store answered %ld: %.180s", status, p->reply);
    tell_trouble(p, TROUBLE_STORE, p->reason, retry_after_ms(t->easy));
}

static void ask_store(struct parcel *p)
{
    CURL *e;

    if (p->transfer.easy != NULL)
        curl_easy_cleanup(p->transfer.easy); /* of the fetching; its connection stays */
    e = easy_new(p, p->request.url);
    for (unsigned i = 0; i < p->request.n_headers; i++) {
        struct curl_slist *longer = curl_slist_append(p->headers, p->request.headers[i]);
        if (longer == NULL)
            abort(); /* out of memory */
        p->headers = longer;
    }
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, p->headers);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, p->request.method);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, p);
    if (p->spool != NULL) {
        curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(e, CURLOPT_READFUNCTION, on_upload);
        curl_easy_setopt(e, CURLOPT_READDATA, p);
        curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_rewind);
        curl_easy_setopt(e, CURLOPT_SEEKDATA, p);
        curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)spool_size(p->spool));
    } else {
        curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)CARRIER_ANSWER_SECONDS);
    }
    run(p, on_asked);
}

/* ---- asking a folder, on a thread -------------------------------------------------------------------- */

static void on_thread(uv_work_t *work)
{
    struct parcel *p = work->data;
    const struct store *s = p->carrier->options.store;

    p->kept = p->work == CARRIER_ERASE ? s->kind->drop(s, p->path, p->error, sizeof p->error)
                                       : s->kind->keep(s, spool_fd(p->spool), spool_path(p->spool),
                                                       p->path, p->error, sizeof p->error);
}

static void on_thread_done(uv_work_t *work, int status)
{
    struct parcel *p = work->data;

    (void)status; /* never cancelled */
    p->threaded = false;
    if (p->dropped) {
        parcel_leave(p);
    } else if (p->kept) {
        tell(p, &(struct carried){.trouble = TROUBLE_NONE});
    } else {
        snprintf(p->reason, sizeof p->reason, "the folder: %.200s", p->error);
        tell_trouble(p, TROUBLE_STORE, p->reason, 0);
    }
}

static void start_thread(struct parcel *p, const char *path)
{
    snprintf(p->path, sizeof p->path, "%s", path);
    p->error[0] = '\0';
    p->thread.data = p;
    p->threaded = true;
    uv_queue_work(p->carrier->loop, &p->thread, on_thread, on_thread_done);
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void carrier_store(struct carrier *c, unsigned slot, const char *path)
{
    struct parcel *p = c->slots[slot];
    const struct store *s = c->options.store;
    char hash[SHA256_HEX];
    struct store_object o = {.path = path, .sha256 = hash};

    assert(p != NULL);
    assert(p->work == CARRIER_FETCH);
    p->work = CARRIER_STORE;
    o.content_type = p->media.content_type;
    if (s->kind->local) {
        start_thread(p, path);
    } else if (spool_sha256(p->spool, hash) && s->kind->put(s, &o, now_us(), &p->request)) {
        ask_store(p);
    } else {
        snprintf(p->reason, sizeof p->reason, "the request to the store is too long");
        fail_soon(p);
    }
}

void carrier_erase(struct carrier *c, unsigned slot, const char *path)
{
    const struct store *s = c->options.store;
    struct parcel *p;

    p = parcel_new(c, slot, CARRIER_ERASE);
    if (s->kind->local) {
        start_thread(p, path);
    } else if (s->kind->erase(s, path, now_us(), &p->request)) {
        ask_store(p);
    } else {
        snprintf(p->reason, sizeof p->reason, "the request to the store is too long");
        fail_soon(p);
    }
}

/* ---- the carrier --------------------------------------------------------------------------------- */

void carrier_sweep(struct carrier *c)
{
    char folder[STORE_ROOT_MAX];
    time_t now = time(NULL);
    struct dirent *entry;
    struct stat st;
    DIR *dir;

    if (!c->options.store->kind->local)
        return;
    store_incoming(c->options.store, folder);
    dir = opendir(folder);
    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL)
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_mtime < now - CARRIER_STALE_S)
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

struct carrier *carrier_new(uv_loop_t *loop, const struct carrier_options *options)
{
    struct carrier *c = calloc(1, sizeof *c);

    if (c == NULL || (c->multi = multi_new(loop)) == NULL) {
        free(c);
        return NULL;
    }
    c->loop = loop;
    c->options = *options;
    c->soon.data = c;
    uv_timer_init(loop, &c->soon);
    return c;
}

static void on_handle_closed(struct carrier *c)
{
    void (*on_closed)(void *ctx) = c->on_closed;
    void *ctx = c->closed_ctx;

    if (--c->open > 0)
        return;
    free(c); /* last use */
    on_closed(ctx);
}

static void on_multi_closed(void *ctx)
{
    on_handle_closed(ctx);
}

static void on_timer_closed(uv_handle_t *h)
{
    on_handle_closed(h->data);
}

static void review_closing(struct carrier *c)
{
    if (!c->closing || c->parcels > 0 || c->open > 0)
        return;
    c->open = 2;
    multi_close(c->multi, on_multi_closed, c);
    uv_close((uv_handle_t *)&c->soon, on_timer_closed);
}

void carrier_close(struct carrier *c, void (*on_closed)(void *ctx), void *ctx)
{
    assert(!c->closing);
    c->on_closed = on_closed;
    c->closed_ctx = ctx;
    c->parcels++; /* not before all are dropped */
    for (unsigned i = 0; i < COPIES_MAX; i++)
        carrier_drop(c, i);
    c->parcels--;
    c->closing = true;
    review_closing(c);
}
