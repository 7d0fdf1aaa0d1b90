/* The life of one joined channel as far as its rights go: which token it holds, whether memberships are known, when it may
 * deliver. Pure: time and answers are inputs, the returned bits are what the caller must do.
 *
 *                 user token, memberships unknown           MEMBERS
 *   JOIN ──┬───────────────────────────────────► WAIT_MEMBERS ──────► LIVE ◄─── new token ──┐
 *          │            user token, known                     │         │ exp, or signed out │
 *          ├──────────────────────────────────────────────────┼──────► LIVE ─────────────► MUTED
 *          │ no user token                                     │ 10 s    │ resync, lost,      │ 75 s, or a new token
 *          ├──► WAIT_TOKEN ── TOKEN ──► (as above)             │         │ other user         │ after something was withheld
 *          │        │ 0.6 s                                     ▼         ▼                    ▼
 *          │        └──────────────────────────────────────► GONE ◄──────────────────────────┘  (phx_error: the client rejoins)
 *          └──► OPEN (asked for nothing: needs no rights)
 *
 * The policy and its numbers: facts of the clients 2.49 to 2.119; see limits.h. */
#ifndef REALTIME_CHANNEL_H
#define REALTIME_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/jwt.h"

enum channel_state {
    CHANNEL_NEW,
    CHANNEL_OPEN,
    CHANNEL_WAIT_TOKEN,
    CHANNEL_WAIT_MEMBERS,
    CHANNEL_LIVE,
    CHANNEL_MUTED,
    CHANNEL_GONE,
    CHANNEL_N_STATES
};

enum channel_input {
    CHANNEL_JOIN,         /* with what the join carried */
    CHANNEL_TOKEN,        /* access_token */
    CHANNEL_MEMBERS,      /* the user's memberships are known now */
    CHANNEL_MEMBERS_LOST, /* they could not be confirmed for too long */
    CHANNEL_TIME,         /* look at the deadline */
    CHANNEL_RESYNC,       /* something could not be delivered */
    CHANNEL_WITHHELD,     /* a change came while MUTED */
};

/* What the caller must do, in this order. */
enum {
    CHANNEL_DO_REPLY = 1u << 0, /* answer the join with ok */
    CHANNEL_DO_WATCH = 1u << 1, /* follow the memberships of ->sub */
    CHANNEL_DO_SEAT =
        1u << 2, /* take seats with the user's organizations, and tell the client by `system` ok */
    CHANNEL_DO_ERROR = 1u << 3, /* send phx_error and forget the channel */
};

/* What a token is worth. */
enum token_kind {
    TOKEN_ABSENT, /* none, or an opaque key: no news */
    TOKEN_ANON,   /* a token of nobody (role anon, service): the user signed out */
    TOKEN_USER,
};

struct channel_token {
    enum token_kind kind;
    const char *sub; /* TOKEN_USER: copied */
    uint64_t exp_at; /* on the clock of `now` */
    bool known;      /* the user's memberships are fresh */
};

struct channel_fsm {
    enum channel_state state;
    bool needs_rights;
    bool reply_held;     /* WAIT_MEMBERS: the join is not answered yet */
    bool missed;         /* MUTED: something was withheld */
    uint32_t grace_ms;   /* for WAIT_TOKEN */
    uint64_t deadline;   /* feed CHANNEL_TIME then; 0: none */
    uint64_t give_up_at; /* WAIT_MEMBERS */
    uint64_t exp_at;
    char sub[JWT_SUB_SIZE];
};

/* `needs_rights`: it asked for rows, broadcasts or presence. `grace_ms`: how long it may stay without a token. */
void channel_init(struct channel_fsm *c, bool needs_rights, uint32_t grace_ms);

/* `token` only with JOIN and TOKEN, else NULL. `now` in milliseconds. Returns CHANNEL_DO_* bits. */
unsigned channel_step(struct channel_fsm *c, enum channel_input in,
                      const struct channel_token *token, uint64_t now);

#endif
