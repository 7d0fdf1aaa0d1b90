/* Any bytes as a compressed message, and, as a frame, through the compressor and back. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "realtime/deflate.h"
#include "realtime/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct deflate *d;
    struct text in = {(const char *)data, size}, out;
    const struct frame *small;
    struct frame_writer w;
    struct frame *f;

    if (d == NULL)
        d = deflate_new();
    if (deflate_inflate(d, in, &out) == INFLATED_WELL)
        assert(out.n <= SESSION_FRAME_IN_MAX);
    frame_begin(&w);
    frame_text(&w, in);
    f = frame_finish(&w);
    small = deflate_frame(d, f);
    if (small != f) {
        assert(small->len < f->len);
        out = (struct text){(const char *)small->bytes + FRAME_HEADER_MAX,
                            small->len - (FRAME_HEADER_MAX - small->start)};
        if (size <= SESSION_FRAME_IN_MAX)
            assert(deflate_inflate(d, out, &out) == INFLATED_WELL && out.n == size &&
                   memcmp(out.p, data, size) == 0);
    }
    frame_unref(f);
    return 0;
}
