#include "recordings/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "recordings/web_url.h"

bool endpoint_take(const char *url, char *out, size_t size)
{
    struct web_url u;
    size_t n = strlen(url);

    if (!web_url_parse(url, &u) || strpbrk(url, "?#") != NULL)
        return false;
    while (n > 0 && url[n - 1] == '/')
        n--;
    if (n >= size)
        return false;
    memcpy(out, url, n);
    out[n] = '\0';
    return true;
}

const char *endpoint_path(const char *endpoint)
{
    const char *host = strstr(endpoint, "://") + 3;

    return host + strcspn(host, "/");
}

void endpoint_host(const char *endpoint, char *out, size_t size)
{
    const char *host = strstr(endpoint, "://") + 3;
    const char *usual = endpoint[4] == 's' ? ":443" : ":80"; /* https, http */
    size_t n = strcspn(host, "/"), m = strlen(usual);

    if (n > m && memcmp(host + n - m, usual, m) == 0)
        n -= m;
    snprintf(out, size, "%.*s", (int)n, host);
}

bool endpoint_join(const char *endpoint, const char *path, char *out, size_t size)
{
    size_t n = (size_t)(endpoint_path(endpoint) - endpoint);

    return (size_t)snprintf(out, size, "%.*s%s", (int)n, endpoint, path) < size;
}
