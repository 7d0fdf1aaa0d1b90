#include "realtime/outbox.h"

#include <assert.h>
#include <stdlib.h>

#include "realtime/limits.h"

enum { OUTBOX_FIRST_SIZE = 4, OUTBOX_BURST_SIZE = 16 };

static struct outbox_slot *slot(const struct outbox *o, uint32_t i)
{
    return &o->slots[(o->head + i) & (o->size - 1)];
}

static bool grow(struct outbox *o)
{
    uint32_t size = o->size == 0                  ? OUTBOX_FIRST_SIZE
                    : o->size < OUTBOX_BURST_SIZE ? OUTBOX_BURST_SIZE
                                                  : o->size * 2;
    struct outbox_slot *slots = malloc(size * sizeof *slots);

    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < o->n; i++)
        slots[i] = *slot(o, i);
    free(o->slots);
    o->slots = slots;
    o->size = size;
    o->head = 0;
    return true;
}

/* Newer ones move up; the order of all others stays. */
static void give_way(struct outbox *o, const void *owner, uint64_t row)
{
    uint32_t i = o->n;

    while (i > 0 && (slot(o, i - 1)->row != row || slot(o, i - 1)->owner != owner))
        i--;
    if (i == 0)
        return;
    o->bytes -= slot(o, i - 1)->frame->len;
    frame_unref(slot(o, i - 1)->frame);
    for (; i < o->n; i++)
        *slot(o, i - 1) = *slot(o, i);
    o->n--;
}

bool outbox_push(struct outbox *o, struct frame *f, const void *owner, uint64_t row)
{
    if (row != 0 && o->n >= OUTBOX_CONFLATE)
        give_way(o, owner, row);

    if (owner != NULL && (o->n >= OUTBOX_FRAMES_MAX || o->bytes + f->len > OUTBOX_BYTES_MAX))
        return false;
    if (o->n >= OUTBOX_FRAMES_MAX + OUTBOX_CONTROL_MAX)
        return false;
    if (o->n == o->size && !grow(o))
        return false;
    *slot(o, o->n) = (struct outbox_slot){frame_ref(f), owner, row};
    o->n++;
    o->bytes += f->len;
    return true;
}

uint32_t outbox_purge(struct outbox *o, const void *owner)
{
    uint32_t kept = 0, purged;

    assert(owner != NULL);
    for (uint32_t i = 0; i < o->n; i++) {
        struct outbox_slot s = *slot(o, i);

        if (s.owner != owner) {
            *slot(o, kept++) = s;
            continue;
        }
        o->bytes -= s.frame->len;
        frame_unref(s.frame);
    }
    purged = o->n - kept;
    o->n = kept;
    return purged;
}

void outbox_clear(struct outbox *o)
{
    while (o->n > 0)
        outbox_pop(o);
    free(o->slots);
    *o = (struct outbox){0};
}
