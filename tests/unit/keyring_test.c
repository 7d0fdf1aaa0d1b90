/* When keys are fetched again, which documents say how long they last, and what is remembered of good tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/ask.h"
#include "runtime/jwks_plan.h"
#include "runtime/jwt_cache.h"
#include "runtime/watched_file.h"

enum { START = 1000000 };

/* A fetch that is due at `at`, not before, and comes `took` later. */
static void fetch(struct jwks_plan *p, uint64_t at, uint64_t took, bool good, int64_t fresh_s)
{
    assert_false(jwks_plan_due(p, at - 1));
    assert_true(jwks_plan_due(p, at));
    assert_false(jwks_plan_due(p, at + 1)); /* one at a time */
    if (good)
        jwks_plan_good(p, at + took, fresh_s);
    else
        jwks_plan_failed(p, at + took);
}

static void documents_last_as_long_as_they_say_within_bounds(void **state)
{
    static const struct {
        int64_t fresh_s;
        uint64_t ms;
    } cases[] = {{-1, JWKS_FRESH_MS},     {0, JWKS_FRESH_MIN_MS},
                 {59, JWKS_FRESH_MIN_MS}, {61, 61000},
                 {300, 300000},           {3600, JWKS_FRESH_MAX_MS},
                 {3599, 3599000},         {864000, JWKS_FRESH_MAX_MS}};
    struct jwks_plan p;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        jwks_plan_init(&p, START);
        fetch(&p, START, 20, true, cases[i].fresh_s);
        assert_false(jwks_plan_due(&p, START + 20 + cases[i].ms - 1));
        assert_true(jwks_plan_due(&p, START + 20 + cases[i].ms));
    }
}

static void failures_come_again_with_growing_patience(void **state)
{
    uint64_t at = START, wait = JWKS_RETRY_MIN_MS;
    struct jwks_plan p;

    (void)state;
    jwks_plan_init(&p, START);
    for (int i = 0; i < 40; i++) {
        fetch(&p, at, 5, false, -1);
        at += 5 + wait;
        wait = wait * 2 < JWKS_RETRY_MAX_MS ? wait * 2 : JWKS_RETRY_MAX_MS;
    }
    fetch(&p, at, 5, true, -1); /* and after a success it starts anew */
    at += 5 + JWKS_FRESH_MS;
    fetch(&p, at, 5, false, -1);
    assert_true(jwks_plan_due(&p, at + 5 + JWKS_RETRY_MIN_MS));
}

static void an_unknown_key_is_looked_for_once_then_refused_for_a_while(void **state)
{
    uint64_t asked = START + 100000;
    struct jwks_plan p;

    (void)state;
    jwks_plan_init(&p, START);
    fetch(&p, START, 5, true, -1);
    assert_int_equal(jwks_plan_want(&p, 7, asked), JWKS_WAIT);
    fetch(&p, asked, 5, true, -1); /* at once */
    assert_int_equal(jwks_plan_want(&p, 7, asked + 5), JWKS_ABSENT);
    assert_int_equal(jwks_plan_want(&p, 7, asked + JWKS_ABSENT_MS - 1), JWKS_ABSENT);
    assert_false(jwks_plan_due(&p, asked + JWKS_ABSENT_MS - 1));
    assert_int_equal(jwks_plan_want(&p, 7, asked + JWKS_ABSENT_MS), JWKS_WAIT);
    assert_true(jwks_plan_due(&p, asked + JWKS_ABSENT_MS));
    /* What was asked for while a fetch was under way is not answered by it, but by the next. */
    assert_int_equal(jwks_plan_want(&p, 8, asked + JWKS_ABSENT_MS + 1), JWKS_WAIT);
    jwks_plan_good(&p, asked + JWKS_ABSENT_MS + 2, -1);
    assert_int_equal(jwks_plan_want(&p, 7, asked + JWKS_ABSENT_MS + 2), JWKS_ABSENT);
    assert_int_equal(jwks_plan_want(&p, 8, asked + JWKS_ABSENT_MS + 2), JWKS_WAIT);
    fetch(&p, asked + JWKS_ABSENT_MS + JWKS_EARLY_MS, 5, false, -1);
    /* A server that is away proves nothing. */
    assert_int_equal(jwks_plan_want(&p, 8, asked + JWKS_ABSENT_MS + JWKS_EARLY_MS + 6), JWKS_WAIT);
}

/* However many forged names come, and whether the server answers or not. */
static void forged_names_cannot_make_us_hammer_the_server(void **state)
{
    (void)state;
    for (int good = 0; good < 2; good++) {
        unsigned fetches = 0;
        struct jwks_plan p;

        jwks_plan_init(&p, START);
        for (uint64_t now = START; now < START + 600000; now += 1) {
            (void)jwks_plan_want(&p, now * 2654435761u, now);
            if (!jwks_plan_due(&p, now))
                continue;
            fetches++;
            if (good)
                jwks_plan_good(&p, now, -1);
            else
                jwks_plan_failed(&p, now);
        }
        assert_in_range(fetches, 100, 600000 / JWKS_EARLY_MS + 4); /* + 4: the first retries */
        /* and one that is remembered as absent does not stay so because of them for others */
        assert_int_equal(jwks_plan_want(&p, 1, START + 600000), JWKS_WAIT);
    }
}

static void a_document_is_not_trusted_for_ever(void **state)
{
    struct jwks_plan p;

    (void)state;
    jwks_plan_init(&p, START);
    assert_false(jwks_plan_stale(&p, START + 10 * (uint64_t)JWKS_STALE_MS)); /* there is none */
    fetch(&p, START, 0, true, -1);
    assert_false(jwks_plan_stale(&p, START + JWKS_STALE_MS - 1));
    assert_true(jwks_plan_stale(&p, START + JWKS_STALE_MS));
    assert_false(jwks_plan_stale(&p, START + JWKS_STALE_MS + 1)); /* told once */
}

static void freshness_is_read_from_headers(void **state)
{
    static const struct {
        const char *control, *age;
        int64_t fresh;
    } cases[] = {{NULL, NULL, -1},
                 {"", NULL, -1},
                 {"public, max-age=600", NULL, 600},
                 {"max-age=600", "0", 600},
                 {"public,MAX-AGE=\"600\" , must-revalidate", "250", 350},
                 {"max-age=600", "601", 0},
                 {"max-age=600", "soon", 600},
                 {"max-age=600, no-store", NULL, 0},
                 {"no-cache=\"x\"", NULL, 0},
                 {"x-max-age=5", NULL, -1},
                 {"max-age", NULL, -1},
                 {"max-age=-5", NULL, -1},
                 {"max-age=99999999999999999999", NULL, 1 << 30},
                 {"s-maxage=5, private", NULL, -1}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (ask_fresh_s(cases[i].control, cases[i].age) != cases[i].fresh)
            fail_msg("%s: %lld", cases[i].control,
                     (long long)ask_fresh_s(cases[i].control, cases[i].age));
}

/* ---- good tokens ---- */

static struct jwt jwt_no(unsigned n)
{
    struct jwt j = {.exp = 2000, .role = "authenticated"};

    snprintf(j.sub, sizeof j.sub, "00000000-0000-4000-8000-%012u", n);
    j.payload_len = (size_t)snprintf(j.payload, sizeof j.payload, "{\"n\":%u}", n);
    return j;
}

static enum jwt_result get(struct jwt_cache *c, unsigned n, int64_t now_s, struct jwt *out)
{
    char token[32];

    snprintf(token, sizeof token, "token.%u", n);
    return jwt_cache_get(c, token, strlen(token), now_s, out);
}

static void good_tokens_are_found_until_they_expire(void **state)
{
    struct jwt_cache *c = jwt_cache_new();
    struct jwt j = jwt_no(1), out;

    (void)state;
    assert_int_equal(get(c, 1, 1000, &out), JWT_NO_KEY);
    jwt_cache_put(c, &j);
    jwt_cache_put(c, &j); /* only what was just missed is kept */
    memset(&out, 'x', sizeof out);
    assert_int_equal(get(c, 1, 1000, &out), JWT_OK);
    assert_string_equal(out.sub, j.sub);
    assert_string_equal(out.role, j.role);
    assert_string_equal(out.payload, j.payload);
    assert_int_equal(out.payload_len, j.payload_len);
    assert_int_equal(out.exp, 2000);
    assert_int_equal(get(c, 1, 2000 + JWT_SKEW_S - 1, &out), JWT_OK);
    assert_int_equal(get(c, 1, 2000 + JWT_SKEW_S, &out), JWT_EXPIRED);
    assert_int_equal(get(c, 2, 1000, &out), JWT_NO_KEY);
    jwt_cache_forget(c);
    assert_int_equal(get(c, 1, 1000, &out), JWT_NO_KEY);
    jwt_cache_free(c);
}

static void the_cache_is_bounded_and_keeps_what_is_used(void **state)
{
    enum { N = JWT_CACHE_SETS * JWT_CACHE_WAYS };
    struct jwt_cache *c = jwt_cache_new();
    unsigned kept = 0;
    struct jwt j = jwt_no(0), out;

    (void)state;
    assert_int_equal(get(c, 0, 1000, &out), JWT_NO_KEY);
    jwt_cache_put(c, &j);
    for (unsigned i = 1; i < 4 * N; i++) {
        assert_int_equal(get(c, 0, 1000, &out), JWT_OK); /* it is used all the time */
        assert_int_equal(get(c, i, 1000, &out), JWT_NO_KEY);
        j = jwt_no(i);
        jwt_cache_put(c, &j);
    }
    for (unsigned i = 0; i < 4 * N; i++)
        if (get(c, i, 1000, &out) == JWT_OK) {
            j = jwt_no(i);
            assert_string_equal(out.payload, j.payload); /* never another's */
            kept++;
        }
    assert_in_range(kept, N / 2, N);

    jwt_cache_forget(c); /* claims at the limit are kept, larger ones not */
    for (size_t n = JWT_CACHE_PAYLOAD_MAX; n <= JWT_CACHE_PAYLOAD_MAX + 1; n++) {
        memset(j.payload, ' ', n);
        j.payload[n] = '\0';
        j.payload_len = n;
        assert_int_equal(get(c, (unsigned)n, 1000, &out), JWT_NO_KEY);
        jwt_cache_put(c, &j);
        assert_int_equal(get(c, (unsigned)n, 1000, &out),
                         n == JWT_CACHE_PAYLOAD_MAX ? JWT_OK : JWT_NO_KEY);
    }
    jwt_cache_free(c);
}

/* ---- files ---- */

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void a_changed_file_is_read_again_and_a_bad_one_leaves_the_old(void **state)
{
    char folder[] = "/tmp/watched.XXXXXX", path[64], other[64];
    struct watched_file f = {.max = 8};
    const char *why;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/keys", folder);
    snprintf(other, sizeof other, "%s/new", folder);
    f.path = path;
    assert_false(watched_file_read(&f, &why));
    assert_string_equal(why, "No such file or directory");
    put_file(path, "12345678");
    assert_true(watched_file_changed(&f));
    assert_true(watched_file_read(&f, &why));
    assert_int_equal(f.len, 8);
    assert_memory_equal(f.text, "12345678", 8);
    assert_false(watched_file_changed(&f));
    put_file(path, "123456789");
    assert_true(watched_file_changed(&f));
    assert_false(watched_file_read(&f, &why));
    assert_string_equal(why, "the file is too large");
    assert_memory_equal(f.text, "12345678", 8);
    assert_false(watched_file_changed(&f)); /* told once */
    put_file(other, "87654321");
    assert_int_equal(rename(other, path), 0);
    assert_true(watched_file_changed(&f));
    assert_true(watched_file_read(&f, &why));
    assert_memory_equal(f.text, "87654321", 8);
    unlink(path);
    assert_false(watched_file_changed(&f)); /* in the middle of being replaced, perhaps */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(watched_file_changed(&f));
    assert_false(watched_file_read(&f, &why));
    assert_memory_equal(f.text, "87654321", 8);
    rmdir(path);
    rmdir(folder);
    watched_file_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_last_as_long_as_they_say_within_bounds),
        cmocka_unit_test(failures_come_again_with_growing_patience),
        cmocka_unit_test(an_unknown_key_is_looked_for_once_then_refused_for_a_while),
        cmocka_unit_test(forged_names_cannot_make_us_hammer_the_server),
        cmocka_unit_test(a_document_is_not_trusted_for_ever),
        cmocka_unit_test(freshness_is_read_from_headers),
        cmocka_unit_test(good_tokens_are_found_until_they_expire),
        cmocka_unit_test(the_cache_is_bounded_and_keeps_what_is_used),
        cmocka_unit_test(a_changed_file_is_read_again_and_a_bad_one_leaves_the_old),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
