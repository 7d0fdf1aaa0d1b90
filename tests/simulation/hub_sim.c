/* Dashboards on one realtime process: they join with good, short-lived and missing tokens, read slowly or not at all, leave
 * and come back, while rows change, memberships change, look-ups fail and updates are lost. One seed decides everything.
 *
 *   hub_sim [--seed N] [--seeds M] [--trace]
 *
 * Safety: no dashboard gets a change of an organization that its user has not belonged to for a minute; what goes out is
 * JSON; nothing comes for who has not joined. Liveness, once the faults stop: every dashboard's copy, kept as supabase-js'
 * users keep it (read when subscribed, then apply what comes), equals the rows. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "realtime/hub.h"
#include "realtime/limits.h"
#include "runtime/jsontext.h"

#define SECRET "a secret for tests that is long enough"

enum {
    ORGS = 3,
    USERS = 4,
    ROWS = 5,
    CLIENTS = 6,
    VERSIONS_MAX = 4096,
    LOOKUPS_MAX = 16,
    STEPS = 400,
    LAST_CHANGES = 3, /* so few that they do not make good what was lost before */
    CALM_S = 150,     /* a token's grace, memberships' refresh and a spread resync fit in */
    UNIX_0 = 1700000000,
    MEMBER_GRACE_MS = 60000,
    LONG_S = 36000,
};

static uint64_t seed, state;
static bool tracing;
static struct instant now;
static struct hub *hub;
static struct jwt_keys *keys;

/* ---- the world ---- */

static struct row {
    unsigned version;
    unsigned seers[VERSIONS_MAX]; /* by version: a bit per user who might see it when it was made */
} rows[ORGS][ROWS];
static bool member[USERS][ORGS];
static uint64_t member_until[USERS][ORGS]; /* when he was one last */
static uint64_t entered_ms[USERS][ORGS];

static struct lookup {
    const char *sub;
} lookups[LOOKUPS_MAX];
static unsigned n_lookups;

static struct client {
    struct session *session; /* NULL: away */
    unsigned user;
    bool joined, subscribed; /* as far as it knows */
    bool sleepy;             /* reads nothing for now */
    uint64_t read_ms;
    uint64_t again_ms; /* when it connects or joins again */
    unsigned ref;
    unsigned copy[ORGS][ROWS]; /* versions */
} clients[CLIENTS];

static unsigned below(unsigned n)
{
    state ^= state << 13; /* xorshift64 */
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}

static void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void trace(const char *format, ...)
{
    va_list ap;

    if (!tracing)
        return;
    printf("%8.3f s  ", (double)now.ms / 1000);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
}

static void violation(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void violation(const char *format, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "seed %llu: ", (unsigned long long)seed);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fprintf(stderr, "\nagain, with what led to it: hub_sim --seed %llu --trace\n",
            (unsigned long long)seed);
    exit(1);
}

static const char *sub_of(unsigned user)
{
    static char text[USERS][37];

    snprintf(text[user], sizeof text[user], "0b8c1d2e-3f40-4a5b-8c6d-00000000000%x", user & 0xF);
    return text[user];
}

static const char *organization(unsigned o)
{
    static char text[ORGS][37];

    snprintf(text[o], sizeof text[o], "aaaaaaaa-0000-4000-8000-00000000000%x", o & 0xF);
    return text[o];
}

static bool may_see(unsigned user, unsigned o)
{
    return member[user][o] ||
           (member_until[user][o] != 0 && now.ms < member_until[user][o] + MEMBER_GRACE_MS);
}

/* ---- what a client gets ---- */

/* Reads what is there now, as an application does when it hears that changes flow. */
static void read_rows(struct client *c)
{
    c->read_ms = now.ms;
    for (unsigned o = 0; o < ORGS; o++)
        for (unsigned r = 0; r < ROWS; r++)
            c->copy[o][r] = member[c->user][o] ? rows[o][r].version : 0;
}

static void take_change(struct client *c, const char *text)
{
    const char *id = strstr(text, "{\"id\":\""), *rest = strstr(text, "\"o\":");
    unsigned r, o, v;

    if (id == NULL || rest == NULL || sscanf(id, "{\"id\":\"%u", &r) != 1 ||
        sscanf(rest, "\"o\":%u,\"v\":%u", &o, &v) != 2 || r >= ROWS || o >= ORGS ||
        v > rows[o][r].version)
        violation("a change that nobody made: %s", text);
    if (!c->joined)
        violation("a change for a client that has not joined");
    if ((rows[o][r].seers[v] >> c->user & 1) == 0)
        violation("user %u gets version %u of row %u of organization %u", c->user, v, r, o);
    trace("client %u sees version %u of row %u of organization %u", (unsigned)(c - clients), v, r,
          o);
    c->copy[o][r] = v;
}

static void lose_channel(struct client *c)
{
    c->joined = c->subscribed = false;
    c->again_ms = now.ms + 100 + below(3000);
}

static void take_text(struct client *c, struct text t)
{
    char text[4096];

    if (!jsontext_valid(t) || t.n >= sizeof text)
        violation("no JSON: %.*s", (int)t.n, t.p);
    memcpy(text, t.p, t.n);
    text[t.n] = '\0';
    if (strstr(text, "\"data\":{\"schema\"") != NULL) {
        take_change(c, text);
    } else if (strstr(text, "Subscribed to PostgreSQL") != NULL) {
        trace("client %u is subscribed and reads", (unsigned)(c - clients));
        c->subscribed = true;
        read_rows(c);
    } else if (strstr(text, "phx_error") != NULL || strstr(text, "phx_close") != NULL ||
               strstr(text, "\"status\":\"error\"") != NULL) {
        trace("client %u: %s", (unsigned)(c - clients), text);
        lose_channel(c);
    }
}

static void take(struct client *c, unsigned most)
{
    struct frame *f;

    while (most-- > 0 && (f = outbox_at(session_outbox(c->session), 0)) != NULL) {
        if (f->bytes[f->start] == 0x89)
            hub_heard(c->session, now); /* a PING */
        else
            take_text(c, frame_payload(f));
        outbox_pop(session_outbox(c->session));
    }
}

/* ---- what a client does ---- */

static void say(struct client *c, const char *text)
{
    hub_frame(hub, c->session, text_of(text), false, now);
}

static void leave(struct client *c)
{
    hub_disconnect(hub, c->session);
    c->session = NULL;
    lose_channel(c);
}

static void join(struct client *c, enum protocol_version v, int64_t ttl_s)
{
    char token[512] = "", payload[256], text[2048], with[600] = "";

    if (ttl_s > 0) {
        snprintf(payload, sizeof payload,
                 "{\"sub\":\"%s\",\"role\":\"authenticated\",\"exp\":%lld}", sub_of(c->user),
                 (long long)(now.unix_s + ttl_s));
        assert(jwt_sign_hs256(SECRET, payload, token, sizeof token));
        snprintf(with, sizeof with, ",\"access_token\":\"%s\"", token);
    }
    c->ref++;
    snprintf(text, sizeof text,
             v == PROTOCOL_V2
                 ? "[\"%u\",\"%u\",\"realtime:x\",\"phx_join\",{\"config\":{\"postgres_changes\":"
                   "[{\"event\":\"*\",\"schema\":\"public\",\"table\":\"commerce_orders\"}]}%s}]"
                 : "{\"join_ref\":\"%u\",\"ref\":\"%u\",\"topic\":\"realtime:x\",\"event\":"
                   "\"phx_join\",\"payload\":{\"config\":{\"postgres_changes\":[{\"event\":\"*\","
                   "\"schema\":\"public\",\"table\":\"commerce_orders\"}]}%s}}",
             c->ref, c->ref, with);
    trace("client %u of user %u joins for %lld s", (unsigned)(c - clients), c->user,
          (long long)ttl_s);
    c->joined = true;
    c->subscribed = false;
    say(c, text);
}

/* Connects and joins when it is time to. */
static void act(struct client *c, enum protocol_version versions[CLIENTS], bool calm)
{
    static const int64_t ttls[] = {LONG_S, LONG_S, 40, 0};
    unsigned i = (unsigned)(c - clients);

    if (now.ms < c->again_ms)
        return;
    if (c->session == NULL) {
        versions[i] = below(2) ? PROTOCOL_V2 : PROTOCOL_V1;
        c->session = hub_connect(hub, versions[i], "apikey=key", NULL, now);
        assert(c->session != NULL);
        c->joined = c->subscribed = false;
    }
    if (!c->joined)
        join(c, versions[i], calm ? LONG_S : ttls[below(4)]);
}

static void read_some(struct client *c, bool calm)
{
    unsigned code;

    if (c->session == NULL)
        return;
    if (calm || !c->sleepy)
        take(c, calm ? UINT32_MAX : 1 + below(50));
    code = session_close_code(c->session);
    if (code != 0) {
        trace("client %u is thrown out with %u", (unsigned)(c - clients), code);
        take(c, UINT32_MAX);
        leave(c);
    } else if (below(20) == 0) {
        hub_heard(c->session, now);
    }
}

/* ---- what happens ---- */

static void change(void)
{
    unsigned o = below(ORGS), r = below(ROWS);
    struct row *row = &rows[o][r];
    char record[600];
    size_t n;

    if (row->version + 1 == VERSIONS_MAX)
        return;
    row->version++;
    for (unsigned u = 0; u < USERS; u++)
        row->seers[row->version] |= (unsigned)may_see(u, o) << u;
    n = (size_t)snprintf(record, sizeof record,
                         "{\"id\":\"%u\",\"o\":%u,\"v\":%u,\"pad\":\"%0*d\"}", r, o, row->version,
                         (int)below(400), 0);
    hub_change(hub,
               &(struct hub_change){organization(o),
                                    "commerce_orders",
                                    row->version == 1 ? "INSERT" : "UPDATE",
                                    {record, n},
                                    (int64_t)now.ms * 1000,
                                    now.ms},
               now);
}

/* An update that never arrived: the tail tells of a gap, or the worker of a resync. */
static void lose_updates(void)
{
    unsigned o = below(ORGS), r = below(ROWS);
    bool all = below(2) == 0;

    if (rows[o][r].version == 0 || rows[o][r].version + 1 == VERSIONS_MAX)
        return;
    rows[o][r].version++;
    for (unsigned u = 0; u < USERS; u++)
        rows[o][r].seers[rows[o][r].version] |= (unsigned)may_see(u, o) << u;
    trace("version %u of row %u of organization %u is lost%s", rows[o][r].version, r, o,
          all ? ", everybody is to resync" : "");
    if (all)
        hub_resync_all(hub, now);
    else
        hub_change(hub,
                   &(struct hub_change){below(2) ? organization(o) : "*", "*", "RESYNC", TEXT("{}"),
                                        0, now.ms},
                   now);
}

static void change_member(void)
{
    unsigned u = below(USERS), o = below(ORGS);

    trace("user %u %s organization %u", u, member[u][o] ? "leaves" : "enters", o);
    if (member[u][o])
        member_until[u][o] = now.ms;
    else
        entered_ms[u][o] = now.ms;
    member[u][o] = !member[u][o];
}

static void collect_lookups(void)
{
    const char *subs[LOOKUPS_MAX];
    unsigned n =
        n_lookups == LOOKUPS_MAX ? 0 : hub_lookups(hub, subs, LOOKUPS_MAX - n_lookups, now);

    for (unsigned i = 0; i < n; i++)
        lookups[n_lookups++].sub = subs[i];
}

static void answer_lookup(bool calm)
{
    unsigned i, n = 0, u = 0;
    char organizations[ORGS][37];
    const char *sub;

    if (n_lookups == 0)
        return;
    i = below(n_lookups);
    sub = lookups[i].sub;
    lookups[i] = lookups[--n_lookups];
    if (!calm && below(5) == 0) {
        hub_members_failed(hub, sub, now);
        return;
    }
    while (strcmp(sub_of(u), sub) != 0)
        u++;
    for (unsigned o = 0; o < ORGS; o++)
        if (member[u][o])
            memcpy(organizations[n++], organization(o), 37);
    hub_members(hub, sub, (const char(*)[37])organizations, n, now);
}

static void pass(uint64_t ms)
{
    now.ms += ms;
    now.unix_s = UNIX_0 + (int64_t)(now.ms / 1000);
    if (hub_next(hub) <= now.ms)
        hub_tick(hub, now);
    hub_rested(hub);
    while (hub_dirty(hub, now) != NULL) {
        /* the driver would write now; our clients take when they like */
    }
}

/* ---- one run ---- */

static void fault(void)
{
    struct client *c = &clients[below(CLIENTS)];

    switch (below(10)) {
    case 0:
        if (c->session != NULL)
            leave(c);
        break;
    case 1:
        c->sleepy = !c->sleepy;
        break;
    case 2:
        lose_updates();
        break;
    case 3:
        change_member();
        break;
    case 4:
        if (c->session != NULL)
            say(c, below(2) ? "{\"what\":1}" : "[1,2");
        break;
    case 5:
        pass(below(40000));
        break;
    default:
        break;
    }
}

static void run_clients(enum protocol_version versions[CLIENTS], bool calm)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        act(&clients[i], versions, calm);
        read_some(&clients[i], calm);
    }
}

/* He belonged to it long enough before he read: who has just entered hears of changes within MEMBERS_REFRESH_MS, and must read
 * by himself what was there before. */
static bool was_settled(const struct client *c, unsigned o)
{
    uint64_t entered = entered_ms[c->user][o];

    return member[c->user][o] && (entered == 0 || entered + MEMBER_GRACE_MS < c->read_ms);
}

static void check_copies(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct client *c = &clients[i];

        if (!c->subscribed)
            violation("client %u is not subscribed", i);
        for (unsigned o = 0; o < ORGS; o++)
            for (unsigned r = 0; r < ROWS; r++)
                if (was_settled(c, o) && c->copy[o][r] != rows[o][r].version)
                    violation(
                        "client %u shows version %u of row %u of organization %u, which has %u", i,
                        c->copy[o][r], r, o, rows[o][r].version);
    }
}

static void settle(enum protocol_version versions[CLIENTS])
{
    trace("no more faults");
    for (unsigned s = 0; s < CALM_S * 4; s++) {
        collect_lookups();
        while (n_lookups > 0)
            answer_lookup(true);
        run_clients(versions, true);
        for (unsigned i = 0; i < CLIENTS; i++)
            if (clients[i].session != NULL)
                hub_heard(clients[i].session, now);
        if (s < LAST_CHANGES)
            change();
        pass(250);
    }
    run_clients(versions, true);
}

static enum jwt_result verify(void *ctx, const char *token, size_t len, int64_t now_s,
                              struct jwt *out)
{
    return jwt_verify(ctx, token, len, now_s, out);
}

static void begin(void)
{
    state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    now = (struct instant){1000, UNIX_0 + 1};
    hub = hub_new(&(struct hub_tokens){verify, keys});
    assert(hub != NULL);
    memset(rows, 0, sizeof rows);
    memset(member_until, 0, sizeof member_until);
    memset(entered_ms, 0, sizeof entered_ms);
    memset(clients, 0, sizeof clients);
    n_lookups = 0;
    for (unsigned u = 0; u < USERS; u++)
        for (unsigned o = 0; o < ORGS; o++)
            member[u][o] = below(3) == 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i].user = below(USERS);
}

static void run_seed(void)
{
    enum protocol_version versions[CLIENTS] = {PROTOCOL_V1};
    unsigned faults;

    begin();
    faults = below(3) == 0 ? 0 : below(400);
    for (unsigned s = 0; s < STEPS; s++) {
        collect_lookups();
        if (below(3) > 0)
            answer_lookup(faults == 0);
        if (below(3) > 0)
            change();
        if (below(1000) < faults)
            fault();
        run_clients(versions, false);
        pass(below(below(10) == 0 ? 3000 : 100));
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i].sleepy = false;
    settle(versions);
    check_copies();
    for (unsigned i = 0; i < CLIENTS; i++)
        hub_disconnect(hub, clients[i].session);
    if (hub_stats(hub)->channels != 0 || hub_stats(hub)->sessions != 0)
        violation("channels outlive their sockets");
    hub_free(hub);
}

int main(int argc, char **argv)
{
    uint64_t first = 1, n = 1;
    struct timespec t0, t1;
    const char *why;
    double s;

    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;

        if (strcmp(argv[i], "--seed") == 0 && more) {
            first = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0 && more) {
            n = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--trace") == 0) {
            tracing = true;
        } else {
            fprintf(stderr, "usage: hub_sim [--seed N] [--seeds M] [--trace]\n");
            return 2;
        }
    }
    keys = jwt_keys_new(SECRET, NULL, 0, &why);
    assert(keys != NULL);
    timespec_get(&t0, TIME_UTC);
    for (seed = first; seed < first + n; seed++)
        run_seed();
    timespec_get(&t1, TIME_UTC);
    jwt_keys_free(keys);
    s = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
    printf("%llu seeds from %llu on: %.0f a second\n", (unsigned long long)n,
           (unsigned long long)first, (double)n / s);
    return 0;
}
