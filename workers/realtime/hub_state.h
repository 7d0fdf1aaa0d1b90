/* What hub.c, session.c, fanout.c and rooms.c share: private to them.
 *
 *   session 1─n channel n─1 shape         what was asked for: vsn, topic, bindings; shared by all who ask alike
 *                  │ 1                1
 *                  n                  │
 *                seat n─1 audience n──┘   all channels of one organization and shape: a change is matched and
 *                            n            serialised once per audience
 *                            │ 1
 *                       organization
 */
#ifndef REALTIME_HUB_STATE_H
#define REALTIME_HUB_STATE_H

#include <stdalign.h>

#include "realtime/bindings.h"
#include "realtime/channel.h"
#include "realtime/deadlines.h"
#include "realtime/history.h"
#include "realtime/hub.h"
#include "realtime/members.h"
#include "realtime/pace.h"
#include "realtime/presence.h"

struct shape {
    struct shape *next; /* of its hash chain */
    uint64_t hash;
    uint32_t refs;
    enum protocol_version version;
    char *topic;
    char *asked; /* the raw postgres_changes array: the rest of the key */
    size_t asked_len;
    struct bindings *bindings;
};

struct audience {
    struct audience *next; /* of its organization */
    struct organization *organization;
    struct shape *shape;
    struct channel **channels;
    uint32_t n, size;
};

/* A token bucket, counted in thousandths. */
struct allowance {
    uint64_t at;
    uint32_t left;
};

struct organization {
    struct organization *next; /* of its hash chain */
    uint32_t n_seats;
    struct allowance joins;
    char id[ORGANIZATION_ID_SIZE];
    struct audience *audiences;
};

struct seat {
    struct audience *audience;
    uint32_t index; /* audience->channels[index] is this channel */
};

/* What a channel tells of itself to those who look who is present. */
struct tracked {
    struct tracked *next, **at; /* of its hub */
    struct channel *channel;
    uint32_t count;
    char *key, *meta;
};

enum { CACHE_LINE = 64 };

/* Of a function that only prefetches; gcc 12 leaves its calls out unless they are inlined. */
#define LOOK_AHEAD static inline __attribute__((always_inline))

/* What is looked at for each row lies first, in one cache line: with thousands of subscribers, each line is a miss. */
struct channel {
    alignas(CACHE_LINE) struct session *session;
    bool replaying; /* waits for its position: nothing is delivered yet */
    bool failing;
    struct channel_fsm fsm;
    struct channel *next; /* of its session */
    struct channel *next_of_user, **at_of_user;
    struct channel *next_failing; /* of hub.failing */
    struct user *user;            /* NULL: follows nobody */
    struct shape *shape;
    struct deadline due;
    uint64_t resync_at;      /* 0: not told to */
    uint64_t from_serial;    /* of the first change since it was seated */
    struct resume_ask *ask;  /* NULL: none under way */
    uint64_t id;             /* unique over all processes */
    bool presence;           /* wants to know who is present */
    bool is_private;         /* is refused where it may not listen */
    bool acknowledge;        /* its broadcasts are answered */
    bool to_self;            /* and come back to it */
    char *presence_key;      /* NULL: it did not choose one */
    struct tracked *tracked; /* NULL: it does not tell that it is present */
    unsigned n_seats;
    unsigned home;      /* seats[home] is the tenant that the topic belongs to */
    struct seat *seats; /* n_seats of them */
    char join_ref[REF_MAX + 1], ref[REF_MAX + 1]; /* of the join, raw JSON */
};

/* A message that waits for keys, and what came behind it. */
struct parked {
    struct parked *next;
    bool binary;
    size_t n;
    char text[];
};

/* A topic with its bindings that this socket was told to read again: what it missed before is settled with that. */
struct settled {
    struct settled *next;
    uint64_t shape; /* its hash */
};

/* As with channels: first what is looked at for each row, and when it is written. */
struct session {
    alignas(CACHE_LINE) struct hub *hub;
    void *conn;
    struct outbox outbox;
    struct paced pace;
    uint16_t close_code;
    bool told; /* something was delivered since the last PING */
    struct settled *settled;
    struct session *next_parked, **at_parked; /* while there is something parked */
    struct parked *parked, **parked_end;
    size_t parked_bytes;
    bool pinged;
    bool resumable;               /* has a channel that can resume */
    uint64_t renewed_at;          /* its notes */
    bool goodbye;                 /* it will not come back */
    uint64_t pinged_at;           /* on our clock */
    uint64_t pinged_ms, acked_ms; /* positions */
    enum protocol_version version;
    unsigned n_channels;
    unsigned malformed;
    uint32_t token_grace_ms; /* for the next join without a token */
    uint64_t apikey_hash;
    uint64_t heard_at;
    struct allowance frames, joins;
    struct deadline due;
    struct channel *channels;
};

struct hub {
    struct hub_tokens tokens;
    struct hub_stats stats;
    struct deadlines deadlines;
    struct members members;
    struct pace pace;
    struct session *parked; /* those that wait for keys */
    size_t parked_bytes;
    struct channel *failing; /* must resync, as soon as nobody walks over an audience */
    struct shape **shapes;
    uint32_t shapes_size, n_shapes;
    struct organization **organizations;
    uint32_t organizations_size, n_organizations;
    uint32_t resync_index;  /* spreads resyncs over time */
    uint32_t node, serial;  /* make channels' ids */
    bus_publish_cb publish; /* NULL: there is no bus */
    void *bus_ctx;
    struct instant bus_now; /* of the message or event at hand */
    struct deadline bus_due;
    struct presence presence;
    struct deadline presence_due; /* set while something waits to be told */
    struct tracked *tracked;
    struct hub_resume resume;
    struct history history;
    uint64_t position_ms;
};

static_assert(offsetof(struct channel, fsm.sub) <= CACHE_LINE, "else a row costs a miss more");
static_assert(offsetof(struct session, told) < CACHE_LINE, "else a row costs a miss more");

/* hub.c */
/* Zeroed, on a cache line of its own; for free(). NULL: out of memory. */
void *hub_alloc(size_t size);
/* Room for one more owner of a deadline. */
bool hub_reserve(struct hub *h);
bool allowance_take(struct allowance *a, uint32_t per_second, uint32_t burst, uint64_t now);
uint64_t hub_hash(uint64_t h, const void *bytes, size_t n);
/* Puts a frame into the outbox and takes over its reference (NULL: out of memory, the socket is closed). */
void session_send(struct session *s, struct frame *f);
/* Must be looked after in this turn. */
void session_mark(struct session *s);
/* Has one row or broadcast more to write. */
void session_row(struct session *s, struct instant now);
void session_close(struct session *s, unsigned code);
/* Feeds the channel and does what it says. The channel may be gone afterwards: then it returns false. */
bool channel_input(struct channel *c, enum channel_input in, const struct channel_token *token,
                   struct instant now);
/* Positions of this session are worth asking for. */
void session_resumable(struct session *s, struct instant now);
/* Something was delivered. */
void session_told(struct session *s, struct instant now);
/* Remembers that the channel must be told to resync; done by hub_settle(). */
void channel_fail_later(struct channel *c);
void hub_settle(struct hub *h, struct instant now);
void channel_schedule(struct channel *c);

/* parked.c: false when there is no room; parked_take() leaves the session with none. */
bool parked_add(struct session *s, struct text message, bool binary);
struct parked *parked_take(struct session *s);
void parked_free(struct parked *p);

/* session.c: false when nothing was done because it must wait for keys, which happens only the first time (`again` false). */
bool session_message(struct session *s, struct message *m, bool again, struct instant now);
/* Leaves user, seats, session, outbox; frees. */
void channel_remove(struct channel *c);
void channel_answer_join(struct channel *c);
/* The channel is gone afterwards. `joining`: its join is not answered yet. */
void channel_refuse(struct channel *c, const char *why, bool joining);
void channel_tell_system(struct channel *c, bool ok, const char *message);

/* fanout.c */
struct shape *shape_take(struct hub *h, enum protocol_version v, const char *topic,
                         struct text asked, const char **why);
void shape_leave(struct hub *h, struct shape *s);
/* NULL: nobody of it is here. */
struct organization *hub_organization(const struct hub *h, const char *id);
/* Takes seats with exactly the user's organizations. False: out of memory. */
bool seats_take(struct channel *c);
void seats_leave(struct channel *c);
/* The tenant that the channel's topic belongs to; NULL: it has no seat. */
struct organization *channel_home(const struct channel *c);
/* Which of these organizations a topic belongs to. */
unsigned home_of(const char *topic, const char (*organizations)[ORGANIZATION_ID_SIZE], unsigned n);

/* Puts a change into the channel's outbox, if it wants it. False: it must read again. */
bool channel_replay(struct channel *c, const struct hub_change *in);

/* resume.c */
/* The channel was seated: asks where it stopped. */
void resume_begin(struct channel *c, struct instant now);
/* The channel goes; for good: nobody will ask for its position. */
void resume_end(struct channel *c, bool for_good);
void resume_drop(struct session *s);

/* rooms.c */
bool rooms_init(struct hub *h);
/* NULL, or why not. */
const char *channel_broadcast(struct channel *c, const struct message *m, struct instant now);
const char *channel_presence(struct channel *c, const struct message *m, struct instant now);
void rooms_tell_state(struct channel *c);
/* Before the channel leaves its seats. */
void rooms_untrack(struct channel *c);
/* Sets the time of rooms_due(), if there is anything to be told or to expire. */
void rooms_schedule(struct hub *h, struct instant now);
void rooms_due(struct hub *h, struct instant now);
/* Sets the time of rooms_presence_due(), if somebody came or left. */
void rooms_gather(struct hub *h, struct instant now);
void rooms_presence_due(struct hub *h, struct instant now);

#endif
