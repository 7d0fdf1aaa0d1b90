/* A URL of http or https, taken apart strictly: what two readers could understand differently is
 * refused. Pure. */
#ifndef RECORDINGS_WEB_URL_H
#define RECORDINGS_WEB_URL_H

#include <stdbool.h>

#include "base/text.h"

enum { WEB_URL_MAX = 4096 };

struct web_url {
    bool secure;      /* https */
    struct text host; /* without port; IPv6 in its brackets */
    struct text port; /* NULL: none given */
    struct text path; /* "" or from '/' on, without query */
    struct text rest; /* from '?' or '#' on, or "" */
};

/* Borrowed parts. False: another scheme, user or password, characters that do not belong there, too
 * long, no host. The scheme may have any case. */
bool web_url_parse(const char *url, struct web_url *out);

/* Whether the host is `domain` or inside it; case does not matter. */
bool web_url_is_in(const struct web_url *u, const char *domain);

#endif
