/* The cache of stores: bounded, short-lived, and never the wrong tenant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/shops.h"

#define UUID_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define UUID_B "BBBBBBBB-0000-4000-8000-00000000000b"

static char memory[65536] __attribute__((aligned(16)));
static struct arena arena;
static struct shops *s;
static const struct shop *shop;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, memory, sizeof memory);
    s = shops_new("a,b");
    return 0;
}

static int end(void **state)
{
    (void)state;
    shops_free(s);
    return 0;
}

static enum shop_answer find(const char *domain, uint64_t now)
{
    arena_reset(&arena);
    return shops_find(s, text_of(domain), EVENT_NO_TIME, now, &arena, &shop);
}

static uint8_t owner_at(int64_t event_us)
{
    arena_reset(&arena);
    assert_int_equal(shops_find(s, TEXT("a.example"), event_us, 1, &arena, &shop), SHOP_KNOWN);
    return shop->organization_id[15];
}

static void what_happened_before_a_store_moved_is_its_former_owners(void **state)
{
    (void)state;
    assert_false(shops_put_before(s, TEXT("a.example"), 1000, UUID_B, UUID_A, NULL));
    assert_true(shops_put(s, TEXT("a.example"), UUID_A, UUID_B, "{\"country\":\"IN\"}", false, 0));
    assert_int_equal(owner_at(INT64_MIN + 1), 0x0B);
    assert_true(
        shops_put_before(s, TEXT("a.example"), 1000, UUID_B, UUID_A, "{\"country\":\"DE\"}"));
    assert_int_equal(owner_at(999), 0x0A);
    assert_string_equal(shop->country, "DE");
    assert_int_equal(owner_at(1000), 0x0B);
    assert_string_equal(shop->country, "IN");
    assert_int_equal(owner_at(EVENT_NO_TIME), 0x0B);
    assert_true(shops_put(s, TEXT("a.example"), UUID_A, UUID_B, NULL, false, 0)); /* asked again */
    assert_int_equal(owner_at(999), 0x0B);
    assert_false(shops_put_before(s, TEXT("a.example"), 1000, "no id", UUID_A, NULL));
    assert_int_equal(find("a.example", 1), SHOP_ASK); /* half known is not known */
}

static void an_answer_lives_for_a_moment(void **state)
{
    (void)state;
    assert_int_equal(find("a.example", 0), SHOP_ASK);
    assert_true(shops_put(s, TEXT("a.example"), UUID_A, UUID_B, NULL, false, 100));
    assert_int_equal(find("a.example", 100 + SHOP_TTL_MS - 1), SHOP_KNOWN);
    assert_int_equal(shop->integration_id[0], 0xAA);
    assert_int_equal(shop->organization_id[15], 0x0B);
    assert_string_equal(shop->domain, "a.example");
    assert_string_equal(shop->cod_gateways_default, "a,b");
    assert_int_equal(find("a.example", 100 + SHOP_TTL_MS), SHOP_ASK);
    shops_put_unknown(s, TEXT("a.example"), 10000);
    assert_int_equal(find("a.example", 10000), SHOP_UNKNOWN);
    assert_int_equal(find("a.example", 10000 + SHOP_UNKNOWN_TTL_MS), SHOP_ASK);
    assert_true(shops_put(s, TEXT("a.example"), UUID_B, UUID_A, NULL, false, 20000));
    shops_forget(s);
    assert_int_equal(find("a.example", 20000), SHOP_ASK);
}

static void settings_are_read_and_nonsense_is_left_out(void **state)
{
    static const struct {
        const char *settings, *country, *gateways;
    } rows[] = {
        {"{\"country\":\"in\",\"cod_gateways\":[\"Pay \\u00e9\", 1]}", "IN",
         "[\"Pay \\u00e9\", 1]"},
        {"{\"country\":\"India\",\"cod_gateways\":\"x\"}", NULL, NULL},
        {"{\"country\":null,\"cod_gateways\":[]}", NULL, "[]"},
        {"{\"country\":\"1N\"}", NULL, NULL},
        {"not json", NULL, NULL},
        {"[]", NULL, NULL},
        {NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(shops_put(s, TEXT("a.example"), UUID_A, UUID_B, rows[i].settings, false, 0));
        assert_int_equal(find("a.example", 1), SHOP_KNOWN);
        if (rows[i].country == NULL)
            assert_null(shop->country);
        else
            assert_string_equal(shop->country, rows[i].country);
        assert_true((shop->cod_gateways.p == NULL) == (rows[i].gateways == NULL));
        if (rows[i].gateways != NULL)
            assert_string_equal(shop->cod_gateways.p, rows[i].gateways);
    }
}

static void the_oldest_gives_way_and_none_is_mixed_up(void **state)
{
    char domain[32], id[40];
    unsigned known = 0;

    (void)state;
    for (unsigned i = 0; i < SHOPS_MAX + 100; i++) {
        snprintf(domain, sizeof domain, "s%u.example", i);
        snprintf(id, sizeof id, "%08x-0000-4000-8000-000000000000", i);
        assert_true(shops_put(s, text_of(domain), id, UUID_B, NULL, false, 0));
    }
    for (unsigned i = 0; i < SHOPS_MAX + 100; i++) {
        snprintf(domain, sizeof domain, "s%u.example", i);
        if (find(domain, 1) != SHOP_KNOWN)
            continue;
        known++;
        assert_true(i >= 100);
        assert_int_equal(shop->integration_id[2] << 8 | shop->integration_id[3], i & 0xFFFF);
        assert_string_equal(shop->domain, domain);
    }
    assert_int_equal(known, SHOPS_MAX);
}

static void what_is_no_domain_or_no_id_is_refused(void **state)
{
    static const char *const ids[] = {"",
                                      "aaaaaaaa",
                                      "aaaaaaaa-0000-4000-8000-00000000000",
                                      "aaaaaaaa-0000-4000-8000-00000000000aa",
                                      "aaaaaaaax0000-4000-8000-00000000000a",
                                      "gaaaaaaa-0000-4000-8000-00000000000a"};
    char domain[SHOP_DOMAIN_MAX + 2];
    uint8_t out[16];

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_false(uuid_parse(ids[i], out));
        assert_false(shops_put(s, TEXT("a.example"), ids[i], UUID_B, NULL, false, 0));
    }
    memset(domain, 'a', sizeof domain);
    domain[sizeof domain - 1] = '\0';
    assert_int_equal(find(domain, 0), SHOP_UNKNOWN);
    assert_int_equal(shops_find(s, TEXT_NULL, EVENT_NO_TIME, 0, &arena, &shop), SHOP_UNKNOWN);
    assert_int_equal(find("", 0), SHOP_UNKNOWN);
}

static void a_full_arena_leaves_no_half_a_store(void **state)
{
    (void)state;
    assert_true(shops_put(s, TEXT("a.example"), UUID_A, UUID_B,
                          "{\"country\":\"IN\",\"cod_gateways\":[\"x\"]}", false, 0));
    for (size_t size = 0; size < 200; size += 8) {
        arena_init(&arena, memory, size);
        assert_int_equal(shops_find(s, TEXT("a.example"), EVENT_NO_TIME, 1, &arena, &shop),
                         SHOP_KNOWN);
        assert_true((shop == NULL) == arena.failed);
    }
    assert_non_null(shop);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_happened_before_a_store_moved_is_its_former_owners),
        T(an_answer_lives_for_a_moment),
        T(settings_are_read_and_nonsense_is_left_out),
        T(the_oldest_gives_way_and_none_is_mixed_up),
        T(what_is_no_domain_or_no_id_is_refused),
        T(a_full_arena_leaves_no_half_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
