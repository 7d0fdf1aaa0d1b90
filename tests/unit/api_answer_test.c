/* api/answer: each SQLSTATE has a status and a sentence for people; an error's JSON stays JSON whatever it quotes; entity tags and
 * Accept-Encoding are read as RFC 9110 says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/answer.h"
#include "runtime/jsontext.h"

static void states_become_statuses(void **state)
{
    static const struct {
        struct sql_error e;
        unsigned status;
        const char *code, *message, *detail;
    } cases[] = {
        {{"P0001", "A campaign that is draft cannot become running", "Only so.", "conflict", ""},
         409,
         "CONFLICT",
         "A campaign that is draft cannot become running",
         "Only so."},
        {{"P0001", "There is no such agent", "", "not_found", ""},
         404,
         "NOT_FOUND",
         "There is no such agent",
         ""},
        {{"22023", "date_to is before date_from", "", "validation", "date_to"},
         400,
         "VALIDATION_ERROR",
         "date_to is before date_from",
         ""},
        {{"P0001", "Words of a trigger", "", "", ""},
         400,
         "VALIDATION_ERROR",
         "Words of a trigger",
         ""},
        {{"42501", "Only owners and admins of the organization can do this", "", "", ""},
         403,
         "FORBIDDEN",
         "Only owners and admins of the organization can do this",
         ""},
        {{"42501", "permission denied for table calls", "x", "", ""},
         403,
         "FORBIDDEN",
         "you have no right to do this",
         NULL},
        {{"42501", "new row violates row-level security policy for table \"agents\"", "", "", ""},
         403,
         "FORBIDDEN",
         "you have no right to do this",
         NULL},
        {{"22P02", "invalid input syntax for type uuid: \"x\"", "", "", ""},
         400,
         "VALIDATION_ERROR",
         "a value is not one that can be stored",
         NULL},
        {{"22003", "value overflows numeric format", "", "", ""},
         400,
         "VALIDATION_ERROR",
         "a value is not one that can be stored",
         NULL},
        {{"23505", "duplicate key value violates unique constraint \"k\"", "", "", ""},
         409,
         "CONFLICT",
         "this exists already",
         NULL},
        {{"23503", "insert or update violates foreign key", "", "", ""},
         409,
         "CONFLICT",
         "something that this refers to does not exist, or is still in use",
         NULL},
        {{"23514", "violates check constraint \"c\"", "", "", ""},
         400,
         "VALIDATION_ERROR",
         "a value is not one that is allowed here",
         NULL},
        {{"57014", "canceling statement due to statement timeout", "", "", ""},
         504,
         "TIMEOUT",
         "this took too long: ask for less at once",
         NULL},
        {{"08006", "server closed the connection", "", "", ""},
         503,
         "UNAVAILABLE",
         "the database cannot be reached at the moment: try again",
         NULL},
        {{"57P01", "terminating connection", "", "", ""},
         503,
         "UNAVAILABLE",
         "the database is restarting: try again",
         NULL},
        {{"53300", "too many connections", "", "", ""},
         503,
         "UNAVAILABLE",
         "the database has no room for this at the moment: try again",
         NULL},
        {{"40001", "could not serialize access", "", "", ""},
         503,
         "UNAVAILABLE",
         "others were changing the same at this moment: try again",
         NULL},
        {{"40P01", "deadlock detected", "", "", ""},
         503,
         "UNAVAILABLE",
         "others were changing the same at this moment: try again",
         NULL},
        {{"55P03", "lock not available", "", "", ""},
         503,
         "UNAVAILABLE",
         "others were changing the same at this moment: try again",
         NULL},
        {{"25006", "cannot execute UPDATE in a read-only transaction", "", "", ""},
         503,
         "UNAVAILABLE",
         "the database takes no changes at the moment: try again",
         NULL},
        {{"42601", "syntax error at or near \"x\"", "", "", ""},
         500,
         "INTERNAL",
         "something went wrong here; the request id tells us what",
         NULL},
        {{"XX000", "internal", "", "", ""},
         500,
         "INTERNAL",
         "something went wrong here; the request id tells us what",
         NULL},
        {{"", "", "", "", ""},
         500,
         "INTERNAL",
         "something went wrong here; the request id tells us what",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault f = answer_of_sql(&cases[i].e);

        if (f.status != cases[i].status)
            fail_msg("%s: %u", cases[i].e.sqlstate, f.status);
        assert_string_equal(f.code, cases[i].code);
        assert_string_equal(f.message, cases[i].message);
        assert_string_equal(f.field, cases[i].e.column);
        assert_string_equal(f.detail == NULL ? "" : f.detail,
                            cases[i].detail == NULL ? "" : cases[i].detail);
    }
}

static void only_what_changed_nothing_is_tried_again(void **state)
{
    static const struct {
        const char *sqlstate;
        bool reads, again;
    } cases[] = {
        {"40001", false, true},  {"40P01", false, true},  {"08006", true, true},
        {"08006", false, false}, {"57014", true, false},  {"23505", true, false},
        {"", true, false},       {"53300", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(answer_try_again(cases[i].sqlstate, cases[i].reads), cases[i].again);
}

static void errors_are_json_whatever_they_quote(void **state)
{
    static const struct {
        struct fault f;
        const char *json;
    } cases[] = {
        {{400, "VALIDATION_ERROR", "limit must be a number", "limit", NULL},
         "{\"error\":{\"code\":\"VALIDATION_ERROR\",\"message\":\"limit must be a number\","
         "\"details\":{\"field\":\"limit\"}}}"},
        {{409, "CONFLICT", "Agent \"A\\B\"\n", NULL, "More."},
         "{\"error\":{\"code\":\"CONFLICT\",\"message\":\"Agent "
         "\\\"A\\\\B\\\"\\u000a\",\"details\":{"
         "\"detail\":\"More.\"}}}"},
        {{404, "NOT_FOUND", "no", "", ""},
         "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no\",\"details\":{}}}"},
    };
    char out[ANSWER_ERROR_MAX], message[256], detail[256];
    struct fault wide = {400, "VALIDATION_ERROR", message, "a\x01", detail};
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        n = answer_error(&cases[i].f, out);
        assert_int_equal(n, strlen(cases[i].json));
        assert_string_equal(out, cases[i].json);
    }
    /* The longest that a statement can say, all of it escaped: still one JSON object. */
    for (int c = 1; c < 128; c++) {
        memset(message, c, sizeof message - 1);
        memset(detail, c, sizeof detail - 1);
        message[255] = detail[255] = '\0';
        n = answer_error(&wide, out);
        if (!jsontext_valid((struct text){out, n}))
            fail_msg("character %d: %.*s", c, (int)n, out);
    }
}

static void tags_are_weak_and_compared_so(void **state)
{
    char tag[ANSWER_TAG_SIZE], other[ANSWER_TAG_SIZE], list[128];

    (void)state;
    answer_tag("{\"data\":1}", 10, tag);
    answer_tag("{\"data\":2}", 10, other);
    assert_string_not_equal(tag, other);
    assert_int_equal(strlen(tag), 20);
    assert_memory_equal(tag, "W/\"", 3);
    assert_true(answer_tag_matches(tag, tag));
    assert_true(answer_tag_matches(tag + 2, tag));
    assert_true(answer_tag_matches("*", tag));
    assert_true(answer_tag_matches("  *", tag));
    snprintf(list, sizeof list, "\"a\", %s, \"b\"", tag);
    assert_true(answer_tag_matches(list, tag));
    assert_false(answer_tag_matches(other, tag));
    assert_false(answer_tag_matches(NULL, tag));
    assert_false(answer_tag_matches("", tag));
    snprintf(list, sizeof list, "%.*s", 18, tag); /* a part of it */
    assert_false(answer_tag_matches(list, tag));
}

static void gzip_is_sent_to_those_who_take_it(void **state)
{
    static const struct {
        const char *header;
        bool takes;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZip", true},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"gzip;q=0.001", true},
        {" ,, gzip", true},
        {"br,gzip", true},
        {"*", true},
        {"br;q=1, *;q=0.1", true},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip; q=0", false},
        {"gzip;q=0, *", false},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {"br, *;q=0, gzip;q=0.2", true},
        {"identity", false},
        {"gzipped", false},
        {"x-gzip", false},
        {"br;q=1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (answer_takes_gzip(cases[i].header) != cases[i].takes)
            fail_msg("Accept-Encoding: %s", cases[i].header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_become_statuses),
        cmocka_unit_test(only_what_changed_nothing_is_tried_again),
        cmocka_unit_test(errors_are_json_whatever_they_quote),
        cmocka_unit_test(tags_are_weak_and_compared_so),
        cmocka_unit_test(gzip_is_sent_to_those_who_take_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
