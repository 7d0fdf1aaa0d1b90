#include "base/time.h"

/* Reads on from `p`; `ok` turns false at the first thing that does not fit. */
struct scanner {
    const char *p, *end;
    bool ok;
};

static int digits(struct scanner *s, int n)
{
    int value = 0;

    for (int i = 0; i < n; i++) {
        if (s->p == s->end || *s->p < '0' || *s->p > '9') {
            s->ok = false;
            return 0;
        }
        value = value * 10 + (*s->p++ - '0');
    }
    return value;
}

/* Steps over `a` or `b`. */
static void expect(struct scanner *s, char a, char b)
{
    if (s->p == s->end || (*s->p != a && *s->p != b)) {
        s->ok = false;
        return;
    }
    s->p++;
}

static int microseconds(struct scanner *s)
{
    int us = 0, n = 0;

    if (s->p == s->end || *s->p != '.')
        return 0;
    s->p++;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, n++) {
        if (n < 6)
            us = us * 10 + (*s->p - '0');
    }
    s->ok = s->ok && n >= 1 && n <= TIME_FRACTION_DIGITS_MAX;
    for (; n < 6; n++)
        us *= 10;
    return us;
}

/* Seconds east of UTC. */
static int offset(struct scanner *s)
{
    int hours, minutes, sign;

    if (s->p == s->end || (*s->p != '+' && *s->p != '-')) {
        expect(s, 'Z', 'z');
        return 0;
    }
    sign = *s->p++ == '-' ? -1 : 1;
    hours = digits(s, 2);
    expect(s, ':', ':');
    minutes = digits(s, 2);
    s->ok = s->ok && hours <= 23 && minutes <= 59;
    return sign * (hours * 3600 + minutes * 60);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 in the Gregorian calendar, which is taken to have always been in force. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t before = year - 1, days = before * 365 + before / 4 - before / 100 + before / 400;

    for (int m = 1; m < month; m++)
        days += days_of_month(year, m);
    return days + day - 1 - 719162; /* 1970-01-01 is day 719,162 when 0001-01-01 is day 0 */
}

bool time_parse(struct text t, int64_t *us)
{
    struct scanner s = {t.p, t.p == NULL ? NULL : t.p + t.n, true};
    int year, month, day, hour, minute, second, second_of_day, fraction;
    int64_t seconds, low, high;

    year = digits(&s, 4);
    expect(&s, '-', '-');
    month = digits(&s, 2);
    expect(&s, '-', '-');
    day = digits(&s, 2);
    expect(&s, 'T', 't');
    hour = digits(&s, 2);
    expect(&s, ':', ':');
    minute = digits(&s, 2);
    expect(&s, ':', ':');
    second = digits(&s, 2);
    if (!s.ok || year < TIME_YEAR_MIN || month < 1 || month > 12 || day < 1 ||
        day > days_of_month(year, month) || hour > 23 || minute > 59 || second > 60)
        return false;
    fraction = microseconds(&s);
    second_of_day = hour * 3600 + minute * 60 + second - offset(&s);
    seconds = days_since_1970(year, month, day) * 86400 + second_of_day;
    low = days_since_1970(TIME_YEAR_MIN, 1, 1) * 86400;
    high = days_since_1970(TIME_YEAR_MAX + 1, 1, 1) * 86400;
    if (!s.ok || s.p != s.end || seconds < low || seconds >= high)
        return false;
    *us = seconds * 1000000 + fraction;
    return true;
}
