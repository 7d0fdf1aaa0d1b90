/* base64url without padding (RFC 4648 section 5), as JWTs use it. Pure. */
#ifndef RUNTIME_BASE64URL_H
#define RUNTIME_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

/* Strict: no padding, no white space, unused bits zero, so that one value has one text. */
bool base64url_decode(const char *text, size_t len, void *out, size_t size, size_t *n);

/* NUL-terminated. False: `out` is too small. */
bool base64url_encode(const void *bytes, size_t len, char *out, size_t size, size_t *n);

#endif
