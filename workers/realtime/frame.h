/* An outgoing websocket frame (RFC 6455), serialised once and shared by all sockets that get it.
 * Header and payload lie side by side, so frames for one socket can be joined into one write. Pure.
 *
 *   frame_begin(&w);  frame_puts(&w, "[null,");  frame_string(&w, topic);  ...  f = frame_finish(&w);
 * Failure (out of memory) is sticky; frame_finish() then returns NULL. */
#ifndef REALTIME_FRAME_H
#define REALTIME_FRAME_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"

enum { FRAME_HEADER_MAX = 10 };

struct frame {
    uint32_t refs;
    uint32_t start;       /* where the header begins in `bytes` */
    size_t len;           /* header and payload */
    int64_t committed_us; /* of the change it tells; 0: none, or its latency is already measured */
    struct frame *deflated; /* the same compressed, owned; NULL: not (yet) made */
    bool deflate_tried;
    unsigned char bytes[];
};

struct frame_writer {
    struct frame *frame;
    size_t used, size; /* of frame->bytes */
    bool failed;
};

void frame_begin(struct frame_writer *w);
/* So many bytes will come, or a few less: then nothing is allocated twice. */
void frame_expect(struct frame_writer *w, size_t n);
void frame_text(struct frame_writer *w, struct text t);   /* as it is */
void frame_puts(struct frame_writer *w, const char *s);   /* as it is */
void frame_string(struct frame_writer *w, struct text t); /* as a JSON string, quoted and escaped */
void frame_number(struct frame_writer *w, uint64_t n);

/* Where up to `n` bytes may be written; frame_wrote() says how many were. NULL: failed. */
unsigned char *frame_room(struct frame_writer *w, size_t n);
void frame_wrote(struct frame_writer *w, size_t n);

/* A text frame with one reference, which is the caller's. */
struct frame *frame_finish(struct frame_writer *w);
/* The same as a binary frame. */
struct frame *frame_finish_binary(struct frame_writer *w);
/* The same as a compressed frame of the kind of `of`. */
struct frame *frame_finish_deflated(struct frame_writer *w, const struct frame *of);

/* A PING that carries a number as text; 0: an empty one. */
struct frame *frame_ping(uint64_t n);

/* The payload of a finished text or binary frame. */
struct text frame_payload(const struct frame *f);

static inline struct frame *frame_ref(struct frame *f)
{
    assert(f->refs > 0);
    f->refs++;
    return f;
}

/* NULL is fine. */
static inline void frame_unref(struct frame *f)
{
    assert(f == NULL || f->refs > 0);
    if (f == NULL || --f->refs > 0)
        return;
    free(f->deflated); /* the only reference to it */
    free(f);
}

#endif
