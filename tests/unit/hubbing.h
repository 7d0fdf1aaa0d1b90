/* A hub without sockets, for tests: frames, changes, answers and time go in, texts come out. */
#ifndef TESTS_HUBBING_H
#define TESTS_HUBBING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "realtime/hub.h"
#include "realtime/limits.h"
#include "runtime/jsontext.h"

#define SECRET "a secret for tests that is long enough"
#define ALICE "0b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3"
#define BOB "1b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3"
#define ORG_A "aaaaaaaa-0000-4000-8000-000000000001"
#define ORG_B "bbbbbbbb-0000-4000-8000-000000000002"
enum { UNIX = 1700000000, FRAMES_MAX = 64 };

struct world {
    struct jwt_keys *keys;
    bool keys_away; /* every token's key is being fetched */
    struct hub *hub;
    struct instant now;
    char got[FRAMES_MAX][2048]; /* what take() took */
    unsigned n, pings;
};

static inline enum jwt_result verify(void *ctx, const char *token, size_t len, int64_t now_s,
                                     struct jwt *out)
{
    const struct world *w = ctx;

    return w->keys_away ? JWT_PENDING : jwt_verify(w->keys, token, len, now_s, out);
}

static inline void begin(struct world *w)
{
    const char *why;

    memset(w, 0, sizeof *w);
    w->keys = jwt_keys_new(SECRET, NULL, 0, &why);
    w->hub = hub_new(&(struct hub_tokens){verify, w});
    w->now = (struct instant){1000, UNIX};
    assert_non_null(w->hub);
}

static inline void end(struct world *w)
{
    assert_int_equal(hub_stats(w->hub)->channels, 0);
    hub_free(w->hub);
    jwt_keys_free(w->keys);
}

static inline void pass(struct world *w, uint64_t ms)
{
    w->now.ms += ms;
    w->now.unix_s = UNIX + (int64_t)(w->now.ms - 1000) / 1000;
    hub_tick(w->hub, w->now);
}

static const char *token_of(const char *sub, const char *role, int64_t exp)
{
    static char token[1024];
    char payload[256];

    snprintf(payload, sizeof payload, "{\"sub\":\"%s\",\"role\":\"%s\",\"exp\":%lld}", sub, role,
             (long long)exp);
    assert_true(jwt_sign_hs256(SECRET, payload, token, sizeof token));
    return token;
}

static inline struct session *connect_v(struct world *w, const char *query)
{
    enum protocol_version v;

    assert_true(protocol_version_of(query, &v));
    return hub_connect(w->hub, v, query, NULL, w->now);
}

static inline void say(struct world *w, struct session *s, const char *format, ...)
{
    char text[8192];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    hub_frame(w->hub, s, text_of(text), false, w->now);
}

/* Takes everything out of the socket's outbox; each but a PING must be JSON. Returns how many. */
static inline unsigned take(struct world *w, struct session *s)
{
    struct frame *f;

    w->n = 0;
    while ((f = outbox_at(session_outbox(s), 0)) != NULL) {
        struct text t;

        if (f->bytes[f->start] == 0x89) {
            w->pings++;
            outbox_pop(session_outbox(s));
            continue;
        }
        t = frame_payload(f);
        assert_true(w->n < FRAMES_MAX);
        assert_true(jsontext_valid(t));
        snprintf(w->got[w->n++], sizeof w->got[0], "%.*s", (int)t.n, t.p);
        outbox_pop(session_outbox(s));
    }
    return w->n;
}

static inline void assert_holds(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no %s in %s", part, text);
}

/* Answers all look-ups: Alice belongs to A, Bob to B, everybody else to nobody. */
static inline unsigned answer(struct world *w)
{
    static const char a[1][37] = {ORG_A}, b[1][37] = {ORG_B};
    const char *subs[8];
    unsigned n = hub_lookups(w->hub, subs, 8, w->now);

    for (unsigned i = 0; i < n; i++)
        hub_members(w->hub, subs[i], strcmp(subs[i], ALICE) == 0 ? a : b,
                    strcmp(subs[i], ALICE) == 0 || strcmp(subs[i], BOB) == 0, w->now);
    return n;
}

#define ORDERS "[{\"event\":\"*\",\"schema\":\"public\",\"table\":\"commerce_orders\"}]"

static inline void join(struct world *w, struct session *s, const char *topic, const char *ref,
                        const char *bindings, const char *token)
{
    say(w, s, "[\"%s\",\"%s\",\"%s\",\"phx_join\",{\"config\":{\"postgres_changes\":%s}%s%s%s}]",
        ref, ref, topic, bindings, token == NULL ? "" : ",\"access_token\":\"",
        token == NULL ? "" : token, token == NULL ? "" : "\"");
}

static inline void change(struct world *w, const char *org, const char *type, const char *record)
{
    struct hub_change c = {org, "commerce_orders", type, text_of(record), 1700000000123456, 0};

    hub_change(w->hub, &c, w->now);
}

/* A socket whose channel realtime:orders is live. */
static inline struct session *live(struct world *w, const char *sub, const char *query)
{
    struct session *s = connect_v(w, query);

    if (strstr(query, "2.0.0") != NULL)
        join(w, s, "realtime:orders", "1", ORDERS, token_of(sub, "authenticated", UNIX + 3600));
    else
        say(w, s,
            "{\"topic\":\"realtime:orders\",\"event\":\"phx_join\",\"ref\":\"1\",\"join_ref\":"
            "\"1\",\"payload\":{\"config\":"
            "{\"postgres_changes\":%s},\"access_token\":\"%s\"}}",
            ORDERS, token_of(sub, "authenticated", UNIX + 3600));
    answer(w);
    assert_int_equal(take(w, s), 2);
    assert_holds(w->got[0], "\"status\":\"ok\"");
    assert_holds(w->got[1], "Subscribed to PostgreSQL");
    return s;
}

#endif
