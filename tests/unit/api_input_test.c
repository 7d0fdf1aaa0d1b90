/* api/input, api/plan, api/value: each value of a request is taken as its parameter says, or refused with a sentence that names
 * it and what is accepted. The cases run against the real table of endpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/input.h"

#define ID "3f2c1d7a-0000-4000-8000-00000000000a"

static struct plans plans;

struct reading {
    const struct plan *plan;
    struct input input;
    struct problem problem;
    void *memory;
};

/* `target` is path and query. */
static bool read_request(struct reading *r, const char *method, const char *target,
                         const char *body)
{
    const char *query = strchr(target, '?');
    char path[256];
    struct match m;
    struct arena arena;
    size_t room;

    snprintf(path, sizeof path, "%.*s", (int)strcspn(target, "?"), target);
    plans_match(&plans, method, path, &m);
    assert_non_null(m.plan);
    query = query == NULL ? "" : query + 1;
    room = input_room(strlen(query), strlen(body));
    r->plan = m.plan;
    r->memory = malloc(room);
    assert_non_null(r->memory);
    arena_init(&arena, r->memory, room);
    return input_read(m.plan, m.path, text_of(query), text_of(body), &arena, &r->input,
                      &r->problem);
}

static const char *value(const struct reading *r, const char *name)
{
    for (unsigned i = 0; i < r->plan->n; i++)
        if (strcmp(r->plan->names[i], name) == 0)
            return (r->input.given >> i & 1) == 0 ? "(not given)"
                   : r->input.values[i] == NULL   ? "(null)"
                                                  : r->input.values[i];
    return "(no such parameter)";
}

static void values_are_taken(void **state)
{
    static const struct {
        const char *method, *target, *body, *name, *value;
    } cases[] = {
        {"GET", "/v1/calls", "", "page", "1"},
        {"GET", "/v1/calls", "", "limit", "20"},
        {"GET", "/v1/calls", "", "offset", "0"},
        {"GET", "/v1/calls", "", "sort", "created_at"},
        {"GET", "/v1/calls", "", "order", "desc"},
        {"GET", "/v1/calls", "", "outcome", "(not given)"},
        {"HEAD", "/v1/calls?page=3&limit=50", "", "offset", "100"},
        {"GET", "/v1/campaigns", "", "limit", "100"},
        {"GET", "/v1/calls?page=1000000&limit=100", "", "offset", "99999900"},
        {"GET", "/v1/calls?outcome=no_answer&sort=duration_seconds&order=asc", "", "sort",
         "duration_seconds"},
        {"GET", "/v1/calls?search=%2B91+98%25", "", "search", "+91 98%"},
        {"GET", "/v1/calls?search=", "", "search", "(not given)"},
        {"GET", "/v1/calls?&search=a&&", "", "search", "a"},
        {"GET", "/v1/calls?date_from=2028-02-29", "", "date_from", "2028-02-29"},
        {"GET", "/v1/calls?date_to=2026-11-28T10:00:00%2B05:30", "", "date_to",
         "2026-11-28T10:00:00+05:30"},
        {"GET", "/v1/carts?min_value=99.50", "", "min_value", "99.50"},
        {"GET", "/v1/calls/" ID, "", "id", ID},
        {"DELETE", "/v1/campaigns/" ID "/agents/3F2C1D7A-0000-4000-8000-00000000000B", "",
         "agent_id", "3F2C1D7A-0000-4000-8000-00000000000B"},
        {"GET", "/v1/analytics/outcomes", "", "period", "last_30_days"},
        {"GET", "/v1/analytics/calls?period=custom&date_from=2026-01-01&date_to=2026-01-01", "",
         "group_by", "day"},
        {"POST", "/v1/agents", "{\"name\":\"A \\u00e9\\ud83d\\ude00\"}", "name",
         "A \xC3\xA9\xF0\x9F\x98\x80"},
        {"POST", "/v1/agents", "{\"name\":\"A\"}", "tone", "professional"},
        {"PATCH", "/v1/agents/" ID, "{\"system_prompt\":null}", "system_prompt", "(null)"},
        {"PATCH", "/v1/agents/" ID, "{\"tone\":\"casual\"}", "name", "(not given)"},
        {"PATCH", "/v1/agents/" ID, " {\"voice_settings\": {\"speed\": 1.5}} ", "voice_settings",
         "{\"speed\": 1.5}"},
        {"POST", "/v1/agents/" ID "/duplicate", "{}", "id", ID},
        {"POST", "/v1/agents/" ID "/duplicate", " \r\n", "id", ID},
        {"POST", "/v1/campaigns/" ID "/agents", "{\"agent_id\":\"" ID "\"}", "is_primary", "false"},
        {"POST", "/v1/campaigns/" ID "/agents", "{\"agent_id\":\"" ID "\",\"is_primary\":true}",
         "is_primary", "true"},
        {"PATCH", "/v1/campaigns/" ID "/settings", "{\"concurrency\":10}", "concurrency", "10"},
        {"PATCH", "/v1/campaigns/" ID "/settings",
         "{\"schedule\":{\"days\":[\"monday\",\"friday\"],\"start_time\":\"23:59\"}}", "schedule",
         "{\"days\":[\"monday\",\"friday\"],\"start_time\":\"23:59\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading r;

        if (!read_request(&r, cases[i].method, cases[i].target, cases[i].body))
            fail_msg("%s %s: %s", cases[i].method, cases[i].target, r.problem.text);
        assert_string_equal(value(&r, cases[i].name), cases[i].value);
        free(r.memory);
    }
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *method, *target, *body, *field, *text;
    } cases[] = {
        {"GET", "/v1/calls?limit=101", "", "limit", "limit must be a whole number from 1 to 100"},
        {"GET", "/v1/calls?limit=0", "", "limit", "limit must be a whole number from 1 to 100"},
        {"GET", "/v1/calls?limit=", "", "limit", "limit must be a whole number from 1 to 100"},
        {"GET", "/v1/calls?limit=1e1", "", "limit", "limit must be a whole number from 1 to 100"},
        {"GET", "/v1/calls?limit=10%00", "", "limit", "limit must be a whole number from 1 to 100"},
        {"GET", "/v1/calls?page=99999999999999999999", "", "page",
         "page must be a whole number from 1 to 1000000"},
        {"GET", "/v1/calls?page=1&page=2", "", "page", "page is given twice"},
        {"POST", "/v1/agents", "{\"name\":\"A\",\"tone\":\"casual\",\"name\":\"B\"}", "name",
         "name is given twice"},
        {"GET", "/v1/calls?sort=id", "", "sort",
         "sort must be one of created_at, started_at, duration_seconds"},
        {"GET", "/v1/calls?order=DESC", "", "order", "order must be one of desc, asc"},
        {"GET", "/v1/calls?outcome=", "", "outcome",
         "outcome must be one of answered, no_answer, busy, failed, voicemail"},
        {"GET", "/v1/calls?campaign_id=7", "", "campaign_id", "campaign_id must be a UUID"},
        {"GET", "/v1/calls?date_from=2026-02-29", "", "date_from",
         "date_from must be a day, such as 2026-11-28, or a time, such as 2026-11-28T10:00:00Z"},
        {"GET", "/v1/calls?search=%ff", "", "search",
         "search must be UTF-8 text without NUL characters"},
        {"GET", "/v1/calls?search=a%00", "", "search",
         "search must be UTF-8 text without NUL characters"},
        {"GET", "/v1/calls?offset=3", "", "offset",
         "offset is not known here; known are campaign_id, agent_id, outcome, sentiment, status, "
         "date_from, date_to, "
         "search, page, limit, sort, order"},
        {"GET", "/v1/calls/" ID "?x%22%0a=1", "", "x??",
         "x?? is not known here; nothing can be given"},
        {"GET", "/v1/calls/7", "", "id", "id must be a UUID"},
        {"GET", "/v1/carts?min_value=-1", "", "min_value",
         "min_value must be a number of at least 0, such as 99.50"},
        {"GET", "/v1/carts?min_value=1.", "", "min_value",
         "min_value must be a number of at least 0, such as 99.50"},
        {"GET", "/v1/carts?min_value=NaN", "", "min_value",
         "min_value must be a number of at least 0, such as 99.50"},
        {"GET", "/v1/analytics/calls?period=custom", "", "date_from",
         "date_from is missing: a custom period has a first and a last day"},
        {"GET", "/v1/analytics/calls?period=custom&date_from=2026-01-02", "", "date_to",
         "date_to is missing: a custom period has a first and a last day"},
        {"GET", "/v1/analytics/calls?period=custom&date_from=2026-01-02&date_to=2026-01-01", "",
         "date_to", "date_to must not be before date_from"},
        {"GET", "/v1/analytics/calls?date_from=2026-01-02", "", "date_from",
         "date_from goes only with period=custom"},
        {"GET",
         "/v1/analytics/calls?period=custom&date_from=2026-01-02T00:00:00Z&date_to=2026-01-03", "",
         "date_from", "date_from must be a day, such as 2026-11-28"},
        {"POST", "/v1/agents", "", "name", "name is missing"},
        {"POST", "/v1/agents", "[]", "", "the body must be one JSON object in UTF-8"},
        {"POST", "/v1/agents", "{\"name\":\"a\"", "", "the body must be one JSON object in UTF-8"},
        {"POST", "/v1/agents", "{\"name\":\"a\"}{}", "",
         "the body must be one JSON object in UTF-8"},
        {"POST", "/v1/agents", "{\"name\":\"\"}", "name", "name must not be empty"},
        {"POST", "/v1/agents", "{\"name\":7}", "name", "name must be a string"},
        {"POST", "/v1/agents", "{\"name\":null}", "name", "name must be a string"},
        {"POST", "/v1/agents", "{\"name\":\"a\\u0000b\"}", "name",
         "name holds a character that cannot be stored (\\u0000, or half of a surrogate pair)"},
        {"POST", "/v1/agents", "{\"name\":\"a\",\"organization_id\":\"" ID "\"}", "organization_id",
         "organization_id is not known here; known are name, language, tone, system_prompt, "
         "sentiment_rules, "
         "voice_settings"},
        {"POST", "/v1/agents", "{\"name\":\"a\",\"voice_settings\":[]}", "voice_settings",
         "voice_settings must be a JSON object"},
        {"POST", "/v1/agents", "{\"name\":\"a\",\"voice_settings\":{\"x\":[{\"y\":\"\\ud800\"}]}}",
         "voice_settings",
         "voice_settings holds a character that cannot be stored (\\u0000, or half of a surrogate "
         "pair)"},
        {"POST", "/v1/agents", "{\"name\":\"a\",\"voice_settings\":{\"\\u0000\":1}}",
         "voice_settings",
         "voice_settings holds a character that cannot be stored (\\u0000, or half of a surrogate "
         "pair)"},
        {"PATCH", "/v1/agents/" ID, "{}", "",
         "there is nothing to change: give at least one member in the body"},
        {"PATCH", "/v1/campaigns/" ID "/status", "{\"status\":\"draft\"}", "status",
         "status must be one of running, paused"},
        {"PATCH", "/v1/campaigns/" ID "/settings", "{\"concurrency\":1.5}", "concurrency",
         "concurrency must be a whole number from 1 to 1000"},
        {"PATCH", "/v1/campaigns/" ID "/settings", "{\"concurrency\":\"5\"}", "concurrency",
         "concurrency must be a whole number from 1 to 1000"},
        {"PATCH", "/v1/campaigns/" ID "/settings",
         "{\"schedule\":{\"days\":[\"monday\",\"monday\"]}}", "schedule.days",
         "schedule.days holds \"monday\" twice"},
        {"PATCH", "/v1/campaigns/" ID "/settings", "{\"schedule\":{\"start_time\":\"24:00\"}}",
         "schedule.start_time", "schedule.start_time must be a time of day, such as 09:30"},
        {"PATCH", "/v1/campaigns/" ID "/settings", "{\"schedule\":{\"hours\":1}}", "schedule",
         "schedule has no member \"hours\""},
        {"POST", "/v1/campaigns/" ID "/agents", "{\"agent_id\":\"" ID "\",\"is_primary\":\"yes\"}",
         "is_primary", "is_primary must be true or false"},
        {"POST", "/v1/agents/" ID "/duplicate", "{\"name\":\"a\"}", "name",
         "name is not known here; nothing can be given"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading r;

        if (read_request(&r, cases[i].method, cases[i].target, cases[i].body))
            fail_msg("taken: %s %s %s", cases[i].method, cases[i].target, cases[i].body);
        assert_string_equal(r.problem.text, cases[i].text);
        assert_string_equal(r.problem.field, cases[i].field);
        free(r.memory);
    }
}

static void a_text_ends_at_its_bound_in_characters(void **state)
{
    static char body[2048];
    (void)state;
    for (int n = 199; n <= 202; n++) {
        struct reading r;
        size_t at = (size_t)snprintf(body, sizeof body, "{\"name\":\"");

        for (int i = 0; i < n; i++)
            at += (size_t)snprintf(body + at, sizeof body - at, "\xC3\xA9");
        snprintf(body + at, sizeof body - at, "\"}");
        assert_int_equal(read_request(&r, "POST", "/v1/agents", body), n <= 200);
        free(r.memory);
    }
}

static void paths_lead_to_their_endpoint_or_say_what_they_take(void **state)
{
    static const struct {
        const char *method, *path, *name, *allow;
    } cases[] = {
        {"GET", "/v1/agents", "agents_list", ""},
        {"POST", "/v1/agents", "agents_create", ""},
        {"PUT", "/v1/agents", NULL, "GET, POST"},
        {"GET", "/v1/agents/", NULL, ""},
        {"GET", "/v1/agents/x", "agents_get", ""},
        {"POST", "/v1/agents/x", NULL, "GET, PATCH, DELETE"},
        {"GET", "/v1/agents/x/y", NULL, ""},
        {"GET", "/v1/a/b/c/d/e/f/g/h/i/j", NULL, ""},
        {"GET", "/v1//agents", NULL, ""},
        {"GET", "/v1/Agents", NULL, ""},
        {"GET", "/v1", NULL, ""},
        {"DELETE", "/v1/campaigns/a/agents/b", "campaign_agents_unlink", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct match m;

        plans_match(&plans, cases[i].method, cases[i].path, &m);
        assert_string_equal(m.plan == NULL ? "" : m.plan->endpoint->name,
                            cases[i].name == NULL ? "" : cases[i].name);
        if (m.plan == NULL)
            assert_string_equal(m.allow, cases[i].allow);
    }
}

/* Whatever comes in, the room that was measured for it is enough: an arena that fails would look like a bad value. */
static void the_room_is_enough_for_any_request(void **state)
{
    enum { MEMBERS = 3000 };
    static char body[64 * MEMBERS], query[4096];
    size_t n = (size_t)snprintf(body, sizeof body, "{\"name\":\"a\",\"voice_settings\":{");
    struct reading r;

    (void)state;
    for (int i = 0; i < MEMBERS; i++)
        n += (size_t)snprintf(body + n, sizeof body - n, "%s\"k%d\":\"\\u00e9\"", i > 0 ? "," : "",
                              i);
    snprintf(body + n, sizeof body - n, "}}");
    assert_true(read_request(&r, "POST", "/v1/agents", body));
    free(r.memory);
    n = (size_t)snprintf(query, sizeof query, "/v1/orders?search=");
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(query + n, sizeof query - n, "%%C3%%A9");
    assert_true(read_request(&r, "GET", query, ""));
    free(r.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_taken),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_text_ends_at_its_bound_in_characters),
        cmocka_unit_test(paths_lead_to_their_endpoint_or_say_what_they_take),
        cmocka_unit_test(the_room_is_enough_for_any_request),
    };

    plans_make(&plans, api_endpoints, api_endpoints_n);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
