#include "base/words.h"

char words_lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

char words_upper(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return c;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct text words_trim(struct text t)
{
    if (t.p == NULL)
        return t;
    for (; t.n > 0 && is_space(*t.p); t.p++)
        t.n--;
    while (t.n > 0 && is_space(t.p[t.n - 1]))
        t.n--;
    return t;
}

bool words_blank(struct text t)
{
    return text_empty(words_trim(t));
}

struct text words_cut(struct text t, size_t max)
{
    if (t.p == NULL || t.n <= max)
        return t;
    while (max > 0 && ((unsigned char)t.p[max] & 0xC0) == 0x80) /* inside a character */
        max--;
    return (struct text){t.p, max};
}

bool words_equal(struct text a, struct text b)
{
    if (a.p == NULL || b.p == NULL || a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (words_lower(a.p[i]) != words_lower(b.p[i]))
            return false;
    }
    return true;
}
