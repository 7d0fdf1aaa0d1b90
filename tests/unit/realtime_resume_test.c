/* Clients that come back: what was noted of them, what they are told. Two processes with one store between them. */
#include "hubbing.h"

enum { NOTES_MAX = 16, ASKS_MAX = 8 };

static struct {
    struct {
        char key[RESUME_KEY_SIZE];
        uint64_t socket, at_ms, ref;
    } note[NOTES_MAX];
    unsigned n;
    struct {
        char key[RESUME_KEY_SIZE];
        uint64_t ref;
        struct resume_ask *ask;
    } asked[ASKS_MAX];
    unsigned n_asked;
    bool down;
} store;

static bool on_ask(void *ctx, const char *key, uint64_t ref, struct resume_ask *ask)
{
    (void)ctx;
    if (store.down)
        return false;
    assert_true(store.n_asked < ASKS_MAX);
    snprintf(store.asked[store.n_asked].key, RESUME_KEY_SIZE, "%s", key);
    store.asked[store.n_asked].ref = ref;
    store.asked[store.n_asked++].ask = ask;
    return true;
}

static unsigned find_note(const char *key, uint64_t socket)
{
    unsigned i = 0;

    while (i < store.n && (strcmp(store.note[i].key, key) != 0 || store.note[i].socket != socket))
        i++;
    return i;
}

static void on_note(void *ctx, const char *key, uint64_t socket, uint64_t at_ms, uint64_t ref,
                    bool renew)
{
    unsigned i = find_note(key, socket);

    (void)ctx;
    (void)renew;
    assert_true(i < NOTES_MAX);
    snprintf(store.note[i].key, RESUME_KEY_SIZE, "%s", key);
    store.note[i].socket = socket;
    store.note[i].at_ms = at_ms;
    store.note[i].ref = ref;
    store.n += i == store.n;
}

static void on_forget(void *ctx, const char *key, uint64_t socket, uint64_t ref)
{
    unsigned i = find_note(key, socket);

    (void)ctx;
    assert_true(i == store.n || store.note[i].ref == ref);
    if (i < store.n)
        store.note[i] = store.note[--store.n];
}

/* Answers all questions as queue/resume_redis.c does. */
static void answer_asked(struct world *w)
{
    for (unsigned k = 0; k < store.n_asked; k++) {
        uint64_t least = UINT64_MAX;

        for (unsigned i = 0; i < store.n; i++)
            if (strcmp(store.note[i].key, store.asked[k].key) == 0 &&
                store.note[i].ref < store.asked[k].ref && store.note[i].at_ms < least)
                least = store.note[i].at_ms;
        hub_resumed(store.asked[k].ask, least == UINT64_MAX ? 0 : least, w->now);
    }
    store.n_asked = 0;
}

static const struct hub_resume resume = {on_ask, on_note, on_forget, NULL};
static uint64_t clock_ms; /* of the live streams */

static void start(struct world *w, uint32_t node)
{
    begin(w);
    hub_use_bus(w->hub, node, NULL, NULL);
    hub_use_resume(w->hub, &resume);
}

static int forget_all(void **state)
{
    (void)state;
    memset(&store, 0, sizeof store);
    clock_ms = 1000000;
    return 0;
}

/* A change of Alice's tenant, a second after the one before. */
static void happen(struct world *w, const char *type, const char *id)
{
    char record[64];
    struct hub_change c = {ORG_A, "commerce_orders", type, {NULL, 0}, 1, clock_ms += 1000};

    snprintf(record, sizeof record, "{\"id\":\"%s\"}", id);
    c.record = text_of(record);
    hub_change(w->hub, &c, w->now);
    hub_position(w->hub, clock_ms);
}

static struct session *come(struct world *w, const char *ref)
{
    struct session *s = connect_v(w, "vsn=2.0.0");

    join(w, s, "realtime:orders", ref, ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    answer(w);
    return s;
}

/* The ids of the changes in the outbox, in their order. */
static void assert_told(struct world *w, struct session *s, const char *ids)
{
    char got[256] = "";
    size_t used = 0;

    take(w, s);
    for (unsigned i = 0; i < w->n; i++) {
        const char *at = strstr(w->got[i], "\"record\":{\"id\":\"");

        if (at != NULL)
            used += (size_t)snprintf(got + used, sizeof got - used, "%.1s", at + 16);
    }
    assert_string_equal(got, ids);
}

/* Takes the PING of a socket and answers it. */
static void pong(struct world *w, struct session *s)
{
    struct frame *f;
    char position[32] = "";

    pass(w, RESUME_PING_MS);
    while ((f = outbox_at(session_outbox(s), 0)) != NULL) {
        if (f->bytes[f->start] == 0x89)
            snprintf(position, sizeof position, "%.*s", f->bytes[f->start + 1],
                     (const char *)f->bytes + f->start + 2);
        outbox_pop(session_outbox(s));
    }
    assert_string_not_equal(position, "");
    hub_pong(s, text_of(position), w->now);
}

static void a_dropped_client_gets_what_it_missed(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    start(&w, 1);
    hub_known_since(w.hub, clock_ms);
    s = come(&w, "1");
    answer_asked(&w);
    happen(&w, "INSERT", "a");
    happen(&w, "INSERT", "b");
    assert_told(&w, s, "ab");
    pong(&w, s);
    happen(&w, "INSERT", "c"); /* never arrives */
    hub_disconnect(w.hub, s);
    happen(&w, "UPDATE", "d");
    s = come(&w, "9");
    happen(&w, "UPDATE", "e"); /* while nobody knows where it stopped */
    assert_told(&w, s, "");
    answer_asked(&w);
    happen(&w, "UPDATE", "f");
    assert_told(&w, s, "abcdef"); /* a and b within the margin: again */
    hub_disconnect(w.hub, s);
    end(&w);
}

static void another_process_goes_on_where_the_killed_one_was(void **state)
{
    struct world w, v;
    struct session *s, *dead;

    (void)state;
    start(&w, 1);
    start(&v, 2);
    hub_known_since(w.hub, clock_ms); /* both read the streams */
    hub_known_since(v.hub, clock_ms);
    s = come(&w, "1");
    answer_asked(&w);
    for (const char *id = "abc"; *id != '\0'; id++) {
        char text[2] = {*id, '\0'};

        happen(&w, "INSERT", text);
        clock_ms -= 1000;
        happen(&v, "INSERT", text);
    }
    assert_told(&w, s, "abc");
    dead = s;
    clock_ms += 5000;
    happen(&v, "INSERT", "d"); /* the first process is dead by now */
    s = come(&v, "7");
    answer_asked(&v);
    assert_told(&v, s, "abcd"); /* nothing had been acknowledged */
    hub_disconnect(v.hub, s);
    hub_disconnect(w.hub, dead);
    end(&w);
    end(&v);
}

static void who_left_for_good_or_is_new_is_told_nothing_old(void **state)
{
    struct world w;
    struct session *s, *tab;

    (void)state;
    start(&w, 1);
    s = come(&w, "1");
    answer_asked(&w);
    happen(&w, "INSERT", "a");
    tab = come(&w, "1"); /* the same user's second page: it counts from the beginning */
    answer_asked(&w);
    assert_told(&w, tab, "");
    hub_goodbye(s);
    hub_disconnect(w.hub, s);
    hub_disconnect(w.hub, tab);
    assert_int_equal(store.n, 1); /* of the tab, which only broke off */
    happen(&w, "INSERT", "b");
    s = come(&w, "1");
    answer_asked(&w);
    assert_told(&w, s, "");
    say(&w, s, "[\"1\",\"3\",\"realtime:orders\",\"phx_leave\",{}]");
    assert_int_equal(store.n, 1);
    hub_disconnect(w.hub, s);
    end(&w);
}

static void what_is_not_known_any_more_ends_in_a_resync(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    start(&w, 1);
    happen(&w, "INSERT", "a");
    s = come(&w, "1");
    answer_asked(&w);
    hub_disconnect(w.hub, s);
    clock_ms += 60000;
    hub_known_since(w.hub, clock_ms); /* a gap */
    s = come(&w, "5");
    answer_asked(&w);
    take(&w, s);
    assert_holds(w.got[w.n - 1], "phx_error");
    assert_int_equal(store.n, 1);
    join(&w, s, "realtime:orders", "6", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    happen(&w, "INSERT", "b"); /* told once: the second join is live */
    assert_told(&w, s, "b");
    hub_disconnect(w.hub, s);

    store.n = 0;
    s = come(&w, "1");
    answer_asked(&w);
    hub_disconnect(w.hub, s);
    happen(&w, "RESYNC", "");
    s = come(&w, "5");
    answer_asked(&w);
    take(&w, s);
    assert_holds(w.got[w.n - 1], "phx_error");
    hub_disconnect(w.hub, s);
    end(&w);
}

static void without_the_store_a_channel_is_live_at_once(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    start(&w, 1);
    store.down = true;
    s = come(&w, "1");
    happen(&w, "INSERT", "a");
    assert_told(&w, s, "a");
    hub_disconnect(w.hub, s);
    end(&w);
}

static void answers_may_come_when_nobody_waits_any_more(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    start(&w, 1);
    s = come(&w, "1");
    hub_disconnect(w.hub, s);
    answer_asked(&w);
    assert_int_equal(store.n, 0);
    end(&w);
}

static void a_pong_that_was_not_asked_for_moves_nothing(void **state)
{
    struct world w;
    struct session *s;
    uint64_t before;

    (void)state;
    start(&w, 1);
    s = come(&w, "1");
    answer_asked(&w);
    before = store.note[0].at_ms;
    happen(&w, "INSERT", "a");
    hub_pong(s, TEXT("99999999999999999999999"), w.now);
    hub_pong(s, TEXT("1001000"), w.now);
    hub_pong(s, TEXT("x"), w.now);
    assert_int_equal(store.note[0].at_ms, before);
    pong(&w, s);
    assert_int_equal(store.note[0].at_ms, clock_ms);
    hub_disconnect(w.hub, s);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_dropped_client_gets_what_it_missed, forget_all),
        cmocka_unit_test_setup(another_process_goes_on_where_the_killed_one_was, forget_all),
        cmocka_unit_test_setup(who_left_for_good_or_is_new_is_told_nothing_old, forget_all),
        cmocka_unit_test_setup(what_is_not_known_any_more_ends_in_a_resync, forget_all),
        cmocka_unit_test_setup(without_the_store_a_channel_is_live_at_once, forget_all),
        cmocka_unit_test_setup(answers_may_come_when_nobody_waits_any_more, forget_all),
        cmocka_unit_test_setup(a_pong_that_was_not_asked_for_moves_nothing, forget_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
