/* simulate: the calls. Their callbacks, signed, doubled and shuffled, are read back by the
 * providers' own handlers and summed up here in the simplest way: that must be what the simulator
 * says must come of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/jsontext.h"
#include "simulate/deal.h"
#include "simulate/random.h"
#include "voice/provider.h"

enum { CALLS_MAX = 20000, LIVE_MAX = 8, ARENA_SIZE = 4 * 1024 * 1024 };

#define NOW_MS INT64_C(1772443200000)
#define BASE "https://hooks.example.com/in"

static const char *const stores[] = {"a.myshopify.com", "b.myshopify.com", "c.myshopify.com",
                                     "d.myshopify.com", "e.myshopify.com"};
static const char one[] = "11111111-0000-4000-8000-000000000001";
static const char two[] = "22222222-0000-4000-8000-000000000002";
static const struct sim_tenant tenants[] = {
    {one, "11111111-0000-4000-8000-00000000000c", "11111111-0000-4000-8000-00000000000a"},
    {one, NULL, NULL},
    {two, NULL, "22222222-0000-4000-8000-00000000000a"},
    {two, NULL, NULL},
    {one, NULL, NULL},
};

static struct sim_options options(uint64_t seed, uint64_t events, int64_t span_s)
{
    return (struct sim_options){.seed = seed,
                                .stores = stores,
                                .n_stores = 5,
                                .events = events,
                                .start_us = 1769600000000000,
                                .span_us = span_s * 1000000,
                                .carts_percent = 45,
                                .abandon_after_us = 1800000000,
                                .expire_after_us = INT64_C(30) * 86400 * 1000000,
                                .calls_percent = 80,
                                .tenants = tenants,
                                .providers = {SIM_RETELL, SIM_VAPI, SIM_TWILIO},
                                .n_providers = 3};
}

static uint64_t hash_of_events(uint64_t h, const struct sim_event *e)
{
    h = mix64(h ^ (uint64_t)e->at_us ^ e->len ^ e->provider);
    for (size_t i = 0; i < e->len; i++)
        h = h * 31 + (unsigned char)e->body[i];
    for (const char *p = e->query; *p != '\0'; p++)
        h = h * 31 + (unsigned char)*p;
    return h;
}

static uint64_t hash_day(uint64_t seed)
{
    struct sim_options o = options(seed, 4000, 86400);
    struct sim *s = sim_new(&o);
    struct sim_event e;
    uint64_t h = 1;

    while (sim_next(s, &e))
        h = hash_of_events(h, &e);
    sim_free(s);
    return h;
}

static void the_same_seed_makes_the_same_calls(void **state)
{
    (void)state;
    assert_true(hash_day(1) == hash_day(1));
    assert_true(hash_day(1) != hash_day(2));
}

static void without_calls_there_is_no_callback(void **state)
{
    struct sim_options o = options(3, 3000, 86400);
    struct sim_call_totals t;
    struct sim *s;
    struct sim_event e;
    (void)state;
    o.calls_percent = 0;
    s = sim_new(&o);
    while (sim_next(s, &e))
        assert_int_equal(e.provider, SIM_SHOPIFY);
    sim_call_totals(s, NULL, &t);
    assert_int_equal(t.calls + t.callbacks + t.contacts, 0);
    sim_free(s);
}

static uint64_t sum(const uint64_t *n, unsigned of)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < of; i++)
        all += n[i];
    return all;
}

static void totals_add_up_and_every_kind_of_call_occurs(void **state)
{
    struct sim_options o = options(5, 30000, 86400);
    struct sim *s = sim_new(&o);
    struct sim_call_totals all, a, b;
    struct sim_event e;
    uint64_t callbacks = 0;
    (void)state;
    while (sim_next(s, &e))
        callbacks += e.provider != SIM_SHOPIFY;
    sim_call_totals(s, NULL, &all);
    sim_call_totals(s, one, &a);
    sim_call_totals(s, two, &b);
    assert_int_equal(all.callbacks, callbacks);
    assert_int_equal(sum(all.status, 4), all.calls);
    assert_int_equal(sum(all.outcome, 5), all.status[3]);
    assert_int_equal(a.calls + b.calls, all.calls);
    assert_int_equal(a.contacts + b.contacts, all.contacts);
    assert_int_equal(a.seconds + b.seconds, all.seconds);
    assert_true(a.calls > 100 && b.calls > 100 && all.contacts < all.calls);
    assert_true(all.cod_confirmed > 100 && all.cod_confirmed < all.outcome[0]);
    for (unsigned i = 0; i < 5; i++)
        assert_true(all.outcome[i] > 20);
    for (unsigned i = 0; i < 3; i++)
        assert_true(all.sentiment[i] > 20);
    assert_true(all.later_attempts > 50 && all.recordings > 100 && all.turns > all.calls);
    sim_free(s);
}

static size_t count_in(const struct sim_event *e, const char *what)
{
    const char *p = e->body, *end = e->body + e->len;
    size_t n = 0;

    while ((p = memmem(p, (size_t)(end - p), what, strlen(what))) != NULL) {
        p += strlen(what);
        n++;
    }
    return n;
}

static void bodies_hold_two_to_four_hundred_turns(void **state)
{
    struct sim_options o = options(8, 60000, 86400);
    struct sim *s = sim_new(&o);
    struct sim_event e;
    size_t largest = 0, n, fewest = SIZE_MAX, most = 0;
    (void)state;
    while (sim_next(s, &e)) {
        if (e.provider != SIM_RETELL && e.provider != SIM_VAPI)
            continue;
        if (!jsontext_valid((struct text){e.body, e.len}))
            fail_msg("%s is no JSON: %.*s", e.topic, (int)e.len, e.body);
        largest = e.len > largest ? e.len : largest;
        n = count_in(&e, "\"secondsFromStart\":");
        if (n == 0)
            continue;
        n--; /* the prompt */
        fewest = n < fewest ? n : fewest;
        most = n > most ? n : most;
    }
    assert_int_equal(fewest, 2);
    assert_true(most > 350 && most <= 400 && largest < SIM_BODY_MAX);
    sim_free(s);
}

/* ---- the callbacks read back ---- */

/* A value and the version that said it. */
struct told {
    uint64_t phase;
    int64_t at_us;
    int64_t value;
};

struct seen {
    bool known, cod, later, recorded;
    enum voice_phase phase;
    struct told outcome, seconds, sentiment, turns;
    int64_t live[LIVE_MAX];
    unsigned n_live;
    char contact[64];
};

struct reader {
    struct seen *calls;
    char *memory;
    char *body;
};

static void tell(struct told *t, const struct voice_event *ev, int64_t value)
{
    if ((uint64_t)ev->phase < t->phase || ((uint64_t)ev->phase == t->phase && ev->at_us < t->at_us))
        return;
    *t = (struct told){(uint64_t)ev->phase, ev->at_us, value};
}

static int64_t index_in(const char *const *names, unsigned n, struct text name)
{
    for (unsigned i = 0; i < n; i++)
        if (text_equal(name, text_of(names[i])))
            return i;
    fail_msg("%.*s is unknown", (int)name.n, name.p);
    return 0;
}

static void see_turns(struct seen *c, const struct voice_event *ev)
{
    if (ev->transcript_whole && ev->n_turns > 0) {
        tell(&c->turns, ev, ev->n_turns);
    } else if (ev->n_turns == 1) {
        for (unsigned i = 0; i < c->n_live; i++)
            if (c->live[i] == ev->at_us)
                return;
        assert_true(c->n_live < LIVE_MAX);
        c->live[c->n_live++] = ev->at_us;
    }
}

static void see(struct seen *c, const struct voice_event *ev)
{
    struct text other =
        text_equal(ev->call_type, TEXT("inbound")) ? ev->from_number : ev->to_number;

    c->known = true;
    c->phase = ev->phase > c->phase ? ev->phase : c->phase;
    if (ev->outcome.p != NULL)
        tell(&c->outcome, ev, index_in(sim_outcome_names, 5, ev->outcome));
    if (ev->duration_seconds != VOICE_NONE)
        tell(&c->seconds, ev, ev->duration_seconds);
    if (ev->sentiment.p != NULL)
        tell(&c->sentiment, ev, index_in(sim_sentiment_names, 3, ev->sentiment));
    see_turns(c, ev);
    c->recorded = c->recorded || ev->recording_url.p != NULL;
    c->later = c->later || ev->attempt_number > 1;
    c->cod = c->cod || memmem(ev->metadata.p, ev->metadata.n, "\"payment_type\":\"cod\"", 20);
    if (other.p != NULL)
        snprintf(c->contact, sizeof c->contact, "%.*s %.*s", (int)ev->organization_id.n,
                 ev->organization_id.p, (int)other.n, other.p);
}

/* The message as the gateway sees it. */
static struct voice_request request_of(const struct reader *r, const struct deal *d,
                                       const struct message *m, char *signature, char *url)
{
    struct voice_request q = {.now_us = (NOW_MS + 250000) * 1000, .body = r->body};
    const char *path = strchr(m->bytes, ' ') + strlen(" /in");
    size_t n = deal_sign(d, m, NOW_MS, signature);
    char *p = signature;

    assert_memory_equal(m->bytes, "POST /in/webhooks/voice/", 24);
    q.url = (struct text){
        url, (size_t)snprintf(url, VOICE_URL_MAX, BASE "%.*s", (int)strcspn(path, " "), path)};
    q.body_len = m->len - m->voice.body_at;
    memcpy(r->body, m->bytes + m->voice.body_at, q.body_len);
    memset(r->body + q.body_len, 0, EVENT_BODY_PADDING);
    assert_memory_equal(signature + n - 2, "\r\n", 2);
    signature[n] = '\0';
    while (*p != '\0') {
        struct voice_header *h = &q.headers[q.n_headers++];
        char *colon = strchr(p, ':'), *end = strstr(p, "\r\n");
        h->name = p;
        h->value = (struct text){colon + 2, (size_t)(end - colon) - 2};
        for (*colon = *end = '\0'; *p != '\0'; p++)
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        p = end + 2;
    }
    return q;
}

static void read_back(const struct reader *r, const struct deal *d, const struct message *m)
{
    const struct voice_provider *p = voice_provider_find(sim_provider_names[m->voice.provider]);
    char signature[VOICE_SIGNATURE_MAX + 1], url[VOICE_URL_MAX];
    struct voice_request q = request_of(r, d, m, signature, url);
    struct voice_events events;
    struct arena arena;
    struct text id;

    if (!p->verify(&q, "first,hush,last"))
        fail_msg("%s %s is not signed: %s", p->name, m->topic, url);
    assert_false(p->verify(&q, "other"));
    if (m->voice.provider != SIM_VAPI) { /* a secret in a header does not cover the body */
        r->body[q.body_len / 2] ^= 1;
        assert_false(p->verify(&q, "hush"));
        r->body[q.body_len / 2] ^= 1;
    }
    arena_init(&arena, r->memory, ARENA_SIZE);
    assert_true(p->call_id(&q, &arena, &id));
    events = (struct voice_events){.arena = &arena};
    assert_int_equal(p->read(&q, &events), VERDICT_STORE);
    assert_true(m->voice.call < CALLS_MAX);
    for (unsigned i = 0; i < events.n; i++) {
        assert_true(text_equal(events.event[i].organization_id, text_of(one)) ||
                    text_equal(events.event[i].organization_id, text_of(two)));
        see(&r->calls[m->voice.call], &events.event[i]);
    }
}

static int by_contact(const void *a, const void *b)
{
    return strcmp(((const struct seen *)a)->contact, ((const struct seen *)b)->contact);
}

static struct sim_call_totals sum_up(struct seen *calls)
{
    static const unsigned status[] = {[VOICE_QUEUED] = 0,
                                      [VOICE_RINGING] = 1,
                                      [VOICE_IN_PROGRESS] = 2,
                                      [VOICE_ENDED] = 3,
                                      [VOICE_ANALYSED] = 3};
    struct sim_call_totals t = {0};

    qsort(calls, CALLS_MAX, sizeof *calls, by_contact);
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        const struct seen *c = &calls[i];
        if (!c->known)
            continue;
        t.calls++;
        t.later_attempts += c->later;
        t.status[status[c->phase]]++;
        t.seconds += (uint64_t)c->seconds.value;
        t.turns += c->turns.phase > 0 ? (uint64_t)c->turns.value : c->n_live;
        t.recordings += c->recorded;
        t.contacts += i == 0 || strcmp(c->contact, calls[i - 1].contact) != 0;
        if (c->sentiment.phase > 0)
            t.sentiment[c->sentiment.value]++;
        if (c->outcome.phase == 0)
            continue;
        t.outcome[c->outcome.value]++;
        t.cod_confirmed += c->cod && c->outcome.value == 0;
    }
    return t;
}

/* Delivers a day up to its event number `stop`. */
static void play(struct sim *s, unsigned duplicates, unsigned window, uint64_t stop,
                 struct sim_call_totals *found)
{
    const struct voice_target target = {.host = "127.0.0.1:8080",
                                        .prefix = "/in",
                                        .base = BASE,
                                        .secrets = {NULL, "hush", "hush", "hush"}};
    struct deal_options o = {.sim = s,
                             .host = "127.0.0.1:8080",
                             .path = "/in/webhooks/shopify",
                             .secret = "hush",
                             .voice = &target,
                             .duplicates_percent = duplicates,
                             .window = window,
                             .seed = 9};
    struct reader r = {.calls = calloc(CALLS_MAX, sizeof *r.calls),
                       .memory = malloc(ARENA_SIZE),
                       .body = malloc(SIM_BODY_MAX + EVENT_BODY_PADDING)};
    struct deal *d = deal_new(&o);
    struct message *m;
    uint64_t n = 0;

    while ((m = deal_next(d)) != NULL) {
        if (n++ == stop)
            deal_stop(d);
        if (m->voice.provider != SIM_SHOPIFY)
            read_back(&r, d, m);
        m->taken = true;
        message_drop(m);
    }
    *found = sum_up(r.calls);
    deal_free(d);
    free(r.calls);
    free(r.memory);
    free(r.body);
}

static void assert_totals(const struct sim_call_totals *found, const struct sim *s)
{
    struct sim_call_totals t;

    sim_call_totals(s, NULL, &t);
    assert_int_equal(found->calls, t.calls);
    assert_int_equal(found->later_attempts, t.later_attempts);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(found->status[i], t.status[i]);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(found->outcome[i], t.outcome[i]);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(found->sentiment[i], t.sentiment[i]);
    assert_int_equal(found->seconds, t.seconds);
    assert_int_equal(found->turns, t.turns);
    assert_int_equal(found->recordings, t.recordings);
    assert_int_equal(found->cod_confirmed, t.cod_confirmed);
    assert_int_equal(found->contacts, t.contacts);
}

static void what_was_delivered_in_any_order_is_what_was_promised(void **state)
{
    static const struct {
        unsigned duplicates, window;
        uint64_t stop;
        int64_t span_s;
    } cases[] = {{0, 1, UINT64_MAX, 86400},
                 {150, 2000, UINT64_MAX, 86400},
                 {20, 10000, UINT64_MAX, 3600},
                 {0, 500, 2000, 86400},
                 {50, 40, 3000, 60}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_options o = options(20 + i, 8000, cases[i].span_s);
        struct sim *s = sim_new(&o);
        struct sim_call_totals found;

        play(s, cases[i].duplicates, cases[i].window, cases[i].stop, &found);
        assert_true(found.calls > 50 && found.outcome[0] > 10);
        assert_totals(&found, s);
        sim_free(s);
    }
}

/* A provider cannot tell what is still to come. */
static void nothing_is_reported_before_it_happened(void **state)
{
    static const int64_t spans[] = {60, 86400};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sim_options o = options(31, 4000, spans[i]);
        struct sim *s = sim_new(&o);
        struct sim_event e;
        uint64_t callbacks = 0;
        while (sim_next(s, &e)) {
            struct text at;
            if (e.provider != SIM_RETELL)
                continue;
            at = jsontext_get((struct text){e.body, e.len}, "event_timestamp");
            assert_int_equal(at.n, 13);
            assert_true(strtoll(at.p, NULL, 10) <= e.at_us / 1000);
            callbacks++;
        }
        assert_true(callbacks > 100);
        sim_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_makes_the_same_calls),
        cmocka_unit_test(without_calls_there_is_no_callback),
        cmocka_unit_test(totals_add_up_and_every_kind_of_call_occurs),
        cmocka_unit_test(bodies_hold_two_to_four_hundred_turns),
        cmocka_unit_test(what_was_delivered_in_any_order_is_what_was_promised),
        cmocka_unit_test(nothing_is_reported_before_it_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
