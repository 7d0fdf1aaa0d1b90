/* What must hold for the head of a request before its body is believed. Pure.
 * Two readers that disagree about where a request ends (us and a proxy in front) are how requests
 * are smuggled, so whatever is ambiguous is answered 400. RFC 9112 sections 3 and 6, RFC 9110
 * section 5.6.2 (token). */
#ifndef RUNTIME_HTTP_FRAMING_H
#define RUNTIME_HTTP_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_METHOD_MAX = 16, HTTP_URI_MAX = 4096 };

struct framing {
    bool chunked;
    uint64_t length; /* of the body, by Content-Length; 0: none */
    unsigned lengths, encodings, hosts;
    const char *fault; /* static: the first thing that was wrong */
};

/* `version` is "HTTP/1.1". */
void framing_begin(struct framing *f, const char *method, const char *version);
void framing_header(struct framing *f, const char *name, size_t name_len, const char *value,
                    size_t value_len);
/* NULL: fine, `chunked` and `length` count. Otherwise a sentence for the one who sent it. */
const char *framing_end(struct framing *f, const char *version);

/* Splits the raw request target in place: *path starts at the first '/', *query behind the '?' (""
 * when there is none). The absolute form (http://host/path) is taken as its path. False: not a
 * target that we can serve. */
bool target_split(char *uri, const char **path, const char **query);

#endif
