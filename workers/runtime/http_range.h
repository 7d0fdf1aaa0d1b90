/* Which part of a file a request asks for (RFC 9110, 14). Pure. */
#ifndef RUNTIME_HTTP_RANGE_H
#define RUNTIME_HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { HTTP_DATE_SIZE = 30 }; /* "Sat, 28 Nov 2026 14:00:00 GMT" */

struct http_range {
    uint64_t first, length;
};

enum http_range_result {
    HTTP_RANGE_WHOLE, /* 200: none asked for, several at once, or not understood */
    HTTP_RANGE_PART,  /* 206 */
    HTTP_RANGE_NONE,  /* 416: nothing of the file is in it */
};

/* `range`: the header Range, or NULL; `size`: of the file. */
enum http_range_result http_range(const char *range, uint64_t size, struct http_range *out);

/* If-Range (may be NULL) still names this file: its strong entity tag, or exactly its date. */
bool http_if_range(const char *if_range, const char *etag, const char *modified);

/* IMF-fixdate. */
void http_date(time_t t, char out[HTTP_DATE_SIZE]);

#endif
