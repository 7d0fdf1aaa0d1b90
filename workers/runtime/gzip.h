/* gzip (RFC 1952) of an answer. */
#ifndef RUNTIME_GZIP_H
#define RUNTIME_GZIP_H

#include <stddef.h>

enum { GZIP_MIN = 1024 }; /* smaller answers fit into one packet anyway */

/* malloc'ed, the caller frees; NULL: no memory, or it would not be smaller. */
void *gzip_compress(const void *data, size_t len, size_t *out_len);

#endif
