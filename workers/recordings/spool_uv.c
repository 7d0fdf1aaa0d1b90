#include "recordings/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hmac.h"

enum { FILE_MODE = 0640 };

struct spool {
    uv_loop_t *loop;
    struct spool_options options;
    char path[SPOOL_PATH_MAX]; /* "": without a name */
    int fd;
    uint8_t *buffer[2];
    size_t len[2];
    unsigned filling; /* the buffer that takes; the other one is free or being written */
    bool writing, wants_room, finishing, closing;
    uv_fs_t request;
    size_t request_done; /* of the buffer being written: short writes are continued */
    int64_t taken, written;
    int error; /* of uv; 0: none */
    EVP_MD_CTX *hash;
    uint8_t head[MEDIA_HEAD_MAX];
    size_t head_len;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static int open_nameless(void)
{
    const char *folder = getenv("TMPDIR");
    char name[SPOOL_PATH_MAX];
    int fd;

    snprintf(name, sizeof name, "%s/ringback-spool-XXXXXX",
             folder != NULL && *folder != '\0' ? folder : "/var/tmp");
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static void destroy(struct spool *s)
{
    EVP_MD_CTX_free(s->hash);
    free(s->buffer[0]);
    free(s->buffer[1]);
    if (s->fd >= 0)
        close(s->fd);
    if (s->path[0] != '\0')
        unlink(s->path); /* gone already where its owner renamed it */
    free(s);
}

struct spool *spool_open(uv_loop_t *loop, const struct spool_options *options)
{
    struct spool *s = calloc(1, sizeof *s);
    int error;

    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->options = *options;
    s->fd = options->path == NULL
                ? open_nameless()
                : open(options->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    error = errno;
    if (s->fd >= 0 && options->path != NULL)
        snprintf(s->path, sizeof s->path, "%s", options->path);
    s->buffer[0] = malloc(SPOOL_BUFFER_SIZE);
    s->buffer[1] = malloc(SPOOL_BUFFER_SIZE);
    s->hash = EVP_MD_CTX_new();
    if (s->fd >= 0 && s->buffer[0] != NULL && s->buffer[1] != NULL && s->hash != NULL &&
        EVP_DigestInit_ex(s->hash, EVP_sha256(), NULL) == 1)
        return s;
    if (s->fd >= 0)
        error = ENOMEM;
    destroy(s);
    errno = error;
    return NULL;
}

static void write_on(struct spool *s);

static void finished(struct spool *s)
{
    s->finishing = false;
    s->options.on_finished(s->options.ctx, s->error == 0);
}

/* Begins writing the buffer that was filled, if the other one is out of the way. */
static void turn(struct spool *s)
{
    if (s->writing || s->error != 0 || s->len[s->filling] == 0)
        return;
    s->filling ^= 1;
    s->request_done = 0;
    write_on(s);
}

static void close_now(struct spool *s)
{
    void (*on_closed)(void *ctx) = s->on_closed;
    void *ctx = s->closed_ctx;

    destroy(s);
    on_closed(ctx);
}

static void on_written(uv_fs_t *request)
{
    struct spool *s = request->data;
    ssize_t n = request->result;
    unsigned other = s->filling ^ 1;

    uv_fs_req_cleanup(request);
    s->writing = false;
    if (s->closing) {
        close_now(s);
        return;
    }
    if (n < 0 || (n == 0 && s->len[other] > 0))
        s->error = n < 0 ? (int)n : UV_EIO;
    if (n > 0) {
        s->request_done += (size_t)n;
        s->written += n;
    }
    if (s->error == 0 && s->request_done < s->len[other]) {
        write_on(s);
        return;
    }
    s->len[other] = 0;
    s->request_done = 0;
    if (s->finishing)
        turn(s);
    if (s->finishing && !s->writing) {
        finished(s);
    } else if (s->wants_room) {
        s->wants_room = false;
        s->options.on_room(s->options.ctx);
    }
}

static void write_on(struct spool *s)
{
    unsigned other = s->filling ^ 1;
    uv_buf_t buf = uv_buf_init((char *)s->buffer[other] + s->request_done,
                               (unsigned)(s->len[other] - s->request_done));

    s->writing = true;
    s->request.data = s;
    uv_fs_write(s->loop, &s->request, s->fd, &buf, 1, s->written, on_written);
}

bool spool_put(struct spool *s, const void *data, size_t n)
{
    size_t head = sizeof s->head - s->head_len;

    assert(n <= SPOOL_BUFFER_SIZE);
    assert(!s->finishing);
    if (s->error != 0)
        return false;
    if (n > SPOOL_BUFFER_SIZE - s->len[s->filling])
        turn(s);
    if (n > SPOOL_BUFFER_SIZE - s->len[s->filling]) {
        s->wants_room = true;
        return false;
    }
    memcpy(s->buffer[s->filling] + s->len[s->filling], data, n);
    s->len[s->filling] += n;
    s->taken += (int64_t)n;
    if (head > n)
        head = n;
    memcpy(s->head + s->head_len, data, head);
    s->head_len += head;
    if (EVP_DigestUpdate(s->hash, data, n) != 1)
        s->error = UV_ENOMEM;
    return s->error == 0;
}

void spool_finish(struct spool *s)
{
    s->finishing = true;
    turn(s);
    if (!s->writing) { /* nothing to write: still later, never from in here */
        assert(s->len[s->filling ^ 1] == 0);
        write_on(s);
    }
}

const char *spool_error(const struct spool *s)
{
    return s->error == 0 ? NULL : uv_strerror(s->error);
}

int spool_fd(const struct spool *s)
{
    return s->fd;
}

const char *spool_path(const struct spool *s)
{
    return s->path[0] == '\0' ? NULL : s->path;
}

int64_t spool_size(const struct spool *s)
{
    return s->taken;
}

const uint8_t *spool_head(const struct spool *s, size_t *n)
{
    *n = s->head_len;
    return s->head;
}

bool spool_sha256(struct spool *s, char hex[65])
{
    uint8_t hash[SHA256_SIZE];

    if (EVP_DigestFinal_ex(s->hash, hash, NULL) != 1)
        return false;
    hex_encode(hex, hash, sizeof hash);
    return true;
}

void spool_close(struct spool *s, void (*on_closed)(void *ctx), void *ctx)
{
    s->closing = true;
    s->on_closed = on_closed;
    s->closed_ctx = ctx;
    if (!s->writing) /* a write of nothing, so that the answer comes later */
        write_on(s);
}
