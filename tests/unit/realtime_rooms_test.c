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
    carry();
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
    carry();
    assert_int_equal(take(v, far), 2);
    assert_holds(v->got[0], "{\"joins\":{},\"leaves\":{\"alice\":{\"metas\":[{\"name\":\"A\",");
    assert_holds(v->got[1], "\"joins\":{\"alice\":{\"metas\":[{\"phx_ref\":\"a000000001.2\"}]}},"
                            "\"leaves\":{}");
    hub_disconnect(w->hub, s);
    carry();
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
    carry();
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
    carry();
    assert_int_equal(take(v, far), 1);
    bus.down = true;
    hub_disconnect(w->hub, s);
    assert_int_equal(take(v, far), 0);
    bus.down = false;
    hub_bus_up(w->hub, w->now);
    carry();
    assert_int_equal(take(v, far), 1);
    assert_holds(v->got[0], "{\"joins\":{},\"leaves\":{\"000000a0");
    hub_disconnect(v->hub, far);
    stop(0);
    stop(1);
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
        cmocka_unit_test_setup(a_topic_with_an_organization_s_id_is_that_one_s, begin_bus),
        cmocka_unit_test_setup(a_private_channel_is_refused_to_who_belongs_nowhere, begin_bus),
        cmocka_unit_test_setup(nonsense_on_the_bus_changes_nothing, begin_bus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
