#include "runtime/http_range.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Digits at *p, which moves behind them; a number too large is the largest. False: there are none. */
static bool number(const char **p, uint64_t *out)
{
    const char *start = *p;

    for (*out = 0; **p >= '0' && **p <= '9'; ++*p)
        *out = *out > (UINT64_MAX - 9) / 10 ? UINT64_MAX : *out * 10 + (uint64_t)(**p - '0');
    return *p > start;
}

static bool at_end(const char *p)
{
    return p[strspn(p, " \t")] == '\0';
}

/* "-500": the last 500 bytes, or all when there are fewer. */
static enum http_range_result suffix(const char *p, uint64_t size, struct http_range *out)
{
    uint64_t n;

    if (!number(&p, &n) || !at_end(p))
        return HTTP_RANGE_WHOLE;
    if (n == 0 || size == 0)
        return HTTP_RANGE_NONE;
    out->length = n < size ? n : size;
    out->first = size - out->length;
    return HTTP_RANGE_PART;
}

enum http_range_result http_range(const char *range, uint64_t size, struct http_range *out)
{
    uint64_t first, last = UINT64_MAX;
    const char *p = range;

    *out = (struct http_range){0, size};
    if (p == NULL || strncasecmp(p, "bytes=", 6) != 0)
        return HTTP_RANGE_WHOLE;
    p += 6 + strspn(p + 6, " \t");
    if (*p == '-')
        return suffix(p + 1, size, out);
    if (!number(&p, &first) || *p++ != '-')
        return HTTP_RANGE_WHOLE;
    if (!at_end(p) && (!number(&p, &last) || !at_end(p) || last < first))
        return HTTP_RANGE_WHOLE;
    if (first >= size)
        return HTTP_RANGE_NONE;
    if (last > size - 1)
        last = size - 1;
    *out = (struct http_range){first, last - first + 1};
    return HTTP_RANGE_PART;
}

bool http_if_range(const char *if_range, const char *etag, const char *modified)
{
    return if_range == NULL || strcmp(if_range, etag) == 0 || strcmp(if_range, modified) == 0;
}

void http_date(time_t t, char out[HTTP_DATE_SIZE])
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;

    gmtime_r(&t, &tm);
    snprintf(out, HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday % 7],
             (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12],
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
             (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
