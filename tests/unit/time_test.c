/* base/time: RFC 3339, strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"

static void timestamps_become_microseconds(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T05:30:00+05:30", 0},
        {"1969-12-31T19:00:00-05:00", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2021-04-13T16:41:15+05:30", INT64_C(1618312275000000)},
        {"2021-12-31T19:00:00-05:00", INT64_C(1640995200000000)},
        {"2023-03-29T18:00:27.877041743Z", INT64_C(1680112827877041)},
        {"2023-03-29T18:00:27.8Z", INT64_C(1680112827800000)},
        {"2024-02-29T12:00:00Z", INT64_C(1709208000000000)},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000000)},
        {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t us = 42;
        if (!time_parse(text_of(cases[i].text), &us))
            fail_msg("refused: %s", cases[i].text);
        assert_int_equal(us, cases[i].us);
    }
}

static void everything_else_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "2021",
        "2021-04-13",
        "2021-04-13T16:41:15",
        "2021-04-13 16:41:15Z",
        "2021-04-13T16:41Z",
        "2021-04-13T11: 28: 07-05: 00",
        "2021-4-13T16:41:15Z",
        "21-04-13T16:41:15Z",
        "2021-13-01T00:00:00Z",
        "2021-00-01T00:00:00Z",
        "2021-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2021-04-31T00:00:00Z",
        "2021-04-00T00:00:00Z",
        "2021-04-13T24:00:00Z",
        "2021-04-13T23:60:00Z",
        "2021-04-13T23:00:61Z",
        "2021-04-13T16:41:15.Z",
        "2021-04-13T16:41:15.1234567890Z",
        "2021-04-13T16:41:15+0530",
        "2021-04-13T16:41:15+05",
        "2021-04-13T16:41:15+24:00",
        "2021-04-13T16:41:15+05:60",
        "2021-04-13T16:41:15ZZ",
        "2021-04-13T16:41:15Z ",
        " 2021-04-13T16:41:15Z",
        "0000-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "1618312275",
        "now",
        "infinity",
        "2021-04-13T16:41:15,5Z",
        "2021/04/13T16:41:15Z",
        "9999-12-31T23:59:60Z",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t us = 42;
        if (time_parse(text_of(cases[i]), &us))
            fail_msg("accepted: %s", cases[i]);
        assert_int_equal(us, 42);
    }
    assert_false(time_parse(TEXT_NULL, &(int64_t){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timestamps_become_microseconds),
        cmocka_unit_test(everything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
