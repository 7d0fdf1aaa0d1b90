/* Redis URLs and the pauses between attempts to connect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "link.h"
#include "link_url.h"

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *url;
        struct link_url is;
    } cases[] = {
        {"redis://127.0.0.1:6379", {false, "127.0.0.1", 6379, "", "", "", 0}},
        {"redis://cache", {false, "cache", 6379, "", "", "", 0}},
        {"redis://cache/", {false, "cache", 6379, "", "", "", 0}},
        {"redis://cache:7000/3", {false, "cache", 7000, "", "", "", 3}},
        {"redis://[::1]:7000/3", {false, "::1", 7000, "", "", "", 3}},
        {"redis://[::1]", {false, "::1", 6379, "", "", "", 0}},
        {"redis://:secret@cache", {false, "cache", 6379, "", "", "secret", 0}},
        {"redis://secret@cache", {false, "cache", 6379, "", "", "secret", 0}},
        {"redis://me:secret@cache:1", {false, "cache", 1, "", "me", "secret", 0}},
        {"redis://m%3Ae:p%40s%2fs%25@cache", {false, "cache", 6379, "", "m:e", "p@s/s%", 0}},
        {"redis://me:p@ss@cache", {false, "cache", 6379, "", "me", "p@ss", 0}},
        {"unix:///run/redis.sock", {true, "", 0, "/run/redis.sock", "", "", 0}},
        {"unix:///run/redis.sock?db=2", {true, "", 0, "/run/redis.sock", "", "", 2}},
        {"unix://me:secret@/run/a%20b", {true, "", 0, "/run/a b", "me", "secret", 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct link_url u;
        const char *why = "";
        assert_true(link_url_parse(cases[i].url, &u, &why));
        assert_true(link_url_check(cases[i].url, &why));
        assert_int_equal(u.is_unix, cases[i].is.is_unix);
        assert_string_equal(u.host, cases[i].is.host);
        assert_int_equal(u.port, cases[i].is.port);
        assert_string_equal(u.path, cases[i].is.path);
        assert_string_equal(u.user, cases[i].is.user);
        assert_string_equal(u.password, cases[i].is.password);
        assert_int_equal(u.db, cases[i].is.db);
    }
}

static void bad_urls_are_refused_with_a_sentence_that_keeps_the_password(void **state)
{
    static const char *const bad[] = {"",
                                      "localhost:6379",
                                      "http://cache",
                                      "rediss://cache",
                                      "redis://",
                                      "redis:///0",
                                      "redis://:6379",
                                      "redis://cache:0",
                                      "redis://cache:65536",
                                      "redis://cache:x",
                                      "redis://cache:",
                                      "redis://cache/x",
                                      "redis://cache/1/2",
                                      "redis://cache/99999999",
                                      "redis://cache?db=1",
                                      "redis://[::1",
                                      "redis://[::1]x",
                                      "redis://[]",
                                      "redis://a%2:hunter2@cache",
                                      "redis://a:hunter2%zz@cache",
                                      "redis://a:hunter2%00@cache",
                                      "redis://user:@cache",
                                      "unix://",
                                      "unix://run",
                                      "unix:///",
                                      "unix:///a?x=1",
                                      "unix:///a?db=",
                                      "unix://hunter2/run/r.sock"};
    char longer[700];
    struct link_url u;
    const char *why;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        why = NULL;
        assert_false(link_url_parse(bad[i], &u, &why));
        assert_non_null(why);
        assert_null(strstr(why, "hunter2"));
    }
    assert_false(link_url_check("rediss://cache", &why));
    assert_non_null(strstr(why, "TLS"));
    /* At the limits. */
    snprintf(longer, sizeof longer, "redis://%0255d", 1);
    assert_true(link_url_parse(longer, &u, &why));
    snprintf(longer, sizeof longer, "redis://%0256d", 1);
    assert_false(link_url_parse(longer, &u, &why));
    snprintf(longer, sizeof longer, "unix:///%0106d", 1);
    assert_true(link_url_parse(longer, &u, &why));
    snprintf(longer, sizeof longer, "unix:///%0107d", 1);
    assert_false(link_url_parse(longer, &u, &why));
    snprintf(longer, sizeof longer, "redis://:%0511d@cache", 1);
    assert_true(link_url_parse(longer, &u, &why));
    snprintf(longer, sizeof longer, "redis://:%0512d@cache", 1);
    assert_false(link_url_parse(longer, &u, &why));
}

static void pauses_double_up_to_the_longest_and_are_spread(void **state)
{
    static const uint32_t randoms[] = {0, 1, 12345, UINT32_MAX / 2, UINT32_MAX};
    bool differ = false;

    (void)state;
    for (unsigned attempt = 0; attempt < 2000; attempt++) {
        uint64_t full = attempt < 7 ? 50ull << attempt : 5000;
        for (size_t i = 0; i < sizeof randoms / sizeof randoms[0]; i++) {
            uint64_t ms = backoff_ms(attempt, randoms[i]);
            assert_in_range(ms, full / 2, full);
            differ = differ || ms != backoff_ms(attempt, 0);
        }
    }
    assert_true(differ);
    assert_int_equal(backoff_ms(UINT32_MAX, 0), 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(bad_urls_are_refused_with_a_sentence_that_keeps_the_password),
        cmocka_unit_test(pauses_double_up_to_the_longest_and_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
