/* All sockets of a process and what they are told. Pure: frames, changes, answers and time come in; what must be
 * done is left to be picked up by the driver after each input:
 *   hub_dirty()    sockets with something to write, or to be closed; hub_resting() when others follow
 *   hub_lookups()  users whose memberships must be asked for
 *   hub_next()     when hub_tick() wants to be called
 *
 * Happy path: hub_connect -> hub_frame (join) -> hub_members -> hub_change -> frames in the outbox.
 * Failures:   a full outbox -> phx_error for that channel only; memberships not to be had -> phx_error after a while;
 *             updates lost on the way to us -> hub_resync_all. phx_error makes the client join and read again. */
#ifndef REALTIME_HUB_H
#define REALTIME_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "realtime/outbox.h"
#include "realtime/protocol.h"
#include "runtime/jwt.h"

struct hub;
struct session;

/* Both clocks, read once per input. */
struct instant {
    uint64_t ms;    /* monotonic, not 0 */
    int64_t unix_s; /* seconds since 1970 */
};

/* Only grow, but for the gauges. */
struct hub_stats {
    uint64_t changes, changes_bad; /* from the live streams */
    uint64_t frames_in, malformed;
    uint64_t queued;    /* deliveries put into outboxes */
    uint64_t replayed;  /* changes told to clients that came back */
    uint64_t conflated; /* deliveries that took the place of an older state of their row */
    uint64_t resyncs;   /* channels told to read again */
    uint64_t joins, joins_refused;
    uint32_t sessions, channels; /* gauges */
};

/* Who checks tokens: as jwt_verify(), or JWT_PENDING, which makes the socket wait for hub_keys(). */
struct hub_tokens {
    enum jwt_result (*verify)(void *ctx, const char *token, size_t len, int64_t now_s,
                              struct jwt *out);
    void *ctx;
};

/* NULL: out of memory. */
struct hub *hub_new(const struct hub_tokens *tokens);
/* Every session must be gone. */
void hub_free(struct hub *h);
const struct hub_stats *hub_stats(const struct hub *h);

/* A socket was upgraded. `query`: of its URL. `conn`: the driver's. NULL: out of memory. */
struct session *hub_connect(struct hub *h, enum protocol_version v, const char *query, void *conn,
                            struct instant now);
/* The socket is gone; `s` is freed. */
void hub_disconnect(struct hub *h, struct session *s);

/* A complete message. */
void hub_frame(struct hub *h, struct session *s, struct text message, bool binary,
               struct instant now);
/* Any sign of life, PONG for instance. */
void hub_heard(struct session *s, struct instant now);
/* A PONG with what the PING carried. */
void hub_pong(struct session *s, struct text payload, struct instant now);
/* The client ended the connection itself and will not come back for what it missed. */
void hub_goodbye(struct session *s);

/* Whether a socket waits for keys; hub_keys(): they came, or will not: whoever waits is heard again. */
bool hub_waits_for_keys(const struct hub *h);
void hub_keys(struct hub *h, struct instant now);

/* A row changed. Ids and names come from the live stream and are checked. */
struct hub_change {
    const char *organization_id; /* with RESYNC it may be no id ("*"): everybody */
    const char *table;           /* with RESYNC it may be "" or "*": every table */
    const char *type;            /* INSERT UPDATE DELETE RESYNC */
    struct text record;
    int64_t committed_us;
    uint64_t at_ms; /* of its id in the stream, on Redis' clock */
};
void hub_change(struct hub *h, const struct hub_change *change, struct instant now);

/* Where clients stopped is kept outside: resume.c. `ask` leads to exactly one hub_resumed(), later; false: to none. */
struct resume_ask;
struct hub_resume {
    bool (*ask)(void *ctx, const char *key, uint64_t ref, struct resume_ask *ask);
    void (*note)(void *ctx, const char *key, uint64_t socket, uint64_t at_ms, uint64_t ref,
                 bool renew);
    void (*forget)(void *ctx, const char *key, uint64_t socket, uint64_t ref);
    void *ctx;
};

/* Without it every client begins with what comes next. */
void hub_use_resume(struct hub *h, const struct hub_resume *resume);
/* `from_ms` 0: nothing is known of it. */
void hub_resumed(struct resume_ask *ask, uint64_t from_ms, struct instant now);
/* All changes with ids before `at_ms` were handed in. Call it before what they lead to is written. */
void hub_position(struct hub *h, uint64_t at_ms);
/* What the streams held before `at_ms` may be unknown here. */
void hub_known_since(struct hub *h, uint64_t at_ms);

/* Broadcasts, and who is present: what processes tell each other. The bus brings each message that it was given to all
 * processes, this one included, in one order (that of its tenant; all `presence` in one). What it loses is lost: a gap is
 * followed by hub_bus_up(). */
struct bus_message {
    const char *organization_id, *topic;
    const char *what; /* rooms.c */
    struct text data;
    bool presence;
};
/* Copies. False: the bus is away. */
typedef bool (*bus_publish_cb)(void *ctx, const struct bus_message *m);

/* `node`: a random number of this process. Without it broadcasts and presence are refused. */
void hub_use_bus(struct hub *h, uint32_t node, bus_publish_cb publish, void *ctx);
void hub_bus(struct hub *h, const struct bus_message *m, struct instant now);
/* The bus can be read and written (again). */
void hub_bus_up(struct hub *h, struct instant now);

/* For those who broadcast without a socket. `organization`: 36 characters; `data`: JSON, or bytes. NULL, or why not. */
const char *rooms_broadcast(struct hub *h, const char *organization, const char *topic,
                            uint64_t from, bool json, const char *event, struct text data);
enum hub_home { HUB_HOME_KNOWN, HUB_HOME_ASKED, HUB_HOME_NONE };
/* The organization that `topic` belongs to when this user says it. ASKED: his memberships are being looked up. */
enum hub_home hub_home(struct hub *h, const char *sub, const char *topic, char organization[37],
                       struct instant now);

/* Changes were lost: every channel with rows is told to read again, spread over RESYNC_SPREAD_MS. */
void hub_resync_all(struct hub *h, struct instant now);

/* Users to be looked up, at most REALTIME_LOOKUPS_MAX: each `sub` stays valid until its answer. Each must be answered once. */
unsigned hub_lookups(struct hub *h, const char *subs[], unsigned max, struct instant now);
void hub_members(struct hub *h, const char *sub, const char (*organizations)[37], unsigned n,
                 struct instant now);
void hub_members_failed(struct hub *h, const char *sub, struct instant now);

/* When hub_tick() is due, on the clock of instant.ms; UINT64_MAX: never. */
uint64_t hub_next(const struct hub *h);
void hub_tick(struct hub *h, struct instant now);

/* How many sockets are to be looked after now. */
uint32_t hub_dirty_count(const struct hub *h);
/* The next one, each once; NULL: none left. */
struct session *hub_dirty(struct hub *h, struct instant now);
/* Others, written to a moment ago, share their next write (pace.h): hub_rested() is due PACE_SHARE_MS after they appeared. */
bool hub_resting(const struct hub *h);
void hub_rested(struct hub *h);
/* First rows wait, too, as things are: whatever is brought within a few milliseconds is written together. */
bool hub_unhurried(const struct hub *h);
struct outbox *session_outbox(struct session *s);
void *session_conn(const struct session *s);
/* 0, or the websocket code to close the socket with once the outbox is written. */
unsigned session_close_code(const struct session *s);

#endif
