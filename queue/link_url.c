#include "link_url.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes [p, end) into `out`. False: too long, a broken escape or a NUL. */
static bool decode(const char *p, const char *end, char *out, size_t size)
{
    size_t n = 0;

    while (p < end) {
        int c = (unsigned char)*p++;
        if (c == '%') {
            if (end - p < 2 || hex(p[0]) < 0 || hex(p[1]) < 0)
                return false;
            c = hex(p[0]) * 16 + hex(p[1]);
            p += 2;
        }
        if (c == 0 || n + 1 >= size)
            return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

/* A number in [low, high], the whole of [p, end). */
static bool number(const char *p, const char *end, unsigned low, unsigned high, unsigned *out)
{
    uint64_t n = 0;

    if (p == end)
        return false;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9')
            return false;
        n = n * 10 + (uint64_t)(*p - '0');
        if (n > high)
            return false;
    }
    *out = (unsigned)n;
    return n >= low;
}

static const char *skip_prefix(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* Takes "user:password@" off the front of [*p, end). */
static bool credentials(const char **p, const char *end, struct link_url *out)
{
    const char *at = NULL, *colon;

    /* The last '@' before the path: an unescaped one in a password is common and does no harm. */
    for (const char *q = *p; q < end; q++)
        if (*q == '@')
            at = q;
    if (at == NULL)
        return true;
    colon = memchr(*p, ':', (size_t)(at - *p));
    if (colon != NULL && !decode(*p, colon, out->user, sizeof out->user))
        return false;
    if (!decode(colon != NULL ? colon + 1 : *p, at, out->password, sizeof out->password))
        return false;
    *p = at + 1;
    return out->user[0] == '\0' || out->password[0] != '\0';
}

static const char *parse_unix(const char *p, struct link_url *out)
{
    const char *path = strchr(p, '/');
    const char *end;

    out->is_unix = true;
    if (path == NULL)
        return "the unix:// URL has no path: unix:///path/redis.sock";
    end = strchr(path, '?');
    if (!credentials(&p, path, out) || p != path)
        return "the user or password of the Redis URL cannot be read (percent-encode special "
               "characters)";
    if (end != NULL && (strncmp(end, "?db=", 4) != 0 ||
                        !number(end + 4, end + strlen(end), 0, LINK_DB_MAX, &out->db)))
        return "the only parameter of a unix:// URL is ?db=N";
    if (!decode(path, end != NULL ? end : path + strlen(path), out->path, sizeof out->path) ||
        out->path[1] == '\0')
        return "the socket's path in the Redis URL is missing or longer than 107 bytes";
    return NULL;
}

static const char *parse_tcp(const char *p, struct link_url *out)
{
    const char *end = p + strcspn(p, "/?#");
    const char *host_end, *port = NULL;

    out->port = LINK_PORT;
    if (!credentials(&p, end, out))
        return "the user or password of the Redis URL cannot be read (percent-encode special "
               "characters)";
    if (*p == '[') {
        host_end = memchr(p, ']', (size_t)(end - p));
        if (host_end == NULL)
            return "the IPv6 address in the Redis URL has no closing bracket";
        if (host_end + 1 < end)
            port = host_end + 1;
        p++;
    } else {
        port = memchr(p, ':', (size_t)(end - p));
        host_end = port != NULL ? port : end;
    }
    if (host_end == p || (size_t)(host_end - p) >= sizeof out->host)
        return "the Redis URL has no host, or one of more than 255 characters";
    memcpy(out->host, p, (size_t)(host_end - p));
    if (port != NULL && (*port != ':' || !number(port + 1, end, 1, UINT16_MAX, &out->port)))
        return "the port in the Redis URL is not a number from 1 to 65535";
    if (*end == '/' && end[1] != '\0' &&
        !number(end + 1, end + strlen(end), 0, LINK_DB_MAX, &out->db))
        return "what follows the host in the Redis URL must be a database number";
    return *end == '?' || *end == '#' ? "a redis:// URL takes no parameters" : NULL;
}

bool link_url_parse(const char *url, struct link_url *out, const char **why)
{
    const char *rest;

    *out = (struct link_url){0};
    if ((rest = skip_prefix(url, "redis://")) != NULL)
        *why = parse_tcp(rest, out);
    else if ((rest = skip_prefix(url, "unix://")) != NULL)
        *why = parse_unix(rest, out);
    else if (skip_prefix(url, "rediss://") != NULL)
        *why = "rediss:// (TLS) is not supported by this build's hiredis: use redis:// through a "
               "TLS tunnel";
    else
        *why = "the Redis URL must begin with redis:// or unix://";
    return *why == NULL;
}

uint64_t backoff_ms(unsigned attempt, uint32_t random)
{
    uint64_t full = BACKOFF_MS_MAX;

    if (attempt < 7) /* 50 << 7 is above the maximum */
        full = (uint64_t)BACKOFF_MS_MIN << attempt;
    if (full > BACKOFF_MS_MAX)
        full = BACKOFF_MS_MAX;
    return full / 2 + random % (full / 2 + 1);
}
