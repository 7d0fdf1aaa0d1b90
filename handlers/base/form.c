#include "base/form.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "base/words.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = words_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes up to `end` or a byte of `stop`, and steps *p and *room on. */
static struct text decode(const char **p, const char *end, const char *stop, char **room)
{
    char *start = *room;

    while (*p < end && strchr(stop, **p) == NULL) {
        int high = -1, low = -1;

        if (**p == '%' && end - *p >= 3) {
            high = hex_value((*p)[1]);
            low = hex_value((*p)[2]);
        }
        if (high >= 0 && low >= 0) {
            *(*room)++ = (char)(high << 4 | low);
            *p += 3;
            continue;
        }
        *(*room)++ = **p == '+' ? ' ' : **p;
        (*p)++;
    }
    return (struct text){start, (size_t)(*room - start)};
}

/* strchr() finds the end of its string too, so a NUL byte is taken out of its sight. */
static bool has_nul(struct text t)
{
    return t.n > 0 && memchr(t.p, '\0', t.n) != NULL;
}

bool form_parse(struct form *f, struct text encoded, char *room)
{
    const char *p = encoded.p, *end;

    f->n = 0;
    if (text_empty(encoded))
        return true;
    if (encoded.n > FORM_BYTES_MAX || has_nul(encoded))
        return false;
    end = p + encoded.n;
    while (p < end) {
        struct form_pair pair = {.value = TEXT("")};

        if (*p == '&') {
            p++;
            continue;
        }
        pair.name = decode(&p, end, "&=", &room);
        if (p < end && *p == '=') {
            p++;
            pair.value = decode(&p, end, "&", &room);
        }
        if (f->n == FORM_PAIRS_MAX)
            return false;
        f->pair[f->n++] = pair;
    }
    return true;
}

static int compare_text(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_pairs(const void *left, const void *right)
{
    const struct form_pair *a = left, *b = right;
    int order = compare_text(a->name, b->name);

    return order != 0 ? order : compare_text(a->value, b->value);
}

void form_sort(struct form *f)
{
    qsort(f->pair, f->n, sizeof *f->pair, compare_pairs);
}

struct text form_value(const struct form *f, const char *name)
{
    struct text wanted = text_of(name);

    for (unsigned i = 0; i < f->n; i++) {
        struct text value = words_trim(f->pair[i].value);
        if (!text_equal(f->pair[i].name, wanted))
            continue;
        return text_empty(value) || !utf8_storable(value) ? TEXT_NULL : value;
    }
    return TEXT_NULL;
}

struct text form_query(struct text url)
{
    const char *end, *mark;

    if (text_empty(url))
        return TEXT("");
    end = memchr(url.p, '#', url.n);
    if (end == NULL)
        end = url.p + url.n;
    mark = end > url.p ? memchr(url.p, '?', (size_t)(end - url.p)) : NULL;
    if (mark == NULL)
        return TEXT("");
    return (struct text){mark + 1, (size_t)(end - mark - 1)};
}
