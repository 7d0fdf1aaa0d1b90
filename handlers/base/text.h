/* A borrowed run of UTF-8 bytes. Absent (`p` NULL) is not empty (`n` 0): SQL NULL is the first. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text {
    const char *p; /* NULL: absent */
    size_t n;
};

#define TEXT_NULL ((struct text){NULL, 0})
#define TEXT(literal) ((struct text){"" literal, sizeof(literal) - 1})

static inline struct text text_of(const char *s)
{
    return s == NULL ? TEXT_NULL : (struct text){s, strlen(s)};
}

/* True for NULL and for "". */
static inline bool text_empty(struct text t)
{
    return t.p == NULL || t.n == 0;
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.n == b.n && (a.p == NULL) == (b.p == NULL) && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

#endif
