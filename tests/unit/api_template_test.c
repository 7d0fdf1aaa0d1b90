/* api/template: a given parameter has its lines and its place, one that is not given leaves no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/template.h"

static const char *const names[] = {"id", "outcome", "limit"};

static bool expand(const char *sql, uint64_t given, struct template_out *out, char *error)
{
    static char room[4096];
    struct template_in in = {.sql = sql,
                             .names = names,
                             .n_names = 3,
                             .given = given,
                             .sort = "created_at",
                             .order = "DESC NULLS LAST"};

    assert_true(template_room(sql) <= sizeof room);
    return template_expand(&in, room, out, error);
}

static void lines_stay_or_go(void **state)
{
    static const char sql[] = "-- what it is\n"
                              "SELECT a\n"
                              "  AND outcome = :outcome::call_outcome  -- if outcome\n"
                              "  AND true -- if !outcome\n"
                              "ORDER BY c.:sort :order LIMIT :limit";
    static const struct {
        uint64_t given;
        const char *text;
        unsigned n;
        uint8_t places[2];
    } cases[] = {
        {4, "SELECT a\n  AND true \nORDER BY c.created_at DESC NULLS LAST LIMIT $1\n", 1, {2}},
        {6,
         "SELECT a\n  AND outcome = $1::call_outcome  \nORDER BY c.created_at DESC NULLS LAST "
         "LIMIT "
         "$2\n",
         2,
         {1, 2}},
    };
    struct template_out out;
    char error[TEMPLATE_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(expand(sql, cases[i].given, &out, error));
        assert_string_equal(out.text, cases[i].text);
        assert_int_equal(out.len, strlen(cases[i].text));
        assert_int_equal(out.n_places, cases[i].n);
        assert_memory_equal(out.places, cases[i].places, cases[i].n);
    }
}

static void a_parameter_has_one_place(void **state)
{
    struct template_out out;
    char error[TEMPLATE_ERROR_MAX];

    (void)state;
    assert_true(expand("a = :id OR b = :limit OR c = :id", 5, &out, error));
    assert_string_equal(out.text, "a = $1 OR b = $2 OR c = $1\n");
}

static void colons_elsewhere_mean_nothing(void **state)
{
    static const char *const same[] = {"to_char(t, 'HH24:MI:id')\n", "x::text\n",
                                       "'a' || ':id' || 'b'::text\n", "a ? ':limit'\n",
                                       "a[1 : 2]\n"};
    struct template_out out;
    char error[TEMPLATE_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_true(expand(same[i], 7, &out, error));
        assert_string_equal(out.text, same[i]);
    }
}

static void faults_of_a_file_are_named(void **state)
{
    static const struct {
        const char *sql;
        uint64_t given;
        const char *error;
    } cases[] = {
        {"a = :nobody", 7, "no such parameter: nobody"},
        {"a -- if nobody", 7, "no such parameter behind \"-- if\": nobody"},
        {"a = :outcome", 1, "used on a line that is there without it: outcome"},
        {"a = :outcome -- if !outcome", 1, "used on a line that is there without it: outcome"},
    };
    struct template_out out;
    char error[TEMPLATE_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(expand(cases[i].sql, cases[i].given, &out, error));
        assert_string_equal(error, cases[i].error);
    }
}

static void only_lists_are_sorted(void **state)
{
    char room[256], error[TEMPLATE_ERROR_MAX];
    struct template_in in = {.sql = "ORDER BY :sort", .names = names, .n_names = 3};
    struct template_out out;

    (void)state;
    assert_false(template_expand(&in, room, &out, error));
    assert_string_equal(error, "only lists are sorted: sort");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_stay_or_go),
        cmocka_unit_test(a_parameter_has_one_place),
        cmocka_unit_test(colons_elsewhere_mean_nothing),
        cmocka_unit_test(faults_of_a_file_are_named),
        cmocka_unit_test(only_lists_are_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
