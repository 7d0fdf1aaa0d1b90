/* simulate: the same seed is the same day, and the totals are those of the events that went
 * out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/phone.h"
#include "runtime/jsontext.h"
#include "simulate/locale.h"
#include "simulate/model.h"
#include "simulate/random.h"

enum { BODY_TYPICAL_MAX = 32 * 1024 };

static char memory[256] __attribute__((aligned(16)));
static const char *const stores[] = {"a.myshopify.com", "b.myshopify.com", "c.myshopify.com"};

static struct sim_options options(uint64_t seed, uint64_t events, int64_t span_s)
{
    return (struct sim_options){.seed = seed,
                                .stores = stores,
                                .n_stores = 3,
                                .events = events,
                                .start_us = 1769600000000000,
                                .span_us = span_s * 1000000,
                                .carts_percent = 45,
                                .abandon_after_us = 1800000000,
                                .expire_after_us = INT64_C(30) * 86400 * 1000000};
}

static struct text field(const struct sim_event *e, const char *name)
{
    return jsontext_get((struct text){e->body, e->len}, name);
}

static uint64_t hash_events(const struct sim_options *o)
{
    struct sim *s = sim_new(o);
    struct sim_event e;
    uint64_t h = 1;

    while (sim_next(s, &e)) {
        h = mix64(h ^ (uint64_t)e.at_us ^ e.len);
        for (size_t i = 0; i < e.len; i++)
            h = h * 31 + (unsigned char)e.body[i];
        for (const char *p = e.topic; *p != '\0'; p++)
            h = h * 31 + (unsigned char)*p;
        for (const char *p = e.webhook_id; *p != '\0'; p++)
            h = h * 31 + (unsigned char)*p;
    }
    sim_free(s);
    return h;
}

static void the_same_seed_is_the_same_day(void **state)
{
    struct sim_options one = options(1, 3000, 86400), two = options(2, 3000, 86400);
    (void)state;
    assert_true(hash_events(&one) == hash_events(&one));
    assert_true(hash_events(&one) != hash_events(&two));
}

static void events_are_as_many_as_asked_for_and_lie_within_the_span(void **state)
{
    static const uint64_t numbers[] = {1, 2, 17, 300, 5000};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sim_options o = options(i, numbers[i], 86400);
        struct sim *s = sim_new(&o);
        struct sim_event e;
        uint64_t n = 0;
        int64_t before = 0;
        while (sim_next(s, &e)) {
            assert_int_equal(e.number, n);
            assert_true(e.at_us > before && e.at_us >= o.start_us &&
                        e.at_us < o.start_us + o.span_us);
            before = e.at_us;
            n++;
        }
        assert_int_equal(n, numbers[i]);
        assert_false(sim_next(s, &e));
        sim_free(s);
    }
}

static void bodies_are_json_of_a_believable_size(void **state)
{
    struct sim_options o = options(4, 20000, 86400);
    struct sim *s = sim_new(&o);
    struct sim_event e;
    size_t orders = 0, small = 0, largest = 0;
    (void)state;
    while (sim_next(s, &e)) {
        if (!jsontext_valid((struct text){e.body, e.len}))
            fail_msg("%s is no JSON: %.*s", e.topic, (int)e.len, e.body);
        largest = e.len > largest ? e.len : largest;
        if (e.order_id == 0)
            continue;
        orders++;
        small += e.len < 4096;
        assert_non_null(strstr(e.body, "\\/")); /* as Shopify writes it */
    }
    assert_true(orders > 5000);
    assert_int_equal(small, 0);
    assert_true(largest > 24 * 1024 && largest < BODY_TYPICAL_MAX);
    sim_free(s);
}

/* Order-independence rests on it: of one checkout no two versions share a second. */
static void a_checkout_never_changes_twice_in_one_second(void **state)
{
    static const int64_t spans[] = {60, 3600, 86400};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sim_options o = options(7, 6000, spans[i]);
        struct sim *s = sim_new(&o);
        struct seen {
            char token[40];
            char updated[40];
        } *seen = calloc(6000, sizeof *seen);
        struct sim_event e;
        size_t n = 0;
        while (sim_next(s, &e)) {
            if (strcmp(e.topic, "checkouts/create") != 0 &&
                strcmp(e.topic, "checkouts/update") != 0)
                continue;
            assert_true(jsontext_string(field(&e, "token"), seen[n].token, 40, NULL));
            assert_true(jsontext_string(field(&e, "updated_at"), seen[n].updated, 40, NULL));
            for (size_t k = 0; k < n; k++)
                if (strcmp(seen[k].token, seen[n].token) == 0)
                    assert_string_not_equal(seen[k].updated, seen[n].updated);
            n++;
        }
        assert_true(n > 100);
        free(seen);
        sim_free(s);
    }
}

static void totals_add_up(void **state)
{
    struct sim_options o = options(11, 20000, 86400);
    struct sim *s = sim_new(&o);
    struct sim_event e;
    uint64_t events = 0, created = 0, orders = 0;
    (void)state;
    while (sim_next(s, &e))
        created += strcmp(e.topic, "orders/create") == 0;
    for (unsigned i = 0; i < 3; i++) {
        struct sim_totals t;
        sim_totals(s, i, o.start_us + o.span_us + 3600000000, &t);
        assert_string_equal(t.domain, stores[i]);
        assert_int_equal(t.payment[0] + t.payment[1] + t.payment[2], t.orders);
        assert_int_equal(t.orders_trigger[0] + t.orders_trigger[1] + t.orders_trigger[2], t.orders);
        assert_int_equal(t.financial[0] + t.financial[1] + t.financial[2] + t.financial[3] +
                             t.financial[4],
                         t.orders);
        assert_int_equal(t.fulfillment[0] + t.fulfillment[1] + t.fulfillment[2] + t.fulfillment[3],
                         t.orders);
        assert_int_equal(t.carts_abandoned + t.carts_recovered + t.carts_expired + t.carts_never,
                         t.checkouts);
        assert_int_equal(t.carts_trigger[0] + t.carts_trigger[1], t.carts_abandoned);
        /* Every part of the world occurs, else comparing it proves nothing. */
        assert_true(t.orders_trigger[0] > 20 && t.orders_trigger[1] > 5 && t.carts_abandoned > 50);
        assert_true(t.carts_recovered > 20 && t.carts_never > 20 && t.orders_deleted > 5);
        assert_true(t.items > t.orders && t.variants > t.products && t.revenue_recovered > 0);
        orders += t.orders + t.orders_deleted;
        events += t.events;
    }
    assert_int_equal(events, o.events);
    assert_int_equal(orders, created);
    sim_free(s);
}

/* The same day seen early, later and much later. */
static void carts_age(void **state)
{
    struct sim_options o = options(3, 4000, 86400);
    struct sim *s = sim_new(&o);
    struct sim_event e;
    struct sim_totals start, end, month;
    (void)state;
    while (sim_next(s, &e))
        ;
    sim_totals(s, 0, o.start_us, &start);
    sim_totals(s, 0, o.start_us + o.span_us + o.abandon_after_us, &end);
    sim_totals(s, 0, o.start_us + o.span_us + o.expire_after_us + o.abandon_after_us, &month);
    assert_int_equal(start.carts_abandoned + start.carts_recovered, 0);
    assert_true(end.carts_abandoned > 0 && end.carts_expired == 0);
    assert_int_equal(month.carts_abandoned, 0);
    assert_int_equal(month.carts_expired, end.carts_abandoned);
    assert_int_equal(month.carts_recovered, end.carts_recovered);
    assert_int_equal(month.revenue_recovered, end.revenue_recovered);
    sim_free(s);
}

static void deliveries_of_one_action_share_an_event_id_but_no_webhook_id(void **state)
{
    struct sim_options o = options(5, 2000, 86400);
    struct sim *s = sim_new(&o);
    struct sim_event e;
    char event_id[37] = "", webhook_id[37] = "", topic[32] = "";
    unsigned shared = 0;
    (void)state;
    while (sim_next(s, &e)) {
        assert_string_not_equal(e.webhook_id, webhook_id);
        if (strcmp(e.event_id, event_id) == 0) {
            assert_string_not_equal(e.topic, topic);
            shared++;
        }
        snprintf(event_id, sizeof event_id, "%s", e.event_id);
        snprintf(webhook_id, sizeof webhook_id, "%s", e.webhook_id);
        snprintf(topic, sizeof topic, "%s", e.topic);
    }
    assert_true(shared > 50);
    sim_free(s);
}

static void simulated_phones_are_valid_numbers(void **state)
{
    (void)state;
    for (unsigned country = 0; country < 4; country++) {
        const struct locale *l = sim_locale(country);
        for (uint32_t person = 0; person < 500; person++) {
            char national[SIM_PHONE_SIZE], international[SIM_PHONE_SIZE];
            struct arena arena;
            struct text found;
            arena_init(&arena, memory, sizeof memory);
            sim_phone(l, person, true, national);
            sim_phone(l, person, false, international);
            found = phone_e164(text_of(national), text_of(l->country_code), &arena);
            if (!text_equal(found, text_of(international)))
                fail_msg("%s is no number of %s", national, l->country);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_is_the_same_day),
        cmocka_unit_test(events_are_as_many_as_asked_for_and_lie_within_the_span),
        cmocka_unit_test(bodies_are_json_of_a_believable_size),
        cmocka_unit_test(a_checkout_never_changes_twice_in_one_second),
        cmocka_unit_test(totals_add_up),
        cmocka_unit_test(carts_age),
        cmocka_unit_test(deliveries_of_one_action_share_an_event_id_but_no_webhook_id),
        cmocka_unit_test(simulated_phones_are_valid_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
