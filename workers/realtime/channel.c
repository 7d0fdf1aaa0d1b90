#include "realtime/channel.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "realtime/limits.h"

#define TO(s) (1u << (s))

static const unsigned moves[CHANNEL_N_STATES] = {
    [CHANNEL_NEW] =
        TO(CHANNEL_OPEN) | TO(CHANNEL_WAIT_TOKEN) | TO(CHANNEL_WAIT_MEMBERS) | TO(CHANNEL_LIVE),
    [CHANNEL_OPEN] = 0,
    [CHANNEL_WAIT_TOKEN] = TO(CHANNEL_WAIT_MEMBERS) | TO(CHANNEL_LIVE) | TO(CHANNEL_GONE),
    [CHANNEL_WAIT_MEMBERS] = TO(CHANNEL_LIVE) | TO(CHANNEL_GONE),
    [CHANNEL_LIVE] = TO(CHANNEL_MUTED) | TO(CHANNEL_GONE),
    [CHANNEL_MUTED] = TO(CHANNEL_LIVE) | TO(CHANNEL_GONE),
    [CHANNEL_GONE] = 0,
};

/* The only place that assigns c->state. */
static void move(struct channel_fsm *c, enum channel_state next, uint64_t deadline)
{
    assert(moves[c->state] & TO(next));
    c->state = next;
    c->deadline = deadline;
}

void channel_init(struct channel_fsm *c, bool needs_rights, uint32_t grace_ms)
{
    *c = (struct channel_fsm){
        .state = CHANNEL_NEW, .needs_rights = needs_rights, .grace_ms = grace_ms};
}

static unsigned fail(struct channel_fsm *c)
{
    move(c, CHANNEL_GONE, 0);
    return CHANNEL_DO_ERROR;
}

static bool usable(const struct channel_token *t, uint64_t now)
{
    return t->kind == TOKEN_USER && t->exp_at > now;
}

/* A user's token arrived for a channel that had none. `answered`: the join already is. */
static unsigned admit(struct channel_fsm *c, const struct channel_token *t, bool answered,
                      uint64_t now)
{
    snprintf(c->sub, sizeof c->sub, "%s", t->sub);
    c->exp_at = t->exp_at;
    c->reply_held = !answered && !t->known;
    if (t->known) {
        move(c, CHANNEL_LIVE, c->exp_at);
        return (answered ? 0 : CHANNEL_DO_REPLY) | CHANNEL_DO_WATCH | CHANNEL_DO_SEAT;
    }
    c->give_up_at = now + MEMBERS_WAIT_MS;
    move(c, CHANNEL_WAIT_MEMBERS, answered ? c->give_up_at : now + REPLY_HOLD_MS);
    return CHANNEL_DO_WATCH;
}

static unsigned join(struct channel_fsm *c, const struct channel_token *t, uint64_t now)
{
    assert(c->state == CHANNEL_NEW);
    if (!c->needs_rights) {
        move(c, CHANNEL_OPEN, 0);
        return CHANNEL_DO_REPLY;
    }
    if (usable(t, now))
        return admit(c, t, false, now);
    move(c, CHANNEL_WAIT_TOKEN, now + c->grace_ms);
    return CHANNEL_DO_REPLY;
}

static unsigned token(struct channel_fsm *c, const struct channel_token *t, uint64_t now)
{
    if (t->kind == TOKEN_ABSENT || c->state == CHANNEL_OPEN)
        return 0;
    if (c->state == CHANNEL_WAIT_TOKEN)
        return usable(t, now) ? admit(c, t, true, now) : 0;
    if (t->kind == TOKEN_ANON) {
        if (c->state == CHANNEL_LIVE)
            move(c, CHANNEL_MUTED, now + EXPIRY_GRACE_MS);
        return 0;
    }
    if (!usable(t, now))
        return 0;
    if (strcmp(c->sub, t->sub) != 0)
        return fail(c); /* somebody else signed in: begin again with his rights only */
    c->exp_at = t->exp_at;
    if (c->state == CHANNEL_WAIT_MEMBERS)
        return 0;
    if (c->state == CHANNEL_MUTED) {
        if (c->missed)
            return fail(c);
        move(c, CHANNEL_LIVE, c->exp_at);
    }
    c->deadline = c->exp_at;
    return 0;
}

static unsigned members(struct channel_fsm *c)
{
    unsigned out = CHANNEL_DO_SEAT | (c->reply_held ? CHANNEL_DO_REPLY : 0);

    if (c->state != CHANNEL_WAIT_MEMBERS)
        return 0;
    c->reply_held = false;
    move(c, CHANNEL_LIVE, c->exp_at);
    return out;
}

static unsigned on_time(struct channel_fsm *c, uint64_t now)
{
    if (c->deadline == 0 || now < c->deadline)
        return 0;
    if (c->state == CHANNEL_WAIT_MEMBERS && c->reply_held) {
        c->reply_held = false;
        c->deadline = c->give_up_at;
        return CHANNEL_DO_REPLY;
    }
    if (c->state == CHANNEL_LIVE) {
        move(c, CHANNEL_MUTED, now + EXPIRY_GRACE_MS);
        return 0;
    }
    return fail(c);
}

unsigned channel_step(struct channel_fsm *c, enum channel_input in, const struct channel_token *t,
                      uint64_t now)
{
    bool delivers = c->state == CHANNEL_LIVE || c->state == CHANNEL_MUTED;

    assert(c->state != CHANNEL_GONE);
    assert((in == CHANNEL_JOIN || in == CHANNEL_TOKEN) == (t != NULL));
    switch (in) {
    case CHANNEL_JOIN:
        return join(c, t, now);
    case CHANNEL_TOKEN:
        return token(c, t, now);
    case CHANNEL_MEMBERS:
        return members(c);
    case CHANNEL_TIME:
        return on_time(c, now);
    case CHANNEL_MEMBERS_LOST:
    case CHANNEL_RESYNC:
        return delivers ? fail(c) : 0;
    case CHANNEL_WITHHELD:
        c->missed = true;
        return 0;
    }
    assert(false && "unknown input");
    return 0;
}
