/* The files of our own folder, to whoever has a ticket: whole or a part, as players ask for it.
 *
 * Happy path: ticket good -> file opened below the folder, part after part, through no symbolic link -> 200, 206, 304.
 * Failures: no good ticket 403, no such file 404, nothing of it in the range 416. Opening may block as long as the disk does. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "recordings/links_internal.h"
#include "recordings/media.h"
#include "runtime/http_error.h"
#include "runtime/http_range.h"

enum { ETAG_SIZE = 48, TEXT_SIZE = 128 };

#define ANY_ORIGIN "Access-Control-Allow-Origin", "*" /* the ticket decides, not the page */

static void refuse(struct http_request *r, unsigned status, const char *code, const char *sentence)
{
    http_respond_error(r, status, code, sentence, NULL, NULL);
}

/* The path is plain (store_path_is_plain), so each part is a name. -1: there is no such regular file. */
static int open_below(const char *root, const char *path, struct stat *st)
{
    int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
    char part[STORE_PATH_MAX];

    while (dir >= 0) {
        size_t n = strcspn(path, "/");
        bool last = path[n] == '\0';

        snprintf(part, sizeof part, "%.*s", (int)n, path);
        fd = openat(dir, part,
                    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
        close(dir);
        dir = last ? -1 : fd;
        path += n + 1;
    }
    if (fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* What is said of the file, and stays where it is until the answer was given. */
struct face {
    char etag[ETAG_SIZE], modified[HTTP_DATE_SIZE];
    char cache[TEXT_SIZE], disposition[TEXT_SIZE], range[TEXT_SIZE];
};

/* A file is replaced as a whole by renaming, so size and time name its bytes. */
static void describe(const struct stat *st, const char *path, int64_t seconds_left, struct face *f)
{
    const char *slash = strrchr(path, '/');

    snprintf(f->etag, sizeof f->etag, "\"%" PRIx64 "-%" PRIx64 "\"", (uint64_t)st->st_size,
             (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec);
    http_date(st->st_mtim.tv_sec, f->modified);
    snprintf(f->cache, sizeof f->cache, "private, max-age=%" PRId64, seconds_left);
    snprintf(f->disposition, sizeof f->disposition, "inline; filename=\"%.80s\"",
             slash == NULL ? path : slash + 1);
}

static bool is_known(struct http_request *r, const struct face *f)
{
    const char *match = http_header(r, "If-None-Match"), *since;

    if (match != NULL)
        return strstr(match, f->etag) != NULL || strcmp(match, "*") == 0;
    since = http_header(r, "If-Modified-Since");
    return since != NULL && strcmp(since, f->modified) == 0;
}

static void answer(struct http_request *r, const char *path, int fd, const struct stat *st,
                   int64_t seconds_left)
{
    struct face f;
    struct http_range part;
    uint64_t size = (uint64_t)st->st_size;
    enum http_range_result asked;
    struct http_reply reply = {
        .status = 200,
        .content_type = media_type_of_path(path),
        .headers = {"ETag", f.etag, "Last-Modified", f.modified, "Accept-Ranges", "bytes",
                    "Cache-Control", f.cache, "Content-Disposition", f.disposition,
                    "X-Content-Type-Options", "nosniff", "Access-Control-Expose-Headers",
                    "Accept-Ranges, Content-Length, Content-Range, ETag", ANY_ORIGIN, NULL}};
    unsigned n = 0;

    describe(st, path, seconds_left, &f);
    while (reply.headers[n] != NULL)
        n++;
    asked = http_range(http_header(r, "Range"), size, &part);
    if (asked != HTTP_RANGE_WHOLE &&
        !http_if_range(http_header(r, "If-Range"), f.etag, f.modified)) {
        asked = HTTP_RANGE_WHOLE;
        part = (struct http_range){0, size};
    }
    if (is_known(r, &f)) {
        reply.status = 304;
        reply.content_type = NULL;
        part.length = 0;
    } else if (asked == HTTP_RANGE_NONE) {
        reply.status = 416;
        reply.content_type = NULL;
        part.length = 0;
        snprintf(f.range, sizeof f.range, "bytes */%" PRIu64, size);
    } else if (asked == HTTP_RANGE_PART) {
        reply.status = 206;
        snprintf(f.range, sizeof f.range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part.first,
                 part.first + part.length - 1, size);
    }
    if (reply.status == 206 || reply.status == 416) {
        reply.headers[n++] = "Content-Range";
        reply.headers[n++] = f.range;
        reply.headers[n] = NULL;
    }
    reply.len = part.length;
    http_respond_file(r, &reply, fd, part.first);
}

void links_serve(void *ctx, struct http_request *r)
{
    struct recording_links *s = ctx;
    const char *path = http_path(r) + strlen(LINK_ROUTE);
    int64_t now = time(NULL), expires = 0;
    struct stat st;
    int fd;

    switch (ticket_check(&s->keys, path, http_query(r), now, &expires)) {
    case TICKET_BAD:
        refuse(r, 403, "FORBIDDEN", "this link is not one of ours, or not whole");
        return;
    case TICKET_EXPIRED:
        refuse(r, 403, "FORBIDDEN", "this link has expired: ask for a new one");
        return;
    case TICKET_GOOD:
        break;
    }
    fd = store_path_is_plain(path) ? open_below(s->store.root, path, &st) : -1;
    if (fd < 0) {
        refuse(r, 404, "NOT_FOUND", "the recording is not in its store any more");
        return;
    }
    metric_add(s->served, 1);
    answer(r, path, fd, &st, expires - now);
}
