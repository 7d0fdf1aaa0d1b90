/* What each SQLSTATE asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/db_conninfo_pg.h"
#include "runtime/db_error.h"

static void each_code_has_its_action(void **state)
{
    static const struct {
        const char *sqlstate;
        enum db_action action;
    } rows[] = {
        {"40001", DB_RETRY_BATCH},
        {"40P01", DB_RETRY_BATCH},
        {"55P03", DB_RETRY_BATCH},
        {"08006", DB_RECONNECT},
        {"08P01", DB_RECONNECT},
        {"57P01", DB_RECONNECT},
        {"57P03", DB_RECONNECT},
        {"53300", DB_RECONNECT},
        {"25006", DB_RECONNECT},
        {"53100", DB_BACK_OFF},
        {"53200", DB_BACK_OFF},
        {"54000", DB_BACK_OFF},
        {"54001", DB_BACK_OFF},
        {"22P02", DB_ISOLATE},
        {"22003", DB_ISOLATE},
        {"23514", DB_ISOLATE},
        {"23503", DB_ISOLATE},
        {"21000", DB_ISOLATE},
        {"P0001", DB_ISOLATE},
        {"57014", DB_HALVE},
        {"26000", DB_PREPARE_AGAIN},
        {"0A000", DB_PREPARE_AGAIN},
        {"42P01", DB_STOP_NOT_READY},
        {"42501", DB_STOP_NOT_READY},
        {"28P01", DB_STOP_NOT_READY},
        {"3D000", DB_STOP_NOT_READY},
        {"XX001", DB_STOP_NOT_READY},
        {"ZZZZZ", DB_ISOLATE},
        {"", DB_ISOLATE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(db_error_action(rows[i].sqlstate, 0), rows[i].action);
}

static void a_limit_that_is_hit_again_and_again_is_a_rows_fault(void **state)
{
    (void)state;
    assert_int_equal(db_error_action("54000", 2), DB_BACK_OFF);
    assert_int_equal(db_error_action("54000", 3), DB_ISOLATE);
    assert_int_equal(db_error_action("53100", 1000), DB_BACK_OFF); /* a full disk never is */
    assert_int_equal(db_error_action("40P01", 1000), DB_RETRY_BATCH);
    assert_int_equal(db_error_action("42P01", 1000), DB_STOP_NOT_READY);
}

static void reasons_are_stable_words(void **state)
{
    (void)state;
    assert_string_equal(db_error_reason("22003"), "invalid_value");
    assert_string_equal(db_error_reason("23505"), "constraint_violation");
    assert_string_equal(db_error_reason("57014"), "timeout");
    assert_string_equal(db_error_reason("P0001"), "database_error");
}

static void a_message_becomes_one_line_and_never_half_a_character(void **state)
{
    char out[8];

    (void)state;
    db_one_line(out, sizeof out, " a\n\tb\r\n");
    assert_string_equal(out, "a b");
    db_one_line(out, sizeof out, "abcdef\xC3\xA9"); /* the cut falls into the last character */
    assert_string_equal(out, "abcdef");
    db_one_line(out, sizeof out, "abcd\xC3\xA9");
    assert_string_equal(out, "abcd\xC3\xA9");
    db_one_line(out, sizeof out, "");
    assert_string_equal(out, "");
}

static void an_url_keeps_what_it_says_and_gets_the_rest(void **state)
{
    struct db_conninfo info;
    const char *why = NULL;
    unsigned found = 0;

    (void)state;
    assert_true(db_conninfo_read(
        &info, "postgresql://u:p@h/d?keepalives_idle=99&application_name=x", "me", &why));
    for (size_t i = 0; info.keywords[i] != NULL; i++) {
        if (strcmp(info.keywords[i], "keepalives_idle") == 0)
            found += strcmp(info.values[i], "99") == 0;
        if (strcmp(info.keywords[i], "tcp_user_timeout") == 0)
            found += strcmp(info.values[i], "15000") == 0;
        if (strcmp(info.keywords[i], "target_session_attrs") == 0)
            found += strcmp(info.values[i], "read-write") == 0;
        if (strcmp(info.keywords[i], "application_name") == 0)
            found += strcmp(info.values[i], "me") == 0;
    }
    assert_int_equal(found, 4);
    db_conninfo_free(&info);
}

static void a_bad_url_is_refused_without_quoting_it(void **state)
{
    struct db_conninfo info;
    const char *why = NULL;

    (void)state;
    assert_false(db_conninfo_read(&info, "postgresql://u:secret@[h/d", "me", &why));
    assert_null(strstr(why, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_has_its_action),
        cmocka_unit_test(a_limit_that_is_hit_again_and_again_is_a_rows_fault),
        cmocka_unit_test(reasons_are_stable_words),
        cmocka_unit_test(a_message_becomes_one_line_and_never_half_a_character),
        cmocka_unit_test(an_url_keeps_what_it_says_and_gets_the_rest),
        cmocka_unit_test(a_bad_url_is_refused_without_quoting_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
