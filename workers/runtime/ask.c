/* The pure part of ask.h. */
#include "runtime/ask.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SECONDS_MAX = 1 << 30 };

/* Digits, perhaps in quotes; -1: no number. */
static int64_t seconds_of(const char *text)
{
    long long n;
    char *end;

    text += *text == '"';
    if (*text < '0' || *text > '9')
        return -1;
    n = strtoll(text, &end, 10);
    return n > SECONDS_MAX ? SECONDS_MAX : n;
}

/* Whether the directive that starts at `p` is `name`; *value: behind its '=', or "". */
static bool is_directive(const char *p, const char *name, const char **value)
{
    size_t n = strlen(name);

    if (strncasecmp(p, name, n) != 0 || (p[n] != '\0' && strchr(" \t,=", p[n]) == NULL))
        return false;
    *value = p[n] == '=' ? p + n + 1 : "";
    return true;
}

int64_t ask_fresh_s(const char *cache_control, const char *age)
{
    int64_t fresh = -1, old = age == NULL ? 0 : seconds_of(age);
    const char *value;

    for (const char *p = cache_control; p != NULL && *p != '\0'; p += strcspn(p, ",")) {
        p += strspn(p, " \t,");
        if (is_directive(p, "no-store", &value) || is_directive(p, "no-cache", &value))
            return 0;
        if (is_directive(p, "max-age", &value))
            fresh = seconds_of(value);
    }
    if (fresh < 0 || old <= 0)
        return fresh;
    return fresh > old ? fresh - old : 0;
}
