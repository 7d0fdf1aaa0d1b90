#include "realtime/hub.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "realtime/hub_state.h"

enum { HUB_FIRST_SIZE = 256, CLOSE_GOING_AWAY = 1001, CLOSE_POLICY = 1008, CLOSE_TRY_LATER = 1013 };

#define OWNER(entry, type) ((type *)(void *)((char *)(entry)-offsetof(type, due)))

void *hub_alloc(size_t size)
{
    void *p = aligned_alloc(CACHE_LINE, size);

    return p == NULL ? NULL : memset(p, 0, size);
}

uint64_t hub_hash(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *s = bytes;

    h ^= 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ s[i]) * 0x100000001B3u; /* FNV-1a */
    return h ^ h >> 32;
}

bool hub_reserve(struct hub *h)
{
    uint32_t own = 2; /* bus_due, presence_due */

    return deadlines_reserve(&h->deadlines,
                             own + h->stats.sessions + h->stats.channels + h->members.n + 1);
}

struct hub *hub_new(const struct hub_tokens *tokens)
{
    struct hub *h = calloc(1, sizeof *h);

    if (h == NULL)
        return NULL;
    h->tokens = *tokens;
    h->bus_due.kind = DEADLINE_BUS;
    h->presence_due.kind = DEADLINE_PRESENCE;
    h->shapes_size = h->organizations_size = HUB_FIRST_SIZE;
    h->shapes = calloc(h->shapes_size, sizeof(struct shape *));
    h->organizations = calloc(h->organizations_size, sizeof(struct organization *));
    if (h->shapes == NULL || h->organizations == NULL ||
        !members_init(&h->members, &h->deadlines) || !rooms_init(h) || !history_init(&h->history) ||
        !hub_reserve(h)) {
        hub_free(h);
        return NULL;
    }
    return h;
}

void hub_free(struct hub *h)
{
    if (h == NULL)
        return;
    assert(h->stats.sessions == 0 && h->n_shapes == 0 && h->n_organizations == 0);
    members_free(&h->members);
    presence_free(&h->presence);
    history_free(&h->history);
    pace_free(&h->pace);
    deadlines_free(&h->deadlines);
    free(h->shapes);
    free(h->organizations);
    free(h);
}

const struct hub_stats *hub_stats(const struct hub *h)
{
    return &h->stats;
}

/* ---- sockets ---- */

struct session *hub_connect(struct hub *h, enum protocol_version v, const char *query, void *conn,
                            struct instant now)
{
    struct session *s = hub_alloc(sizeof *s);
    struct text apikey = protocol_query(query, "apikey");

    if (s == NULL || !hub_reserve(h) || !pace_reserve(&h->pace, h->stats.sessions + 1)) {
        free(s);
        return NULL;
    }
    s->hub = h;
    s->conn = conn;
    s->pace.list = PACE_NOWHERE;
    s->version = v;
    s->token_grace_ms = TOKEN_GRACE_MS;
    s->apikey_hash = text_empty(apikey) ? 0 : hub_hash(0, apikey.p, apikey.n);
    s->heard_at = now.ms;
    s->frames = (struct allowance){now.ms, SESSION_FRAMES_BURST * 1000};
    s->joins = (struct allowance){now.ms, SESSION_JOINS_BURST * 1000};
    s->due.kind = DEADLINE_SESSION;
    deadline_set(&h->deadlines, &s->due, now.ms + SESSION_PING_MS);
    h->stats.sessions++;
    return s;
}

void hub_disconnect(struct hub *h, struct session *s)
{
    parked_free(parked_take(s));
    while (s->channels != NULL)
        channel_remove(s->channels);
    resume_drop(s);
    pace_leave(&h->pace, &s->pace);
    deadline_set(&h->deadlines, &s->due, 0);
    outbox_clear(&s->outbox);
    h->stats.sessions--;
    free(s);
}

void session_mark(struct session *s)
{
    pace_soon(&s->hub->pace, &s->pace);
}

void session_row(struct session *s, struct instant now)
{
    pace_row(&s->hub->pace, &s->pace, now.ms);
}

void session_close(struct session *s, unsigned code)
{
    if (s->close_code == 0)
        s->close_code = (uint16_t)code;
    session_mark(s);
}

void session_send(struct session *s, struct frame *f)
{
    if (f == NULL || !outbox_push(&s->outbox, f, NULL, 0))
        session_close(s, CLOSE_TRY_LATER);
    frame_unref(f);
    session_mark(s);
}

#define PACED(entry) ((struct session *)(void *)((char *)(entry)-offsetof(struct session, pace)))

/* The cache fetches what the next ones need while the kernel is busy with this one. */
LOOK_AHEAD void look_ahead(const struct hub *h)
{
    struct paced *next = pace_peek(&h->pace, 0), *behind = pace_peek(&h->pace, 1);

    if (behind != NULL)
        __builtin_prefetch(PACED(behind), 1);
    if (next != NULL) {
        __builtin_prefetch(PACED(next)->outbox.slots, 1);
        __builtin_prefetch(PACED(next)->conn, 1);
    }
}

struct session *hub_dirty(struct hub *h, struct instant now)
{
    struct paced *s = pace_next(&h->pace, now.ms);

    if (s == NULL)
        return NULL;
    look_ahead(h);
    return PACED(s);
}

uint32_t hub_dirty_count(const struct hub *h)
{
    return h->pace.n[PACE_SOON];
}

bool hub_resting(const struct hub *h)
{
    return h->pace.n[PACE_LATER] > 0;
}

void hub_rested(struct hub *h)
{
    pace_all(&h->pace);
}

bool hub_unhurried(const struct hub *h)
{
    return h->pace.bursts;
}

struct outbox *session_outbox(struct session *s)
{
    return &s->outbox;
}

void *session_conn(const struct session *s)
{
    return s->conn;
}

unsigned session_close_code(const struct session *s)
{
    return s->close_code;
}

void hub_heard(struct session *s, struct instant now)
{
    s->heard_at = now.ms;
    s->pinged = false;
}

static void hub_malformed(struct session *s)
{
    s->hub->stats.malformed++;
    if (++s->malformed > SESSION_MALFORMED_MAX)
        session_close(s, CLOSE_POLICY);
}

bool allowance_take(struct allowance *a, uint32_t per_second, uint32_t burst, uint64_t now)
{
    uint64_t earned = (now - a->at) * per_second;

    a->at = now;
    a->left = earned >= burst * 1000u - a->left ? burst * 1000u : a->left + (uint32_t)earned;
    if (a->left < 1000)
        return false;
    a->left -= 1000;
    return true;
}

/* False: it must wait for keys. */
static bool take(struct session *s, struct text message, bool binary, bool again,
                 struct instant now)
{
    struct message m;
    struct binary_refs refs;

    if (binary ? s->version == PROTOCOL_V2 && protocol_parse_binary(message, &m, &refs)
               : protocol_parse(s->version, message, &m))
        return session_message(s, &m, again, now);
    hub_malformed(s);
    return true;
}

void hub_frame(struct hub *h, struct session *s, struct text message, bool binary,
               struct instant now)
{
    if (s->close_code != 0)
        return; /* on its way out */
    h->stats.frames_in++;
    hub_heard(s, now);
    if (!allowance_take(&s->frames, SESSION_FRAMES_PER_SECOND, SESSION_FRAMES_BURST, now.ms)) {
        session_close(s, CLOSE_POLICY);
        return;
    }
    if ((s->parked != NULL || !take(s, message, binary, false, now)) &&
        !parked_add(s, message, binary))
        session_close(s, CLOSE_TRY_LATER);
    hub_settle(h, now);
}

bool hub_waits_for_keys(const struct hub *h)
{
    return h->parked != NULL;
}

void hub_keys(struct hub *h, struct instant now)
{
    while (h->parked != NULL) {
        struct session *s = h->parked;
        struct parked *first = parked_take(s);

        for (struct parked *p = first; p != NULL && s->close_code == 0; p = p->next)
            (void)take(s, (struct text){p->text, p->n}, p->binary, true, now);
        parked_free(first);
        hub_settle(h, now);
    }
}

/* ---- channels ---- */

void channel_schedule(struct channel *c)
{
    uint64_t at = c->fsm.deadline;

    if (c->resync_at != 0 && (at == 0 || c->resync_at < at))
        at = c->resync_at;
    deadline_set(&c->session->hub->deadlines, &c->due, at);
}

static bool follow(struct channel *c, struct instant now)
{
    struct hub *h = c->session->hub;
    struct user *u;

    assert(c->user == NULL);
    if (!hub_reserve(h) || (u = members_user(&h->members, c->fsm.sub)) == NULL)
        return false;
    c->user = u;
    c->next_of_user = u->channels;
    c->at_of_user = &u->channels;
    if (u->channels != NULL)
        u->channels->at_of_user = &c->next_of_user;
    u->channels = c;
    members_want_news(&h->members, u, now.ms);
    return true;
}

static void seat(struct channel *c, struct instant now)
{
    if (!seats_take(c)) {
        channel_fail_later(c);
        return;
    }
    if (c->shape->bindings->problem != NULL)
        channel_tell_system(c, false, c->shape->bindings->problem);
    else if (c->shape->bindings->n > 0)
        channel_tell_system(c, true, "Subscribed to PostgreSQL");
    if (c->presence)
        rooms_tell_state(c);
    resume_begin(c, now);
}

/* NULL: it may be seated. */
static const char *why_not(const struct channel *c, struct instant now)
{
    struct hub *h = c->session->hub;
    const struct user *u = members_find(&h->members, c->fsm.sub);

    if (u == NULL)
        return NULL;
    if (c->is_private && u->n_organizations == 0)
        return "Unauthorized: You do not have permissions to read from this Channel topic";
    for (unsigned i = 0; i < u->n_organizations; i++) {
        struct organization *o = hub_organization(h, u->organizations[i]);

        if (o == NULL)
            continue;
        if (o->n_seats >= TENANT_CHANNELS_MAX)
            return "ChannelRateLimitReached: Too many channels of this organization";
        if (!allowance_take(&o->joins, TENANT_JOINS_PER_SECOND, TENANT_JOINS_BURST, now.ms))
            return "ClientJoinRateLimitReached: Too many joins of this organization per second";
    }
    return NULL;
}

static void tell_error(struct channel *c)
{
    struct session *s = c->session;

    /* What it still had to get is read again anyway; its room is needed. */
    outbox_purge(&s->outbox, c);
    session_send(s, protocol_message(s->version, text_of(c->join_ref), text_of(c->join_ref),
                                     c->shape->topic, "phx_error", "{}"));
}

bool channel_input(struct channel *c, enum channel_input in, const struct channel_token *token,
                   struct instant now)
{
    unsigned todo = channel_step(&c->fsm, in, token, now.ms);
    const char *why;

    if ((todo & CHANNEL_DO_SEAT) && (why = why_not(c, now)) != NULL) {
        channel_refuse(c, why, (todo & CHANNEL_DO_REPLY) != 0);
        return false;
    }
    if (todo & CHANNEL_DO_REPLY)
        channel_answer_join(c);
    if ((todo & CHANNEL_DO_WATCH) && !follow(c, now))
        session_close(c->session, CLOSE_TRY_LATER);
    if ((todo & CHANNEL_DO_SEAT) && c->user != NULL)
        seat(c, now);
    if (todo & CHANNEL_DO_ERROR) {
        tell_error(c);
        resume_end(c, true); /* it reads again */
        channel_remove(c);
        return false;
    }
    channel_schedule(c);
    return true;
}

void channel_fail_later(struct channel *c)
{
    struct hub *h = c->session->hub;

    if (c->failing)
        return;
    c->failing = true;
    c->next_failing = h->failing;
    h->failing = c;
}

void hub_settle(struct hub *h, struct instant now)
{
    while (h->failing != NULL) {
        struct channel *c = h->failing;

        h->failing = c->next_failing;
        c->failing = false;
        h->stats.resyncs++;
        (void)channel_input(c, CHANNEL_RESYNC, NULL, now);
    }
}

void hub_resync_all(struct hub *h, struct instant now)
{
    for (uint32_t i = 0; i < h->organizations_size; i++)
        for (struct organization *o = h->organizations[i]; o != NULL; o = o->next)
            for (struct audience *a = o->audiences; a != NULL; a = a->next)
                for (uint32_t k = 0; k < a->n; k++) {
                    a->channels[k]->resync_at = now.ms + h->resync_index++ % RESYNC_SPREAD_MS;
                    channel_schedule(a->channels[k]);
                }
}

/* ---- memberships ---- */

unsigned hub_lookups(struct hub *h, const char *subs[], unsigned max, struct instant now)
{
    struct user *users[REALTIME_LOOKUPS_MAX];
    unsigned n = members_take(&h->members, users,
                              max < REALTIME_LOOKUPS_MAX ? max : REALTIME_LOOKUPS_MAX, now.ms);

    for (unsigned i = 0; i < n; i++)
        subs[i] = users[i]->sub;
    return n;
}

static bool same_seats(const struct channel *c)
{
    if (c->n_seats != c->user->n_organizations)
        return false;
    for (unsigned i = 0; i < c->n_seats; i++)
        if (strcmp(c->seats[i].audience->organization->id, c->user->organizations[i]) != 0)
            return false;
    return true;
}

static bool sits_with(const struct channel *c, const char *organization)
{
    for (unsigned i = 0; i < c->n_seats; i++)
        if (strcmp(c->seats[i].audience->organization->id, organization) == 0)
            return true;
    return false;
}

/* The user became a member of one whose rows the client has never read. */
static bool gains(const struct channel *c)
{
    for (unsigned i = 0; i < c->user->n_organizations; i++)
        if (!sits_with(c, c->user->organizations[i]))
            return true;
    return false;
}

/* What is told and known of a topic is its tenant's: in another one the channel begins anew. */
static void reseat(struct channel *c)
{
    const struct user *u = c->user;
    unsigned home = home_of(c->shape->topic, u->organizations, u->n_organizations);
    const struct organization *o = channel_home(c);

    bool moved =
        o != NULL && (u->n_organizations == 0 || strcmp(o->id, u->organizations[home]) != 0);

    if (moved && (c->presence || c->is_private || c->tracked != NULL)) {
        rooms_untrack(c);
        channel_fail_later(c);
    }
    if (gains(c) || !seats_take(c))
        channel_fail_later(c);
}

void hub_members(struct hub *h, const char *sub, const char (*organizations)[37], unsigned n,
                 struct instant now)
{
    struct user *u = members_find(&h->members, sub);

    assert(u != NULL);
    members_answer(&h->members, u, organizations, n, now.ms);
    for (struct channel *c = u->channels, *next; c != NULL; c = next) {
        next = c->next_of_user;
        if (c->fsm.state == CHANNEL_WAIT_MEMBERS)
            (void)channel_input(c, CHANNEL_MEMBERS, NULL, now);
        else if (!same_seats(c))
            reseat(c);
    }
    hub_settle(h, now);
}

void hub_members_failed(struct hub *h, const char *sub, struct instant now)
{
    struct user *u = members_find(&h->members, sub);

    assert(u != NULL);
    members_failed(&h->members, u, now.ms);
}

enum hub_home hub_home(struct hub *h, const char *sub, const char *topic, char organization[37],
                       struct instant now)
{
    struct user *u;

    if (!hub_reserve(h) || (u = members_user(&h->members, sub)) == NULL)
        return HUB_HOME_NONE;
    members_want(&h->members, u, now.ms);
    if (!members_fresh(u, now.ms))
        return HUB_HOME_ASKED;
    if (u->n_organizations == 0)
        return HUB_HOME_NONE;
    snprintf(organization, ORGANIZATION_ID_SIZE, "%s",
             u->organizations[home_of(topic, u->organizations, u->n_organizations)]);
    return HUB_HOME_KNOWN;
}

/* ---- time ---- */

uint64_t hub_next(const struct hub *h)
{
    return deadlines_next(&h->deadlines);
}

/* When the position is asked for again. */
static uint64_t next_position(const struct session *s)
{
    if (!s->resumable)
        return UINT64_MAX;
    return s->pinged_at + (s->told ? RESUME_PING_MS : RESUME_REFRESH_MS);
}

static void schedule_session(struct session *s, uint64_t silence_at)
{
    uint64_t at = next_position(s);

    deadline_set(&s->hub->deadlines, &s->due, at < silence_at ? at : silence_at);
}

void session_resumable(struct session *s, struct instant now)
{
    if (s->resumable)
        return;
    s->resumable = true;
    s->pinged_at = now.ms;
    if (next_position(s) < s->due.at)
        schedule_session(s, s->due.at);
}

void session_told(struct session *s, struct instant now)
{
    if (s->told)
        return;
    s->told = true;
    if (s->resumable && next_position(s) < s->due.at)
        deadline_set(&s->hub->deadlines, &s->due,
                     next_position(s) > now.ms ? next_position(s) : now.ms);
}

static void ping(struct session *s, struct instant now)
{
    s->told = false;
    s->pinged_at = now.ms;
    s->pinged_ms = s->hub->position_ms;
    session_send(s, frame_ping(s->pinged_ms));
}

static void session_due(struct session *s, struct instant now)
{
    uint64_t idle = now.ms - s->heard_at;

    if (idle >= SESSION_IDLE_MS) {
        session_close(s, CLOSE_GOING_AWAY);
        return;
    }
    if ((idle >= SESSION_PING_MS && !s->pinged) || now.ms >= next_position(s)) {
        s->pinged = s->pinged || idle >= SESSION_PING_MS;
        ping(s, now);
    }
    schedule_session(s, s->heard_at + (idle < SESSION_PING_MS ? (uint64_t)SESSION_PING_MS
                                                              : (uint64_t)SESSION_IDLE_MS));
}

static void channel_due(struct channel *c, struct instant now)
{
    if (c->resync_at != 0 && now.ms >= c->resync_at) {
        c->resync_at = 0;
        channel_fail_later(c);
        channel_schedule(c);
        return;
    }
    (void)channel_input(c, CHANNEL_TIME, NULL, now);
}

static void user_due(struct hub *h, struct user *u, struct instant now)
{
    if (members_due(&h->members, u, now.ms) != MEMBERS_STALE)
        return;
    for (struct channel *c = u->channels, *next; c != NULL; c = next) {
        next = c->next_of_user;
        (void)channel_input(c, CHANNEL_MEMBERS_LOST, NULL, now);
    }
}

void hub_tick(struct hub *h, struct instant now)
{
    struct deadline *due;

    while ((due = deadlines_due(&h->deadlines, now.ms)) != NULL) {
        switch (due->kind) {
        case DEADLINE_SESSION:
            session_due(OWNER(due, struct session), now);
            break;
        case DEADLINE_CHANNEL:
            channel_due(OWNER(due, struct channel), now);
            break;
        case DEADLINE_USER:
            user_due(h, OWNER(due, struct user), now);
            break;
        case DEADLINE_BUS:
            rooms_due(h, now);
            break;
        case DEADLINE_PRESENCE:
            rooms_presence_due(h, now);
            break;
        }
        hub_settle(h, now);
    }
}
