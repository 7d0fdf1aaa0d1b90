/* Whole conversations without a socket: frames, changes, answers and time go in, texts come out. */
#include "hubbing.h"

static void a_subscriber_sees_its_own_organization_only(void **state)
{
    struct world w;
    struct session *a, *b, *c;

    (void)state;
    begin(&w);
    a = live(&w, ALICE, "vsn=2.0.0");
    b = live(&w, BOB, "vsn=1.0.0");
    c = live(&w, "2b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3", "vsn=2.0.0"); /* of no organization */
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\",\"n\":1}");
    assert_int_equal(take(&w, b), 0);
    assert_int_equal(take(&w, c), 0);
    assert_int_equal(take(&w, a), 1);
    assert_holds(w.got[0], "[null,null,\"realtime:orders\",\"postgres_changes\",{\"ids\":[");
    assert_holds(
        w.got[0],
        "],\"data\":{\"schema\":\"public\",\"table\":\"commerce_orders\",\"commit_timestamp\":"
        "\"2023-11-14T22:13:20.123Z\","
        "\"type\":\"INSERT\",\"columns\":[],\"record\":{\"id\":\"1\",\"n\":1},\"errors\":null}}]");
    change(&w, ORG_B, "UPDATE", "{\"id\":\"2\",\"n\":2}");
    assert_int_equal(take(&w, a), 0);
    assert_int_equal(take(&w, b), 1);
    assert_holds(w.got[0], "{\"ref\":null,\"join_ref\":null,\"topic\":\"realtime:orders\","
                           "\"event\":\"postgres_changes\",\"payload\":{\"ids\":[");
    assert_holds(
        w.got[0],
        "\"record\":{\"id\":\"2\",\"n\":2},\"old_record\":{\"id\":\"2\"},\"errors\":null}}}");
    change(&w, ORG_B, "DELETE", "{\"id\":\"2\"}");
    assert_int_equal(take(&w, b), 1);
    assert_holds(w.got[0], "\"columns\":[],\"old_record\":{\"id\":\"2\"},\"errors\":null");
    change(&w, "cccccccc-0000-4000-8000-000000000003", "INSERT", "{\"id\":\"3\"}");
    assert_int_equal(take(&w, a) + take(&w, b) + take(&w, c), 0);
    hub_disconnect(w.hub, a);
    hub_disconnect(w.hub, b);
    hub_disconnect(w.hub, c);
    end(&w);
}

static void a_frame_is_shared_by_all_who_asked_alike(void **state)
{
    struct world w;
    struct session *s[3];

    (void)state;
    begin(&w);
    for (int i = 0; i < 3; i++)
        s[i] = live(&w, ALICE, "vsn=2.0.0");
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    assert_ptr_equal(outbox_at(session_outbox(s[0]), 0), outbox_at(session_outbox(s[1]), 0));
    assert_ptr_equal(outbox_at(session_outbox(s[0]), 0), outbox_at(session_outbox(s[2]), 0));
    assert_int_equal(outbox_at(session_outbox(s[0]), 0)->refs, 3);
    for (int i = 0; i < 3; i++)
        hub_disconnect(w.hub, s[i]);
    end(&w);
}

static void entries_that_are_no_change_reach_nobody(void **state)
{
    static const char *const records[] = {"", "[]", "{\"a\":1", "1", "{} {}", "{\"a\":\"\xff\"}"};
    struct world w;
    struct session *s;
    struct hub_change c = {ORG_A, "Bad\"table", "INSERT", TEXT("{}"), 1, 0};

    (void)state;
    begin(&w);
    s = live(&w, ALICE, "vsn=2.0.0");
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        change(&w, ORG_A, "INSERT", records[i]);
    change(&w, ORG_A, "TRUNCATE", "{}");
    hub_change(w.hub, &c, w.now);
    c.table = "";
    hub_change(w.hub, &c, w.now);
    assert_int_equal(take(&w, s), 0);
    assert_int_equal(hub_stats(w.hub)->changes_bad, 9);
    hub_disconnect(w.hub, s);
    end(&w);
}

static void an_encrypted_column_never_leaves(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    begin(&w);
    s = live(&w, ALICE, "vsn=2.0.0");
    change(&w, ORG_A, "UPDATE",
           "{\"access_token_encrypted\":\"s3cret\",\"id\":\"1\",\"webhook_secret_encrypted\":{"
           "\"a\":[1]},\"note\":\"x_encrypted\"}");
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "\"record\":{\"id\":\"1\",\"note\":\"x_encrypted\"}");
    hub_disconnect(w.hub, s);
    end(&w);
}

static void a_token_may_come_late(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    begin(&w);
    s = connect_v(&w, "apikey=sb_publishable_x&vsn=2.0.0");
    join(&w, s, "realtime:orders", "1", ORDERS, NULL);
    assert_int_equal(take(&w, s), 1); /* ok at once, with the bindings */
    assert_holds(w.got[0], "[\"1\",\"1\",\"realtime:orders\",\"phx_reply\",{\"status\":\"ok\","
                           "\"response\":{\"postgres_changes\":[{\"id\":");
    assert_holds(w.got[0],
                 ",\"event\":\"*\",\"schema\":\"public\",\"table\":\"commerce_orders\"}]}}]");
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    pass(&w, 100);
    say(&w, s, "[\"1\",\"2\",\"realtime:orders\",\"access_token\",{\"access_token\":null}]");
    say(&w, s,
        "[\"1\",\"3\",\"realtime:orders\",\"access_token\",{\"access_token\":\"sb_publishable_x\"}"
        "]");
    assert_int_equal(take(&w, s), 0);
    say(&w, s, "[\"1\",\"4\",\"realtime:orders\",\"access_token\",{\"access_token\":\"%s\"}]",
        token_of(ALICE, "authenticated", UNIX + 3600));
    answer(&w);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "[\"1\",null,\"realtime:orders\",\"system\",{\"extension\":\"postgres_"
                           "changes\",\"status\":\"ok\",\"message\":"
                           "\"Subscribed to PostgreSQL\",\"channel\":\"orders\"}]");
    change(&w, ORG_A, "INSERT", "{\"id\":\"2\"}");
    assert_int_equal(take(&w, s), 1);
    pass(&w, 5000);
    assert_int_equal(take(&w, s), 0); /* the grace is over and did nothing */
    hub_disconnect(w.hub, s);
    end(&w);
}

static void without_a_token_patience_grows(void **state)
{
    static const unsigned graces[] = {600, 1200, 2400, 4800, 9600, 19200, 30000, 30000};
    const char *anon = token_of("", "anon", UNIX + 3600);
    struct world w;
    struct session *s;

    (void)state;
    begin(&w);
    s = connect_v(&w, "vsn=2.0.0");
    for (size_t i = 0; i < sizeof graces / sizeof graces[0]; i++) {
        join(&w, s, "realtime:orders", "1", ORDERS, i % 2 == 0 ? anon : NULL);
        assert_int_equal(take(&w, s), 1);
        pass(&w, graces[i] - 1);
        assert_int_equal(take(&w, s), 0);
        pass(&w, 1);
        assert_int_equal(take(&w, s), 1);
        assert_string_equal(w.got[0], "[\"1\",\"1\",\"realtime:orders\",\"phx_error\",{}]");
        assert_int_equal(hub_stats(w.hub)->channels, 0);
        say(&w, s, "[null,\"9\",\"phoenix\",\"heartbeat\",{}]");
        assert_int_equal(take(&w, s), 1);
    }
    hub_disconnect(w.hub, s);
    end(&w);
}

static void a_bad_token_refuses_the_join_with_a_reason(void **state)
{
    struct world w;
    struct session *s;
    char forged[1024];

    (void)state;
    begin(&w);
    s = connect_v(&w, "apikey=the.api.key&vsn=2.0.0");
    join(&w, s, "realtime:orders", "1", ORDERS, token_of(ALICE, "authenticated", UNIX - 100));
    assert_int_equal(take(&w, s), 1);
    assert_string_equal(
        w.got[0],
        "[\"1\",\"1\",\"realtime:orders\",\"phx_reply\",{\"status\":\"error\",\"response\":"
        "{\"reason\":\"InvalidJWTToken: Token has expired 100 seconds ago\"}}]");
    snprintf(forged, sizeof forged, "%s", token_of(ALICE, "authenticated", UNIX + 100));
    forged[strlen(forged) - 2] ^= 1;
    join(&w, s, "realtime:orders", "2", ORDERS, forged);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "JwtSignatureError: ");
    join(&w, s, "realtime:orders", "3", ORDERS, "not-a-token");
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "MalformedJWT: ");
    join(&w, s, "realtime:orders", "4", ORDERS,
         "the.api.key"); /* the library's own key is no token, but no offence */
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "\"status\":\"ok\"");
    assert_int_equal(hub_stats(w.hub)->channels, 1);
    assert_int_equal(hub_stats(w.hub)->joins_refused, 3);
    hub_disconnect(w.hub, s);
    end(&w);
}

static void expiry_stops_delivery_then_fails_the_channel(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    begin(&w);
    s = live(&w, ALICE, "vsn=2.0.0");
    for (int i = 0; i < 3599; i++) { /* the memberships stay fresh on the way */
        pass(&w, 1000);
        answer(&w);
        say(&w, s, "[null,\"9\",\"phoenix\",\"heartbeat\",{}]");
        take(&w, s);
    }
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    assert_int_equal(take(&w, s), 1);
    pass(&w, 1000);
    change(&w, ORG_A, "INSERT", "{\"id\":\"2\"}");
    assert_int_equal(take(&w, s), 0);
    pass(&w, EXPIRY_GRACE_MS - 45000);
    answer(&w);
    say(&w, s, "[null,\"9\",\"phoenix\",\"heartbeat\",{}]");
    pass(&w, 44999);
    take(&w, s);
    pass(&w, 1);
    answer(&w);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "phx_error");
    hub_disconnect(w.hub, s);
    end(&w);
}

static void a_removed_member_stops_receiving_within_a_minute(void **state)
{
    struct world w;
    struct session *s;
    const char *subs[4];
    uint64_t removed;

    (void)state;
    begin(&w);
    s = live(&w, ALICE, "vsn=2.0.0");
    removed = w.now.ms;
    while (hub_lookups(w.hub, subs, 4, w.now) == 0)
        pass(&w, 500);
    hub_members(w.hub, subs[0], NULL, 0, w.now);
    assert_true(w.now.ms - removed <= 30000);
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    assert_int_equal(take(&w, s), 0);
    while (answer(&w) == 0) /* and when he is a member again, he is told to read again */
        pass(&w, 500);
    while (take(&w, s) == 0)
        pass(&w, 500);
    assert_holds(w.got[0], "phx_error");
    join(&w, s, "realtime:orders", "2", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    answer(&w);
    take(&w, s);
    change(&w, ORG_A, "INSERT", "{\"id\":\"2\"}");
    assert_int_equal(take(&w, s), 1);
    hub_disconnect(w.hub, s);
    end(&w);
}

/* He has never read what the other organization has; what he loses, he just does not get any more. */
static void a_member_of_one_more_organization_is_told_to_read_it(void **state)
{
    static const char both[2][37] = {ORG_A, ORG_B};
    struct world w;
    struct session *s;
    const char *subs[4];

    (void)state;
    begin(&w);
    s = live(&w, ALICE, "vsn=2.0.0");
    while (hub_lookups(w.hub, subs, 4, w.now) == 0)
        pass(&w, 500);
    hub_members(w.hub, subs[0], both, 2, w.now);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "phx_error");
    join(&w, s, "realtime:orders", "2", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    assert_int_equal(take(&w, s), 2); /* at once: what is known of him is fresh */
    change(&w, ORG_B, "INSERT", "{\"id\":\"1\"}");
    assert_int_equal(take(&w, s), 1);
    while (answer(&w) == 0) /* of A alone again */
        pass(&w, 500);
    change(&w, ORG_A, "INSERT", "{\"id\":\"2\"}");
    assert_int_equal(take(&w, s), 1);
    hub_disconnect(w.hub, s);
    end(&w);
}

static void a_member_of_a_moment_ago_is_looked_up_when_he_joins(void **state)
{
    static const char a[1][37] = {ORG_A}, both[2][37] = {ORG_A, ORG_B};
    struct world w;
    struct session *s;
    const char *token = token_of(ALICE, "authenticated", UNIX + 3600), *subs[4];

    (void)state;
    begin(&w);
    s = connect_v(&w, "vsn=2.0.0");
    join(&w, s, "realtime:orders", "1", ORDERS, token);
    assert_int_equal(hub_lookups(w.hub, subs, 4, w.now), 1);
    hub_members(w.hub, subs[0], NULL, 0, w.now);
    assert_int_equal(take(&w, s), 2);
    pass(&w, MEMBERS_NEWS_MS); /* not yet: so many look-ups a user is worth */
    join(&w, s, "realtime:orders", "2", ORDERS, token);
    assert_int_equal(hub_lookups(w.hub, subs, 4, w.now), 0);
    take(&w, s);
    pass(&w, 1);
    join(&w, s, "realtime:orders", "3", ORDERS, token);
    assert_int_equal(take(&w, s), 0); /* its answer waits for the look-up's */
    assert_int_equal(hub_lookups(w.hub, subs, 4, w.now), 1);
    hub_members(w.hub, subs[0], a, 1, w.now);
    assert_int_equal(take(&w, s), 2);
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    assert_int_equal(take(&w, s), 1);
    pass(&w, MEMBERS_NEWS_MS +
                 1); /* a member of something is let in at once, and looked up all the same */
    join(&w, s, "realtime:orders", "4", ORDERS, token);
    assert_int_equal(take(&w, s), 2);
    assert_int_equal(hub_lookups(w.hub, subs, 4, w.now), 1);
    hub_members(w.hub, subs[0], both, 2, w.now);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "phx_error");
    hub_disconnect(w.hub, s);
    end(&w);
}

static void without_a_database_nobody_is_admitted_and_nobody_stays(void **state)
{
    struct world w;
    struct session *s, *late;
    const char *subs[4];
    unsigned errors = 0, asked = 0;

    (void)state;
    begin(&w);
    s = live(&w, ALICE, "vsn=2.0.0");
    late = connect_v(&w, "vsn=2.0.0");
    join(&w, late, "realtime:orders", "1", ORDERS, token_of(BOB, "authenticated", UNIX + 3600));
    assert_int_equal(take(&w, late), 0);
    for (unsigned ms = 0; ms < 60000; ms += 50) {
        unsigned n = hub_lookups(w.hub, subs, 4, w.now);

        for (unsigned i = 0; i < n; i++, asked++)
            hub_members_failed(w.hub, subs[i], w.now);
        pass(&w, 50);
        if (take(&w, late) > 0 && ms < 9000) {
            assert_true(ms >= REPLY_HOLD_MS - 50 && ms <= REPLY_HOLD_MS + 50);
            assert_holds(w.got[0], "\"status\":\"ok\"");
        } else if (w.n > 0 && strstr(w.got[0], "phx_error") != NULL) {
            errors++;
            assert_true(ms >= MEMBERS_WAIT_MS - 50 && ms <= MEMBERS_WAIT_MS + 50);
        }
        if (take(&w, s) > 0 && strstr(w.got[0], "phx_error") != NULL)
            errors++;
        say(&w, s, "[null,\"9\",\"phoenix\",\"heartbeat\",{}]");
        take(&w, s);
    }
    assert_int_equal(errors, 2);
    assert_true(asked > 30 && asked < 100); /* about one question a second, not a storm */
    hub_disconnect(w.hub, s);
    hub_disconnect(w.hub, late);
    end(&w);
}

static void a_slow_reader_resyncs_and_nobody_else_notices(void **state)
{
    static char big[OUTBOX_BYTES_MAX / 8];
    struct world w;
    struct session *slow, *fast;
    unsigned got = 0;

    (void)state;
    begin(&w);
    slow = live(&w, ALICE, "vsn=2.0.0");
    fast = live(&w, ALICE, "vsn=2.0.0");
    memset(big, 'x', sizeof big - 1);
    memcpy(big, "{\"id\":\"", 7);
    memcpy(big + sizeof big - 3, "\"}", 2);
    for (int i = 0; i < 20; i++) {
        struct frame *f;

        change(&w, ORG_A, "INSERT", big);
        assert_true(session_outbox(slow)->bytes <= OUTBOX_BYTES_MAX + 1000);
        while ((f = outbox_at(session_outbox(fast), 0)) != NULL) {
            got++;
            outbox_pop(session_outbox(fast));
        }
    }
    assert_int_equal(got, 20);
    assert_int_equal(take(&w, slow), 1); /* what waited was taken back: it is read again anyway */
    assert_string_equal(w.got[0], "[\"1\",\"1\",\"realtime:orders\",\"phx_error\",{}]");
    assert_int_equal(hub_stats(w.hub)->resyncs, 1);
    assert_int_equal(session_close_code(slow), 0);
    join(&w, slow, "realtime:orders", "2", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    assert_int_equal(take(&w, slow), 2);
    hub_disconnect(w.hub, slow);
    hub_disconnect(w.hub, fast);
    end(&w);
}

static void lost_changes_are_told_to_those_concerned(void **state)
{
    struct hub_change of_worker = {ORG_B, "*", "RESYNC", TEXT("{}"), 0, 0}; /* script_resync */
    struct world w;
    struct session *a, *b;

    (void)state;
    begin(&w);
    a = live(&w, ALICE, "vsn=2.0.0");
    b = live(&w, BOB, "vsn=2.0.0");
    change(&w, ORG_A, "RESYNC", "{}");
    pass(&w, RESYNC_SPREAD_MS);
    assert_int_equal(take(&w, a), 1);
    assert_holds(w.got[0], "phx_error");
    assert_int_equal(take(&w, b), 0);
    hub_resync_all(w.hub, w.now);
    pass(&w, RESYNC_SPREAD_MS);
    assert_int_equal(take(&w, b), 1);
    assert_holds(w.got[0], "phx_error");
    assert_int_equal(hub_stats(w.hub)->resyncs, 2);
    hub_disconnect(w.hub, b);
    b = live(&w, BOB, "vsn=2.0.0");
    hub_change(w.hub, &of_worker, w.now);
    pass(&w, RESYNC_SPREAD_MS);
    assert_int_equal(take(&w, b), 1);
    assert_holds(w.got[0], "phx_error");
    hub_disconnect(w.hub, a);
    hub_disconnect(w.hub, b);
    end(&w);
}

static void joins_and_leaves_may_repeat(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    begin(&w);
    s = live(&w, ALICE, "vsn=2.0.0");
    join(&w, s, "realtime:orders", "5", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    assert_int_equal(take(&w, s), 2);
    assert_int_equal(hub_stats(w.hub)->channels, 1);
    say(&w, s, "[\"1\",\"6\",\"realtime:orders\",\"phx_leave\",{}]"); /* of the first join: late */
    assert_int_equal(take(&w, s), 1);
    assert_int_equal(hub_stats(w.hub)->channels, 1);
    say(&w, s, "[\"5\",\"7\",\"realtime:orders\",\"phx_leave\",{}]");
    assert_int_equal(take(&w, s), 2);
    assert_string_equal(
        w.got[0],
        "[\"5\",\"7\",\"realtime:orders\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]");
    assert_string_equal(w.got[1], "[\"5\",\"5\",\"realtime:orders\",\"phx_close\",{}]");
    say(&w, s, "[\"5\",\"8\",\"realtime:orders\",\"phx_leave\",{}]");
    assert_int_equal(take(&w, s), 1);
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    assert_int_equal(take(&w, s), 0);
    hub_disconnect(w.hub, s);
    end(&w);
}

static void other_messages_get_honest_answers(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    begin(&w);
    s = live(&w, ALICE, "vsn=2.0.0");
    say(&w, s, "[null,\"2\",\"phoenix\",\"heartbeat\",{}]");
    assert_int_equal(take(&w, s), 1);
    assert_string_equal(
        w.got[0], "[null,\"2\",\"phoenix\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]");
    say(&w, s, "[\"1\",\"5\",\"realtime:elsewhere\",\"hello\",{}]");
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "unmatched topic");
    say(&w, s, "[\"1\",\"6\",\"elsewhere\",\"phx_join\",{}]");
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "TopicNameRequired");
    say(&w, s,
        "[\"7\",\"7\",\"realtime:p\",\"phx_join\",{\"config\":{\"presence\":{\"key\":\"\","
        "\"enabled\":\"true\"}},\"access_token\":\"%s\"}]",
        token_of(ALICE, "authenticated", UNIX + 3600));
    assert_int_equal(take(&w, s), 2);
    assert_string_equal(w.got[1], "[\"7\",null,\"realtime:p\",\"presence_state\",{}]");
    say(&w, s,
        "[\"8\",\"8\",\"realtime:f\",\"phx_join\",{\"config\":{\"postgres_changes\":[{\"event\":\"*"
        "\",\"filter\":\"a=b\"}]},"
        "\"access_token\":\"%s\"}]",
        token_of(ALICE, "authenticated", UNIX + 3600));
    assert_int_equal(take(&w, s), 2); /* a bad filter: joined, then told */
    assert_holds(w.got[0], "\"status\":\"ok\"");
    assert_holds(w.got[1], "\"system\",{\"extension\":\"postgres_changes\",\"status\":\"error\"");
    hub_disconnect(w.hub, s);
    end(&w);
}

static void a_socket_has_limits(void **state)
{
    struct world w;
    struct session *s;
    char topic[32];

    (void)state;
    begin(&w);
    s = connect_v(&w, "vsn=2.0.0");
    for (int i = 0; i < SESSION_CHANNELS_MAX; i++) {
        snprintf(topic, sizeof topic, "realtime:%d", i);
        join(&w, s, topic, "1", "[]", NULL);
        assert_int_equal(take(&w, s), 1);
    }
    join(&w, s, "realtime:more", "1", "[]", NULL);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "ChannelRateLimitReached");
    hub_disconnect(w.hub, s);

    s = connect_v(&w, "vsn=2.0.0");
    for (int i = 0; i < SESSION_JOINS_BURST; i++) {
        join(&w, s, "realtime:0", "1", "[]", NULL);
        outbox_clear(session_outbox(s));
    }
    join(&w, s, "realtime:0", "1", "[]", NULL);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "ClientJoinRateLimitReached");
    pass(&w, 20);
    join(&w, s, "realtime:0", "1", "[]", NULL);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "\"status\":\"ok\"");
    hub_disconnect(w.hub, s);

    s = connect_v(&w, "vsn=2.0.0");
    for (int i = 0; i < SESSION_MALFORMED_MAX; i++)
        say(&w, s, "garbage");
    assert_int_equal(session_close_code(s), 0);
    say(&w, s, "garbage");
    assert_int_equal(session_close_code(s), 1008);
    hub_disconnect(w.hub, s);

    s = connect_v(&w, "vsn=2.0.0");
    for (int i = 0; i < SESSION_FRAMES_BURST; i++) {
        say(&w, s, "[null,\"2\",\"phoenix\",\"heartbeat\",{}]");
        outbox_clear(session_outbox(s));
    }
    assert_int_equal(session_close_code(s), 0);
    say(&w, s, "[null,\"2\",\"phoenix\",\"heartbeat\",{}]");
    assert_int_equal(session_close_code(s), 1008);
    hub_disconnect(w.hub, s);
    end(&w);
}

/* A socket holds 100 channels, a tenant 15,000 of them in one process. */
static void a_tenant_has_limits(void **state)
{
    enum { SOCKETS = TENANT_CHANNELS_MAX / SESSION_CHANNELS_MAX };
    static struct session *s[SOCKETS + 1];
    struct world w;
    char topic[32];

    (void)state;
    begin(&w);
    for (int i = 0; i < SOCKETS; i++) {
        s[i] = connect_v(&w, "vsn=2.0.0");
        for (int k = 0; k < SESSION_CHANNELS_MAX; k++) {
            snprintf(topic, sizeof topic, "realtime:%d", k);
            join(&w, s[i], topic, "1", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
            answer(&w);
        }
        outbox_clear(session_outbox(s[i]));
    }
    s[SOCKETS] = connect_v(&w, "vsn=2.0.0");
    join(&w, s[SOCKETS], "realtime:x", "1", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    assert_int_equal(take(&w, s[SOCKETS]), 1);
    assert_holds(w.got[0], "ChannelRateLimitReached");
    join(&w, s[SOCKETS], "realtime:x", "2", ORDERS, token_of(BOB, "authenticated", UNIX + 3600));
    answer(&w);
    assert_int_equal(take(&w, s[SOCKETS]), 2); /* another tenant has its own */
    hub_disconnect(w.hub, s[0]);
    join(&w, s[SOCKETS], "realtime:x", "3", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    assert_int_equal(take(&w, s[SOCKETS]), 2);
    for (int i = 1; i <= SOCKETS; i++)
        hub_disconnect(w.hub, s[i]);
    end(&w);
}

static void silence_is_pinged_then_closed(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    begin(&w);
    s = connect_v(&w, "vsn=2.0.0");
    pass(&w, SESSION_PING_MS - 1);
    take(&w, s);
    assert_int_equal(w.pings, 0);
    pass(&w, 1);
    take(&w, s);
    assert_int_equal(w.pings, 1);
    hub_heard(s, w.now);
    pass(&w, SESSION_IDLE_MS - SESSION_PING_MS); /* the old end passes: the PONG counted */
    assert_int_equal(session_close_code(s), 0);
    take(&w, s);
    assert_int_equal(w.pings, 2);
    pass(&w, SESSION_PING_MS);
    assert_int_equal(session_close_code(s), 1001);
    hub_disconnect(w.hub, s);
    end(&w);
}

static void dirty_sockets_come_once(void **state)
{
    struct world w;
    struct session *a, *b;

    (void)state;
    begin(&w);
    a = live(&w, ALICE, "vsn=2.0.0");
    b = live(&w, ALICE, "vsn=2.0.0");
    while (hub_dirty(w.hub, w.now) != NULL)
        ;
    w.now.ms += PACE_SHARE_MS;
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    change(&w, ORG_A, "INSERT", "{\"id\":\"2\"}");
    hub_disconnect(w.hub, a);
    assert_ptr_equal(hub_dirty(w.hub, w.now), b);
    assert_null(hub_dirty(w.hub, w.now));
    assert_int_equal(take(&w, b), 2);
    hub_disconnect(w.hub, b);
    end(&w);
}

static void rows_behind_a_first_one_rest_and_answers_do_not(void **state)
{
    struct world w;
    struct session *s;

    (void)state;
    begin(&w);
    s = live(&w, ALICE, "vsn=2.0.0");
    while (hub_dirty(w.hub, w.now) != NULL)
        take(&w, s);
    w.now.ms += PACE_SHARE_MS;
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    assert_ptr_equal(hub_dirty(w.hub, w.now), s);
    w.now.ms++;
    change(&w, ORG_A, "INSERT", "{\"id\":\"2\"}");
    assert_null(hub_dirty(w.hub, w.now));
    assert_true(hub_resting(w.hub));
    say(&w, s, "[null,\"9\",\"phoenix\",\"heartbeat\",{}]");
    assert_false(hub_resting(w.hub));
    assert_ptr_equal(hub_dirty(w.hub, w.now), s);
    change(&w, ORG_A, "INSERT", "{\"id\":\"3\"}");
    hub_rested(w.hub);
    assert_ptr_equal(hub_dirty(w.hub, w.now), s);
    assert_int_equal(take(&w, s), 4);
    assert_holds(w.got[0], "\"id\":\"1\"");
    assert_holds(w.got[1], "\"id\":\"2\"");
    assert_holds(w.got[2], "phx_reply");
    assert_holds(w.got[3], "\"id\":\"3\"");
    hub_disconnect(w.hub, s);
    end(&w);
}

static void many_users_and_topics_come_and_go(void **state)
{
    enum { N = 600 };
    static struct session *s[N];
    static const char org[1][37] = {ORG_A};
    struct world w;
    char sub[64], topic[64];
    const char *subs[REALTIME_LOOKUPS_MAX];
    unsigned n;

    (void)state;
    begin(&w);
    for (int i = 0; i < N; i++) {
        s[i] = connect_v(&w, "vsn=2.0.0");
        snprintf(sub, sizeof sub, "%08x-0000-4000-8000-000000000000", i);
        snprintf(topic, sizeof topic, "realtime:%d", i);
        join(&w, s[i], topic, "1", ORDERS, token_of(sub, "authenticated", UNIX + 3600));
    }
    while ((n = hub_lookups(w.hub, subs, REALTIME_LOOKUPS_MAX, w.now)) > 0)
        for (unsigned i = 0; i < n; i++)
            hub_members(w.hub, subs[i], org, 1, w.now);
    for (int i = 0; i < N; i++)
        assert_int_equal(take(&w, s[i]), 2);
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    for (int i = 0; i < N; i++) {
        assert_int_equal(take(&w, s[i]), 1);
        snprintf(topic, sizeof topic, "\"realtime:%d\"", i);
        assert_holds(w.got[0], topic);
    }
    for (int i = 0; i < N; i++)
        hub_disconnect(w.hub, s[(i * 7) % N]);
    for (int i = 0; i < 80; i++)
        pass(&w, 1000); /* nobody follows them: they are forgotten */
    assert_true(hub_next(w.hub) == UINT64_MAX);
    end(&w);
}

/* A join whose key is being fetched waits, what comes behind it too; then all of it happens in its order. */
static void a_join_waits_for_the_key_of_its_token(void **state)
{
    struct world w;
    struct session *s, *gone;
    const char *token;

    (void)state;
    begin(&w);
    s = connect_v(&w, "vsn=2.0.0");
    gone = connect_v(&w, "vsn=2.0.0");
    w.keys_away = true;
    token = token_of(ALICE, "authenticated", UNIX + 3600);
    join(&w, s, "realtime:orders", "1", ORDERS, token);
    join(&w, s, "realtime:other", "2", ORDERS, token);
    say(&w, s, "[\"2\",\"3\",\"realtime:other\",\"phx_leave\",{}]");
    join(&w, gone, "realtime:orders", "1", ORDERS, token);
    assert_int_equal(take(&w, s), 0);
    assert_true(hub_waits_for_keys(w.hub));
    hub_disconnect(w.hub, gone); /* who does not wait any longer is forgotten */

    w.keys_away = false;
    hub_keys(w.hub, w.now);
    assert_false(hub_waits_for_keys(w.hub));
    answer(&w);
    take(&w, s);
    assert_int_equal(w.n, 4); /* the left topic: ok, phx_close; the other: ok, system */
    assert_holds(w.got[0], "\"realtime:other\",\"phx_reply\"");
    assert_holds(w.got[1], "phx_close");
    assert_holds(w.got[3], "Subscribed to PostgreSQL");
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    assert_int_equal(take(&w, s), 1);
    hub_disconnect(w.hub, s);
    end(&w);
}

static void keys_that_do_not_come_refuse_the_join(void **state)
{
    struct world w;
    struct session *s;
    char filler[8000];
    unsigned n = 0;

    (void)state;
    begin(&w);
    s = connect_v(&w, "vsn=2.0.0");
    w.keys_away = true;
    join(&w, s, "realtime:orders", "1", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    hub_keys(w.hub, w.now);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "\"status\":\"error\"");
    assert_holds(w.got[0], "cannot be had at the moment");

    /* A fresh token for a channel that is live changes nothing when it cannot be judged. */
    w.keys_away = false;
    join(&w, s, "realtime:orders", "2", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    answer(&w);
    assert_int_equal(take(&w, s), 2);
    w.keys_away = true;
    say(&w, s, "[\"2\",\"3\",\"realtime:orders\",\"access_token\",{\"access_token\":\"%s\"}]",
        token_of(ALICE, "authenticated", UNIX + 7200));
    hub_keys(w.hub, w.now);
    assert_int_equal(take(&w, s), 1);
    assert_holds(w.got[0], "system");
    change(&w, ORG_A, "INSERT", "{\"id\":\"1\"}");
    assert_int_equal(take(&w, s), 1);

    /* Who waits may not fill the memory meanwhile. */
    join(&w, s, "realtime:more", "4", ORDERS, token_of(ALICE, "authenticated", UNIX + 3600));
    memset(filler, 'x', sizeof filler);
    filler[sizeof filler - 1] = '\0';
    while (session_close_code(s) == 0 && n++ < 2 * PARKED_BYTES_MAX / sizeof filler)
        say(&w, s, "[\"9\",\"9\",\"realtime:%s\",\"x\",{}]", filler);
    assert_int_equal(session_close_code(s), 1013);
    assert_true(n > PARKED_BYTES_MAX / sizeof filler / 2);
    hub_disconnect(w.hub, s);
    assert_false(hub_waits_for_keys(w.hub));
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subscriber_sees_its_own_organization_only),
        cmocka_unit_test(a_frame_is_shared_by_all_who_asked_alike),
        cmocka_unit_test(entries_that_are_no_change_reach_nobody),
        cmocka_unit_test(an_encrypted_column_never_leaves),
        cmocka_unit_test(a_token_may_come_late),
        cmocka_unit_test(without_a_token_patience_grows),
        cmocka_unit_test(a_bad_token_refuses_the_join_with_a_reason),
        cmocka_unit_test(expiry_stops_delivery_then_fails_the_channel),
        cmocka_unit_test(a_removed_member_stops_receiving_within_a_minute),
        cmocka_unit_test(a_member_of_one_more_organization_is_told_to_read_it),
        cmocka_unit_test(a_member_of_a_moment_ago_is_looked_up_when_he_joins),
        cmocka_unit_test(without_a_database_nobody_is_admitted_and_nobody_stays),
        cmocka_unit_test(a_slow_reader_resyncs_and_nobody_else_notices),
        cmocka_unit_test(lost_changes_are_told_to_those_concerned),
        cmocka_unit_test(joins_and_leaves_may_repeat),
        cmocka_unit_test(other_messages_get_honest_answers),
        cmocka_unit_test(a_socket_has_limits),
        cmocka_unit_test(a_tenant_has_limits),
        cmocka_unit_test(silence_is_pinged_then_closed),
        cmocka_unit_test(dirty_sockets_come_once),
        cmocka_unit_test(rows_behind_a_first_one_rest_and_answers_do_not),
        cmocka_unit_test(many_users_and_topics_come_and_go),
        cmocka_unit_test(a_join_waits_for_the_key_of_its_token),
        cmocka_unit_test(keys_that_do_not_come_refuse_the_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
