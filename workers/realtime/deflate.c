#include "realtime/deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "realtime/limits.h"

enum {
    RAW_WINDOW = -15, /* no header around it: 32 KiB, what every client must understand */
    LEVEL = 3,        /* 9 us for a frame of 1 KB, which it halves; higher ones gain a few bytes */
    MEMORY = 8,
    GAIN = 8 /* an eighth */
};

/* Ends each message, and is left out of it. */
static const unsigned char tail[] = {0, 0, 0xFF, 0xFF};

struct deflate {
    z_stream out, in;
    unsigned char message[SESSION_FRAME_IN_MAX + 1];
};

struct deflate *deflate_new(void)
{
    struct deflate *d = calloc(1, sizeof *d);

    if (d == NULL)
        return NULL;
    if (deflateInit2(&d->out, LEVEL, Z_DEFLATED, RAW_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK &&
        inflateInit2(&d->in, RAW_WINDOW) == Z_OK)
        return d;
    deflate_free(d);
    return NULL;
}

void deflate_free(struct deflate *d)
{
    if (d == NULL)
        return;
    (void)deflateEnd(&d->out);
    (void)inflateEnd(&d->in);
    free(d);
}

/* A client that cannot hold 32 KiB asks for a smaller window; none of today's does. */
bool deflate_suits(const char *offer)
{
    return strstr(offer, "server_max_window_bits") == NULL;
}

static struct frame *compress_frame(struct deflate *d, const struct frame *f)
{
    struct text in = frame_payload(f);
    size_t room = in.n - in.n / GAIN;
    struct frame_writer w;
    struct frame *small;
    bool fits;

    frame_begin(&w);
    (void)deflateReset(&d->out);
    d->out.next_in = (z_const Bytef *)in.p;
    d->out.avail_in = (uInt)in.n;
    d->out.next_out = frame_room(&w, room);
    d->out.avail_out = d->out.next_out == NULL ? 0 : (uInt)room;
    fits = d->out.avail_out > 0 && deflate(&d->out, Z_SYNC_FLUSH) == Z_OK && d->out.avail_in == 0 &&
           d->out.avail_out > 0;
    if (fits)
        frame_wrote(&w, room - d->out.avail_out - sizeof tail);
    small = frame_finish_deflated(&w, f);
    if (fits)
        return small;
    frame_unref(small);
    return NULL;
}

const struct frame *deflate_frame(struct deflate *d, struct frame *f)
{
    if (f->len < DEFLATE_MIN)
        return f;
    if (!f->deflate_tried)
        f->deflated = compress_frame(d, f);
    f->deflate_tried = true;
    return f->deflated == NULL ? f : f->deflated;
}

static int feed(z_stream *z, const void *bytes, size_t n)
{
    z->next_in = (z_const Bytef *)bytes;
    z->avail_in = (uInt)n;
    return inflate(z, Z_SYNC_FLUSH);
}

/* Complete: behind the tail a new block may begin, or the sender said itself that none does (RFC 7692, 7.2.3.4). */
enum inflated deflate_inflate(struct deflate *d, struct text in, struct text *out)
{
    enum { BETWEEN_BLOCKS = 128 };
    z_stream *z = &d->in;
    int r;

    (void)inflateReset(z);
    z->next_out = d->message;
    z->avail_out = sizeof d->message;
    r = feed(z, in.p, in.n);
    if (r == Z_OK && z->avail_in == 0)
        r = feed(z, tail, sizeof tail);
    if (z->avail_out == 0)
        return INFLATED_TOO_BIG;
    *out = (struct text){(const char *)d->message, sizeof d->message - z->avail_out};
    if (r == Z_STREAM_END)
        return z->avail_in <= 1 + sizeof tail ? INFLATED_WELL : INFLATED_BAD;
    return r == Z_OK && z->avail_in == 0 && (z->data_type & BETWEEN_BLOCKS) ? INFLATED_WELL
                                                                            : INFLATED_BAD;
}
