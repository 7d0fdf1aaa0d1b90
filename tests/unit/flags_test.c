/* ops/flags: a command's own flags are read or refused with the flag, the value and what is
 * accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ops/flags.h"

struct values {
    const char *text;
    struct flag_list list;
    bool set;
    double number;
    uint64_t uint;
    int64_t duration, offset;
};

/* Splits `line` at blanks and reads it. */
static bool read_line(const char *line, struct values *v, char error[FLAG_ERROR_MAX])
{
    const struct flag table[] = {{"text", FLAG_TEXT, &v->text, 0, 0},
                                 {"list", FLAG_LIST, &v->list, 0, 0},
                                 {"set", FLAG_SET, &v->set, 0, 0},
                                 {"number", FLAG_NUMBER, &v->number, 0, 1000},
                                 {"uint", FLAG_UINT, &v->uint, 1, 64},
                                 {"duration", FLAG_DURATION, &v->duration, 1, 0},
                                 {"offset", FLAG_DURATION, &v->offset, -1e12, 0},
                                 {NULL, FLAG_SET, NULL, 0, 0}};
    static char copy[512];
    char *argv[32], *rest = NULL;
    int argc = 1;

    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    *v = (struct values){0};
    return flags_read(table, argc, argv, 1, error);
}

static void good_flags_are_read_in_both_forms(void **state)
{
    struct values v;
    char error[FLAG_ERROR_MAX];
    (void)state;
    assert_true(read_line(
        "--text a=b --set --number 2.5 --uint=64 --duration=90s --offset -26h --list a,b --list=c",
        &v, error));
    assert_string_equal(v.text, "a=b");
    assert_true(v.set);
    assert_true(v.number == 2.5);
    assert_int_equal(v.uint, 64);
    assert_int_equal(v.duration, 90000);
    assert_true(v.offset == -93600000);
    assert_int_equal(v.list.n, 3);
    assert_string_equal(v.list.of[2], "c");
    assert_true(read_line("", &v, error));
}

static void bad_flags_are_named(void **state)
{
    static const char *const cases[][2] = {
        {"--nope", "--nope"},          {"text", "text"},         {"-", "-"},
        {"--text", "--text"},          {"--set=yes", "--set"},   {"--number x", "--number \"x\""},
        {"--number 1001", "1000"},     {"--number nan", "nan"},  {"--number -1", "\"-1\""},
        {"--uint 0", "from 1 to 64"},  {"--uint 1.5", "whole"},  {"--uint 65", "\"65\""},
        {"--uint 9x", "\"9x\""},       {"--duration 5", "30s"},  {"--duration 5y", "\"5y\""},
        {"--duration -1s", "\"-1s\""}, {"--offset now", "-26h"}, {"--offset -1e99h", "\"-1e99h\""},
    };
    struct values v;
    char error[FLAG_ERROR_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (read_line(cases[i][0], &v, error))
            fail_msg("accepted: %s", cases[i][0]);
        if (strstr(error, cases[i][1]) == NULL)
            fail_msg("%s -> %s does not say %s", cases[i][0], error, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_flags_are_read_in_both_forms),
        cmocka_unit_test(bad_flags_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
