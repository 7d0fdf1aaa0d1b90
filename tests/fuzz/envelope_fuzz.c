/* The door "stream entry": whatever lies in the stream is decoded or refused, within bounds. */
#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "envelope.h"
#include "event.h"

enum { BODY_MAX = 64 * 1024, ARENA_BYTES = 256 * 1024 };

/* Read by nobody: so that the compiler keeps the reads of what was decoded. */
extern volatile unsigned touched_sum;
volatile unsigned touched_sum;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that an envelope points to is touched, padding too. */
static unsigned touch(const char *p, size_t n)
{
    unsigned sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (unsigned char)p[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static alignas(max_align_t) char memory[ARENA_BYTES];
    static struct envelope_encoder *encoder;
    struct envelope out, again;
    struct arena arena;
    const char *reason;
    size_t len;

    if (encoder == NULL)
        encoder = envelope_encoder_new();
    arena_init(&arena, memory, sizeof memory);
    if (envelope_decode(&out, data, size, BODY_MAX, &arena, &reason) != ENVELOPE_OK) {
        assert(reason != NULL);
        return 0;
    }
    assert(out.body_len <= BODY_MAX && out.n_headers <= ENVELOPE_HEADERS_MAX);
    touched_sum += touch(out.source.p, out.source.n) + touch(out.topic.p, out.topic.n) +
                   touch(out.key.p, out.key.n);
    touched_sum +=
        touch(out.event_id.p, out.event_id.n) + touch(out.delivery_id.p, out.delivery_id.n);
    for (unsigned i = 0; i < out.n_headers; i++)
        touched_sum += touch(out.headers[i].name.p, out.headers[i].name.n) +
                       touch(out.headers[i].value.p, out.headers[i].value.n);
    touched_sum += touch(out.body, out.body_len + EVENT_BODY_PADDING);
    /* What was understood can be written again, and means the same. */
    data = envelope_encode(encoder, &out, &len);
    assert(data != NULL);
    if (envelope_decode(&again, data, len, BODY_MAX, &arena, &reason) == ENVELOPE_OK) {
        assert(again.body_len == out.body_len && memcmp(again.body, out.body, out.body_len) == 0);
        assert(text_equal(again.key, out.key) && again.n_headers == out.n_headers);
    } else {
        assert(arena.failed);
    }
    return 0;
}
