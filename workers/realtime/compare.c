#include "realtime/compare.h"

#include "realtime/limits.h"
#include "runtime/jsontext.h"

/* A decimal number in parts: sign, digits before and behind the point without useless zeros. */
struct decimal {
    bool negative;
    struct text whole, fraction;
};

static size_t count_digits(const char *p, const char *end)
{
    const char *start = p;

    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return (size_t)(p - start);
}

static bool parse_decimal(struct text t, struct decimal *out)
{
    const char *p = t.p, *end = t.p + t.n;

    *out = (struct decimal){0};
    if (p < end && (*p == '-' || *p == '+'))
        out->negative = *p++ == '-';
    out->whole = (struct text){p, count_digits(p, end)};
    p += out->whole.n;
    if (p < end && *p == '.') {
        p++;
        out->fraction = (struct text){p, count_digits(p, end)};
        p += out->fraction.n;
    }
    if (p != end || out->whole.n + out->fraction.n == 0)
        return false;
    while (out->whole.n > 0 && *out->whole.p == '0') {
        out->whole.p++;
        out->whole.n--;
    }
    while (out->fraction.n > 0 && out->fraction.p[out->fraction.n - 1] == '0')
        out->fraction.n--;
    if (out->whole.n + out->fraction.n == 0)
        out->negative = false;
    return true;
}

static enum comparison sign(int n)
{
    return n < 0 ? LESS : n > 0 ? GREATER : EQUAL;
}

static enum comparison compare_bytes(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

    return order != 0 ? sign(order) : sign(a.n < b.n ? -1 : a.n > b.n);
}

static enum comparison compare_decimals(const struct decimal *a, const struct decimal *b)
{
    enum comparison order;

    if (a->negative != b->negative)
        return a->negative ? LESS : GREATER;
    if (a->whole.n != b->whole.n)
        order = a->whole.n < b->whole.n ? LESS : GREATER;
    else if ((order = compare_bytes(a->whole, b->whole)) == EQUAL)
        order = compare_bytes(a->fraction, b->fraction);
    return a->negative ? sign(-(int)order) : order;
}

/* Reads exactly `n` digits. */
static bool digits(const char **p, const char *end, int n, int64_t *out)
{
    *out = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (*p == end || **p < '0' || **p > '9')
            return false;
        *out = *out * 10 + (**p - '0');
    }
    return true;
}

static bool literal(const char **p, const char *end, const char *any_of)
{
    if (*p == end || **p == '\0' || strchr(any_of, **p) == NULL)
        return false;
    (*p)++;
    return true;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    int64_t era, yoe, doy;

    y -= m <= 2;
    era = y / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* "+05:30", "+0530", "+05", "Z" or nothing; minutes east of UTC. */
static bool zone(const char **p, const char *end, int64_t *minutes)
{
    int64_t hours, rest = 0;
    bool west;

    *minutes = 0;
    if (*p == end || literal(p, end, "Zz"))
        return true;
    west = **p == '-';
    if (!literal(p, end, "+- ") ||
        !digits(p, end, 2, &hours)) /* an unescaped + arrives as a blank */
        return false;
    (void)literal(p, end, ":");
    if (*p != end && !digits(p, end, 2, &rest))
        return false;
    *minutes = (hours * 60 + rest) * (west ? -1 : 1);
    return true;
}

static bool clock_time(const char **p, const char *end, int64_t *us)
{
    int64_t h, m, s = 0, unit = 100000;

    if (!digits(p, end, 2, &h) || !literal(p, end, ":") || !digits(p, end, 2, &m))
        return false;
    if (literal(p, end, ":") && !digits(p, end, 2, &s))
        return false;
    if (h > 24 || m > 59 || s > 60)
        return false;
    *us = ((h * 60 + m) * 60 + s) * 1000000;
    if (!literal(p, end, "."))
        return true;
    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
        *us += (**p - '0') * unit;
    return true;
}

bool compare_time(struct text text, int64_t *us)
{
    const char *p = text.p, *end = text.p + text.n;
    int64_t y, m, d, clock = 0, minutes = 0;

    if (!digits(&p, end, 4, &y) || !literal(&p, end, "-") || !digits(&p, end, 2, &m) ||
        !literal(&p, end, "-") || !digits(&p, end, 2, &d) || m < 1 || m > 12 || d < 1 || d > 31)
        return false;
    if (p < end && (!literal(&p, end, "Tt ") || !clock_time(&p, end, &clock) ||
                    !zone(&p, end, &minutes) || p != end))
        return false;
    *us = days_from_civil(y, m, d) * 86400000000 + clock - minutes * 60000000;
    return true;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool equal_folded(struct text a, struct text b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

static bool is_uuid(struct text t)
{
    if (t.n != 36)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        char c = lower(t.p[i]);
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

static enum comparison compare_text(struct text value, struct text text)
{
    int64_t a, b;

    if (is_uuid(value) && is_uuid(text) && equal_folded(value, text))
        return EQUAL;
    if (compare_time(value, &a) && compare_time(text, &b))
        return a < b ? LESS : a > b ? GREATER : EQUAL;
    return compare_bytes(value, text);
}

/* As PostgreSQL reads a boolean. */
static int boolean(struct text t)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "on", "1"};
    static const char *const no[] = {"false", "f", "no", "n", "off", "0"};

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (equal_folded(t, text_of(yes[i])))
            return 1;
        if (equal_folded(t, text_of(no[i])))
            return 0;
    }
    return -1;
}

enum comparison compare_value(struct text value, struct text text)
{
    struct decimal a, b;
    char decoded[FILTER_MAX];
    size_t n;
    int want;

    switch (jsontext_kind(value)) {
    case JSONTEXT_NUMBER:
        if (!parse_decimal(value, &a) || !parse_decimal(text, &b))
            return UNRELATED;
        return compare_decimals(&a, &b);
    case JSONTEXT_TRUE:
    case JSONTEXT_FALSE:
        want = boolean(text);
        return want < 0 ? UNRELATED : sign((jsontext_kind(value) == JSONTEXT_TRUE) - want);
    case JSONTEXT_STRING:
        /* A text longer than any filter cannot equal it; its beginning decides the order. */
        if (!jsontext_string(value, decoded, sizeof decoded, &n))
            return compare_bytes((struct text){value.p + 1, value.n - 2}, text);
        return compare_text((struct text){decoded, n}, text);
    default:
        return compare_bytes(value, text); /* json columns: as they are written */
    }
}

/* Bytes of the UTF-8 character at p. */
static size_t char_len(const char *p, const char *end)
{
    size_t n = 1;

    while (p + n < end && ((unsigned char)p[n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* One step of the pattern against the text; the usual backtracking to the last %: linear in practice, never recursive. */
bool compare_like(struct text value, struct text pattern, bool fold)
{
    const char *s = value.p, *s_end = value.p + value.n, *p = pattern.p,
               *p_end = pattern.p + pattern.n;
    const char *star = NULL, *mark = NULL;

    while (s < s_end) {
        bool escaped = p < p_end && *p == '\\' && p + 1 < p_end;
        const char *c = escaped ? p + 1 : p;

        if (p < p_end && !escaped && *p == '%') {
            star = ++p;
            mark = s;
        } else if (p < p_end && !escaped && *p == '_') {
            p++;
            s += char_len(s, s_end);
        } else if (p < p_end && (*c == *s || (fold && lower(*c) == lower(*s)))) {
            p = c + 1;
            s++;
        } else if (star != NULL) {
            p = star;
            mark += char_len(mark, s_end);
            s = mark;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '%')
        p++;
    return p == p_end;
}
