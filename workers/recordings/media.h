/* What a recording's bytes say about it. Pure. */
#ifndef RECORDINGS_MEDIA_H
#define RECORDINGS_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEDIA_HEAD_MAX = 16 * 1024 }; /* bytes from the beginning that are looked at */

struct media {
    const char *extension;    /* "wav" */
    const char *content_type; /* "audio/wav" */
    int32_t
        duration_seconds; /* rounded, at least 1 of what is not empty; -1: the head does not tell */
};

/* `head`: the first bytes, MEDIA_HEAD_MAX of them unless the file is shorter; `size`: of the whole
 * file; `content_type`, `path`: what the server said and the path asked for, or NULL. The bytes
 * count first, then the type, then the path's ending. False: that is no recording (a web page, an error
 * message). */
bool media_of(const uint8_t *head, size_t n, int64_t size, const char *content_type,
              const char *path, struct media *out);

/* The type that a file of this name has; never NULL. */
const char *media_type_of_path(const char *path);

#endif
