#include "recordings/web_url.h"

#include <ctype.h>
#include <stddef.h>
#include <strings.h>

enum { PORT_DIGITS_MAX = 5 };

/* "[::1]" or a name of letters, digits, dots, dashes and underscores (which some hosts have). */
static size_t host_length(const char *p)
{
    size_t n;

    if (*p == '[') {
        n = 1 + strspn(p + 1, "0123456789abcdefABCDEF:.");
        return p[n] == ']' && n > 1 ? n + 1 : 0;
    }
    n = 0;
    while (isalnum((unsigned char)p[n]) || (p[n] != '\0' && strchr(".-_", p[n]) != NULL))
        n++;
    return n;
}

static const char *take_authority(const char *p, struct web_url *out)
{
    size_t n = host_length(p);

    if (n == 0)
        return NULL;
    out->host = (struct text){p, n};
    p += n;
    if (*p != ':')
        return p;
    n = strspn(++p, "0123456789");
    if (n == 0 || n > PORT_DIGITS_MAX)
        return NULL;
    out->port = (struct text){p, n};
    return p + n;
}

bool web_url_parse(const char *url, struct web_url *out)
{
    const char *p = NULL;
    size_t n = strlen(url);

    *out = (struct web_url){.port = TEXT_NULL};
    for (size_t i = 0; i < n; i++) /* spaces, control characters, and what browsers take for '/' */
        if ((unsigned char)url[i] <= ' ' || url[i] == 0x7f || url[i] == '\\')
            return false;
    if (strncasecmp(url, "https://", 8) == 0) {
        out->secure = true;
        p = url + 8;
    } else if (strncasecmp(url, "http://", 7) == 0) {
        p = url + 7;
    }
    if (p == NULL || n > WEB_URL_MAX || (p = take_authority(p, out)) == NULL)
        return false;
    if (*p != '\0' && strchr("/?#", *p) == NULL)
        return false;
    n = strcspn(p, "?#");
    out->path = (struct text){p, n};
    out->rest = text_of(p + n);
    return true;
}

bool web_url_is_in(const struct web_url *u, const char *domain)
{
    size_t n = strlen(domain);

    return u->host.n >= n && strncasecmp(u->host.p + u->host.n - n, domain, n) == 0 &&
           (u->host.n == n || u->host.p[u->host.n - n - 1] == '.');
}
