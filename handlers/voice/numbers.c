#include "voice/numbers.h"

#include <stdlib.h>

#include "base/words.h"
#include "voice/provider.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool number_double(struct text t, double *value)
{
    char s[NUMBER_TEXT_MAX + 1], *end;

    if (text_empty(t) || t.n > NUMBER_TEXT_MAX || (!is_digit(t.p[0]) && t.p[0] != '-'))
        return false;
    for (size_t i = 0; i < t.n; i++) {
        if (!is_digit(t.p[i]) && (t.p[i] == '\0' || strchr("+-.eE", t.p[i]) == NULL))
            return false; /* strtod() would take hexadecimal and "inf" too */
    }
    memcpy(s, t.p, t.n);
    s[t.n] = '\0';
    *value = strtod(s, &end);
    return end == s + t.n && *value > -1e300 && *value < 1e300;
}

int64_t number_seconds(struct text t, int64_t per_second)
{
    double value;

    if (!number_double(words_trim(t), &value))
        return VOICE_NONE;
    value /= (double)per_second;
    return value < 0 || value > INT32_MAX ? VOICE_NONE : (int64_t)value;
}

/* A number taken apart: `digits` without the point, which stands behind the first `point` of them.
 */
struct decimal {
    char digits[NUMBER_TEXT_MAX];
    int n, point;
    bool minus;
};

static bool take_apart(struct text t, struct decimal *d)
{
    const char *p, *end;
    int exponent = 0, sign = 1;
    double checked;

    if (!number_double(t, &checked))
        return false;
    p = t.p;
    end = p + t.n;
    *d = (struct decimal){.point = -1};
    d->minus = *p == '-';
    for (p += d->minus; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.')
            d->point = d->n;
        else
            d->digits[d->n++] = *p;
    }
    if (d->point < 0)
        d->point = d->n;
    if (p < end && ++p < end && (*p == '-' || *p == '+'))
        sign = *p++ == '-' ? -1 : 1;
    for (; p < end; p++)
        exponent = exponent > 1000 ? exponent : exponent * 10 + (*p - '0');
    d->point += sign * exponent;
    return d->n > 0;
}

struct text number_decimal(struct text t, int shift, struct arena *arena)
{
    struct decimal d;
    char *out, *start;
    int first = 0;

    if (!take_apart(words_trim(t), &d))
        return TEXT_NULL;
    d.point += shift;
    if (d.point > NUMBER_DIGITS_MAX || d.n - d.point > NUMBER_DIGITS_MAX)
        return TEXT_NULL;
    while (first < d.n - 1 && first < d.point - 1 && d.digits[first] == '0')
        first++;
    start = out = arena_alloc(arena, 2 * NUMBER_DIGITS_MAX + 4);
    if (out == NULL)
        return TEXT_NULL;
    if (d.minus)
        *out++ = '-';
    if (d.point <= 0)
        *out++ = '0';
    for (int i = first; i < d.point; i++)
        *out++ = i < d.n ? d.digits[i] : '0';
    if (d.n > d.point)
        *out++ = '.';
    for (int i = d.point; i < d.n; i++)
        *out++ = i < 0 ? '0' : d.digits[i];
    return (struct text){start, (size_t)(out - start)};
}

bool number_is_e164(struct text t)
{
    if (t.p == NULL || t.n < 1 + E164_DIGITS_MIN || t.n > 1 + E164_DIGITS_MAX || t.p[0] != '+' ||
        t.p[1] == '0')
        return false;
    for (size_t i = 1; i < t.n; i++) {
        if (!is_digit(t.p[i]))
            return false;
    }
    return true;
}

struct text number_party(struct text t, bool international, struct arena *arena)
{
    size_t min = international ? E164_DIGITS_MIN : E164_BARE_MIN, n = 0;
    char *number;
    bool plus;

    t = words_trim(t);
    if (text_empty(t) || t.n > NUMBER_PARTY_MAX)
        return TEXT_NULL;
    number = arena_alloc(arena, t.n + 2);
    if (number == NULL)
        return TEXT_NULL;
    plus = t.p[0] == '+';
    number[n++] = '+';
    for (size_t i = plus ? 1 : 0; i < t.n; i++) {
        if (is_digit(t.p[i]))
            number[n++] = t.p[i];
        else if (t.p[i] == '\0' || strchr(" -.()", t.p[i]) == NULL)
            return t;
    }
    if (!number_is_e164((struct text){number, n}) || (!plus && n - 1 < min))
        return t;
    return (struct text){number, n};
}
