#include "worker/unmask.h"

#include <stdint.h>

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number that n hexadecimal digits at `at` are; -1: there are none. */
static int32_t hex_at(struct text t, size_t at, unsigned n)
{
    int32_t value = 0;

    if (at + n > t.n)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        int digit = nibble(t.p[at + i]);

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* One UTF-16 unit; half a surrogate pair becomes bytes that mean nothing, which nobody looks for. */
static size_t put_unit(char *out, int32_t unit)
{
    if (unit < 0x80) {
        out[0] = (char)unit;
        return 1;
    }
    if (unit < 0x800) {
        out[0] = (char)(0xC0 | unit >> 6);
        out[1] = (char)(0x80 | (unit & 0x3F));
        return 2;
    }
    out[0] = (char)(0xE0 | unit >> 12);
    out[1] = (char)(0x80 | (unit >> 6 & 0x3F));
    out[2] = (char)(0x80 | (unit & 0x3F));
    return 3;
}

/* What stands at t.p[*at], which it moves behind it. -> how many bytes were written; never more than were read */
static size_t take(struct text t, size_t *at, char *out)
{
    size_t i = *at;
    int32_t code = -1;

    if (t.p[i] == '%' && (code = hex_at(t, i + 1, 2)) >= 0) {
        *at = i + 3;
        out[0] = (char)code;
        return 1;
    }
    if (t.p[i] == '\\' && i + 1 < t.n && t.p[i + 1] == 'u' && (code = hex_at(t, i + 2, 4)) >= 0) {
        *at = i + 6;
        return put_unit(out, code);
    }
    if (t.p[i] == '\\' && i + 1 < t.n &&
        (t.p[i + 1] == '/' || t.p[i + 1] == '\\' || t.p[i + 1] == '"')) {
        *at = i + 2;
        out[0] = t.p[i + 1];
        return 1;
    }
    *at = i + 1;
    out[0] = t.p[i];
    return 1;
}

static struct text pass(struct text t, char *out)
{
    size_t n = 0;

    for (size_t at = 0; at < t.n;)
        n += take(t, &at, out + n);
    return (struct text){out, n};
}

struct text unmask(struct arena *arena, struct text t)
{
    char *copy;

    if (t.n == 0 || (memchr(t.p, '\\', t.n) == NULL && memchr(t.p, '%', t.n) == NULL))
        return t;
    copy = arena_alloc(arena, t.n);
    if (copy == NULL)
        return t;
    for (unsigned i = 0; i < UNMASK_PASSES_MAX; i++) {
        size_t before = t.n;

        t = pass(t, copy); /* in place from the second on: it writes behind what it reads */
        if (t.n == before)
            break;
    }
    return t;
}
