#include "base/decimal.h"

static size_t count_digits(const char *p, const char *end)
{
    size_t n = 0;

    while (p + n < end && p[n] >= '0' && p[n] <= '9')
        n++;
    return n;
}

static bool all_zeros(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '0')
            return false;
    }
    return true;
}

/* [-]whole[.fraction] */
static struct text join(struct arena *arena, bool minus, struct text whole, struct text fraction)
{
    char buffer[DECIMAL_DIGITS_MAX + 2];
    size_t n = 0;
    const char *copy;

    if (minus)
        buffer[n++] = '-';
    memcpy(buffer + n, whole.p, whole.n);
    n += whole.n;
    if (fraction.n > 0) {
        buffer[n++] = '.';
        memcpy(buffer + n, fraction.p, fraction.n);
        n += fraction.n;
    }
    copy = arena_copy(arena, buffer, n);
    return arena->failed ? TEXT_NULL : (struct text){copy, n};
}

bool decimal_parse(struct text s, struct arena *arena, struct text *out)
{
    const char *p = s.p, *end;
    struct text whole, fraction = {NULL, 0};
    bool minus = false;

    if (text_empty(s))
        return false;
    end = p + s.n;
    if (*p == '-' || *p == '+')
        minus = *p++ == '-';
    whole = (struct text){p, count_digits(p, end)};
    p += whole.n;
    if (whole.n == 0)
        return false;
    if (p < end && *p == '.') {
        fraction = (struct text){p + 1, count_digits(p + 1, end)};
        p += 1 + fraction.n;
        if (fraction.n == 0)
            return false;
    }
    if (p != end)
        return false;
    while (whole.n > 1 && *whole.p == '0') {
        whole.p++;
        whole.n--;
    }
    while (fraction.n > DECIMAL_FRACTION_DIGITS_MAX && fraction.p[fraction.n - 1] == '0')
        fraction.n--;
    if (whole.n > DECIMAL_INTEGER_DIGITS_MAX || fraction.n > DECIMAL_FRACTION_DIGITS_MAX)
        return false;
    minus = minus && !(all_zeros(whole.p, whole.n) && all_zeros(fraction.p, fraction.n));
    *out = join(arena, minus, whole, fraction);
    return true;
}
