/* Tickets for recordings, and the ranges that players ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recordings/ticket.h"
#include "runtime/http_range.h"

#define PATH "org/call.wav"
#define SECRET "a secret for tests that is long enough"
/* 32 bytes of 7, 8, 9 */
#define KEY_7 "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
#define KEY_8 "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg="
#define KEY_9 "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="
enum { EXPIRES = 1700003600 };

static struct ticket_keys keys_of(const char *encryption, const char *jwt)
{
    struct ticket_keys k;
    const char *why = NULL;

    if (!ticket_keys_init(&k, encryption, jwt, &why))
        fail_msg("%s", why);
    return k;
}

static enum ticket_result check(const struct ticket_keys *k, const char *path, const char *query,
                                int64_t now)
{
    int64_t expires;

    return ticket_check(k, path, query, now, &expires);
}

/* Computed by another implementation (Python's hmac): all processes with the same secret agree. */
static void tickets_are_what_others_compute(void **state)
{
    static const struct {
        const char *encryption, *jwt, *query;
    } cases[] = {
        {KEY_7, SECRET, "expires=1700003600&signature=JG1zqV5mQI8KfPmQhl3g3On0TV8OrzSsLeTZPzqNmt4"},
        {NULL, SECRET, "expires=1700003600&signature=UKnHBwOIDPf7U5kZ0wOR_UOGXkaUlS9u9b6lc2-jIz8"},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ticket_keys k = keys_of(cases[i].encryption, cases[i].jwt);
        char query[TICKET_QUERY_SIZE];
        int64_t expires = 0;

        assert_true(ticket_write(&k, PATH, EXPIRES, query));
        assert_string_equal(query, cases[i].query);
        assert_int_equal(ticket_check(&k, PATH, query, EXPIRES - 1, &expires), TICKET_GOOD);
        assert_int_equal(expires, EXPIRES);
        assert_int_equal(check(&k, PATH, query, EXPIRES), TICKET_EXPIRED);
        assert_int_equal(check(&k, PATH, query, EXPIRES + 100000), TICKET_EXPIRED);
    }
}

static void every_byte_of_a_ticket_and_its_path_counts(void **state)
{
    struct ticket_keys k = keys_of(KEY_7, NULL);
    char query[TICKET_QUERY_SIZE + 8], path[] = PATH;

    (void)state;
    assert_true(ticket_write(&k, PATH, EXPIRES, query));
    for (size_t i = 0; query[i] != '\0'; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            query[i] = (char)(query[i] ^ (1 << bit));
            if (check(&k, PATH, query, EXPIRES - 1) != TICKET_BAD)
                fail_msg("byte %zu bit %u does not count", i, bit);
            query[i] = (char)(query[i] ^ (1 << bit));
        }
    for (size_t i = 0; path[i] != '\0'; i++) {
        path[i]++;
        assert_int_equal(check(&k, path, query, EXPIRES - 1), TICKET_BAD);
        path[i]--;
    }
    assert_int_equal(check(&k, "", query, EXPIRES - 1), TICKET_BAD);
    for (size_t n = strlen(query); n-- > 0;) {
        query[n] = '\0';
        assert_int_equal(check(&k, PATH, query, EXPIRES - 1), TICKET_BAD);
    }
    assert_true(ticket_write(&k, PATH, EXPIRES, query));
    strcat(query, "&x=1"); /* nothing beside it, and nothing written otherwise */
    assert_int_equal(check(&k, PATH, query, EXPIRES - 1), TICKET_BAD);
    assert_int_equal(check(&k, PATH, "expires=1700003600", EXPIRES - 1), TICKET_BAD);
    snprintf(query, sizeof query, "expires=01700003600&signature=%s",
             "JG1zqV5mQI8KfPmQhl3g3On0TV8OrzSsLeTZPzqNmt4");
    assert_int_equal(check(&k, PATH, query, EXPIRES - 1), TICKET_BAD);
}

static void keys_rotate(void **state)
{
    struct ticket_keys old = keys_of(KEY_7, NULL), both = keys_of(KEY_8 "," KEY_7, SECRET),
                       new_ = keys_of(KEY_8, NULL), other = keys_of(KEY_9, SECRET),
                       none = keys_of(NULL, NULL);
    char by_old[TICKET_QUERY_SIZE], by_both[TICKET_QUERY_SIZE];
    const char *why = NULL;

    (void)state;
    assert_true(ticket_write(&old, PATH, EXPIRES, by_old));
    assert_true(ticket_write(&both, PATH, EXPIRES, by_both));
    assert_int_equal(check(&both, PATH, by_old, 0), TICKET_GOOD);
    assert_int_equal(check(&new_, PATH, by_both, 0), TICKET_GOOD); /* the newest signs */
    assert_int_equal(check(&new_, PATH, by_old, 0), TICKET_BAD);
    assert_int_equal(check(&other, PATH, by_both, 0), TICKET_BAD);
    assert_int_equal(none.n, 0);
    assert_false(ticket_write(&none, PATH, EXPIRES, by_old));
    assert_int_equal(check(&none, PATH, by_both, 0), TICKET_BAD);
    assert_false(ticket_keys_init(&none, "c2hvcnQ=", NULL, &why));
}

static void ranges_are_read_as_the_rfc_says(void **state)
{
    enum { W = HTTP_RANGE_WHOLE, P = HTTP_RANGE_PART, N = HTTP_RANGE_NONE };
    static const struct {
        const char *range;
        uint64_t size;
        int result;
        uint64_t first, length;
    } cases[] = {
        {NULL, 100, W, 0, 100},
        {"", 100, W, 0, 100},
        {"bytes=0-", 100, P, 0, 100},
        {"bytes=0-0", 100, P, 0, 1},
        {"Bytes= 10-19 ", 100, P, 10, 10},
        {"bytes=99-", 100, P, 99, 1},
        {"bytes=99-99999999999999999999999", 100, P, 99, 1},
        {"bytes=0-18446744073709551615", 100, P, 0, 100},
        {"bytes=100-", 100, N, 0, 100},
        {"bytes=18446744073709551616-", 100, N, 0, 100},
        {"bytes=-1", 100, P, 99, 1},
        {"bytes=-100", 100, P, 0, 100},
        {"bytes=-101", 100, P, 0, 100},
        {"bytes=-0", 100, N, 0, 100},
        {"bytes=0-", 0, N, 0, 0},
        {"bytes=-5", 0, N, 0, 0},
        /* Not understood, or several: the whole file is a right answer too. */
        {"bytes=5-4", 100, W, 0, 100},
        {"bytes=", 100, W, 0, 100},
        {"bytes=-", 100, W, 0, 100},
        {"bytes=a-b", 100, W, 0, 100},
        {"bytes=1", 100, W, 0, 100},
        {"bytes=1-2x", 100, W, 0, 100},
        {"bytes=--1", 100, W, 0, 100},
        {"bytes=0-1,5-6", 100, W, 0, 100},
        {"seconds=0-1", 100, W, 0, 100},
        {"bytes 0-1", 100, W, 0, 100},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_range r;
        int result = (int)http_range(cases[i].range, cases[i].size, &r);

        if (result != cases[i].result || r.first != cases[i].first || r.length != cases[i].length)
            fail_msg("%s of %llu: %d %llu+%llu", cases[i].range, (unsigned long long)cases[i].size,
                     result, (unsigned long long)r.first, (unsigned long long)r.length);
    }
}

static void a_part_belongs_to_the_file_that_was_begun(void **state)
{
    char date[HTTP_DATE_SIZE];

    (void)state;
    http_date(1795509000, date);
    assert_string_equal(date, "Tue, 24 Nov 2026 08:30:00 GMT");
    http_date(0, date);
    assert_string_equal(date, "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_true(http_if_range(NULL, "\"a\"", date));
    assert_true(http_if_range("\"a\"", "\"a\"", date));
    assert_true(http_if_range(date, "\"a\"", date));
    assert_false(http_if_range("\"b\"", "\"a\"", date));
    assert_false(http_if_range("W/\"a\"", "\"a\"", date)); /* a weak tag names no bytes */
    assert_false(http_if_range("Thu, 01 Jan 1970 00:00:01 GMT", "\"a\"", date));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets_are_what_others_compute),
        cmocka_unit_test(every_byte_of_a_ticket_and_its_path_counts),
        cmocka_unit_test(keys_rotate),
        cmocka_unit_test(ranges_are_read_as_the_rfc_says),
        cmocka_unit_test(a_part_belongs_to_the_file_that_was_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
