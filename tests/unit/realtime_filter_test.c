#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "realtime/bindings.h"
#include "realtime/compare.h"
#include "realtime/filter.h"
#include "runtime/jsontext.h"

static const char record[] =
    "{\"id\":\"0b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3\",\"status\":\"ready\",\"total\":100.50,\"n\":-"
    "7,\"big\":9007199254740993,"
    "\"paid\":true,\"note\":null,\"name\":\"Smith, John\",\"quote\":\"say "
    "\\\"hi\\\"\",\"at\":\"2026-01-31T10:00:00.5+05:30\","
    "\"day\":\"2026-01-31\",\"tags\":[\"a\"],\"city\":\"S\xc3\xa3o Paulo\",\"empty\":\"\"}";

static const struct {
    const char *filter;
    bool match;
} cases[] = {
    {"status=eq.ready", true},
    {"status=eq.Ready", false},
    {"status=neq.done", true},
    {"status=neq.ready", false},
    {"status=eq.", false},
    {"empty=eq.", true},
    {"total=eq.100.5", true},
    {"total=eq.0100.500", true},
    {"total=gt.99.999", true},
    {"total=gt.100.50", false},
    {"total=gte.100.5", true},
    {"total=lt.1000", true},
    {"total=lte.100.49", false},
    {"total=eq.abc", false},
    {"total=neq.abc", false},
    {"n=lt.-6", true},
    {"n=gt.-8", true},
    {"n=lt.-7", false},
    {"n=eq.-7.0", true},
    {"n=lt.0", true},
    {"big=eq.9007199254740993", true},
    {"big=eq.9007199254740992", false},
    {"big=gt.9007199254740992", true},
    {"paid=eq.true", true},
    {"paid=eq.t", true},
    {"paid=eq.false", false},
    {"paid=is.true", true},
    {"paid=is.false", false},
    {"paid=not.is.true", false},
    {"note=is.null", true},
    {"note=not.is.null", false},
    {"status=is.null", false},
    {"status=is.not_null", true},
    {"note=eq.x", false},
    {"note=neq.x", false},
    {"note=not.eq.x", false},
    {"note=is.unknown", true},
    {"status=in.(ready,done)", true},
    {"status=in.(a,b)", false},
    {"status=not.in.(a,b)", true},
    {"status=in.( a , ready )", true},
    {"name=in.(\"Smith, John\",x)", true},
    {"total=in.(1,100.500)", true},
    {"note=in.(x)", false},
    {"note=not.in.(x)", false},
    {"name=eq.Smith, John", true},
    {"name=eq.\"Smith, John\"", true},
    {"quote=eq.say \"hi\"", true},
    {"name=like.Smith%", true},
    {"name=like.%ohn", true},
    {"name=like.%h, J%", true},
    {"name=like.smith%", false},
    {"name=ilike.smith%", true},
    {"name=ilike.%JOHN", true},
    {"name=like.Smith", false},
    {"name=like.%", true},
    {"name=like.Smith__John", true},
    {"name=like.Smith_John", false},
    {"city=like.S_o Paulo", true},
    {"name=not.like.X%", true},
    {"name=like.Sm\\ith%", true},
    {"name=like.%,%,%", false},
    {"note=like.%", false},
    {"at=eq.2026-01-31T04:30:00.5Z", true},
    {"at=gt.2026-01-31T04:30:00Z", true},
    {"at=lt.2026-01-31 04:30:01", true},
    {"at=gte.2026-01-31", true},
    {"at=lt.2026-01-31", false},
    {"day=eq.2026-01-31", true},
    {"day=lt.2026-02-01", true},
    {"id=eq.0B8C1D2E-3F40-4A5B-8C6D-7E8F90A1B2C3", true},
    {"id=eq.0b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c4", false},
    {"status=eq.ready,total=gt.100", true},
    {"status=eq.ready,total=gt.200", false},
    {"status=eq.x,total=gt.1", false},
    {"status=in.(ready,done),paid=is.true,n=lt.0", true},
    {"name=eq.Smith, John,total=gt.1", true},
    {"name=eq.Smith, John,total=gt.1000", false},
    {"missing=eq.1", false},
    {"missing=not.eq.1", false},
    {"missing=is.null", true},
};

static void filters_decide_as_postgresql_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *why = NULL;
        struct filter *f = filter_parse(text_of(cases[i].filter), &why);

        if (f == NULL)
            fail_msg("%s: %s", cases[i].filter, why);
        if (filter_match(f, text_of(record), false) != cases[i].match)
            fail_msg("%s should %smatch", cases[i].filter, cases[i].match ? "" : "not ");
        filter_free(f);
    }
}

static void bad_filters_are_told(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "=eq.1",
        "status",
        "status=",
        "status=eq",
        "status=match.x",
        "status=EQ.x",
        "st-atus=eq.1",
        "status=in.ready",
        "status=in.(a,b",
        "status=in.(\"a,b)",
        "status=is.maybe",
        "status=not.eq",
        "status=not.",
        " status=eq.1",
    };
    const char *why;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        why = NULL;
        if (filter_parse(text_of(bad[i]), &why) != NULL)
            fail_msg("accepted: %s", bad[i]);
        assert_non_null(why);
    }
}

static void filters_have_limits(void **state)
{
    char text[FILTER_MAX + 16] = "a=in.(1";
    const char *why;
    struct filter *f;

    (void)state;
    for (int i = 1; i < FILTER_VALUES_MAX; i++)
        strcat(text, ",1");
    strcat(text, ")");
    f = filter_parse(text_of(text), &why);
    assert_non_null(f);
    filter_free(f);
    text[strlen(text) - 1] = '\0';
    strcat(text, ",1)");
    assert_null(filter_parse(text_of(text), &why));
    strcpy(text, "a=eq.1");
    for (int i = 1; i < FILTER_TERMS_MAX; i++)
        strcat(text, ",a=eq.1");
    f = filter_parse(text_of(text), &why);
    assert_non_null(f);
    filter_free(f);
    strcat(text, ",a=eq.1");
    assert_null(filter_parse(text_of(text), &why));
    memset(text, 'x', sizeof text);
    memcpy(text, "a=eq.", 5);
    f = filter_parse((struct text){text, FILTER_MAX}, &why);
    assert_non_null(f);
    filter_free(f);
    assert_null(filter_parse((struct text){text, FILTER_MAX + 1}, &why));
}

/* A deleted row tells its keys only: what cannot be known passes. */
static void a_deleted_row_passes_conditions_on_columns_it_lacks(void **state)
{
    const char *why;
    struct filter *f = filter_parse(TEXT("status=eq.ready,id=eq.7"), &why);

    (void)state;
    assert_true(filter_match(f, TEXT("{\"id\":7}"), true));
    assert_false(filter_match(f, TEXT("{\"id\":8}"), true));
    assert_false(filter_match(f, TEXT("{\"id\":7}"), false));
    filter_free(f);
}

static void times_are_instants(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:01Z", 1000000},
        {"1970-01-01 01:00:00+01:00", 0},
        {"1969-12-31T23:59:59", -1000000},
        {"2000-02-29T12:00:00.123456+00", 951825600123456},
        {"2026-01-31T10:00", 1769853600000000},
        {"1970-01-01T00:00:00-0130", 5400000000},
    };
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-13-01",
                                      "2026-01-32",
                                      "2026-01-01T",
                                      "2026-01-01T1:00",
                                      "2026-01-01T10:61",
                                      "2026-01-01x",
                                      "2026-01-01T10:00:00 UTC",
                                      "2026-01-01T10:00:00+5",
                                      "20260101"};
    int64_t us;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(compare_time(text_of(good[i].text), &us));
        assert_int_equal(us, good[i].us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (compare_time(text_of(bad[i]), &us))
            fail_msg("accepted: %s", bad[i]);
}

/* ---- bindings ---- */

static struct bindings *bindings_of(const char *array)
{
    const char *why = NULL;
    struct bindings *b = bindings_parse(text_of(array), &why);

    if (b == NULL)
        fail_msg("%s", why);
    return b;
}

static unsigned matches(const char *array, enum change_type type, const char *table,
                        const char *row)
{
    struct bindings *b = bindings_of(array);
    struct change change = {type, text_of(table), text_of(row)};
    uint64_t ids[BINDINGS_MAX];
    unsigned n = bindings_match(b, 0, &change, ids);

    bindings_free(b);
    return n;
}

static void bindings_select_by_event_schema_table_and_filter(void **state)
{
    static const char
        all[] = "[{\"event\":\"*\",\"schema\":\"public\"}]",
        any[] = "[{\"event\":\"*\",\"schema\":\"*\",\"table\":\"*\"}]",
        one[] =
            "[{\"event\":\"UPDATE\",\"schema\":\"public\",\"table\":\"t\",\"filter\":\"a=eq.1\"}]",
        other[] = "[{\"event\":\"*\",\"schema\":\"auth\",\"table\":\"t\"}]",
        twice[] = "[{\"event\":\"*\",\"table\":\"t\"},{\"event\":\"*\",\"table\":\"t\"},{\"event\":"
                  "\"INSERT\",\"table\":\"t\"}]";

    (void)state;
    assert_int_equal(matches(all, CHANGE_INSERT, "t", "{}"), 1);
    assert_int_equal(matches(any, CHANGE_DELETE, "t", "{}"), 1);
    assert_int_equal(matches(one, CHANGE_UPDATE, "t", "{\"a\":1}"), 1);
    assert_int_equal(matches(one, CHANGE_UPDATE, "t", "{\"a\":2}"), 0);
    assert_int_equal(matches(one, CHANGE_INSERT, "t", "{\"a\":1}"), 0);
    assert_int_equal(matches(one, CHANGE_UPDATE, "u", "{\"a\":1}"), 0);
    assert_int_equal(matches(other, CHANGE_UPDATE, "t", "{}"), 0);
    assert_int_equal(matches(twice, CHANGE_INSERT, "t", "{}"), 2); /* equal bindings have one id */
    assert_int_equal(matches("[]", CHANGE_INSERT, "t", "{}"), 0);
    assert_int_equal(matches("null", CHANGE_INSERT, "t", "{}"), 0);
}

static void an_unusable_binding_is_told_and_disturbs_no_other(void **state)
{
    static const char *const bad[] = {
        "[{\"event\":\"*\",\"table\":\"t\"},{\"event\":\"DROP\",\"table\":\"t\"}]",
        "[{\"event\":\"*\",\"table\":\"t\"},{\"event\":\"*\",\"table\":7}]",
        "[{\"event\":\"*\",\"table\":\"t\"},{\"event\":\"*\",\"table\":\"t\",\"filter\":\"a=like\"}]",
        "[{\"event\":\"*\",\"table\":\"t\"},{\"event\":\"*\",\"table\":\"t\",\"filter\":[1]}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bindings *b = bindings_of(bad[i]);

        assert_non_null(b->problem);
        bindings_free(b);
        assert_int_equal(matches(bad[i], CHANGE_INSERT, "t", "{}"), 1);
    }
}

static void the_echo_adds_the_id_and_nothing_else(void **state)
{
    static const char asked[] =
        "[ {\"event\":\"*\" , "
        "\"schema\":\"public\",\"table\":\"t\",\"id\":1,\"select\":[\"a\"],\"filter\":null}, 7 ]";
    struct bindings *b = bindings_of(asked);
    struct frame_writer w;
    struct frame *f;
    char expected[256];

    (void)state;
    frame_begin(&w);
    bindings_echo(&w, text_of(asked), b);
    f = frame_finish(&w);
    snprintf(expected, sizeof expected,
             "[{\"id\":%llu,\"event\":\"*\",\"schema\":\"public\",\"table\":\"t\",\"select\":["
             "\"a\"],\"filter\":null},{\"id\":%llu}]",
             (unsigned long long)b->binding[0].id, (unsigned long long)b->binding[1].id);
    assert_true(text_equal(frame_payload(f), text_of(expected)));
    assert_true(b->binding[0].id > 0 && b->binding[0].id < UINT64_C(1) << 53);
    frame_unref(f);
    bindings_free(b);
}

static void a_channel_holds_100_bindings(void **state)
{
    char array[16 * (BINDINGS_MAX + 2)] = "[{}";
    const char *why;
    struct bindings *b;

    (void)state;
    for (int i = 1; i < BINDINGS_MAX; i++)
        strcat(array, ",{}");
    strcat(array, "]");
    b = bindings_of(array);
    assert_int_equal(b->n, BINDINGS_MAX);
    bindings_free(b);
    array[strlen(array) - 1] = '\0';
    strcat(array, ",{}]");
    assert_null(bindings_parse(text_of(array), &why));
    assert_non_null(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_decide_as_postgresql_does),
        cmocka_unit_test(bad_filters_are_told),
        cmocka_unit_test(filters_have_limits),
        cmocka_unit_test(a_deleted_row_passes_conditions_on_columns_it_lacks),
        cmocka_unit_test(times_are_instants),
        cmocka_unit_test(bindings_select_by_event_schema_table_and_filter),
        cmocka_unit_test(an_unusable_binding_is_told_and_disturbs_no_other),
        cmocka_unit_test(the_echo_adds_the_id_and_nothing_else),
        cmocka_unit_test(a_channel_holds_100_bindings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
