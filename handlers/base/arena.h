/* A bounded bump allocator: one arena per batch. Handlers allocate, nobody frees, the batch resets it whole. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct arena {
    char *base;
    size_t size;
    size_t used;
    bool failed; /* sticky: some allocation did not fit */
};

/* `memory` stays the caller's and must outlive the arena; aligned as malloc() aligns. */
void arena_init(struct arena *a, void *memory, size_t size);

/* Forgets every allocation at once and clears `failed`. */
void arena_reset(struct arena *a);

/* Zeroed memory, or NULL with `failed` set. */
void *arena_alloc(struct arena *a, size_t size);

/* `size` bytes as they are, not zeroed and anywhere: for text that is written at once. NULL with
 * `failed` set if they do not fit. */
char *arena_bytes(struct arena *a, size_t size);

/* A NUL-terminated copy of `text`, or "" with `failed` set: never NULL. */
const char *arena_copy(struct arena *a, const char *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
