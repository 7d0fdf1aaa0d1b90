/* All sockets of a process and what they are told. Pure: frames, changes, answers and time come in; what must be
 * done is left to be picked up by the driver after each input:
 *   hub_dirty()    sockets with something to write, or to be closed
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
    uint64_t queued;  /* deliveries put into outboxes */
    uint64_t resyncs; /* channels told to read again */
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

/* Whether a socket waits for keys; hub_keys(): they came, or will not: whoever waits is heard again. */
bool hub_waits_for_keys(const struct hub *h);
void hub_keys(struct hub *h, struct instant now);

/* A row changed. Ids and names come from the live stream and are checked. */
struct hub_change {
    const char *organization_id; /* with RESYNC it may be no id ("*"): everybody */
    const char *table;           /* with RESYNC it may be "": every table */
    const char *type;            /* INSERT UPDATE DELETE RESYNC */
    struct text record;
    int64_t committed_us;
};
void hub_change(struct hub *h, const struct hub_change *change, struct instant now);

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

/* The next socket to be looked after, each once; NULL: none left. */
struct session *hub_dirty(struct hub *h);
struct outbox *session_outbox(struct session *s);
void *session_conn(const struct session *s);
/* 0, or the websocket code to close the socket with once the outbox is written. */
unsigned session_close_code(const struct session *s);

#endif
