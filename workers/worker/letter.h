/* From a dead letter back to the event that it was. Pure. */
#ifndef WORKER_LETTER_H
#define WORKER_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "envelope.h"

enum { LETTER_ARENA = 256 * 1024 }; /* for the headers */

/* As it lies in the table dead_letters; absent texts are NULL there. */
struct letter {
    struct text source, topic, key, headers, payload;
    struct text digest;  /* 8 bytes, or absent: computed */
    int64_t received_us; /* EVENT_NO_TIME: not known, `now_us` */
};

/* Borrows from the letter and the arena. False: *why is a phrase for a person. */
bool letter_envelope(const struct letter *letter, int64_t now_us, struct arena *arena,
                     struct envelope *out, const char **why);

#endif
