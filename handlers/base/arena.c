#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

void arena_init(struct arena *a, void *memory, size_t size)
{
    assert(memory != NULL);
    assert((size_t)memory % alignof(max_align_t) == 0);
    *a = (struct arena){.base = memory, .size = size};
}

void arena_reset(struct arena *a)
{
    a->used = 0;
    a->failed = false;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    size_t start = (a->used + align - 1) / align * align;

    if (start > a->size || size > a->size - start) {
        a->failed = true;
        return NULL;
    }
    a->used = start + size;
    return memset(a->base + start, 0, size);
}

char *arena_bytes(struct arena *a, size_t size)
{
    char *bytes = a->base + a->used;

    if (size > a->size - a->used) {
        a->failed = true;
        return NULL;
    }
    a->used += size;
    return bytes;
}

const char *arena_copy(struct arena *a, const char *text, size_t len)
{
    char *copy = arena_bytes(a, len + 1);

    if (copy == NULL)
        return "";
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}
