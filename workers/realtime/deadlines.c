#include "realtime/deadlines.h"

#include <assert.h>
#include <stdlib.h>

bool deadlines_reserve(struct deadlines *d, uint32_t owners)
{
    uint32_t size = d->size == 0 ? 64 : d->size;
    struct deadline **heap;

    while (size < owners + 1)
        size *= 2;
    if (size == d->size)
        return true;
    heap = realloc(d->heap, size * sizeof(struct deadline *));
    if (heap == NULL)
        return false;
    d->heap = heap;
    d->size = size;
    return true;
}

static void place(struct deadlines *d, struct deadline *e, uint32_t pos)
{
    d->heap[pos] = e;
    e->pos = pos;
}

static void up(struct deadlines *d, struct deadline *e)
{
    uint32_t pos = e->pos;

    for (; pos > 1 && d->heap[pos / 2]->at > e->at; pos /= 2)
        place(d, d->heap[pos / 2], pos);
    place(d, e, pos);
}

static void down(struct deadlines *d, struct deadline *e)
{
    uint32_t pos = e->pos;

    for (uint32_t child; (child = pos * 2) <= d->n; pos = child) {
        if (child < d->n && d->heap[child + 1]->at < d->heap[child]->at)
            child++;
        if (d->heap[child]->at >= e->at)
            break;
        place(d, d->heap[child], pos);
    }
    place(d, e, pos);
}

static void take_out(struct deadlines *d, struct deadline *e)
{
    struct deadline *last = d->heap[d->n--];
    uint32_t pos = e->pos;

    e->pos = 0;
    if (last == e)
        return;
    place(d, last, pos);
    up(d, last);
    down(d, last);
}

void deadline_set(struct deadlines *d, struct deadline *e, uint64_t at)
{
    if (at == 0) {
        if (e->pos != 0)
            take_out(d, e);
        return;
    }
    if (e->pos == 0) {
        assert(d->n + 1 < d->size);
        place(d, e, ++d->n);
    }
    e->at = at;
    up(d, e);
    down(d, e);
}

struct deadline *deadlines_due(struct deadlines *d, uint64_t now)
{
    struct deadline *e = d->n == 0 ? NULL : d->heap[1];

    if (e == NULL || e->at > now)
        return NULL;
    take_out(d, e);
    return e;
}

uint64_t deadlines_next(const struct deadlines *d)
{
    return d->n == 0 ? UINT64_MAX : d->heap[1]->at;
}

void deadlines_free(struct deadlines *d)
{
    free(d->heap);
    *d = (struct deadlines){0};
}
