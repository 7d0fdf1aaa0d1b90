#include "ops/selection.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "ops/flags.h"

enum { AGE_MAX = 100000 };

static bool read_age(const char *text, int64_t now_us, int64_t *out)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {
        {"s", 1000000}, {"m", 60000000}, {"h", INT64_C(3600000000)}, {"d", INT64_C(86400000000)}};
    char *end;
    long n = strtol(text, &end, 10);

    if (!isdigit((unsigned char)*text) || n >= AGE_MAX)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].name) == 0) {
            *out = now_us - n * units[i].us;
            return true;
        }
    return false;
}

bool selection_time(const char *flag, const char *text, int64_t now_us, int64_t *out, char *error,
                    size_t error_size)
{
    if (text == NULL || time_parse(text_of(text), out) || read_age(text, now_us, out))
        return true;
    snprintf(error, error_size,
             "--%s \"%.80s\" is neither a time, such as 2026-11-20T10:00:00Z, nor an age, such as "
             "90m or 2d",
             flag, text);
    return false;
}

bool selection_rate(const char *text, uint64_t *out, char *error, size_t error_size)
{
    char *end;
    unsigned long n;

    if (text == NULL)
        return true;
    n = strtoul(text, &end, 10);
    if (isdigit((unsigned char)*text) && n >= 1 && n <= SELECTION_RATE_MAX &&
        (*end == '\0' || strcmp(end, "/s") == 0)) {
        *out = n;
        return true;
    }
    snprintf(error, error_size, "--rate \"%.80s\" is not a rate, such as 50/s", text);
    return false;
}

bool selection_tenant(const char *text, struct selection_tenant *out, char *error,
                      size_t error_size)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    size_t n = text == NULL ? 0 : strlen(text);

    if (text == NULL)
        return true;
    if (flag_is_uuid(text)) {
        out->organization = text;
        return true;
    }
    if (n <= SELECTION_DOMAIN_MAX && strchr(text, '.') != NULL && strspn(text, letters) == n) {
        for (size_t i = 0; i <= n; i++)
            out->domain[i] = (char)tolower((unsigned char)text[i]);
        return true;
    }
    snprintf(error, error_size,
             "--tenant \"%.80s\" is neither an organization's UUID nor a store's domain, such as "
             "acme.myshopify.com",
             text);
    return false;
}

void selection_time_text(char out[SELECTION_TIME_MAX], int64_t us)
{
    int64_t fraction = (us % 1000000 + 1000000) % 1000000;
    time_t seconds = (time_t)((us - fraction) / 1000000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    snprintf(out, SELECTION_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
             (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
             tm.tm_sec, (int)fraction);
}
