/* The head of a plain request: HTTP/1.1, a body whose length is told beforehand or none, and nothing
 * that needs an answer or a decision before the body. Pure.
 *
 * It only says yes to what is beyond doubt. Everything else (another version, chunks, Expect,
 * Connection, folded lines, a line that ends in a bare LF, a head that is not all there ...) is not
 * plain, and whoever reads all of HTTP decides what becomes of it. */
#ifndef RUNTIME_HTTP_HEAD_H
#define RUNTIME_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_HEAD_MAX = 2048, HTTP_HEAD_FIELDS_MAX = 48 };

/* Offsets into the head; both texts end in NUL. */
struct http_field {
    uint16_t name, name_len, value;
};

struct http_head {
    size_t len;      /* with the empty line */
    char *target;    /* ends in NUL */
    uint64_t length; /* of the body */
    unsigned n;
    struct http_field fields[HTTP_HEAD_FIELDS_MAX];
};

/* Reads the head of a request with `method` at the beginning of `bytes` (at most HTTP_HEAD_MAX), and
 * writes NULs behind its texts. False: not plain, or not complete; what is in `bytes` and `h` then
 * means nothing. */
bool http_head_read(struct http_head *h, const char *method, char *bytes, size_t n);

/* First value of the header, any letter case; NULL: absent. */
const char *http_head_value(const struct http_head *h, const char *bytes, const char *name);

#endif
