/* Two processes and a bus between them: broadcasts and presence, without a socket. */
#include "hubbing.h"

enum { PROCESSES_MAX = 2, MESSAGES_MAX = 64 };

static struct {
    struct world process[PROCESSES_MAX];
    bool alive[PROCESSES_MAX];
    bool down;
    struct {
        char organization[64], topic[128], what[320], data[4096];
        size_t len;
    } message[MESSAGES_MAX];
    unsigned n, carried;
} bus;

static bool on_publish(void *ctx, const struct bus_message *m)
{
    (void)ctx;
    if (bus.down)
        return false;
    assert_true(bus.n < MESSAGES_MAX && m->data.n < sizeof bus.message[0].data);
    snprintf(bus.message[bus.n].organization, 64, "%s", m->organization_id);
    snprintf(bus.message[bus.n].topic, 128, "%s", m->topic);
    snprintf(bus.message[bus.n].what, 320, "%s", m->what);
    if (m->data.n > 0)
        memcpy(bus.message[bus.n].data, m->data.p, m->data.n);
    bus.message[bus.n++].len = m->data.n;
    return true;
}

static void carry(void)
{
    for (bus.carried = 0; bus.carried < bus.n; bus.carried++)
        for (int i = 0; i < PROCESSES_MAX; i++)
            if (bus.alive[i])
                hub_bus(bus.process[i].hub,
                        &(struct bus_message){
                            bus.message[bus.carried].organization,
                            bus.message[bus.carried].topic,
                            bus.message[bus.carried].what,
                            {bus.message[bus.carried].data, bus.message[bus.carried].len},
                            false},
                        bus.process[i].now);
    bus.n = 0;
}

/* Until those who came and left are told. */
static void gather(void)
{
    carry();
    for (int i = 0; i < PROCESSES_MAX; i++)
        if (bus.alive[i])
            pass(&bus.process[i], PRESENCE_SHARE_MS);
}

static struct world *start(int i)
{
    begin(&bus.process[i]);
    bus.alive[i] = true;
    hub_use_bus(bus.process[i].hub, 0xA0 + (uint32_t)i, on_publish, NULL);
    hub_bus_up(bus.process[i].hub, bus.process[i].now);
    carry();
    return &bus.process[i];
}

static void stop(int i)
{
    bus.alive[i] = false;
    end(&bus.process[i]);
    bus.n = 0;
}

static int begin_bus(void **state)
{
    (void)state;
    memset(&bus, 0, sizeof bus);
    return 0;
}

/* A socket joined to realtime:room; config: the inside of config. */
static struct session *enter(struct world *w, const char *sub, const char *query,
                             const char *config)
{
    struct session *s = connect_v(w, query);
    const char *token = token_of(sub, "authenticated", UNIX + 3600);

    if (strstr(query, "2.0.0") != NULL)
        say(w, s,
            "[\"1\",\"1\",\"realtime:room\",\"phx_join\",{\"config\":{%s},\"access_token\":\"%s\"}"
            "]",
            config, token);
    else
        say(w, s,
            "{\"topic\":\"realtime:room\",\"event\":\"phx_join\",\"ref\":\"1\",\"join_ref\":\"1\","
            "\"payload\":{\"config\":{%s},\"access_token\":\"%s\"}}",
            config, token);
    answer(w);
    assert_true(take(w, s) >= 1);
    assert_holds(w->got[0], "\"status\":\"ok\"");
    return s;
}

#define TALK "\"broadcast\":{\"ack\":false,\"self\":false}"
#define SEE "\"presence\":{\"key\":\"\",\"enabled\":true}"
#define SAY                                                                                        \
    "[\"1\",\"5\",\"realtime:room\",\"broadcast\",{\"type\":\"broadcast\",\"event\":\"wave\","     \
    "\"payload\":{\"n\":1}}]"

static void a_broadcast_reaches_the_tenant_s_topic_in_every_process(void **state)
{
    struct world *w = start(0), *v = start(1);
    struct session *speaker = enter(w, ALICE, "vsn=2.0.0", TALK),
                   *old = enter(w, ALICE, "vsn=1.0.0", TALK),
                   *far = enter(v, ALICE, "vsn=2.0.0", TALK),
                   *foreign = enter(v, BOB, "vsn=2.0.0", TALK);

    (void)state;
    say(w, speaker, SAY);
    carry();
    assert_int_equal(take(w, speaker), 0); /* neither itself nor an answer was asked for */
    assert_int_equal(take(w, old), 1);
    assert_string_equal(w->got[0],
                        "{\"ref\":null,\"join_ref\":null,\"topic\":\"realtime:room\",\"event\":"
                        "\"broadcast\",\"payload\":{\"type\":\"broadcast\",\"event\":\"wave\","
                        "\"payload\":{\"n\":1}}}");
    assert_int_equal(take(v, far), 1);
    assert_string_equal(v->got[0], "[null,null,\"realtime:room\",\"broadcast\",{\"type\":"
                                   "\"broadcast\",\"event\":\"wave\",\"payload\":{\"n\":1}}]");
    assert_int_equal(take(v, foreign), 0);
    hub_disconnect(w->hub, speaker);
    hub_disconnect(w->hub, old);
    hub_disconnect(v->hub, far);
    hub_disconnect(v->hub, foreign);
    stop(0);
    stop(1);
}

static void self_and_ack_are_as_the_channel_asked(void **state)
{
    struct world *w = start(0);
    struct session *s =
        enter(w, ALICE, "vsn=2.0.0", "\"broadcast\":{\"ack\":\"true\",\"self\":true}");

    (void)state;
    say(w, s, SAY);
    carry();
    assert_int_equal(take(w, s), 2);
    assert_holds(w->got[0], "\"phx_reply\",{\"status\":\"ok\"");
    assert_holds(w->got[1], "\"wave\"");
    say(w, s, "[\"1\",\"6\",\"realtime:room\",\"broadcast\",{\"type\":\"broadcast\"}]");
    assert_int_equal(take(w, s), 1);
    assert_holds(w->got[0], "MalformedBroadcast");
    bus.down = true;
    say(w, s, SAY);
    assert_int_equal(take(w, s), 1);
    assert_holds(w->got[0], "BroadcastUnavailable");
    hub_disconnect(w->hub, s);
    stop(0);
}

static void bytes_reach_those_whose_version_has_a_form_for_them(void **state)
{
    static const char push[] = "\x03\x01\x01\x0d\x04\x02\x00"
                               "14realtime:roomping{}\x00\xFF";
    struct world *w = start(0);
    struct session *s = enter(w, ALICE, "vsn=2.0.0", TALK),
                   *other = enter(w, ALICE, "vsn=2.0.0", TALK),
                   *old = enter(w, ALICE, "vsn=1.0.0", TALK);
    struct frame *f;

    (void)state;
    hub_frame(w->hub, s, (struct text){push, sizeof push - 1}, true, w->now);
    carry();
    assert_int_equal(take(w, old), 0);
    f = outbox_at(session_outbox(other), 0);
    assert_non_null(f);
    assert_int_equal(f->bytes[f->start], 0x82);
    assert_int_equal(frame_payload(f).n, 5 + 13 + 4 + 2);
    assert_memory_equal(frame_payload(f).p,
                        "\x04\x0d\x04\x00\x00"
                        "realtime:roomping\x00\xFF",
                        24);
    hub_disconnect(w->hub, s);
    hub_disconnect(w->hub, other);
    hub_disconnect(w->hub, old);
    stop(0);
}

static void who_is_present_is_known_everywhere_and_to_nobody_else(void **state)
{
    struct world *w = start(0), *v = start(1);
    struct session *s = enter(w, ALICE, "vsn=2.0.0",
                              "\"presence\":{\"key\":\"alice\",\"enabled\":true}"),
                   *far = enter(v, ALICE, "vsn=2.0.0", SEE), *foreign, *late;

    (void)state;
    assert_string_equal(v->got[1], "[\"1\",null,\"realtime:room\",\"presence_state\",{}]");
    say(w, s,
        "[\"1\",\"2\",\"realtime:room\",\"presence\",{\"type\":\"presence\",\"event\":\"track\","
        "\"payload\":{\"name\":\"A\"}}]");
    gather();
    assert_int_equal(take(w, s), 2);
    assert_holds(w->got[0], "\"status\":\"ok\"");
    assert_int_equal(take(v, far), 1);
    assert_string_equal(v->got[0],
                        "[null,null,\"realtime:room\",\"presence_diff\",{\"joins\":{\"alice\":{"
                        "\"metas\":[{\"name\":\"A\",\"phx_ref\":\"a000000001.1\"}]}},\"leaves\":{}}"
                        "]");
    foreign = enter(v, BOB, "vsn=2.0.0", SEE);
    assert_holds(v->got[1], "\"presence_state\",{}");
    late = enter(v, ALICE, "vsn=1.0.0", SEE);
    assert_holds(v->got[1], "\"payload\":{\"alice\":{\"metas\":[{\"name\":\"A\",");
    say(w, s,
        "[\"1\",\"3\",\"realtime:room\",\"presence\",{\"type\":\"presence\",\"event\":\"track\","
        "\"payload\":{}}]");
    gather();
    assert_int_equal(take(v, far), 2);
    assert_holds(v->got[0], "{\"joins\":{},\"leaves\":{\"alice\":{\"metas\":[{\"name\":\"A\",");
    assert_holds(v->got[1], "\"joins\":{\"alice\":{\"metas\":[{\"phx_ref\":\"a000000001.2\"}]}},"
                            "\"leaves\":{}");
    hub_disconnect(w->hub, s);
    gather();
    assert_int_equal(take(v, far), 1);
    assert_holds(v->got[0], "{\"joins\":{},\"leaves\":{\"alice\"");
    assert_int_equal(take(v, foreign), 0);
    hub_disconnect(v->hub, far);
    hub_disconnect(v->hub, foreign);
    hub_disconnect(v->hub, late);
    stop(0);
    stop(1);
}

static const char *track(const char *name)
{
    static char text[256];

    snprintf(text, sizeof text,
             "[\"1\",\"2\",\"realtime:room\",\"presence\",{\"type\":\"presence\",\"event\":"
             "\"track\",\"payload\":{\"name\":\"%s\"}}]",
             name);
    return text;
}

static void members_of_a_killed_process_go_when_it_is_silent(void **state)
{
    struct world *w = start(0), *v = start(1);
    struct session *s = enter(w, ALICE, "vsn=2.0.0", SEE), *far = enter(v, ALICE, "vsn=2.0.0", SEE);

    (void)state;
    say(w, s, "%s", track("A"));
    gather();
    assert_int_equal(take(v, far), 1);
    for (int i = 0; i < 10; i++) { /* while it lives, it says so */
        pass(w, BUS_ALIVE_MS);
        pass(v, BUS_ALIVE_MS);
        carry();
        answer(w);
        answer(v);
        hub_heard(s, w->now);
        hub_heard(far, v->now);
    }
    assert_int_equal(take(v, far), 0);
    bus.alive[0] = false;
    for (int i = 0; i < 6; i++) {
        pass(v, BUS_ALIVE_MS);
        answer(v);
    }
    gather();
    assert_int_equal(take(v, far), 1);
    assert_holds(v->got[0], "\"leaves\":{\"000000a0-0000-4000-8000-000000000001\"");
    hub_disconnect(w->hub, s);
    hub_disconnect(v->hub, far);
    stop(0);
    stop(1);
}

static void a_process_that_begins_learns_who_is_there(void **state)
{
    struct world *w = start(0), *v;
    struct session *s = enter(w, ALICE, "vsn=2.0.0", SEE), *far;

    (void)state;
    say(w, s, "%s", track("A"));
    carry();
    v = start(1);
    gather();
    far = enter(v, ALICE, "vsn=2.0.0", SEE);
    assert_holds(v->got[1], "{\"name\":\"A\",\"phx_ref\"");
    hub_disconnect(w->hub, s);
    hub_disconnect(v->hub, far);
    stop(0);
    stop(1);
}

/* What could not be told while the bus was away is told when it is back, by whoever it was that missed it. */
static void a_broken_bus_leaves_no_ghosts(void **state)
{
    struct world *w = start(0), *v = start(1);
    struct session *s = enter(w, ALICE, "vsn=2.0.0", SEE), *far = enter(v, ALICE, "vsn=2.0.0", SEE);

    (void)state;
    say(w, s, "%s", track("A"));
    gather();
    assert_int_equal(take(v, far), 1);
    bus.down = true;
    hub_disconnect(w->hub, s);
    assert_int_equal(take(v, far), 0);
    bus.down = false;
    hub_bus_up(w->hub, w->now);
    gather();
    assert_int_equal(take(v, far), 1);
    assert_holds(v->got[0], "{\"joins\":{},\"leaves\":{\"000000a0");
    hub_disconnect(v->hub, far);
    stop(0);
    stop(1);
}

/* What a client does with its presence_diffs: who is there, by the name that it tells. */
static int counted(const char *frame, const char *part, const char *name)
{
    struct text payload, key, value, metas, meta;
    struct jsontext_each parts, each;
    int n = 0;

    for (jsontext_open(&parts, text_of(frame)); jsontext_element(&parts, &payload);)
        ; /* the last one */
    for (jsontext_open(&each, jsontext_get(payload, part)); jsontext_member(&each, &key, &value);) {
        struct jsontext_each all;

        metas = jsontext_get(value, "metas");
        for (jsontext_open(&all, metas); jsontext_element(&all, &meta);)
            n += text_equal(jsontext_get(meta, "name"), text_of(name));
    }
    return n;
}

static void changes_of_one_moment_are_told_together(void **state)
{
    static const char key[] = "\"presence\":{\"key\":\"k\",\"enabled\":true}";
    struct world *w = start(0);
    struct session *eye = enter(w, ALICE, "vsn=2.0.0", SEE), *late,
                   *one = enter(w, ALICE, "vsn=2.0.0", key),
                   *two = enter(w, ALICE, "vsn=2.0.0", key);

    (void)state;
    say(w, one, "%s", track("1"));
    say(w, two, "%s", track("2"));
    say(w, two, "%s", track("3")); /* nobody hears of 2 */
    carry();
    assert_int_equal(take(w, eye), 0);
    late = enter(w, ALICE, "vsn=2.0.0", SEE);
    assert_holds(w->got[1], "\"presence_state\",{}"); /* it hears of them when the others do */
    gather();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(take(w, i == 0 ? eye : late), 1);
        assert_int_equal(counted(w->got[0], "joins", "\"1\""), 1);
        assert_int_equal(counted(w->got[0], "joins", "\"2\""), 0);
        assert_int_equal(counted(w->got[0], "joins", "\"3\""), 1);
        assert_holds(w->got[0], "\"leaves\":{}");
    }
    say(w, one, "%s", track("4"));
    say(w, one, "%s", track("5"));
    hub_disconnect(w->hub, two);
    carry();
    hub_disconnect(w->hub, late);
    late = enter(w, ALICE, "vsn=2.0.0", SEE);
    assert_holds(w->got[1], "\"presence_state\",{\"k\":{\"metas\":[{\"name\":\"1\"");
    assert_holds(w->got[1], "{\"name\":\"3\"");
    gather();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(take(w, i == 0 ? eye : late), 2); /* first who left */
        assert_int_equal(counted(w->got[0], "leaves", "\"1\""), 1);
        assert_int_equal(counted(w->got[0], "leaves", "\"3\""), 1);
        assert_holds(w->got[0], "\"joins\":{}");
        assert_int_equal(counted(w->got[1], "joins", "\"5\""), 1);
        assert_int_equal(counted(w->got[1], "joins", "\"4\""), 0);
    }
    say(w, late, "%s", track("6"));
    carry();
    hub_disconnect(w->hub, late); /* nobody was told that it came */
    gather();
    assert_int_equal(take(w, eye), 0);
    hub_disconnect(w->hub, one);
    hub_disconnect(w->hub, eye);
    stop(0);
}

/* Frames that wait for a socket, without a look into them. */
static unsigned drop_all(struct session *s)
{
    unsigned n = session_outbox(s)->n;

    outbox_clear(session_outbox(s));
    return n;
}

static void a_crowd_that_joins_at_once_is_told_in_few_messages(void **state)
{
    enum { CROWD = 300, JOINS_PER_MS = 2 };
    struct world *w = start(0);
    struct session *s[CROWD];
    unsigned most = 0, heard[CROWD] = {0};

    (void)state;
    for (int i = 0; i < CROWD; i++) {
        s[i] = enter(w, ALICE, "vsn=2.0.0", SEE);
        say(w, s[i], "%s", track("somebody"));
        carry();
        if (i % JOINS_PER_MS == 0)
            pass(w, 1);
        answer(w);
        for (int k = 0; k <= i; k++)
            heard[k] += drop_all(s[k]);
    }
    gather();
    for (int i = 0; i < CROWD; i++) {
        heard[i] += drop_all(s[i]);
        most = heard[i] > most ? heard[i] : most;
    }
    /* its reply to track, and one for each moment */
    assert_in_range(most, 2, 2 + CROWD / JOINS_PER_MS / PRESENCE_SHARE_MS + 1);
    for (int i = 0; i < CROWD; i++) {
        hub_disconnect(w->hub, s[i]);
        carry();
    }
    stop(0);
}

/* 600 members with 4,000 bytes each are more than a socket's queue takes at once. */
static void a_room_that_tells_much_is_told_piece_by_piece(void **state)
{
    enum { MEMBERS = 600, MUCH = 4000 };
    static char much[MUCH + 1], what[64], data[MUCH + 64];
    struct world *w = start(0);
    struct session *eye = enter(w, ALICE, "vsn=2.0.0", SEE);
    unsigned turns = 0, joined = 0;

    (void)state;
    memset(much, 'x', MUCH);
    for (int i = 0; i < MEMBERS; i++) {
        snprintf(what, sizeof what, "TRACK b0%08x 1", i);
        snprintf(data, sizeof data, "{\"k\":\"k%d\",\"m\":{\"much\":\"%s\"}}", i, much);
        hub_bus(w->hub, &(struct bus_message){ORG_A, "realtime:room", what, text_of(data), false},
                w->now);
    }
    for (; joined < MEMBERS && turns < 50; turns++) {
        struct frame *f;

        pass(w, PRESENCE_SHARE_MS);
        for (; (f = outbox_at(session_outbox(eye), 0)) != NULL; outbox_pop(session_outbox(eye))) {
            struct text t = frame_payload(f);

            assert_in_range(t.n, MUCH, PRESENCE_TELL_BYTES + 2 * MUCH);
            for (const char *at = t.p; (at = memmem(at, (size_t)(t.p + t.n - at), "\"much\"", 6));
                 at++)
                joined++;
        }
    }
    assert_int_equal(joined, MEMBERS);
    assert_in_range(turns, MEMBERS * MUCH / PRESENCE_TELL_BYTES, 20);
    assert_int_equal(hub_stats(w->hub)->resyncs, 0);
    hub_disconnect(w->hub, eye);
    stop(0);
}

static void a_topic_with_an_organization_s_id_is_that_one_s(void **state)
{
    static const char both[2][37] = {ORG_A, ORG_B};
    struct world *w = start(0);
    struct session *s = connect_v(w, "vsn=2.0.0"), *b = connect_v(w, "vsn=2.0.0");
    const char *subs[1];

    (void)state;
    say(w, s,
        "[\"1\",\"1\",\"realtime:" ORG_B ":x\",\"phx_join\",{\"config\":{" TALK
        "},\"access_token\":\"%s\"}]",
        token_of("0c000000-0000-4000-8000-000000000000", "authenticated", UNIX + 3600));
    assert_int_equal(hub_lookups(w->hub, subs, 1, w->now), 1);
    hub_members(w->hub, subs[0], both, 2, w->now);
    say(w, b,
        "[\"1\",\"1\",\"realtime:" ORG_B ":x\",\"phx_join\",{\"config\":{" TALK
        "},\"access_token\":\"%s\"}]",
        token_of(BOB, "authenticated", UNIX + 3600));
    answer(w);
    take(w, s);
    take(w, b);
    say(w, s,
        "[\"1\",\"5\",\"realtime:" ORG_B
        ":x\",\"broadcast\",{\"type\":\"broadcast\",\"event\":\"wave\"}]");
    carry();
    assert_int_equal(take(w, b), 1);
    assert_holds(w->got[0], "\"payload\":{}");
    hub_disconnect(w->hub, s);
    hub_disconnect(w->hub, b);
    stop(0);
}

static void a_private_channel_is_refused_to_who_belongs_nowhere(void **state)
{
    struct world *w = start(0);
    struct session *s = connect_v(w, "vsn=2.0.0");

    (void)state;
    say(w, s,
        "[\"1\",\"1\",\"realtime:room\",\"phx_join\",{\"config\":{\"private\":true},"
        "\"access_token\":\"%s\"}]",
        token_of("0c000000-0000-4000-8000-000000000000", "authenticated", UNIX + 3600));
    answer(w);
    assert_int_equal(take(w, s), 1);
    assert_holds(w->got[0], "\"status\":\"error\",\"response\":{\"reason\":\"Unauthorized: ");
    assert_int_equal(hub_stats(w->hub)->channels, 0);
    hub_disconnect(w->hub, s);
    stop(0);
}

static void nonsense_on_the_bus_changes_nothing(void **state)
{
    static const char *const whats[] = {
        "",        "BROADCAST", "BROADCAST 1", "BROADCAST 1 j", "BROADCAST zz j x",
        "TRACK 1", "TRACK 1 1", "SYNC 1",      "SYNC 1 1",      "UNTRACK 1",
        "ALIVE",   "ALIVE 1",   "HELLO 1",     "DANCE 1 1",     "TRACK ffffffffffffffffff 1",
    };
    struct world *w = start(0);
    struct session *s = enter(w, ALICE, "vsn=2.0.0", SEE);

    (void)state;
    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++)
        hub_bus(w->hub, &(struct bus_message){ORG_A, "realtime:room", whats[i], TEXT("{"), false},
                w->now);
    assert_int_equal(take(w, s), 0);
    hub_disconnect(w->hub, s);
    stop(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_broadcast_reaches_the_tenant_s_topic_in_every_process, begin_bus),
        cmocka_unit_test_setup(self_and_ack_are_as_the_channel_asked, begin_bus),
        cmocka_unit_test_setup(bytes_reach_those_whose_version_has_a_form_for_them, begin_bus),
        cmocka_unit_test_setup(who_is_present_is_known_everywhere_and_to_nobody_else, begin_bus),
        cmocka_unit_test_setup(members_of_a_killed_process_go_when_it_is_silent, begin_bus),
        cmocka_unit_test_setup(a_process_that_begins_learns_who_is_there, begin_bus),
        cmocka_unit_test_setup(a_broken_bus_leaves_no_ghosts, begin_bus),
        cmocka_unit_test_setup(changes_of_one_moment_are_told_together, begin_bus),
        cmocka_unit_test_setup(a_crowd_that_joins_at_once_is_told_in_few_messages, begin_bus),
        cmocka_unit_test_setup(a_room_that_tells_much_is_told_piece_by_piece, begin_bus),
        cmocka_unit_test_setup(a_topic_with_an_organization_s_id_is_that_one_s, begin_bus),
        cmocka_unit_test_setup(a_private_channel_is_refused_to_who_belongs_nowhere, begin_bus),
        cmocka_unit_test_setup(nonsense_on_the_bus_changes_nothing, begin_bus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
