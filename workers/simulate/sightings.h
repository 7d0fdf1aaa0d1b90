/* Which things have been sent, which have been seen on a dashboard's websocket, and how long that
 * took. A growing hash table of 64-bit ids. Pure. */
#ifndef SIMULATE_SIGHTINGS_H
#define SIMULATE_SIGHTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sighting {
    uint64_t id; /* 0: empty slot */
    uint64_t sent_us;
    bool sent, seen;
};

struct sightings {
    struct sighting *of;
    size_t room, n; /* room is a power of two */
    size_t unseen;  /* sent, not seen */
};

/* The first event of a thing went out at `now_us`; later ones change nothing. */
void sightings_sent(struct sightings *s, uint64_t id, uint64_t now_us);

/* True at the first sighting. *latency_us: since it was sent; UINT64_MAX when we never sent it. */
bool sightings_seen(struct sightings *s, uint64_t id, uint64_t now_us, uint64_t *latency_us);

void sightings_free(struct sightings *s);

#endif
