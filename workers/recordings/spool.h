/* Collects a stream in a file without ever waiting for the disk on the loop: two buffers take turns,
 * one is filled while the other is being written. spool_uv.c.
 *
 * Happy path: spool_open -> spool_put ... -> spool_finish -> on_finished(ok) -> the file is read, or
 * renamed by its owner -> spool_close. Failures: no room in the buffers -> spool_put is refused, the
 * source pauses until on_room; the disk refuses -> `error` is set, everything after is refused. */
#ifndef RECORDINGS_SPOOL_H
#define RECORDINGS_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "recordings/media.h"

enum { SPOOL_BUFFER_SIZE = 256 * 1024, SPOOL_PATH_MAX = 1200 };

struct spool;

struct spool_options {
    /* A file of this name is made, which stays the owner's to rename or remove; NULL: one without a
     * name, in TMPDIR or else /var/tmp (not /tmp, which may be memory). */
    const char *path;
    void (*on_room)(void *ctx);              /* a refused put may be tried again */
    void (*on_finished)(void *ctx, bool ok); /* after spool_finish(), once, later */
    void *ctx;
};

/* NULL: errno tells. `path` is copied. */
struct spool *spool_open(uv_loop_t *loop, const struct spool_options *options);

/* n: at most SPOOL_BUFFER_SIZE. False: nothing was taken; spool_error() tells whether for now only. */
bool spool_put(struct spool *s, const void *data, size_t n);

/* Writes what is left. */
void spool_finish(struct spool *s);

/* The disk's complaint; NULL: none. */
const char *spool_error(const struct spool *s);

int spool_fd(const struct spool *s);
const char *spool_path(const struct spool *s); /* NULL: without a name */
int64_t spool_size(const struct spool *s);     /* bytes taken */
/* The first bytes, MEDIA_HEAD_MAX at most. */
const uint8_t *spool_head(const struct spool *s, size_t *n);
/* SHA-256 of everything taken, in hex; call once, at the end. False: out of memory. */
bool spool_sha256(struct spool *s, char hex[65]);

/* Nothing is called any more. What is under way ends first, then the file is closed and, if it still
 * has the name it was made with, removed, and on_closed is called; later in any case. */
void spool_close(struct spool *s, void (*on_closed)(void *ctx), void *ctx);

#endif
