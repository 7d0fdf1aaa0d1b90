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

/* What was seen longer ago than PACE_LEARN_MS tells nothing any more. */
static void learn(struct pace *p, uint64_t now)
{
    uint64_t age = now - p->learning_since;

    if (age < PACE_LEARN_MS)
        return;
    p->bursts =
        age < 2 * PACE_LEARN_MS && p->firsts >= PACE_BUSY && p->followed > p->firsts - p->followed;
    p->learning_since = now;
    p->firsts = p->followed = 0;
}

static void first_row(struct pace *p, struct paced *s, uint64_t now)
{
    learn(p, now);
    p->firsts++;
    s->first = true;
    s->at = (uint32_t)now;
    enter(p, s, p->bursts ? PACE_LATER : PACE_SOON);
}

void pace_row(struct pace *p, struct paced *s, uint64_t now)
{
    uint32_t behind = (uint32_t)now - s->at;

    if (s->list == PACE_NOWHERE && behind >= PACE_SHARE_MS) {
        first_row(p, s, now);
        return;
    }
    if (s->first && behind > 0) { /* those of the same moment share a write in any case */
        s->first = false;
        p->followed++;
    }
    if (s->list == PACE_NOWHERE)
        enter(p, s, PACE_LATER);
}

void pace_all(struct pace *p)
{
    while (p->n[PACE_LATER] > 0) {
        struct paced *s = p->sockets[PACE_LATER][p->n[PACE_LATER] - 1];

        s->first = false;
        pace_soon(p, s);
    }
}

struct paced *pace_next(struct pace *p, uint64_t now)
{
    struct paced *s = pace_peek(p, 0);

    if (s == NULL)
        return NULL;
    p->n[PACE_SOON]--;
    s->list = PACE_NOWHERE;
    s->at = (uint32_t)now;
    return s;
}
