/* Who is present in which topic of which tenant, over all processes. Pure: what the processes tell each other goes in, what
 * changed comes out, for rooms.c to tell the subscribers.
 *
 * What changes is told a moment later, together: when n clients join at once, each hears of the others in a few messages, not
 * in n. Until then nobody knows of it, newcomers neither: the state that they get is what the others were told so far.
 *
 * A member's id is its process's number (upper half) and a number of that process. Members of a process go when it says so,
 * when it tells all of its members anew without them, or when it falls silent. */
#ifndef REALTIME_PRESENCE_H
#define REALTIME_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "realtime/frame.h"
#include "realtime/limits.h"
#include "realtime/members.h"

struct member {
    struct member *next; /* of its room; those with equal keys stand together */
    uint64_t id;
    uint32_t count; /* how often it has told about itself */
    bool stale;     /* its process is telling its members anew, and has not told this one yet */
    bool told;      /* subscribers know of it */
    bool gone;      /* they do not know yet that it left */
    bool telling;   /* in this turn's messages */
    char *key;
    char *meta; /* raw JSON object */
};

struct room {
    struct room *next; /* of its hash chain */
    char organization[ORGANIZATION_ID_SIZE];
    char *topic;
    unsigned n; /* without those who are gone */
    struct member *members;
    struct room *next_changed;
    bool changed; /* there is something to tell */
};

/* Which members a message is about. */
enum presence_part {
    PRESENCE_STATE,  /* all that are known */
    PRESENCE_LEAVES, /* those that left */
    PRESENCE_JOINS,  /* those that came */
};

struct node {
    uint32_t number;
    uint64_t heard_at;
};

/* Members left a room, or joined it: presence_put() writes which. Borrowed during the call. */
typedef void (*presence_cb)(void *ctx, const struct room *room, enum presence_part part);

struct presence {
    struct room **rooms; /* a hash table of `size` (a power of two) */
    uint32_t size, n_rooms;
    struct node nodes[BUS_NODES_MAX];
    unsigned n_nodes;
    struct room *changed; /* linked by next_changed */
};

/* False: out of memory. */
bool presence_init(struct presence *p);
void presence_free(struct presence *p);

/* NULL: nobody is there. */
const struct room *presence_room(const struct presence *p, const char *organization,
                                 const char *topic);

/* A member came, or tells something new about itself. What is older than what is known changes nothing. False: the room is
 * full, or out of memory. */
bool presence_set(struct presence *p, const char *organization, const char *topic, uint64_t id,
                  uint32_t count, struct text key, struct text meta);
void presence_drop(struct presence *p, const char *organization, const char *topic, uint64_t id);

/* A process begins to tell all of its members (they follow by presence_set), and has told them. */
void presence_begin(struct presence *p, uint32_t node);
void presence_end(struct presence *p, uint32_t node);

/* A process was heard of. */
void presence_heard(struct presence *p, uint32_t node, uint64_t now);
/* Lets the members of silent processes go. True: some process is known. */
bool presence_expire(struct presence *p, uint64_t now);

/* Something waits to be told. */
static inline bool presence_waits(const struct presence *p)
{
    return p->changed != NULL;
}
/* Tells what changed, some PRESENCE_TELL_BYTES of each room: what is left waits for the next time. Who left comes first. */
void presence_tell(struct presence *p, presence_cb tell, void *ctx);

/* {key:{"metas":[{"phx_ref":..., and what the member tells}]}}; {} without a room. */
void presence_put(struct frame_writer *w, const struct room *room, enum presence_part part);

#endif
