#include "simulate/sightings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "simulate/random.h"

enum { ROOM_MIN = 1024 };

static struct sighting *slot_of(const struct sightings *s, uint64_t id)
{
    size_t i = mix64(id) & (s->room - 1);

    while (s->of[i].id != 0 && s->of[i].id != id)
        i = (i + 1) & (s->room - 1);
    return &s->of[i];
}

static void grow(struct sightings *s)
{
    struct sightings bigger = {
        .room = s->room == 0 ? ROOM_MIN : s->room * 2, .n = s->n, .unseen = s->unseen};

    bigger.of = calloc(bigger.room, sizeof *bigger.of);
    if (bigger.of == NULL) {
        fprintf(stderr, "ringback simulate: out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < s->room; i++)
        if (s->of[i].id != 0)
            *slot_of(&bigger, s->of[i].id) = s->of[i];
    free(s->of);
    *s = bigger;
}

static struct sighting *find_or_add(struct sightings *s, uint64_t id)
{
    struct sighting *slot;

    assert(id != 0);
    if (s->n * 2 >= s->room)
        grow(s);
    slot = slot_of(s, id);
    s->n += slot->id == 0;
    slot->id = id;
    return slot;
}

void sightings_sent(struct sightings *s, uint64_t id, uint64_t now_us)
{
    struct sighting *slot = find_or_add(s, id);

    if (slot->sent)
        return;
    slot->sent = true;
    slot->sent_us = now_us;
    s->unseen += !slot->seen;
}

bool sightings_seen(struct sightings *s, uint64_t id, uint64_t now_us, uint64_t *latency_us)
{
    struct sighting *slot = find_or_add(s, id);

    *latency_us = slot->sent && now_us >= slot->sent_us ? now_us - slot->sent_us : UINT64_MAX;
    if (slot->seen)
        return false;
    slot->seen = true;
    s->unseen -= slot->sent;
    return true;
}

void sightings_free(struct sightings *s)
{
    free(s->of);
    *s = (struct sightings){0};
}
