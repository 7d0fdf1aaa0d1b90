#include "realtime/frame.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FRAME_FIRST_SIZE = 1024,
    FRAME_SPARE_MAX = 128,
    OPCODE_TEXT = 0x81,
    OPCODE_BINARY = 0x82,
    OPCODE_PING = 0x89,
    RSV1 = 0x40 /* compressed */
};

void frame_begin(struct frame_writer *w)
{
    *w = (struct frame_writer){.used = FRAME_HEADER_MAX};
}

static bool reserve(struct frame_writer *w, size_t n)
{
    size_t size = w->size == 0 ? FRAME_FIRST_SIZE : w->size;
    struct frame *grown;

    if (w->failed)
        return false;
    while (size - w->used < n)
        size *= 2;
    if (size == w->size)
        return true;
    grown = realloc(w->frame, sizeof *grown + size);
    if (grown == NULL) {
        free(w->frame);
        *w = (struct frame_writer){.failed = true};
        return false;
    }
    w->frame = grown;
    w->size = size;
    return true;
}

void frame_expect(struct frame_writer *w, size_t n)
{
    assert(w->frame == NULL);
    w->frame = malloc(sizeof *w->frame + FRAME_HEADER_MAX + n);
    if (w->frame == NULL)
        w->failed = true;
    else
        w->size = FRAME_HEADER_MAX + n;
}

void frame_text(struct frame_writer *w, struct text t)
{
    if (t.n == 0 || !reserve(w, t.n))
        return;
    memcpy(w->frame->bytes + w->used, t.p, t.n);
    w->used += t.n;
}

unsigned char *frame_room(struct frame_writer *w, size_t n)
{
    return reserve(w, n) ? w->frame->bytes + w->used : NULL;
}

void frame_wrote(struct frame_writer *w, size_t n)
{
    assert(n <= w->size - w->used);
    w->used += n;
}

void frame_puts(struct frame_writer *w, const char *s)
{
    frame_text(w, (struct text){s, strlen(s)});
}

void frame_string(struct frame_writer *w, struct text t)
{
    size_t done = 0;

    frame_puts(w, "\"");
    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.p[i];
        char escape[8];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        frame_text(w, (struct text){t.p + done, i - done});
        snprintf(escape, sizeof escape, c < 0x20 ? "\\u%04x" : "\\%c", c);
        frame_puts(w, escape);
        done = i + 1;
    }
    if (t.n > done)
        frame_text(w, (struct text){t.p + done, t.n - done});
    frame_puts(w, "\"");
}

void frame_number(struct frame_writer *w, uint64_t n)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    frame_puts(w, digits);
}

/* Writes the header right in front of the payload. Returns its length. */
static uint32_t put_header(unsigned char *payload, unsigned char opcode, size_t n)
{
    if (n < 126) {
        payload[-2] = opcode;
        payload[-1] = (unsigned char)n;
        return 2;
    }
    if (n <= UINT16_MAX) {
        payload[-4] = opcode;
        payload[-3] = 126;
        payload[-2] = (unsigned char)(n >> 8);
        payload[-1] = (unsigned char)n;
        return 4;
    }
    payload[-10] = opcode;
    payload[-9] = 127;
    for (int i = 0; i < 8; i++)
        payload[-1 - i] = (unsigned char)((uint64_t)n >> (8 * i));
    return 10;
}

static struct frame *finish(struct frame_writer *w, unsigned char opcode)
{
    struct frame *f;
    size_t n;
    uint32_t header;

    if (!reserve(w, 1))
        return NULL;
    /* Many readers may keep it queued: give back what is not used, if it is worth it. */
    f = w->size - w->used < FRAME_SPARE_MAX ? NULL : realloc(w->frame, sizeof *f + w->used);
    if (f == NULL)
        f = w->frame;
    n = w->used - FRAME_HEADER_MAX;
    header = put_header(f->bytes + FRAME_HEADER_MAX, opcode, n);
    f->refs = 1;
    f->start = FRAME_HEADER_MAX - header;
    f->len = header + n;
    f->committed_us = 0;
    f->deflated = NULL;
    f->deflate_tried = false;
    *w = (struct frame_writer){.failed = true}; /* a finished writer writes nothing more */
    return f;
}

struct frame *frame_finish(struct frame_writer *w)
{
    return finish(w, OPCODE_TEXT);
}

struct frame *frame_finish_binary(struct frame_writer *w)
{
    return finish(w, OPCODE_BINARY);
}

struct frame *frame_finish_deflated(struct frame_writer *w, const struct frame *of)
{
    return finish(w, of->bytes[of->start] | RSV1);
}

struct frame *frame_ping(uint64_t n)
{
    struct frame_writer w;

    frame_begin(&w);
    if (n != 0)
        frame_number(&w, n);
    return finish(&w, OPCODE_PING);
}

struct text frame_payload(const struct frame *f)
{
    size_t header = FRAME_HEADER_MAX - f->start;

    assert(f->bytes[f->start] == OPCODE_TEXT || f->bytes[f->start] == OPCODE_BINARY);
    return (struct text){(const char *)f->bytes + FRAME_HEADER_MAX, f->len - header};
}
