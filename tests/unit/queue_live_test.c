/* The whole queue against a real Redis of its own, on a unix socket in a temporary folder: what
 * Redis really answers when it is full, restarted, flushed, paused, or cuts connections. Skipped
 * only if redis-server is not installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "consumer.h"
#include "live.h"
#include "partition.h"
#include "publisher.h"

enum { P = 8, LEASE_MS = 1000, SEEN_MAX = 8192, WAIT_MS = 15000, WINDOW_BYTES = P * 256 * 1024 };

static const char org_a[] = "00000000-0000-4000-8000-00000000000a";

/* ---- a Redis of our own -------------------------------------------------------------------------
 */

static struct {
    char dir[64], socket[96], url[112];
    pid_t pid;
    redisContext *admin;
} redis;

static uv_loop_t loop;

static void admin_connect(void)
{
    for (int i = 0; i < 200; i++) {
        redis.admin = redisConnectUnix(redis.socket);
        if (redis.admin != NULL && redis.admin->err == 0) {
            redisReply *r = redisCommand(redis.admin, "PING");
            bool up = r != NULL && r->type == REDIS_REPLY_STATUS;
            if (r != NULL)
                freeReplyObject(r);
            if (up)
                return;
        }
        if (redis.admin != NULL)
            redisFree(redis.admin);
        redis.admin = NULL;
        usleep(50000);
    }
    fail_msg("redis-server does not come up");
}

static void redis_start(void)
{
    redis.pid = fork();
    assert_true(redis.pid >= 0);
    if (redis.pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a crashed test leaves nothing behind */
        dup2(null, 1);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis.socket, "--dir",
               redis.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
               "--maxmemory-policy", "noeviction", (char *)NULL);
        _exit(127);
    }
    admin_connect();
}

static void redis_stop(int sig)
{
    if (redis.admin != NULL)
        redisFree(redis.admin);
    redis.admin = NULL;
    if (redis.pid > 0) {
        kill(redis.pid, SIGCONT);
        kill(redis.pid, sig);
        waitpid(redis.pid, NULL, 0);
    }
    redis.pid = 0;
}

/* A command whose reply is an integer, or whose text is put into `text`. */
static long long ask(const char *format, ...)
{
    va_list args;
    redisReply *r;
    long long n;

    va_start(args, format);
    r = redisvCommand(redis.admin, format, args);
    va_end(args);
    assert_non_null(r);
    if (r->type == REDIS_REPLY_ERROR)
        print_message("%s: %s\n", format, r->str);
    assert_int_not_equal(r->type, REDIS_REPLY_ERROR);
    n = r->type == REDIS_REPLY_INTEGER ? r->integer : (long long)r->elements;
    freeReplyObject(r);
    return n;
}

static long long pending(unsigned p)
{
    redisReply *r = redisCommand(redis.admin, "XPENDING ringback:{%u}:events workers", p);
    long long n = r != NULL && r->type == REDIS_REPLY_ARRAY ? r->element[0]->integer : -1;

    freeReplyObject(r);
    return n;
}

static void add_event(unsigned p, const char *id, const char *text)
{
    ask("XADD ringback:{%u}:events %s e %s", p, id, text);
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

static void on_wake(uv_timer_t *t)
{
    (void)t;
}

/* Runs the loop until `done` says so; false after `ms`. */
static bool run_until(bool (*done)(void), unsigned ms)
{
    uint64_t end = uv_hrtime() / 1000000 + ms;
    uv_timer_t wake;
    bool ok = false;

    uv_timer_init(&loop, &wake);
    uv_timer_start(&wake, on_wake, 5, 5);
    while (!(ok = done()) && uv_hrtime() / 1000000 < end)
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&wake, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    return ok;
}

static bool never(void)
{
    return false;
}

static void run_for(unsigned ms)
{
    (void)run_until(never, ms);
}

/* ---- a worker -----------------------------------------------------------------------------------
 */

struct seen {
    struct entry_id id;
    unsigned partition, deliveries;
    bool vanished;
    char text[16];
};

struct worker {
    struct consumer *c;
    char name[16];
    bool owned[P], settles, closed, stopped, up;
    unsigned gained, lost, dropped, settled_ok, settled_bad, n_updates;
    char last_reason[80];
    struct seen seen[SEEN_MAX];
    unsigned n;
};

static struct worker *w1, *w2, *w3;

static void on_settled(void *ctx, bool ok)
{
    struct worker *w = ctx;

    if (ok)
        w->settled_ok++;
    else
        w->settled_bad++;
}

static void settle(struct worker *w, unsigned p, const struct entry_id *ids, unsigned n)
{
    struct live_update u = {.organization_id = org_a,
                            .table = "commerce_orders",
                            .type = "INSERT",
                            .record = "{\"a\":1}",
                            .record_len = 7,
                            .committed_us = 42};

    consumer_settle(w->c, p, &u, w->n_updates, ids, n, on_settled, w);
}

static void on_gained(void *ctx, unsigned p)
{
    struct worker *w = ctx;
    struct worker *all[] = {w1, w2, w3};

    for (unsigned i = 0; i < 3; i++)
        assert_false(all[i] != NULL && all[i]->c != NULL && consumer_owns(all[i]->c, p) &&
                     all[i] != w);
    assert_false(w->owned[p]);
    w->owned[p] = true;
    w->gained++;
}

static void on_lost(void *ctx, unsigned p, const char *reason)
{
    struct worker *w = ctx;

    assert_true(w->owned[p]);
    w->owned[p] = false;
    w->lost++;
    snprintf(w->last_reason, sizeof w->last_reason, "%s", reason);
}

static void on_entries(void *ctx, unsigned p, struct entry *first, unsigned n)
{
    struct worker *w = ctx;
    struct entry_id ids[1024];
    unsigned k = 0;

    assert_true(w->owned[p]);
    assert_true(n <= 1024);
    while (first != NULL) {
        struct entry *e = first;
        struct seen *s = &w->seen[w->n++];
        assert_true(w->n < SEEN_MAX);
        assert_int_equal(e->partition, p);
        *s = (struct seen){e->id, p, e->deliveries, e->vanished, ""};
        snprintf(s->text, sizeof s->text, "%.*s", (int)e->len, (const char *)e->bytes);
        assert_true(k == 0 || entry_id_compare(ids[k - 1], e->id) < 0);
        ids[k++] = e->id;
        first = e->next;
        entry_free(e);
    }
    assert_int_equal(k, n);
    if (w->settles)
        settle(w, p, ids, k);
}

static void on_dropped(void *ctx, unsigned p, unsigned n)
{
    (void)p;
    ((struct worker *)ctx)->dropped += n;
}

static void on_state(void *ctx, bool up, const char *reason)
{
    assert_non_null(reason);
    ((struct worker *)ctx)->up = up;
}

static void on_stopped(void *ctx)
{
    ((struct worker *)ctx)->stopped = true;
}

static void on_closed(void *ctx)
{
    ((struct worker *)ctx)->closed = true;
    ((struct worker *)ctx)->c = NULL;
}

static struct worker *worker_start(const char *name, bool settles)
{
    struct worker *w = calloc(1, sizeof *w);
    struct consumer_options o = {.redis_url = redis.url,
                                 .partitions = P,
                                 .worker_id = name,
                                 .lease_ms = LEASE_MS,
                                 .retention_ms = 3600 * 1000,
                                 .window = 100,
                                 .window_bytes = WINDOW_BYTES,
                                 .read_count = 50,
                                 .on_gained = on_gained,
                                 .on_lost = on_lost,
                                 .on_entries = on_entries,
                                 .on_live_dropped = on_dropped,
                                 .on_state = on_state,
                                 .on_stopped = on_stopped,
                                 .ctx = w};

    assert_non_null(w);
    snprintf(w->name, sizeof w->name, "%s", name);
    w->settles = settles;
    w->n_updates = 1;
    w->c = consumer_new(&loop, &o);
    assert_non_null(w->c);
    return w;
}

static unsigned owned(const struct worker *w)
{
    unsigned n = 0;

    for (unsigned p = 0; p < P; p++) {
        if (w->owned[p])
            assert_true(consumer_owns(w->c, p) || !w->up);
        n += w->owned[p];
    }
    return n;
}

static struct worker *closing;

static bool is_closed(void)
{
    return closing->closed;
}

static void worker_close(struct worker **w)
{
    closing = *w;
    if (closing->c != NULL && !closing->closed) {
        consumer_close(closing->c, on_closed, closing);
        assert_true(run_until(is_closed, WAIT_MS));
    }
    assert_int_equal(owned(closing), 0);
    free(closing);
    *w = NULL;
}

static bool all_owned(void)
{
    return owned(w1) == P;
}

static bool w2_owns_all(void)
{
    return owned(w2) == P;
}

static unsigned wanted_n;

static bool w1_has_seen(void)
{
    return w1->n >= wanted_n;
}

static bool w2_has_seen(void)
{
    return w2->n >= wanted_n;
}

static bool nothing_pending(void)
{
    for (unsigned p = 0; p < P; p++)
        if (pending(p) != 0)
            return false;
    return true;
}

static void w1_sees(unsigned n)
{
    wanted_n = n;
    assert_true(run_until(w1_has_seen, WAIT_MS));
}

/* ---- set-up -------------------------------------------------------------------------------------
 */

static int group_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (system("redis-server --version >/dev/null 2>&1") != 0)
        return 0;
    snprintf(redis.dir, sizeof redis.dir, "/tmp/ringback-queue-XXXXXX");
    assert_non_null(mkdtemp(redis.dir));
    snprintf(redis.socket, sizeof redis.socket, "%s/r.sock", redis.dir);
    snprintf(redis.url, sizeof redis.url, "unix://%s", redis.socket);
    redis_start();
    return 0;
}

static int group_teardown(void **state)
{
    char command[128];

    (void)state;
    redis_stop(SIGKILL);
    if (redis.dir[0] == '\0')
        return 0;
    snprintf(command, sizeof command, "rm -rf %s", redis.dir);
    return system(command);
}

static int setup(void **state)
{
    (void)state;
    if (redis.pid == 0)
        return 0;
    ask("CONFIG SET maxmemory 0");
    ask("FLUSHALL");
    assert_int_equal(uv_loop_init(&loop), 0);
    return 0;
}

/* Only the timer of run_until() is left. */
static bool loop_is_empty(void)
{
    return loop.active_handles <= 1 && loop.active_reqs.count == 0;
}

static int teardown(void **state)
{
    struct worker **all[] = {&w1, &w2, &w3};

    (void)state;
    if (redis.pid == 0)
        return 0;
    for (unsigned i = 0; i < 3; i++)
        if (*all[i] != NULL)
            worker_close(all[i]);
    (void)run_until(loop_is_empty, WAIT_MS);
    assert_int_equal(uv_loop_close(&loop), 0); /* every handle was closed */
    return 0;
}

static void need_redis(void)
{
    if (redis.pid == 0) {
        print_message("redis-server is not installed\n");
        skip();
    }
}

/* ---- the way of an event ------------------------------------------------------------------------
 */

static unsigned published[4];
static bool publisher_up;
static struct publisher *pub;
static bool pub_closed;

static void on_published(void *ctx, enum published r)
{
    (void)ctx;
    published[r]++;
}

static void on_publisher_state(void *ctx, bool up, const char *reason)
{
    (void)ctx;
    (void)reason;
    publisher_up = up;
}

static bool pub_is_ready(void)
{
    return publisher_ready(pub);
}

static bool pub_is_not_ready(void)
{
    return !publisher_ready(pub);
}

static void set_true(void *ctx)
{
    *(bool *)ctx = true;
}

static bool pub_is_closed(void)
{
    return pub_closed;
}

static void publisher_start(size_t window)
{
    memset(published, 0, sizeof published);
    pub_closed = false;
    pub = publisher_new(&loop, redis.url, P, window, on_publisher_state, NULL);
    assert_false(publisher_ready(pub));
    assert_true(run_until(pub_is_ready, WAIT_MS));
    assert_true(publisher_up);
}

static void publisher_end(void)
{
    publisher_close(pub, set_true, &pub_closed);
    assert_true(run_until(pub_is_closed, WAIT_MS));
}

static unsigned answered(void)
{
    return published[0] + published[1] + published[2] + published[3];
}

static bool got_wanted_answers(void)
{
    return answered() >= wanted_n;
}

static void published_events_reach_the_worker_in_order_and_are_acknowledged(void **state)
{
    struct consumer_stats stats;
    unsigned last[P] = {0};

    (void)state;
    need_redis();
    publisher_start(1000);
    w1 = worker_start("w1", true);
    assert_true(run_until(all_owned, WAIT_MS));
    for (unsigned i = 1; i <= 800; i++) {
        char text[8];
        snprintf(text, sizeof text, "%u", i);
        assert_true(publisher_append(pub, i % P, text, strlen(text), on_published, NULL));
    }
    w1_sees(800);
    assert_int_equal(published[PUBLISHED_OK], 800);
    for (unsigned i = 0; i < w1->n; i++) {
        unsigned n = (unsigned)atoi(w1->seen[i].text);
        assert_int_equal(n % P, w1->seen[i].partition);
        assert_true(n > last[w1->seen[i].partition]);
        assert_int_equal(w1->seen[i].deliveries, 1);
        last[w1->seen[i].partition] = n;
    }
    assert_true(run_until(nothing_pending, WAIT_MS));
    run_for(2500); /* a survey */
    consumer_stats(w1->c, &stats);
    assert_int_equal(stats.owned, P);
    assert_int_equal(stats.backlog, 0);
    assert_int_equal(stats.oldest_unacked_ms, 0);
    assert_int_equal(ask("XLEN ringback:{3}:live") > 0, 1);
    publisher_end();
}

/* How many connections our publishers have to Redis. */
static unsigned publisher_connections(void)
{
    redisReply *r = redisCommand(redis.admin, "CLIENT LIST TYPE normal");
    unsigned n = 0;

    assert_non_null(r);
    for (const char *p = r->str; (p = strstr(p, " name=ringback-publisher ")) != NULL; p++)
        n++;
    freeReplyObject(r);
    return n;
}

static bool publisher_has_two_connections(void)
{
    return publisher_connections() >= 2;
}

static void appends_beyond_what_redis_reads_at_once_get_connections_of_their_own(void **state)
{
    enum { LEN = 2048, AT_ONCE = 40 };
    char text[LEN];

    (void)state;
    need_redis();
    memset(text, 'x', sizeof text);
    publisher_start(AT_ONCE);
    for (unsigned round = 1; round <= 4; round++) {
        for (unsigned i = 0; i < AT_ONCE; i++)
            assert_true(publisher_append(pub, i % P, text, LEN, on_published, NULL));
        wanted_n = round * AT_ONCE;
        assert_true(run_until(got_wanted_answers, WAIT_MS));
        if (round == 1)
            assert_true(run_until(publisher_has_two_connections, WAIT_MS));
        run_for(50); /* so that the new one is ready */
    }
    assert_int_equal(published[PUBLISHED_OK], 4 * AT_ONCE);
    assert_in_range(publisher_connections(), 3,
                    16); /* one more for each round that found none with room */
    for (unsigned i = 0; i < P; i++)
        assert_int_equal(ask("XLEN ringback:{%u}:events", i), 4 * AT_ONCE / P);

    /* One that is lost is not the end of the others. */
    ask("CLIENT KILL TYPE normal SKIPME yes");
    assert_true(run_until(pub_is_not_ready, WAIT_MS));
    assert_true(run_until(pub_is_ready, WAIT_MS));
    assert_true(publisher_append(pub, 0, text, LEN, on_published, NULL));
    wanted_n++;
    assert_true(run_until(got_wanted_answers, WAIT_MS));
    assert_int_equal(published[PUBLISHED_OK], 4 * AT_ONCE + 1);
    publisher_end();
}

/* Entries that came, each once: a lease that ran out on a slow machine brings the same ones again, never others. */
static unsigned w1_distinct(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w1->n; i++) {
        unsigned k = 0;

        while (k < i && entry_id_compare(w1->seen[k].id, w1->seen[i].id) != 0)
            k++;
        n += k == i;
    }
    return n;
}

static bool w1_has_more(void)
{
    return w1_distinct() >= 160;
}

static void unsettled_entries_fill_the_window_and_no_more(void **state)
{
    struct consumer_stats stats;
    struct entry_id ids[64];
    unsigned n = 0;

    (void)state;
    need_redis();
    for (unsigned i = 0; i < 300; i++)
        add_event(5, "*", "x");
    w1 = worker_start("w1", false);
    w1_sees(100);
    run_for(2600);
    assert_int_equal(w1_distinct(), 100);
    consumer_stats(w1->c, &stats);
    assert_int_equal(stats.backlog, 300);
    assert_true(stats.oldest_unacked_ms >= 1000 && stats.oldest_unacked_ms < 60000);
    for (; n < 60; n++)
        ids[n] = w1->seen[n].id;
    settle(w1, 5, ids, n);
    assert_true(run_until(w1_has_more, WAIT_MS));
    run_for(300);
    assert_int_equal(w1_distinct(), 160);
    /* A full partition does not stop the others. */
    add_event(2, "*", "other");
    w1_sees(w1->n + 1);
    assert_string_equal(w1->seen[w1->n - 1].text, "other");
}

/* Whoever comes after us has the same entries pending, and must not take more of them at once. */
static void large_entries_fill_the_window_by_their_bytes(void **state)
{
    enum { LARGE = 128 * 1024, N = 60, FIRST_READ = 16 };
    struct entry_id ids[N];
    char *large = malloc(LARGE);
    unsigned n;

    (void)state;
    need_redis();
    memset(large, 'x', LARGE);
    for (unsigned i = 0; i < N; i++)
        freeReplyObject(
            redisCommand(redis.admin, "XADD ringback:{5}:events * e %b", large, (size_t)LARGE));
    free(large);
    w1 = worker_start("w1", false);
    w1_sees(2);
    run_for(500);
    assert_true(w1->n <= FIRST_READ); /* of unknown size; then there is no room for more */
    add_event(2, "*", "other");       /* which does not stop the others */
    n = w1->n;
    w1_sees(n + 1);
    worker_close(&w1);
    w1 = worker_start("w2", false);
    w1_sees(2);
    run_for(500);
    assert_true(w1->n <= FIRST_READ + 1);
    for (unsigned settled = 0; settled < N + 1;) {
        for (n = 0; settled < w1->n; settled++)
            if (w1->seen[settled].partition == 5)
                ids[n++] = w1->seen[settled].id;
        settle(w1, 5, ids, n);
        if (settled < N + 1)
            w1_sees(settled + 1);
    }
    assert_int_equal(w1->n, N + 1);
}

static void pending_entries_come_first_with_their_delivery_count(void **state)
{
    (void)state;
    need_redis();
    ask("XGROUP CREATE ringback:{1}:events workers 0 MKSTREAM");
    for (unsigned i = 0; i < 30; i++)
        add_event(1, "*", i < 25 ? "old" : "new");
    ask("XREADGROUP GROUP workers owner COUNT 25 STREAMS ringback:{1}:events >");
    ask("XREADGROUP GROUP workers owner COUNT 10 STREAMS ringback:{1}:events 0");
    w1 = worker_start("w1", true);
    w1_sees(30);
    for (unsigned i = 0; i < 30; i++) {
        assert_string_equal(w1->seen[i].text, i < 25 ? "old" : "new");
        assert_int_equal(w1->seen[i].deliveries, i < 10 ? 3 : i < 25 ? 2 : 1);
    }
    assert_true(run_until(nothing_pending, WAIT_MS));
}

static void a_pending_entry_whose_payload_is_gone_is_reported_as_vanished(void **state)
{
    struct consumer_stats stats;

    (void)state;
    need_redis();
    ask("XGROUP CREATE ringback:{0}:events workers 0 MKSTREAM");
    add_event(0, "1-1", "a");
    add_event(0, "2-1", "b");
    ask("XREADGROUP GROUP workers owner STREAMS ringback:{0}:events >");
    ask("XDEL ringback:{0}:events 1-1");
    w1 = worker_start("w1", true);
    w1_sees(2);
    assert_true(w1->seen[0].vanished);
    assert_false(w1->seen[1].vanished);
    assert_string_equal(w1->seen[1].text, "b");
    assert_true(run_until(nothing_pending, WAIT_MS));
    consumer_stats(w1->c, &stats);
    assert_int_equal(stats.vanished_total, 1);
}

/* ---- healing ------------------------------------------------------------------------------------
 */

static void a_lost_group_stream_or_database_is_made_again(void **state)
{
    static const char *const disasters[] = {"XGROUP DESTROY ringback:{4}:events workers",
                                            "DEL ringback:{4}:events", "FLUSHALL"};
    (void)state;
    need_redis();
    w1 = worker_start("w1", true);
    assert_true(run_until(all_owned, WAIT_MS));
    add_event(4, "*", "first");
    w1_sees(1);
    assert_true(run_until(nothing_pending, WAIT_MS));
    for (unsigned i = 0; i < sizeof disasters / sizeof disasters[0]; i++) {
        unsigned before;
        run_for(50); /* a BLOCK is under way */
        ask(disasters[i]);
        before = w1->n;
        add_event(4, "*", "after");
        w1_sees(before +
                (i == 0 ? 2 : 1)); /* a new group begins at 0: what is retained comes again */
        assert_string_equal(w1->seen[w1->n - 1].text, "after");
        assert_true(run_until(nothing_pending, WAIT_MS));
    }
}

static bool w1_lost_all(void)
{
    return w1->lost >= P;
}

static void cut_links_lose_everything_and_bring_it_again(void **state)
{
    unsigned first;

    (void)state;
    need_redis();
    w1 = worker_start("w1", false);
    assert_true(run_until(all_owned, WAIT_MS));
    for (unsigned i = 0; i < 20; i++)
        add_event(i % 2, "*", "x");
    w1_sees(20);
    first = w1->n;
    ask("CLIENT KILL TYPE normal SKIPME yes");
    assert_true(run_until(w1_lost_all, WAIT_MS));
    assert_true(run_until(all_owned, WAIT_MS));
    assert_int_equal(w1->lost, P);
    w1->settles = true;
    w1_sees(first + 20);
    for (unsigned i = first; i < w1->n; i++)
        assert_int_equal(w1->seen[i].deliveries, 2);
    assert_true(run_until(nothing_pending, WAIT_MS));
}

static void a_restarted_redis_is_found_again_and_nothing_is_lost(void **state)
{
    (void)state;
    need_redis();
    publisher_start(10);
    w1 = worker_start("w1", true);
    assert_true(run_until(all_owned, WAIT_MS));
    assert_true(publisher_append(pub, 6, "before", 6, on_published, NULL));
    w1_sees(1);
    assert_true(run_until(nothing_pending, WAIT_MS));
    redis_stop(SIGKILL);
    assert_true(run_until(pub_is_not_ready, WAIT_MS));
    assert_false(publisher_append(pub, 6, "during", 6, on_published, NULL));
    assert_false(w1->up);
    run_for(300);
    redis_start();
    assert_true(run_until(pub_is_ready, WAIT_MS));
    assert_true(publisher_append(pub, 6, "after", 5, on_published, NULL));
    assert_true(run_until(all_owned, WAIT_MS));
    w1_sees(2);
    assert_string_equal(w1->seen[w1->n - 1].text, "after");
    publisher_end();
}

static void a_paused_redis_makes_appends_fail_in_two_seconds(void **state)
{
    uint64_t began;

    (void)state;
    need_redis();
    publisher_start(3);
    kill(redis.pid, SIGSTOP);
    began = uv_hrtime();
    for (unsigned i = 0; i < 3; i++)
        assert_true(publisher_append(pub, 0, "x", 1, on_published, NULL));
    assert_false(publisher_append(pub, 0, "x", 1, on_published, NULL)); /* the window is full */
    wanted_n = 3;
    assert_true(run_until(got_wanted_answers, WAIT_MS));
    assert_int_equal(published[PUBLISHED_DOWN], 3);
    assert_true((uv_hrtime() - began) / 1000000 >= 1990 && (uv_hrtime() - began) / 1000000 < 4000);
    assert_false(publisher_ready(pub));
    kill(redis.pid, SIGCONT);
    assert_true(run_until(pub_is_ready, WAIT_MS));
    publisher_end();
}

static void refused_appends_are_told_apart_and_readiness_follows(void **state)
{
    (void)state;
    need_redis();
    publisher_start(10);
    ask("CONFIG SET maxmemory 1");
    assert_true(publisher_append(pub, 0, "x", 1, on_published, NULL));
    assert_true(run_until(pub_is_not_ready, WAIT_MS));
    assert_int_equal(published[PUBLISHED_FULL], 1);
    run_for(1200); /* probes see that nothing has changed */
    assert_false(publisher_ready(pub));
    ask("CONFIG SET maxmemory 0");
    assert_true(run_until(pub_is_ready, WAIT_MS));
    ask("SET ringback:{1}:events text");
    assert_true(publisher_append(pub, 1, "x", 1, on_published, NULL));
    wanted_n = 2;
    assert_true(run_until(got_wanted_answers, WAIT_MS));
    assert_int_equal(published[PUBLISHED_ERROR], 1);
    ask("REPLICAOF 127.0.0.1 1");
    (void)publisher_append(pub, 2, "x", 1, on_published, NULL);
    assert_true(run_until(pub_is_not_ready, WAIT_MS));
    run_for(700);
    assert_false(publisher_ready(pub));
    ask("REPLICAOF NO ONE");
    assert_true(run_until(pub_is_ready, WAIT_MS));
    assert_int_equal(published[PUBLISHED_OK], 0);
    publisher_end();
}

static bool w1_settled(void)
{
    return w1->settled_ok + w1->settled_bad >= wanted_n;
}

static bool w1_lost_one(void);

static bool resync_is_there(void)
{
    redisReply *r = redisCommand(redis.admin, "XREVRANGE ringback:{7}:live + - COUNT 1");
    bool there = r->elements == 1 && r->element[0]->element[1]->elements == 10 &&
                 strcmp(r->element[0]->element[1]->element[1]->str, org_a) == 0 &&
                 strcmp(r->element[0]->element[1]->element[5]->str, "RESYNC") == 0;

    freeReplyObject(r);
    return there;
}

static void a_full_redis_is_worked_off_and_dropped_updates_end_in_a_resync(void **state)
{
    (void)state;
    need_redis();
    ask("XGROUP CREATE ringback:{7}:events workers 0 MKSTREAM");
    for (unsigned i = 0; i < 10; i++)
        add_event(7, "*", "x");
    ask("CONFIG SET maxmemory 1");
    w1 = worker_start("w1", true); /* leases, groups and membership work at maxmemory */
    w1_sees(10);
    wanted_n = 1;
    assert_true(run_until(w1_settled, WAIT_MS));
    assert_int_equal(w1->settled_bad, 0);
    assert_true(w1->dropped > 0);
    assert_true(run_until(nothing_pending, WAIT_MS));
    run_for(1500); /* longer than a lease: renewals work, too */
    assert_int_equal(owned(w1), P);
    assert_int_equal(w1->lost, 0);
    assert_int_equal(ask("XLEN ringback:{7}:live"), 0);
    assert_int_equal(ask("SCARD ringback:{7}:resync"), 1);
    worker_close(&w1); /* before there is room: whoever comes next has to tell */
    w2 = worker_start("w2", true);
    assert_true(run_until(w2_owns_all, WAIT_MS));
    ask("CONFIG SET maxmemory 0");
    assert_true(run_until(resync_is_there, WAIT_MS));
    assert_int_equal(ask("XLEN ringback:{7}:live"), 1);
    assert_int_equal(ask("EXISTS ringback:{7}:resync"), 0);
}

static bool everybody_is_told(void)
{
    redisReply *r = redisCommand(redis.admin, "XREVRANGE ringback:{2}:live + - COUNT 1");
    bool told = r->elements == 1 && strcmp(r->element[0]->element[1]->element[1]->str, "*") == 0;

    freeReplyObject(r);
    return told;
}

static void a_group_that_was_lost_makes_everybody_resync(void **state)
{
    (void)state;
    need_redis();
    w1 = worker_start("w1", true);
    assert_true(run_until(all_owned, WAIT_MS));
    add_event(2, "*", "x");
    w1_sees(1);
    assert_true(run_until(nothing_pending, WAIT_MS));
    assert_false(everybody_is_told());
    ask("XGROUP DESTROY ringback:{2}:events workers"); /* and with it, what was stored but not yet told */
    assert_true(run_until(everybody_is_told, WAIT_MS));
}

/* ---- suspects ---- */

static unsigned counted;

static void on_counted(void *ctx, unsigned times)
{
    (void)ctx;
    counted = times;
}

static bool is_counted(void)
{
    return counted != UINT32_MAX;
}

static unsigned count_suspect(struct worker *w, struct entry_id id)
{
    counted = UINT32_MAX;
    assert_true(consumer_suspect(w->c, 2, id, on_counted, NULL));
    assert_true(run_until(is_counted, WAIT_MS));
    return counted;
}

static bool all_owned_by_w1(void)
{
    return owned(w1) == P;
}

static void a_suspect_is_counted_until_somebody_comes_back_from_it(void **state)
{
    const struct entry_id one = {5, 0}, other = {6, 0};

    (void)state;
    need_redis();
    w1 = worker_start("w1", false);
    assert_true(run_until(all_owned_by_w1, WAIT_MS));
    assert_int_equal(count_suspect(w1, one), 1);
    assert_int_equal(count_suspect(w1, one), 2); /* as if a process had died */
    assert_int_equal(count_suspect(w1, other), 1);
    consumer_absolve(w1->c, 2, one);
    assert_int_equal(count_suspect(w1, one), 1);
    ask("CONFIG SET maxmemory 1");
    assert_int_equal(count_suspect(w1, one), 2);
    ask("CONFIG SET maxmemory 0");
    assert_true(ask("PTTL ringback:{2}:suspects") > 0);
}

/* What could not be said before the link went is said before anything is counted again. */
static void an_absolution_outlives_its_link(void **state)
{
    const struct entry_id one = {5, 0};

    (void)state;
    need_redis();
    w1 = worker_start("w1", false);
    assert_true(run_until(all_owned_by_w1, WAIT_MS));
    assert_int_equal(count_suspect(w1, one), 1);
    ask("CLIENT KILL TYPE normal SKIPME yes");
    consumer_absolve(w1->c, 2, one);
    assert_true(run_until(w1_lost_one, WAIT_MS));
    assert_true(run_until(all_owned_by_w1, WAIT_MS));
    assert_int_equal(count_suspect(w1, one), 1);
}

/* ---- several workers ----------------------------------------------------------------------------
 */

static bool shared_by_two(void)
{
    return owned(w1) == P / 2 && owned(w2) == P / 2;
}

static bool shared_by_three(void)
{
    unsigned a = owned(w1), b = owned(w2), c = owned(w3);

    return a + b + c == P && a >= 2 && b >= 2 && c >= 2;
}

static void workers_share_partitions_and_take_over(void **state)
{
    (void)state;
    need_redis();
    w1 = worker_start("w1", true);
    assert_true(run_until(all_owned, WAIT_MS));
    w2 = worker_start("w2", true);
    assert_true(run_until(shared_by_two, WAIT_MS));
    w3 = worker_start("w3", true);
    assert_true(run_until(shared_by_three, WAIT_MS));
    run_for(1500);
    assert_true(shared_by_three());
    assert_int_equal(w1->lost, w1->gained - owned(w1)); /* balanced, it stays so */
    assert_string_equal(w1->last_reason, "handed over");
    worker_close(&w3);
    assert_true(run_until(shared_by_two, WAIT_MS));
    worker_close(&w1);
    assert_true(run_until(w2_owns_all, WAIT_MS));
    assert_int_equal(ask("ZCARD ringback:workers"), 1);
    worker_close(&w2);
    assert_int_equal(ask("EXISTS ringback:{0}:lease ringback:{7}:lease ringback:workers"), 0);
}

static void a_killed_workers_partitions_are_taken_over_after_its_lease(void **state)
{
    uint64_t began;

    (void)state;
    need_redis();
    for (unsigned p = 0; p < P; p++) {
        ask("XGROUP CREATE ringback:{%u}:events workers 0 MKSTREAM", p);
        add_event(p, "*", "left");
        ask("XREADGROUP GROUP workers owner STREAMS ringback:{%u}:events >", p);
        ask("SET ringback:{%u}:lease dead PX %d", p, LEASE_MS);
    }
    began = uv_hrtime();
    w1 = worker_start("w1", true);
    w1_sees(P);
    assert_true((uv_hrtime() - began) / 1000000 >= LEASE_MS - 50);
    assert_true((uv_hrtime() - began) / 1000000 < 2 * LEASE_MS + 500);
    for (unsigned i = 0; i < w1->n; i++)
        assert_int_equal(w1->seen[i].deliveries, 2);
}

static void a_handed_over_partition_has_nothing_pending(void **state)
{
    (void)state;
    need_redis();
    publisher_start(4000);
    w1 = worker_start("w1", true);
    assert_true(run_until(all_owned, WAIT_MS));
    w2 = worker_start("w2", true);
    for (unsigned i = 0; i < 4000; i++) {
        assert_true(publisher_append(pub, i % P, "x", 1, on_published, NULL));
        if (i % 20 == 0)
            run_for(5);
    }
    assert_true(run_until(shared_by_two, WAIT_MS));
    assert_true(run_until(nothing_pending, WAIT_MS));
    wanted_n = 4000;
    assert_int_equal(answered(), 4000);
    run_for(300);
    assert_int_equal(w1->n + w2->n, 4000); /* nothing came twice */
    for (unsigned i = 0; i < w2->n; i++)
        assert_int_equal(w2->seen[i].deliveries, 1);
    publisher_end();
}

static void stopping_leaves_nothing_to_be_delivered_twice(void **state)
{
    (void)state;
    need_redis();
    publisher_start(2000);
    w1 = worker_start("w1", true);
    assert_true(run_until(all_owned, WAIT_MS));
    for (unsigned i = 0; i < 2000; i++)
        assert_true(publisher_append(pub, i % P, "x", 1, on_published, NULL));
    w1_sees(100);
    consumer_stop_reading(w1->c);
    assert_false(w1->stopped);
    closing = w1;
    while (!w1->stopped)
        uv_run(&loop, UV_RUN_ONCE);
    unsigned n = w1->n;
    assert_true(run_until(nothing_pending, WAIT_MS));
    assert_int_equal(owned(w1), P);
    run_for(200);
    assert_int_equal(w1->n, n);
    worker_close(&w1);
    w2 = worker_start("w2", true);
    wanted_n = 2000 - n;
    assert_true(run_until(w2_has_seen, WAIT_MS));
    for (unsigned i = 0; i < w2->n; i++)
        assert_int_equal(w2->seen[i].deliveries, 1);
    publisher_end();
}

static bool w2_has_two(void)
{
    return w2->n >= 2;
}

/* A read of a former owner, carried out late, takes an entry that the present owner never sees. */
static void an_entry_that_went_astray_is_found(void **state)
{
    (void)state;
    need_redis();
    w2 = worker_start("w2", true);
    assert_true(run_until(w2_owns_all, WAIT_MS));
    add_event(3, "*", "first");
    wanted_n = 1;
    assert_true(run_until(w2_has_seen, WAIT_MS));
    /* In one go, so that the blocked read of w2 does not get it. */
    ask("EVAL %s 0", "redis.call('XADD', 'ringback:{3}:events', '*', 'e', 'astray') "
                     "return redis.call('XREADGROUP', 'GROUP', 'workers', 'owner', 'STREAMS', "
                     "'ringback:{3}:events', '>')");
    assert_true(run_until(w2_has_two, WAIT_MS));
    assert_string_equal(w2->seen[1].text, "astray");
    assert_int_equal(w2->seen[1].deliveries, 2);
    assert_true(run_until(nothing_pending, WAIT_MS));
}

/* The child stops itself; on waking it must know at once that its lease is gone, before its loop
 * has turned. */
static int stopped_child(void)
{
    bool knew;

    redis.admin = NULL; /* the parent's */
    uv_loop_init(&loop);
    w1 = worker_start("sleeper", true);
    if (!run_until(all_owned, WAIT_MS))
        return 2;
    raise(SIGSTOP);
    knew = !consumer_owns(w1->c, 0) && !consumer_owns(w1->c, P - 1);
    return knew ? 0 : 3;
}

static void a_stopped_worker_knows_on_waking_that_it_owns_nothing(void **state)
{
    int status = 0;
    pid_t child;

    (void)state;
    need_redis();
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(stopped_child());
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    w2 = worker_start("w2", true);
    assert_true(run_until(w2_owns_all, WAIT_MS));
    kill(child, SIGCONT);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- named leases -------------------------------------------------------------------------------
 */

static int holders;
static bool held_by[2];

static void on_change(void *ctx, bool held)
{
    held_by[(intptr_t)ctx] = held;
    holders += held ? 1 : -1;
    assert_in_range(holders, 0, 1);
}

static bool somebody_holds(void)
{
    return holders == 1;
}

static bool second_holds(void)
{
    return held_by[1];
}

static void a_named_lease_has_one_holder_and_passes_on(void **state)
{
    struct named_lease *a;

    (void)state;
    need_redis();
    holders = 0;
    held_by[0] = held_by[1] = false;
    w1 = worker_start("w1", true);
    a = consumer_lease(w1->c, "carts", on_change, (void *)0);
    assert_true(run_until(somebody_holds, WAIT_MS));
    assert_true(consumer_lease_held(a));
    w2 = worker_start("w2", true);
    consumer_lease(w2->c, "carts", on_change, (void *)1);
    run_for(1500);
    assert_true(held_by[0]);
    worker_close(&w1);
    assert_true(run_until(second_holds, WAIT_MS));
    worker_close(&w2);
    assert_int_equal(holders, 0);
    assert_int_equal(ask("EXISTS ringback:lease:carts"), 0);
}

/* ---- trimming and erasing -----------------------------------------------------------------------
 */

static bool trimmed(void)
{
    return ask("XLEN ringback:{2}:live") < 500;
}

static void old_entries_are_trimmed_but_never_unacknowledged_ones(void **state)
{
    char id[24];

    (void)state;
    need_redis();
    /* All of it is far older than the retention. Partition 2 is worked off, partition 3 stays
     * pending. */
    for (unsigned i = 1; i <= 500; i++) {
        snprintf(id, sizeof id, "%u-1", i);
        add_event(3, id, "x");
        ask("XADD ringback:{2}:live %s o a t b e c d {} c 0", id);
    }
    w1 = worker_start("w1", false);
    w1_sees(100);
    assert_true(run_until(trimmed, WAIT_MS));
    assert_int_equal(ask("XLEN ringback:{3}:events"), 500);
    worker_close(&w1);
    w2 = worker_start("w2", true);
    wanted_n = 500;
    assert_true(run_until(w2_has_seen, WAIT_MS));
    for (unsigned i = 0; i < 500; i++)
        assert_string_equal(w2->seen[i].text, "x");
    assert_true(run_until(nothing_pending, WAIT_MS));
    worker_close(&w2);
    w1 = worker_start("w1", true);
    run_for(4500);
    assert_true(ask("XLEN ringback:{3}:events") < 200); /* whole nodes of 100 */
}

static bool erased, erased_ok;

static bool match_secret(void *ctx, bool live, const void *payload, size_t len,
                         const char *organization)
{
    (void)ctx;
    if (live &&
        strcmp(organization, "*") != 0) /* on a slow machine updates may have to be read anew */
        assert_string_equal(organization, org_a);
    return memmem(payload, len, "secret", 6) != NULL;
}

static void on_erased(void *ctx, bool ok)
{
    (void)ctx;
    erased = true;
    erased_ok = ok;
}

static bool is_erased(void)
{
    return erased;
}

static void erasing_takes_what_matches_and_is_worked_off(void **state)
{
    struct entry_id ids[40];
    unsigned left = 0;
    redisReply *r;

    (void)state;
    need_redis();
    ask("XGROUP CREATE ringback:{0}:events workers 0 MKSTREAM");
    for (unsigned i = 0; i < 40; i++)
        add_event(0, "*", i % 2 ? "secret" : "plain");
    for (unsigned i = 0; i < 30; i++)
        ask("XADD ringback:{0}:live * o %s t commerce_orders e INSERT d %s c 0", org_a,
            i % 3 ? "plain" : "secret");
    w1 = worker_start("w1", false);
    w1_sees(40);
    for (unsigned i = 0; i < 40; i++)
        ids[i] = w1->seen[i].id;
    w1->n_updates = 0;
    settle(w1, 0, ids, 30); /* ten stay pending */
    wanted_n = 1;
    assert_true(run_until(w1_settled, WAIT_MS));
    erased = false;
    consumer_erase(w1->c, 0, ENTRY_ID_LAST, match_secret, on_erased, NULL);
    assert_false(erased);
    assert_true(run_until(is_erased, WAIT_MS));
    assert_true(erased_ok);
    assert_int_equal(ask("XLEN ringback:{0}:events"), 15 + 10);
    assert_int_equal(ask("XLEN ringback:{0}:live"), 20);
    r = redisCommand(redis.admin, "XRANGE ringback:{0}:events - +");
    for (size_t i = 0; i < r->elements; i++)
        left += strcmp(r->element[i]->element[1]->element[1]->str, "secret") == 0;
    freeReplyObject(r);
    assert_int_equal(left, 5);
    settle(w1, 0, ids + 30, 10);
    wanted_n = 2;
    assert_true(run_until(w1_settled, WAIT_MS));
    erased = false;
    consumer_erase(w1->c, 0, ENTRY_ID_LAST, match_secret, on_erased, NULL);
    assert_true(run_until(is_erased, WAIT_MS));
    assert_int_equal(ask("XLEN ringback:{0}:events"), 20);
}

/* ---- settling what is not ours ------------------------------------------------------------------
 */

static bool w1_lost_one(void)
{
    return w1->lost >= 1;
}

static void nothing_is_published_or_acknowledged_without_the_lease(void **state)
{
    struct entry_id id;

    (void)state;
    need_redis();
    w1 = worker_start("w1", false);
    assert_true(run_until(all_owned, WAIT_MS));
    add_event(6, "*", "x");
    w1_sees(1);
    id = w1->seen[0].id;
    ask("SET ringback:{6}:lease somebody-else");
    assert_true(run_until(w1_lost_one, WAIT_MS));
    settle(w1, 6, &id, 1);
    assert_int_equal(w1->settled_bad, 0); /* later */
    wanted_n = 1;
    assert_true(run_until(w1_settled, WAIT_MS));
    assert_int_equal(w1->settled_bad, 1);
    assert_int_equal(pending(6), 1);
    assert_int_equal(ask("XLEN ringback:{6}:live"), 0);
    ask("DEL ringback:{6}:lease");
    w1->settles = true;
    w1_sees(2);
    assert_int_equal(w1->seen[1].deliveries, 2);
    /* Timers' and relay's updates have no ids. */
    wanted_n = w1->settled_ok + w1->settled_bad + 2;
    settle(w1, 6, NULL, 0);
    w1->n_updates = 0;
    settle(w1, 6, NULL, 0);
    assert_true(run_until(w1_settled, WAIT_MS));
    assert_int_equal(w1->settled_bad, 1);
}

/* What was sent in time and arrived when somebody else owned the partition. */
static void a_settle_that_comes_too_late_does_nothing(void **state)
{
    struct entry_id id;

    (void)state;
    need_redis();
    w1 = worker_start("w1", false);
    assert_true(run_until(all_owned, WAIT_MS));
    add_event(6, "*", "x");
    w1_sees(1);
    id = w1->seen[0].id;
    ask("SET ringback:{6}:lease somebody-else"); /* w1 does not know yet */
    assert_true(consumer_owns(w1->c, 6));
    settle(w1, 6, &id, 1);
    wanted_n = 1;
    assert_true(run_until(w1_settled, WAIT_MS));
    assert_int_equal(w1->settled_bad, 1);
    assert_int_equal(pending(6), 1);
    assert_int_equal(ask("XLEN ringback:{6}:live"), 0);
    assert_false(w1->owned[6]);
    ask("DEL ringback:{6}:lease");
    w1->settles = true;
    w1_sees(2); /* it comes again */
}

/* ---- the live tail ------------------------------------------------------------------------------
 */

static struct live_tail *tail;
static unsigned updates, gaps, pauses, pause_for_ms;
static bool tail_up, tail_closed;
static char last_record[32];

static void on_update(void *ctx, unsigned partition, struct entry_id id,
                      const struct live_update *u)
{
    (void)ctx;
    (void)partition;
    assert_true(id.ms > 0);
    assert_string_equal(u->organization_id, org_a);
    snprintf(last_record, sizeof last_record, "%.*s", (int)u->record_len, u->record);
    updates++;
}

static void on_gap(void *ctx, unsigned partition)
{
    (void)ctx;
    assert_int_equal(partition, 2);
    gaps++;
}

static void on_tail_state(void *ctx, bool up, const char *reason)
{
    (void)ctx;
    (void)reason;
    tail_up = up;
}

static unsigned on_pause(void *ctx)
{
    (void)ctx;
    pauses++;
    return pause_for_ms;
}

static bool tail_is_ready(void)
{
    return live_tail_ready(tail);
}

static bool tail_is_down(void)
{
    return !live_tail_ready(tail);
}

static bool tail_is_closed(void)
{
    return tail_closed;
}

static bool got_updates(void)
{
    return updates >= wanted_n;
}

static bool got_gap(void)
{
    return gaps >= wanted_n;
}

static void add_live(const char *record)
{
    ask("XADD ringback:{2}:live * o %s t commerce_orders e UPDATE d %s c 7", org_a, record);
}

static void tail_start(void)
{
    struct live_tail_options o = {.redis_url = redis.url,
                                  .partitions = P,
                                  .on_update = on_update,
                                  .on_gap = on_gap,
                                  .on_state = on_tail_state,
                                  .pause_ms = on_pause};

    updates = gaps = pauses = 0;
    tail_closed = false;
    tail = live_tail_new(&loop, &o);
    assert_true(run_until(tail_is_ready, WAIT_MS));
}

static void tail_end(void)
{
    live_tail_close(tail, set_true, &tail_closed);
    assert_true(run_until(tail_is_closed, WAIT_MS));
}

static void tail_away_while(const char *command)
{
    ask("CONFIG SET maxclients 1"); /* nobody gets in again for now */
    ask("CLIENT KILL TYPE normal SKIPME yes");
    assert_true(run_until(tail_is_down, WAIT_MS));
    for (unsigned i = 0; i < 5; i++)
        add_live("missed");
    if (command != NULL)
        ask(command);
    ask("CONFIG SET maxclients 1000");
    assert_true(run_until(tail_is_ready, WAIT_MS));
}

static void the_tail_begins_at_the_end_and_misses_nothing_while_away(void **state)
{
    (void)state;
    need_redis();
    add_live("history");
    tail_start();
    assert_true(tail_up);
    assert_int_equal(updates, 0);
    add_live("now");
    wanted_n = 1;
    assert_true(run_until(got_updates, WAIT_MS));
    assert_string_equal(last_record, "now");
    tail_away_while(NULL);
    wanted_n = 6;
    assert_true(run_until(got_updates, WAIT_MS));
    assert_int_equal(updates, 6);
    assert_int_equal(gaps, 0);
    /* Entries that it has seen may be trimmed. */
    ask("XTRIM ringback:{2}:live MAXLEN 0");
    tail_away_while(NULL);
    wanted_n = 11;
    assert_true(run_until(got_updates, WAIT_MS));
    assert_int_equal(gaps, 0);
    tail_end();
}

static void the_tail_tells_when_it_missed_something(void **state)
{
    (void)state;
    need_redis();
    add_live("history");
    tail_start();
    tail_away_while("XTRIM ringback:{2}:live MAXLEN 2");
    wanted_n = 1;
    assert_true(run_until(got_gap, WAIT_MS));
    add_live("then");
    assert_true(run_until(got_updates, WAIT_MS));
    assert_string_equal(last_record, "then");
    tail_away_while("FLUSHALL");
    wanted_n = 2;
    assert_true(run_until(got_gap, WAIT_MS));
    add_live("again");
    wanted_n = updates + 1;
    assert_true(run_until(got_updates, WAIT_MS));
    assert_string_equal(last_record, "again");
    assert_int_equal(gaps, 2);
    tail_end();
}

static void a_pause_of_the_tail_lets_more_come_together(void **state)
{
    (void)state;
    need_redis();
    pause_for_ms = 300;
    tail_start();
    add_live("first");
    wanted_n = 1;
    assert_true(run_until(got_updates, WAIT_MS));
    for (int i = 0; i < 3; i++)
        add_live("together");
    wanted_n = 4;
    assert_true(run_until(got_updates, WAIT_MS));
    assert_int_equal(pauses, 2); /* one read each */
    tail_away_while(NULL);       /* a link lost in a pause */
    wanted_n = 9;
    assert_true(run_until(got_updates, WAIT_MS));
    assert_int_equal(updates, 9);
    assert_int_equal(gaps, 0);
    tail_end(); /* in a pause */
    pause_for_ms = 0;
}

/* ---- links --------------------------------------------------------------------------------------
 */

static struct link *plain;
static bool link_closed;
static char down_reason[160];
static unsigned link_ups;

static void on_plain_up(void *ctx)
{
    (void)ctx;
    link_ups++;
}

static void on_plain_down(void *ctx, const char *reason)
{
    (void)ctx;
    snprintf(down_reason, sizeof down_reason, "%s", reason);
}

static bool plain_is_up(void)
{
    return link_is_up(plain);
}

static bool plain_failed(void)
{
    return down_reason[0] != '\0';
}

static bool plain_is_closed(void)
{
    return link_closed;
}

static void plain_open_within(const char *url, uint64_t reply_timeout_ms)
{
    struct link_options o = {.url = url,
                             .client_name = "plain",
                             .on_up = on_plain_up,
                             .on_down = on_plain_down,
                             .reply_timeout_ms = reply_timeout_ms};

    down_reason[0] = '\0';
    link_closed = false;
    plain = link_open(&loop, &o);
    assert_non_null(plain);
    assert_false(link_is_up(plain));
}

static void plain_open(const char *url)
{
    plain_open_within(url, 1000);
}

static void plain_close(void)
{
    link_close(plain, set_true, &link_closed);
    assert_false(link_closed);
    assert_true(run_until(plain_is_closed, WAIT_MS));
}

static void a_link_authenticates_and_says_why_it_cannot(void **state)
{
    char url[160];

    (void)state;
    need_redis();
    ask("ACL SETUSER ringback on >p@ss ~* +@all");
    ask("ACL SETUSER default >root");
    ask("ACL SETUSER default resetpass >root");
    plain_open(redis.url);
    assert_true(run_until(plain_failed, WAIT_MS));
    assert_non_null(strstr(down_reason, "NOAUTH"));
    plain_close();
    snprintf(url, sizeof url, "unix://ringback:wrong@%s", redis.socket);
    plain_open(url);
    assert_true(run_until(plain_failed, WAIT_MS));
    assert_non_null(strstr(down_reason, "AUTH: WRONGPASS"));
    assert_null(strstr(down_reason, "wrong@"));
    plain_close();
    snprintf(url, sizeof url, "unix://ringback:p%%40ss@%s?db=3", redis.socket);
    plain_open(url);
    assert_true(run_until(plain_is_up, WAIT_MS));
    redisReply *r = redisCommand(redis.admin, "CLIENT LIST");
    assert_non_null(strstr(r->str, "name=plain"));
    assert_non_null(strstr(r->str, "db=3"));
    freeReplyObject(r);
    plain_close();
    ask("ACL SETUSER default nopass");
    ask("ACL DELUSER ringback");
}

static void a_refused_connection_is_told_and_tried_again(void **state)
{
    (void)state;
    need_redis();
    plain_open("redis://127.0.0.1:1");
    assert_true(run_until(plain_failed, WAIT_MS));
    assert_string_equal(down_reason, "Connection refused");
    down_reason[0] = '\0';
    assert_true(run_until(plain_failed, WAIT_MS));
    plain_close();
    plain_open("redis://no-such-host.invalid:1");
    assert_true(run_until(plain_failed, WAIT_MS));
    assert_non_null(strstr(down_reason, "no-such-host.invalid"));
    plain_close();
    plain_open("unix:///nowhere/redis.sock");
    assert_true(run_until(plain_failed, WAIT_MS));
    plain_close();
    plain_open("redis://localhost:1");
    plain_close(); /* before anything has happened */
    plain_open("redis://localhost:1");
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    plain_close(); /* while the name is being resolved */
}

static int replies, nulls, reentered;

static void count_reply(void *ctx, const struct redisReply *r)
{
    (void)ctx;
    if (r != NULL)
        replies++;
    else
        nulls++;
}

static void close_in_callback(void *ctx, const struct redisReply *r)
{
    (void)r;
    reentered++;
    link_close(ctx, set_true, &link_closed);
}

static void reconnect_in_callback(void *ctx, const struct redisReply *r)
{
    assert_non_null(r);
    reentered++;
    link_reconnect(ctx, "on request");
}

static bool got_nulls(void)
{
    return nulls >= 10;
}

/* Closing and cutting at every stage: before the commands leave, while they are under way, from
 * inside a callback. */
static void every_command_is_answered_exactly_once_however_the_link_ends(void **state)
{
    static const char *const ping[] = {"PING"};

    (void)state;
    need_redis();
    for (unsigned stage = 0; stage < 5; stage++) {
        replies = nulls = reentered = 0;
        plain_open(redis.url);
        assert_false(link_send(plain, count_reply, NULL, 1, ping, NULL));
        assert_true(run_until(plain_is_up, WAIT_MS));
        if (stage == 3)
            assert_true(link_send(plain, close_in_callback, plain, 1, ping, NULL));
        if (stage == 4)
            assert_true(link_send(plain, reconnect_in_callback, plain, 1, ping, NULL));
        if (stage == 1)
            kill(redis.pid, SIGSTOP);
        for (unsigned i = 0; i < 10; i++)
            assert_true(link_send(plain, count_reply, NULL, 1, ping, NULL));
        assert_int_equal(link_outstanding(plain), stage >= 3 ? 11 : 10);
        if (stage == 1) {
            run_for(20);
            kill(redis.pid, SIGCONT);
        }
        if (stage == 2) {
            ask("CLIENT KILL TYPE normal SKIPME yes"); /* before ours were written */
            assert_true(run_until(got_nulls, WAIT_MS));
        }
        if (stage == 4)
            assert_true(run_until(got_nulls, WAIT_MS));
        if (stage == 3)
            assert_true(run_until(plain_is_closed, WAIT_MS));
        else
            plain_close();
        assert_int_equal(replies + nulls, 10);
        assert_int_equal(reentered, stage >= 3);
    }
}

static void an_overdue_reply_cuts_the_link(void **state)
{
    static const char *const ping[] = {"PING"};
    unsigned before;

    (void)state;
    need_redis();
    replies = nulls = 0;
    plain_open(redis.url);
    assert_true(run_until(plain_is_up, WAIT_MS));
    before = link_ups;
    kill(redis.pid, SIGSTOP);
    for (unsigned i = 0; i < 10; i++)
        assert_true(link_send(plain, count_reply, NULL, 1, ping, NULL));
    assert_true(run_until(got_nulls, 3000));
    assert_non_null(strstr(down_reason, "no reply for 1000 ms"));
    kill(redis.pid, SIGCONT);
    assert_true(run_until(plain_is_up, WAIT_MS));
    assert_int_equal(link_ups, before + 1);
    plain_close();
}

static unsigned long big_len;

static void on_big(void *ctx, const struct redisReply *r)
{
    (void)ctx;
    assert_non_null(r);
    if (r->type == REDIS_REPLY_STRING)
        big_len = (unsigned long)r->len;
}

static bool got_big(void)
{
    return big_len > 0;
}

static void large_commands_and_replies_pass(void **state)
{
    enum { BIG = 9 << 20 };
    char *big = malloc(BIG);
    const char *set[] = {"SET", "big", big}, *get[] = {"GET", "big"};
    size_t len[] = {3, 3, BIG};

    (void)state;
    need_redis();
    memset(big, 'x', BIG);
    big_len = 0;
    plain_open_within(redis.url, WAIT_MS); /* a busy machine takes its time for so much */
    assert_true(run_until(plain_is_up, WAIT_MS));
    assert_true(link_send(plain, on_big, NULL, 3, set, len));
    assert_true(link_send(plain, on_big, NULL, 2, get, NULL));
    assert_true(run_until(got_big, WAIT_MS));
    assert_int_equal(big_len, BIG);
    plain_close();
    free(big);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* One argument: a pattern of names, to run only those. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(a_link_authenticates_and_says_why_it_cannot),
        CASE(a_refused_connection_is_told_and_tried_again),
        CASE(every_command_is_answered_exactly_once_however_the_link_ends),
        CASE(an_overdue_reply_cuts_the_link),
        CASE(large_commands_and_replies_pass),
        CASE(published_events_reach_the_worker_in_order_and_are_acknowledged),
        CASE(appends_beyond_what_redis_reads_at_once_get_connections_of_their_own),
        CASE(unsettled_entries_fill_the_window_and_no_more),
        CASE(large_entries_fill_the_window_by_their_bytes),
        CASE(pending_entries_come_first_with_their_delivery_count),
        CASE(a_pending_entry_whose_payload_is_gone_is_reported_as_vanished),
        CASE(a_lost_group_stream_or_database_is_made_again),
        CASE(cut_links_lose_everything_and_bring_it_again),
        CASE(a_restarted_redis_is_found_again_and_nothing_is_lost),
        CASE(a_paused_redis_makes_appends_fail_in_two_seconds),
        CASE(refused_appends_are_told_apart_and_readiness_follows),
        CASE(a_full_redis_is_worked_off_and_dropped_updates_end_in_a_resync),
        CASE(a_group_that_was_lost_makes_everybody_resync),
        CASE(a_suspect_is_counted_until_somebody_comes_back_from_it),
        CASE(an_absolution_outlives_its_link),
        CASE(workers_share_partitions_and_take_over),
        CASE(a_killed_workers_partitions_are_taken_over_after_its_lease),
        CASE(a_handed_over_partition_has_nothing_pending),
        CASE(stopping_leaves_nothing_to_be_delivered_twice),
        CASE(an_entry_that_went_astray_is_found),
        CASE(a_stopped_worker_knows_on_waking_that_it_owns_nothing),
        CASE(a_named_lease_has_one_holder_and_passes_on),
        CASE(old_entries_are_trimmed_but_never_unacknowledged_ones),
        CASE(erasing_takes_what_matches_and_is_worked_off),
        CASE(nothing_is_published_or_acknowledged_without_the_lease),
        CASE(a_settle_that_comes_too_late_does_nothing),
        CASE(the_tail_begins_at_the_end_and_misses_nothing_while_away),
        CASE(the_tail_tells_when_it_missed_something),
        CASE(a_pause_of_the_tail_lets_more_come_together),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
