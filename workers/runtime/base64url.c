#include "runtime/base64url.h"

#include <stdint.h>

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_decode(const char *text, size_t len, void *out, size_t size, size_t *n)
{
    uint8_t *bytes = out;
    uint32_t bits = 0;
    unsigned have = 0;
    size_t used = 0;

    if (len % 4 == 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        int v = value_of(text[i]);

        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (used == size)
            return false;
        bytes[used++] = (uint8_t)(bits >> have);
        bits &= (1u << have) - 1;
    }
    *n = used;
    return bits == 0;
}

bool base64url_encode(const void *bytes, size_t len, char *out, size_t size, size_t *n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const uint8_t *s = bytes;
    uint32_t bits = 0;
    unsigned have = 0;
    size_t used = 0;

    if (size <= (len * 8 + 5) / 6)
        return false;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | s[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            out[used++] = digits[bits >> have & 63];
        }
        bits &= (1u << have) - 1;
    }
    if (have > 0)
        out[used++] = digits[bits << (6 - have) & 63];
    out[used] = '\0';
    *n = used;
    return true;
}
