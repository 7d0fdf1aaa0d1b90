#include "realtime/pace.h"

#include <assert.h>
#include <stdlib.h>

#include "realtime/limits.h"

enum { PACE_FIRST_SIZE = 64 };

bool pace_reserve(struct pace *p, uint32_t sockets)
{
    uint32_t size = p->size == 0 ? PACE_FIRST_SIZE : p->size;

    while (size < sockets)
        size *= 2;
    if (size == p->size)
        return true;
    for (int i = 0; i < PACE_LISTS; i++) {
        struct paced **wide = realloc(p->sockets[i], size * sizeof(struct paced *));

        if (wide == NULL)
            return false;
        p->sockets[i] = wide;
    }
    p->size = size;
    return true;
}

void pace_free(struct pace *p)
{
    for (int i = 0; i < PACE_LISTS; i++)
        free(p->sockets[i]);
    *p = (struct pace){0};
}

static void enter(struct pace *p, struct paced *s, enum pace_list list)
{
    assert(p->n[list] < p->size);
    s->list = (uint8_t)list;
    s->place = p->n[list]++;
    p->sockets[list][s->place] = s;
}

void pace_leave(struct pace *p, struct paced *s)
{
    struct paced *last;

    if (s->list == PACE_NOWHERE)
        return;
    last = p->sockets[s->list][--p->n[s->list]];
    last->place = s->place;
    p->sockets[s->list][s->place] = last;
    s->list = PACE_NOWHERE;
}

void pace_soon(struct pace *p, struct paced *s)
{
    if (s->list == PACE_SOON)
        return;
    pace_leave(p, s);
    enter(p, s, PACE_SOON);
}

void pace_row(struct pace *p, struct paced *s, uint64_t now)
{
    if (s->list == PACE_NOWHERE)
        enter(p, s, (uint32_t)now - s->written_at >= PACE_SHARE_MS ? PACE_SOON : PACE_LATER);
}

void pace_all(struct pace *p)
{
    while (p->n[PACE_LATER] > 0)
        pace_soon(p, p->sockets[PACE_LATER][p->n[PACE_LATER] - 1]);
}

struct paced *pace_next(struct pace *p, uint64_t now)
{
    struct paced *s = pace_peek(p, 0);

    if (s == NULL)
        return NULL;
    p->n[PACE_SOON]--;
    s->list = PACE_NOWHERE;
    s->written_at = (uint32_t)now;
    return s;
}
