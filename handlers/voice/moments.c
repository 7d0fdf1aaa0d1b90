#include "voice/moments.h"

#include <stdio.h>

#include "base/time.h"
#include "event.h"
#include "base/words.h"
#include "voice/numbers.h"

enum { MOMENT_TEXT_MAX = 40 };

static const int64_t moment_last_us = INT64_C(253402300799999999); /* 9999-12-31T23:59:59.999999Z */

/* 1 for "Jan" to 12; 0 for none. */
static int month_of(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++) {
        if (memcmp(names + 3 * i, name, 3) == 0)
            return i + 1;
    }
    return 0;
}

/* "15 Jul 2026 14:32:18 +0000" rewritten for time_parse(). */
static int64_t rfc2822(const char *s)
{
    char month[4] = "", zone[6] = "", text[96];
    int day, year, hour, minute, second, end = 0;
    int64_t us = EVENT_NO_TIME;

    if (sscanf(s, "%2d %3[A-Za-z] %4d %2d:%2d:%2d %5s%n", &day, month, &year, &hour, &minute,
               &second, zone, &end) != 7 ||
        s[end] != '\0' || month_of(month) == 0)
        return EVENT_NO_TIME;
    if (strcmp(zone, "GMT") == 0 || strcmp(zone, "UTC") == 0 || strcmp(zone, "UT") == 0)
        memcpy(zone, "+0000", sizeof zone);
    if (strlen(zone) != 5)
        return EVENT_NO_TIME;
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%.3s:%.2s", year, month_of(month),
             day, hour, minute, second, zone, zone + 3);
    return time_parse(text_of(text), &us) ? us : EVENT_NO_TIME;
}

/* "2024-09-26 14:05:18.731479Z", or without a zone. */
static int64_t spaced(char *s, size_t n)
{
    int64_t us = EVENT_NO_TIME;

    if (n < 19 || n + 2 > MOMENT_TEXT_MAX)
        return EVENT_NO_TIME;
    if (s[10] == ' ')
        s[10] = 'T';
    if (strpbrk(s + 19, "Zz+-") == NULL)
        memcpy(s + n, "Z", 2);
    return time_parse(text_of(s), &us) ? us : EVENT_NO_TIME;
}

int64_t moment_text(struct text t)
{
    char s[MOMENT_TEXT_MAX];
    const char *comma;

    t = words_trim(t);
    if (text_empty(t) || t.n >= sizeof s || memchr(t.p, '\0', t.n) != NULL)
        return EVENT_NO_TIME;
    memcpy(s, t.p, t.n);
    s[t.n] = '\0';
    if (t.n >= 10 && s[4] == '-')
        return spaced(s, t.n);
    comma = strchr(s, ',');
    return rfc2822(comma == NULL ? s : comma + 1);
}

int64_t moment_json(const struct json *v, struct arena *arena, int64_t unit_us)
{
    double number;

    if (json_type(v) == JSON_STRING)
        return moment_text(json_string(v, arena));
    if (!number_double(json_number(v), &number))
        return EVENT_NO_TIME;
    number *= (double)unit_us;
    if (number < 0 || number > (double)moment_last_us)
        return EVENT_NO_TIME;
    return (int64_t)(number + 0.5);
}

int64_t moment_plus(int64_t us, int64_t seconds)
{
    if (us == EVENT_NO_TIME || seconds < -INT32_MAX || seconds > INT32_MAX)
        return EVENT_NO_TIME;
    return us + seconds * MOMENT_SECOND_US;
}
