/* api/variants: the same combination of parameters and sorting is one text, others are others; what is kept is bounded, and past
 * the bound the text is made for the one request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/variants.h"

static struct plans plans;
static struct variants *variants;

static int set_up(void **state)
{
    char error[256];

    (void)state;
    plans_make(&plans, api_endpoints, api_endpoints_n);
    variants = variants_new(&plans, error, sizeof error);
    if (variants == NULL)
        print_error("%s\n", error);
    return variants == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    variants_free(variants);
    variants_free(NULL);
    return 0;
}

/* Reads a request for calls, its memory static. */
static unsigned ask(const char *query, struct input *in)
{
    static char memory[1 << 16] __attribute__((aligned(16)));
    struct arena arena;
    struct problem problem;
    struct match m;

    arena_init(&arena, memory, sizeof memory);
    plans_match(&plans, "GET", "/v1/calls", &m);
    assert_true(
        input_read(m.plan, m.path, text_of(query), (struct text){NULL, 0}, &arena, in, &problem));
    return m.no;
}

static void one_text_for_each_combination(void **state)
{
    static const struct {
        const char *query, *has, *has_not;
    } cases[] = {
        {"", "c.created_at DESC NULLS LAST", "outcome ="},
        {"sort=started_at", "c.started_at DESC NULLS LAST", "c.created_at DESC"},
        {"order=asc", "c.created_at ASC NULLS FIRST", "DESC"},
        {"outcome=busy", "::call_outcome", "sentiment ="},
        {"outcome=busy&sentiment=neutral", "::call_sentiment", "::call_status"},
    };
    const struct variant *seen[sizeof cases / sizeof cases[0]];
    struct input in;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned no = ask(cases[i].query, &in);

        seen[i] = variants_get(variants, no, &in);
        assert_non_null(seen[i]);
        assert_ptr_equal(variants_get(variants, no, &in), seen[i]);
        if (strstr(seen[i]->sql.text, cases[i].has) == NULL ||
            strstr(seen[i]->sql.text, cases[i].has_not) != NULL)
            fail_msg("%s: %s", cases[i].query, seen[i]->sql.text);
        for (size_t k = 0; k < i; k++) {
            assert_ptr_not_equal(seen[k], seen[i]);
            assert_string_not_equal(seen[k]->statement.path, seen[i]->statement.path);
        }
    }
    /* Values and the order of parameters make no variant. */
    assert_ptr_equal(variants_get(variants, ask("sentiment=positive&outcome=failed", &in), &in),
                     seen[4]);
    assert_ptr_equal(variants_get(variants, ask("page=7&limit=3", &in), &in), seen[0]);
}

static void past_the_bound_texts_are_made_for_one_request(void **state)
{
    static const char *const filters[] = {"outcome=busy",
                                          "sentiment=neutral",
                                          "status=ended",
                                          "search=9",
                                          "date_from=2026-01-01",
                                          "date_to=2026-01-01",
                                          "agent_id=3f2c1d7a-0000-4000-8000-00000000000a",
                                          "campaign_id=3f2c1d7a-0000-4000-8000-00000000000a"};
    static const char *const sorts[] = {"sort=created_at", "sort=started_at",
                                        "sort=duration_seconds"};
    static char room[1 << 16] __attribute__((aligned(16)));
    unsigned kept = 0, rare = 0, no = 0;
    struct template_out out, again;
    const struct variant *v;
    struct arena arena;
    struct input in;

    (void)state;
    for (unsigned n = 0; n < 3u << 8; n++) {
        char query[512];

        snprintf(query, sizeof query, "%s", sorts[n >> 8]);
        for (unsigned k = 0; k < 8; k++)
            if (n >> k & 1)
                snprintf(query + strlen(query), sizeof query - strlen(query), "&%s", filters[k]);
        no = ask(query, &in);
        v = variants_get(variants, no, &in);
        kept += v != NULL;
        rare += v == NULL;
        arena_init(&arena, room, sizeof room);
        assert_true(variants_room(variants, no) <= sizeof room);
        assert_true(variants_expand(variants, no, &in, &arena, &out));
        if (v != NULL) { /* the same text either way */
            assert_string_equal(v->sql.text, out.text);
            assert_int_equal(v->sql.n_places, out.n_places);
        }
    }
    assert_true(kept > 0 && kept <= VARIANTS_MAX);
    assert_true(rare > 0);
    assert_null(variants_get(variants, no, &in)); /* still: no place comes free */
    arena_init(&arena, room, variants_room(variants, no) / 2);
    assert_false(variants_expand(variants, no, &in, &arena, &again));
    /* What was kept before is found all the same. */
    assert_non_null(variants_get(variants, ask("", &in), &in));
}

static void a_broken_endpoint_stops_the_start(void **state)
{
    static const struct api_endpoint broken[] = {
        {"GET", "/v1/none", "no_such_file", "", "", .status = 200, .schema = "Agent"}};
    static struct plans few;
    char error[256];

    (void)state;
    plans_make(&few, broken, 1);
    assert_null(variants_new(&few, error, sizeof error));
    assert_string_equal(error, "schema/api/no_such_file.sql is not part of this binary");
}

static void a_text_that_needs_what_its_endpoint_has_not_stops_the_start(void **state)
{
    /* The file says :id, which this path does not give. */
    static const struct api_endpoint broken[] = {
        {"GET", "/v1/agents", "agents_get", "", "", .status = 200, .schema = "Agent"}};
    static struct plans few;
    char error[256];

    (void)state;
    plans_make(&few, broken, 1);
    assert_null(variants_new(&few, error, sizeof error));
    assert_non_null(strstr(error, "schema/api/agents_get.sql: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_text_for_each_combination),
        cmocka_unit_test(past_the_bound_texts_are_made_for_one_request),
        cmocka_unit_test(a_broken_endpoint_stops_the_start),
        cmocka_unit_test(a_text_that_needs_what_its_endpoint_has_not_stops_the_start),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
