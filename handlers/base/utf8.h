/* What is text: UTF-8 as RFC 3629 has it (shortest form, no surrogates, up to U+10FFFF). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/text.h"

/* Bytes of the character at `p`, of `left` bytes at least 1; 0: it is none. */
size_t utf8_character(const char *p, size_t left);

/* True for what PostgreSQL takes as text: valid and without a NUL. */
bool utf8_storable(struct text t);

#endif
