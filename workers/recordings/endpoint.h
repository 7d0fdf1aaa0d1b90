/* The base URL of a store: scheme://host[:port][/path]. Pure. */
#ifndef RECORDINGS_ENDPOINT_H
#define RECORDINGS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies a URL of http or https without user, query, fragment and slashes at its end. False: it is
 * not such a URL, or too long. */
bool endpoint_take(const char *url, char *out, size_t size);

/* Of an endpoint that was taken: "" or "/path". */
const char *endpoint_path(const char *endpoint);

/* The Host header that a client sends: the port only where it is not the scheme's own. */
void endpoint_host(const char *endpoint, char *out, size_t size);

/* scheme://host[:port] + path, which includes the endpoint's own. False: too long. */
bool endpoint_join(const char *endpoint, const char *path, char *out, size_t size);

#endif
