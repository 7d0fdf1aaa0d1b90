#include "base/utf8.h"

size_t utf8_character(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] <= 0xDF ? 2 : p[0] >> 4 == 0xE ? 3 : 4;

    if (n == 1)
        return 1;
    if (n > left || (n == 4 && (p[0] < 0xF0 || p[0] > 0xF4)))
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

bool utf8_storable(struct text t)
{
    for (size_t i = 0; i < t.n;) {
        size_t n = utf8_character(t.p + i, t.n - i);

        if (n == 0 || t.p[i] == '\0')
            return false;
        i += n;
    }
    return true;
}
