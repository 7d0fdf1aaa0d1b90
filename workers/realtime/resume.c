/* Clients that come back get what they missed.
 *
 * An unmodified client cannot say where it stopped, but it answers PINGs: a PING carries the position up to which everything was
 * queued before it (a time on the live streams' clock), and its PONG acknowledges that. Positions are kept outside the process
 * (resume.h of queue/), by user, topic and bindings, so that another process can go on after this one was killed.
 *
 *   seated -> where did he stop? -> his position, or none -> replay from there out of the history -> live
 *   a PONG, or his seat: the position is noted         a clean end: it is forgotten
 *
 * Until the answer is there nothing is delivered to the channel: what comes meanwhile is in the history. Replays begin a little
 * early and repeat what the lost socket may have brought: at least once, in order. What the history does not reach back to
 * ends in phx_error: the client joins anew and its application reads again. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "realtime/hub_state.h"
#include "runtime/jsontext.h"

/* A question under way. */
struct resume_ask {
    struct hub *hub;
    struct channel *channel; /* NULL: it is gone */
};

static void key_of(const struct channel *c, char out[RESUME_KEY_SIZE])
{
    const struct shape *s = c->shape;
    uint64_t h = hub_hash(0, s->topic, strlen(s->topic) + 1);

    if (s->asked_len > 0)
        h = hub_hash(h, s->asked, s->asked_len);
    snprintf(out, RESUME_KEY_SIZE, "%s:%016" PRIx64, c->fsm.sub, h);
}

/* A client counts its messages up for as long as its page lives; 0: this one's join has no number. */
static uint64_t ref_of(const struct channel *c)
{
    const char *p = c->join_ref + (c->join_ref[0] == '"');

    return strtoull(p, NULL, 10);
}

static bool resumes(const struct channel *c)
{
    return c->session->hub->resume.ask != NULL && c->shape->bindings->n > 0;
}

static void note(const struct channel *c, uint64_t at_ms, bool renew)
{
    const struct hub *h = c->session->hub;
    char key[RESUME_KEY_SIZE];

    key_of(c, key);
    h->resume.note(h->resume.ctx, key, c->id, at_ms, ref_of(c), renew);
}

/* ---- replaying ---- */

static bool delivers(const struct channel *c, struct instant now)
{
    return c->fsm.state == CHANNEL_LIVE && now.ms < c->fsm.exp_at;
}

/* False: it must read again. */
static bool replay_tenant(struct channel *c, const char *organization, uint64_t from_serial,
                          uint64_t from_ms)
{
    struct hub *h = c->session->hub;

    for (const struct past *p = history_of(&h->history, organization); p != NULL;
         p = p->next_of_tenant) {
        struct hub_change change = {organization, p->table,        p->type,
                                    p->record,    p->committed_us, p->at_ms};

        if (p->serial < from_serial && (from_ms == 0 || p->at_ms < from_ms))
            continue;
        if (!channel_replay(c, &change))
            return false;
        h->stats.replayed++;
    }
    return true;
}

static bool replay(struct channel *c, uint64_t from_ms)
{
    const struct history *past = &c->session->hub->history;
    uint64_t oldest = past->first == NULL ? past->serial : past->first->serial;

    if ((from_ms != 0 && from_ms < past->floor_ms) || c->from_serial < oldest)
        return false;
    if (from_ms > RESUME_MARGIN_MS)
        from_ms -= RESUME_MARGIN_MS;
    for (unsigned i = 0; i < c->n_seats; i++)
        if (!replay_tenant(c, c->seats[i].audience->organization->id, c->from_serial, from_ms))
            return false;
    return true;
}

/* Out of memory: it is told once more. */
static void settle(struct channel *c)
{
    struct settled *s = malloc(sizeof *s);

    if (s == NULL)
        return;
    *s = (struct settled){c->session->settled, c->shape->hash};
    c->session->settled = s;
}

static bool is_settled(const struct channel *c)
{
    const struct settled *s = c->session->settled;

    while (s != NULL && s->shape != c->shape->hash)
        s = s->next;
    return s != NULL;
}

void resume_drop(struct session *s)
{
    for (struct settled *one = s->settled, *next; one != NULL; one = next) {
        next = one->next;
        free(one);
    }
}

static void go_live(struct channel *c, uint64_t from_ms, struct instant now)
{
    c->replaying = false;
    if (!delivers(c, now)) {
        (void)channel_step(&c->fsm, CHANNEL_WITHHELD, NULL, now.ms);
        return;
    }
    if (!replay(c, from_ms)) {
        settle(c);
        channel_fail_later(c);
        return;
    }
    note(c, c->session->hub->position_ms, true);
    session_resumable(c->session, now);
}

void resume_begin(struct channel *c, struct instant now)
{
    struct hub *h = c->session->hub;
    char key[RESUME_KEY_SIZE];

    if (!resumes(c))
        return;
    c->from_serial = h->history.serial;
    if (is_settled(c)) {
        go_live(c, 0, now);
        return;
    }
    c->replaying = true;
    c->ask = malloc(sizeof *c->ask);
    if (c->ask == NULL) {
        channel_fail_later(c);
        return;
    }
    *c->ask = (struct resume_ask){h, c};
    key_of(c, key);
    if (h->resume.ask(h->resume.ctx, key, ref_of(c), c->ask))
        return;
    free(c->ask); /* nobody can be asked: as if it were its first time */
    c->ask = NULL;
    go_live(c, 0, now);
}

void hub_resumed(struct resume_ask *ask, uint64_t from_ms, struct instant now)
{
    struct channel *c = ask->channel;
    struct hub *h = ask->hub;

    free(ask);
    if (c == NULL)
        return;
    c->ask = NULL;
    go_live(c, from_ms, now);
    hub_settle(h, now);
}

void resume_end(struct channel *c, bool for_good)
{
    struct hub *h = c->session->hub;
    char key[RESUME_KEY_SIZE];

    if (c->ask != NULL)
        c->ask->channel = NULL;
    c->ask = NULL;
    if (!for_good || !resumes(c) || c->user == NULL)
        return;
    key_of(c, key);
    h->resume.forget(h->resume.ctx, key, c->id, ref_of(c));
}

/* ---- positions ---- */

void hub_use_resume(struct hub *h, const struct hub_resume *resume)
{
    h->resume = *resume;
}

void hub_position(struct hub *h, uint64_t at_ms)
{
    if (at_ms > h->position_ms)
        h->position_ms = at_ms;
}

void hub_known_since(struct hub *h, uint64_t at_ms)
{
    history_forget(&h->history, at_ms);
    hub_position(h, at_ms);
}

void hub_pong(struct session *s, struct text payload, struct instant now)
{
    char digits[24];
    uint64_t at_ms;
    bool renew;

    hub_heard(s, now);
    if (payload.n == 0 || payload.n >= sizeof digits)
        return;
    snprintf(digits, sizeof digits, "%.*s", (int)payload.n, payload.p);
    at_ms = strtoull(digits, NULL, 10);
    if (at_ms <= s->acked_ms || at_ms > s->pinged_ms)
        return; /* nothing that we asked */
    s->acked_ms = at_ms;
    renew = now.ms - s->renewed_at >= NOTES_RENEW_MS;
    s->renewed_at = renew ? now.ms : s->renewed_at;
    for (struct channel *c = s->channels; c != NULL; c = c->next)
        if (resumes(c) && !c->replaying && c->n_seats > 0)
            note(c, at_ms, renew);
}

void hub_goodbye(struct session *s)
{
    s->goodbye = true;
}
