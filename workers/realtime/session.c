/* What a client says on its socket, and what it is answered: join, leave, heartbeat, access_token. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "realtime/hub_state.h"
#include "runtime/jsontext.h"

enum { REASON_MAX = 128, EXP_AHEAD_MAX_S = 10 * 365 * 86400 };

static void refuse(struct session *s, const struct message *m, const char *reason)
{
    if (!text_equal(m->ref, TEXT("null")))
        session_send(s, protocol_refusal(s->version, m, reason));
}

static void confirm(struct session *s, const struct message *m)
{
    session_send(s, protocol_reply(s->version, m, "ok", "{}"));
}

static struct channel *find(const struct session *s, const char *topic)
{
    struct channel *c = s->channels;

    while (c != NULL && strcmp(c->shape->topic, topic) != 0)
        c = c->next;
    return c;
}

void channel_remove(struct channel *c)
{
    struct session *s = c->session;
    struct channel **at = &s->channels;

    assert(!c->failing);
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    s->n_channels--;
    s->hub->stats.channels--;
    rooms_untrack(c);
    resume_end(c, s->goodbye);
    seats_leave(c);
    if (c->user != NULL) {
        *c->at_of_user = c->next_of_user;
        if (c->next_of_user != NULL)
            c->next_of_user->at_of_user = c->at_of_user;
    }
    outbox_purge(&s->outbox, c);
    deadline_set(&s->hub->deadlines, &c->due, 0);
    shape_leave(s->hub, c->shape);
    free(c->presence_key);
    free(c);
}

/* ---- what a channel is told ---- */

void channel_answer_join(struct channel *c)
{
    struct session *s = c->session;
    struct frame_writer w;

    frame_begin(&w);
    protocol_open(&w, s->version, text_of(c->join_ref), text_of(c->ref), c->shape->topic,
                  "phx_reply");
    frame_puts(&w, "{\"status\":\"ok\",\"response\":{\"postgres_changes\":");
    bindings_echo(&w, (struct text){c->shape->asked, c->shape->asked_len}, c->shape->bindings);
    frame_puts(&w, "}}");
    protocol_close(&w, s->version);
    session_send(s, frame_finish(&w));
}

void channel_refuse(struct channel *c, const char *why, bool joining)
{
    struct session *s = c->session;
    struct message m = {.join_ref = text_of(c->join_ref), .ref = text_of(c->ref)};

    s->hub->stats.joins_refused++;
    snprintf(m.topic, sizeof m.topic, "%s", c->shape->topic);
    if (joining) {
        refuse(s, &m, why);
    } else {
        channel_tell_system(c, false, why);
        session_send(
            s, protocol_message(s->version, m.join_ref, m.join_ref, m.topic, "phx_close", "{}"));
    }
    channel_remove(c);
}

void channel_tell_system(struct channel *c, bool ok, const char *message)
{
    struct session *s = c->session;
    struct frame_writer w;
    const char *colon = strchr(c->shape->topic, ':');

    frame_begin(&w);
    protocol_open(&w, s->version, text_of(c->join_ref), TEXT("null"), c->shape->topic, "system");
    frame_puts(&w, "{\"extension\":\"postgres_changes\",\"status\":");
    frame_puts(&w, ok ? "\"ok\"" : "\"error\"");
    frame_puts(&w, ",\"message\":");
    frame_string(&w, text_of(message));
    frame_puts(&w, ",\"channel\":");
    frame_string(&w, text_of(colon == NULL ? c->shape->topic : colon + 1));
    frame_puts(&w, "}");
    protocol_close(&w, s->version);
    session_send(s, frame_finish(&w));
}

/* ---- tokens ---- */

/* A join's or an access_token's token, judged. */
struct judged {
    bool pending; /* its key is being fetched: nothing else is known */
    struct channel_token token;
    char reason[REASON_MAX]; /* not "": it claims to be a user's token but is not good */
    struct jwt jwt;          /* token.sub points into it */
};

/* Keys of the client library grant nothing, so they need not be good ones. */
static bool is_key(const struct session *s, const char *token, size_t n, struct jwt *jwt)
{
    return strncmp(token, "sb_", 3) == 0 || hub_hash(0, token, n) == s->apikey_hash ||
           (jwt_peek(token, n, jwt) && strcmp(jwt->role, "anon") == 0);
}

static void explain(struct judged *j, enum jwt_result r, int64_t exp, int64_t now_s)
{
    if (r == JWT_EXPIRED)
        snprintf(j->reason, sizeof j->reason, "InvalidJWTToken: Token has expired %lld seconds ago",
                 (long long)(now_s - (exp > 0 ? exp : 0)));
    else
        snprintf(j->reason, sizeof j->reason, "%s: %s",
                 r == JWT_MALFORMED ? "MalformedJWT"
                 : r == JWT_BAD_SIGNATURE || r == JWT_NO_KEY || r == JWT_UNKNOWN_KEY ||
                         r == JWT_PENDING || r == JWT_UNSUPPORTED
                     ? "JwtSignatureError"
                     : "InvalidJWTToken",
                 jwt_result_text(r));
}

static void judge(const struct session *s, struct text value, struct instant now,
                  struct judged *out)
{
    char token[JWT_MAX + 1];
    const struct user *u;
    enum jwt_result r;
    int64_t ahead, exp;
    size_t n;

    out->token = (struct channel_token){.kind = TOKEN_ABSENT};
    out->reason[0] = '\0';
    out->pending = false;
    if (text_empty(value) || jsontext_kind(value) != JSONTEXT_STRING || value.n == 2)
        return;
    if (!jsontext_string(value, token, sizeof token, &n)) {
        explain(out, JWT_MALFORMED, 0, now.unix_s);
        return;
    }
    r = s->hub->tokens.verify(s->hub->tokens.ctx, token, n, now.unix_s, &out->jwt);
    out->pending = r == JWT_PENDING;
    if (r != JWT_OK) {
        exp = r == JWT_EXPIRED ? out->jwt.exp : 0;
        if (!is_key(s, token, n, &out->jwt))
            explain(out, r, exp, now.unix_s);
        return;
    }
    out->token.kind = TOKEN_ANON;
    if (strcmp(out->jwt.role, "authenticated") != 0 || out->jwt.sub[0] == '\0')
        return;
    u = members_find(&s->hub->members, out->jwt.sub);
    ahead = out->jwt.exp - now.unix_s;
    ahead = ahead < 0 ? 0 : ahead > EXP_AHEAD_MAX_S ? EXP_AHEAD_MAX_S : ahead;
    out->token.kind = TOKEN_USER;
    out->token.sub = out->jwt.sub;
    out->token.exp_at = now.ms + (uint64_t)ahead * 1000;
    out->token.known = u != NULL && members_fresh(u, now.ms);
}

/* ---- events ---- */

/* Presence is on when asked for, and with old clients that send its key but know no switch. */
static bool wants_presence(struct text config)
{
    struct text presence = jsontext_get(config, "presence");

    return jsontext_kind(presence) == JSONTEXT_OBJECT &&
           jsontext_bool(jsontext_get(presence, "enabled"), true);
}

/* Asked for nothing: such a channel needs no rights. */
static bool asks(const struct channel *c, struct text config)
{
    return c->shape->bindings->n > 0 || c->presence || c->is_private ||
           jsontext_kind(jsontext_get(config, "broadcast")) == JSONTEXT_OBJECT;
}

static void read_config(struct channel *c, struct text config)
{
    struct text broadcast = jsontext_get(config, "broadcast");
    char key[PRESENCE_KEY_MAX];

    c->presence = wants_presence(config);
    c->is_private = jsontext_bool(jsontext_get(config, "private"), false);
    c->acknowledge = jsontext_bool(jsontext_get(broadcast, "ack"), false);
    c->to_self = jsontext_bool(jsontext_get(broadcast, "self"), false);
    if (jsontext_string(jsontext_get(jsontext_get(config, "presence"), "key"), key, sizeof key,
                        NULL) &&
        key[0] != '\0')
        c->presence_key = strdup(key);
}

static void copy_ref(char out[REF_MAX + 1], struct text ref)
{
    snprintf(out, REF_MAX + 1, "%.*s", (int)ref.n, ref.p);
}

static struct channel *channel_new(struct session *s, const struct message *m, struct text config,
                                   const char **why)
{
    struct hub *h = s->hub;
    struct channel *c = hub_alloc(sizeof *c);

    *why = "out of memory";
    if (c == NULL || !hub_reserve(h)) {
        free(c);
        return NULL;
    }
    c->shape = shape_take(h, s->version, m->topic, jsontext_get(config, "postgres_changes"), why);
    if (c->shape == NULL) {
        free(c);
        return NULL;
    }
    copy_ref(c->join_ref, text_equal(m->join_ref, TEXT("null")) ? m->ref : m->join_ref);
    copy_ref(c->ref, m->ref);
    read_config(c, config);
    c->id = (uint64_t)h->node << 32 | ++h->serial;
    c->due.kind = DEADLINE_CHANNEL;
    c->session = s;
    c->next = s->channels;
    s->channels = c;
    s->n_channels++;
    h->stats.channels++;
    return c;
}

/* Somebody who keeps coming without a token is answered with growing patience: his client rejoins every second. */
static uint32_t next_grace(struct session *s, enum token_kind kind)
{
    uint32_t grace = s->token_grace_ms;

    if (kind == TOKEN_USER)
        s->token_grace_ms = TOKEN_GRACE_MS;
    else
        s->token_grace_ms = grace * 2 < TOKEN_GRACE_MAX_MS ? grace * 2 : TOKEN_GRACE_MAX_MS;
    return grace;
}

static const char *may_join(struct session *s, const struct message *m)
{
    if (strncmp(m->topic, "realtime:", 9) != 0 || m->topic[9] == '\0')
        return "TopicNameRequired: You must provide a topic name";
    if (s->n_channels >= SESSION_CHANNELS_MAX)
        return "ChannelRateLimitReached: Too many channels";
    return NULL;
}

/* The token first: if its key must be fetched, all of this happens again, and only then. */
static bool on_join(struct session *s, const struct message *m, bool again, struct instant now)
{
    struct text config = jsontext_get(m->payload, "config");
    struct channel *c = find(s, m->topic);
    struct judged j = {.pending = false};
    const char *why = NULL;

    if (!again && !allowance_take(&s->joins, SESSION_JOINS_PER_SECOND, SESSION_JOINS_BURST, now.ms))
        why = "ClientJoinRateLimitReached: Too many joins per second";
    else
        judge(s, jsontext_get(m->payload, "access_token"), now, &j);
    if (j.pending && !again)
        return false;
    s->hub->stats.joins++;
    if (c != NULL)
        channel_remove(c); /* a join on a joined topic takes its place */
    if (why == NULL)
        why = may_join(s, m);
    if (why == NULL && j.reason[0] != '\0')
        why = j.reason;
    if (why == NULL) {
        c = channel_new(s, m, config, &why);
        if (c != NULL) {
            bool rights = asks(c, config);

            channel_init(&c->fsm, rights, rights ? next_grace(s, j.token.kind) : 0);
            (void)channel_input(c, CHANNEL_JOIN, &j.token, now);
            return true;
        }
    }
    s->hub->stats.joins_refused++;
    refuse(s, m, why);
    return true;
}

static void on_leave(struct session *s, struct channel *c, const struct message *m)
{
    struct text join_ref = text_of(c->join_ref);

    confirm(s, m);
    resume_end(c, true);
    session_send(s, protocol_message(s->version, join_ref, join_ref, m->topic, "phx_close", "{}"));
    channel_remove(c);
}

static bool on_token(struct session *s, struct channel *c, const struct message *m, bool again,
                     struct instant now)
{
    struct judged j;

    judge(s, jsontext_get(m->payload, "access_token"), now, &j);
    if (j.pending && !again)
        return false;
    if (j.reason[0] != '\0')
        channel_tell_system(c, false, j.reason); /* what it held before stays good until its end */
    else
        (void)channel_input(c, CHANNEL_TOKEN, &j.token, now);
    return true;
}

static void answer(struct session *s, const struct message *m, const char *why)
{
    if (why == NULL)
        confirm(s, m);
    else
        refuse(s, m, why);
}

static void on_broadcast(struct channel *c, const struct message *m, struct instant now)
{
    struct session *s = c->session;
    bool acknowledge = c->acknowledge;
    const char *why = channel_broadcast(c, m, now);

    if (acknowledge)
        answer(s, m, why);
}

bool session_message(struct session *s, struct message *m, bool again, struct instant now)
{
    struct channel *c;

    if (strcmp(m->topic, "phoenix") == 0) {
        if (strcmp(m->event, "heartbeat") == 0)
            confirm(s, m);
        else
            refuse(s, m, "unmatched topic");
        return true;
    }
    if (strcmp(m->event, "phx_join") == 0)
        return on_join(s, m, again, now);
    c = find(s, m->topic);
    /* Messages of an earlier join of the same topic are late: they mean nothing any more. */
    if (c != NULL && !text_equal(m->join_ref, TEXT("null")) &&
        !text_equal(m->join_ref, text_of(c->join_ref)))
        c = NULL;
    if (strcmp(m->event, "phx_leave") == 0) {
        if (c != NULL)
            on_leave(s, c, m);
        else
            confirm(s, m);
        return true;
    }
    if (c == NULL)
        refuse(s, m, "unmatched topic");
    else if (strcmp(m->event, "access_token") == 0)
        return on_token(s, c, m, again, now);
    else if (strcmp(m->event, "broadcast") == 0)
        on_broadcast(c, m, now);
    else if (strcmp(m->event, "presence") == 0)
        answer(s, m, channel_presence(c, m, now));
    else
        refuse(s, m, "unmatched event");
    return true;
}
