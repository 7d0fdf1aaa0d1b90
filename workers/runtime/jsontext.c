#include "runtime/jsontext.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/utf8.h"

/* The skip_* functions return the first byte behind what they recognised, or NULL. */

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static const char *skip_utf8(const char *p, const char *end)
{
    size_t n = utf8_character(p, (size_t)(end - p));

    return n == 0 ? NULL : p + n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits of \uXXXX; -1: not four digits. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t code = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);

        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static const char *skip_escape(const char *p, const char *end)
{
    if (++p == end)
        return NULL;
    if (*p == 'u')
        return hex4(p + 1, end) < 0 ? NULL : p + 5;
    return *p != '\0' && strchr("\"\\/bfnrt", *p) != NULL ? p + 1 : NULL;
}

static const char *skip_string(const char *p, const char *end)
{
    if (p == end || *p != '"')
        return NULL;
    p++;
    while (p != NULL && p < end && *p != '"') {
        if (*p == '\\')
            p = skip_escape(p, end);
        else if ((unsigned char)*p < 0x20)
            return NULL;
        else if ((unsigned char)*p < 0x80)
            p++;
        else
            p = skip_utf8(p, end);
    }
    return p == NULL || p == end ? NULL : p + 1;
}

static const char *skip_digits(const char *p, const char *end)
{
    const char *start = p;

    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p == start ? NULL : p;
}

static const char *skip_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else if ((p = skip_digits(p, end)) == NULL)
        return NULL;
    if (p < end && *p == '.' && (p = skip_digits(p + 1, end)) == NULL)
        return NULL;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = skip_digits(p, end);
    }
    return p;
}

static const char *skip_word(const char *p, const char *end, const char *word)
{
    size_t n = strlen(word);

    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

static const char *skip_value(const char *p, const char *end, unsigned depth);

/* Everything of an object or array behind its opening bracket. */
static const char *skip_container(const char *p, const char *end, char close, unsigned depth)
{
    if (depth == 0)
        return NULL;
    p = skip_space(p, end);
    if (p < end && *p == close)
        return p + 1;
    for (;;) {
        if (close == '}') {
            if ((p = skip_string(skip_space(p, end), end)) == NULL)
                return NULL;
            p = skip_space(p, end);
            if (p == end || *p++ != ':')
                return NULL;
        }
        if ((p = skip_value(p, end, depth - 1)) == NULL)
            return NULL;
        p = skip_space(p, end);
        if (p == end)
            return NULL;
        if (*p == close)
            return p + 1;
        if (*p++ != ',')
            return NULL;
    }
}

static const char *skip_value(const char *p, const char *end, unsigned depth)
{
    p = skip_space(p, end);
    if (p == end)
        return NULL;
    switch (*p) {
    case '{':
        return skip_container(p + 1, end, '}', depth);
    case '[':
        return skip_container(p + 1, end, ']', depth);
    case '"':
        return skip_string(p, end);
    case 't':
        return skip_word(p, end, "true");
    case 'f':
        return skip_word(p, end, "false");
    case 'n':
        return skip_word(p, end, "null");
    default:
        return skip_number(p, end);
    }
}

bool jsontext_valid(struct text json)
{
    const char *end, *p;

    if (json.p == NULL)
        return false;
    end = json.p + json.n;
    p = skip_value(json.p, end, JSONTEXT_DEPTH_MAX);
    return p != NULL && skip_space(p, end) == end;
}

enum jsontext_kind jsontext_kind(struct text value)
{
    const char *p, *end;

    if (text_empty(value))
        return JSONTEXT_NONE;
    end = value.p + value.n;
    p = skip_space(value.p, end);
    if (p == end)
        return JSONTEXT_NONE;
    switch (*p) {
    case '{':
        return JSONTEXT_OBJECT;
    case '[':
        return JSONTEXT_ARRAY;
    case '"':
        return JSONTEXT_STRING;
    case 't':
        return JSONTEXT_TRUE;
    case 'f':
        return JSONTEXT_FALSE;
    case 'n':
        return JSONTEXT_NULL;
    default:
        return *p == '-' || (*p >= '0' && *p <= '9') ? JSONTEXT_NUMBER : JSONTEXT_NONE;
    }
}

void jsontext_open(struct jsontext_each *each, struct text container)
{
    each->p = each->end = container.p;
    if (container.p == NULL)
        return;
    each->end = container.p + container.n;
    each->p = skip_space(container.p, each->end);
    if (each->p < each->end && (*each->p == '{' || *each->p == '['))
        each->p++;
    else
        each->p = each->end;
}

/* Takes the next value and the comma behind it. */
static bool take(struct jsontext_each *each, struct text *value)
{
    const char *start = skip_space(each->p, each->end);
    const char *p = skip_value(start, each->end, JSONTEXT_DEPTH_MAX);

    if (p == NULL) {
        each->p = each->end;
        return false;
    }
    *value = (struct text){start, (size_t)(p - start)};
    p = skip_space(p, each->end);
    each->p = p < each->end && *p == ',' ? p + 1 : each->end;
    return true;
}

bool jsontext_member(struct jsontext_each *each, struct text *name, struct text *value)
{
    const char *start = skip_space(each->p, each->end);
    const char *p = skip_string(start, each->end);

    if (p == NULL)
        return false;
    *name = (struct text){start + 1, (size_t)(p - start) - 2};
    p = skip_space(p, each->end);
    if (p == each->end || *p != ':')
        return false;
    each->p = p + 1;
    return take(each, value);
}

bool jsontext_element(struct jsontext_each *each, struct text *value)
{
    const char *p = skip_space(each->p, each->end);

    return p < each->end && *p != ']' && take(each, value);
}

struct text jsontext_get(struct text object, const char *name)
{
    struct jsontext_each each;
    struct text found = TEXT_NULL, key, value;
    size_t n = strlen(name);

    if (jsontext_kind(object) != JSONTEXT_OBJECT)
        return found;
    for (jsontext_open(&each, object); jsontext_member(&each, &key, &value);)
        if (key.n == n && memcmp(key.p, name, n) == 0)
            found = value;
    return found;
}

static size_t put_utf8(char out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* Decodes the escape at *p (which is valid by itself) and moves *p behind it; 0: refused. */
static size_t decode_escape(const char **p, const char *end, char out[4])
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *s = *p + 1;
    uint32_t code;

    if (*s != 'u') {
        out[0] = to[strchr(from, *s) - from];
        *p = s + 1;
        return 1;
    }
    code = (uint32_t)hex4(s + 1, end);
    *p = s + 5;
    if (code >= 0xD800 && code <= 0xDBFF) {
        int32_t low = end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2, end) : -1;

        if (low < 0xDC00 || low > 0xDFFF)
            return 0;
        code = 0x10000 + ((code - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
        *p += 6;
    }
    if (code == 0 || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    return put_utf8(out, code);
}

bool jsontext_string(struct text value, char *out, size_t size, size_t *n)
{
    const char *p = value.p, *end;
    size_t used = 0;

    assert(size > 0);
    if (value.p == NULL || skip_string(p, value.p + value.n) != value.p + value.n)
        return false;
    end = value.p + value.n - 1;
    for (p++; p < end;) {
        char bytes[4] = {*p};
        size_t k = 1;

        if (*p == '\\')
            k = decode_escape(&p, end, bytes);
        else
            p++;
        if (k == 0 || used + k >= size)
            return false;
        memcpy(out + used, bytes, k);
        used += k;
    }
    out[used] = '\0';
    if (n != NULL)
        *n = used;
    return true;
}

bool jsontext_int(struct text value, int64_t *out)
{
    char digits[32], *stop;
    size_t n = 0;

    if (value.p == NULL || skip_number(value.p, value.p + value.n) != value.p + value.n)
        return false;
    while (n < value.n && value.p[n] != '.') {
        if (value.p[n] == 'e' || value.p[n] == 'E' || n == sizeof digits - 1)
            return false;
        digits[n] = value.p[n];
        n++;
    }
    if (memchr(value.p, 'e', value.n) != NULL || memchr(value.p, 'E', value.n) != NULL)
        return false;
    digits[n] = '\0';
    errno = 0;
    *out = strtoll(digits, &stop, 10);
    return errno == 0 && *stop == '\0' && stop != digits;
}

bool jsontext_bool(struct text value, bool fallback)
{
    if (text_equal(value, TEXT("true")) || text_equal(value, TEXT("\"true\"")))
        return true;
    if (text_equal(value, TEXT("false")) || text_equal(value, TEXT("\"false\"")))
        return false;
    return fallback;
}
