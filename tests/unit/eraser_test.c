/* Which retained entries are about a redacted customer or store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hmac.h"
#include "worker/eraser.h"
#include "worker/unmask.h"

#define ORGANIZATION "bbbbbbbb-0000-4000-8000-000000000002"
#define INTEGRATION "aaaaaaaa-0000-4000-8000-000000000001"

static struct erase_job job;
static struct envelope_encoder *encoder;

static int begin(void **state)
{
    (void)state;
    encoder = envelope_encoder_new();
    job = (struct erase_job){.n = 1, .body_max = 10000};
    arena_init(&job.arena, malloc(65536), 65536);
    job.subjects[0] = (struct erase_subject){
        .domain = TEXT("acme.myshopify.com"),
        .integration_id = INTEGRATION,
        .organization_id = ORGANIZATION,
        .customer_id = TEXT("4242"),
        .email = TEXT("asha@example.com"),
        .phone = TEXT("+919811122233"),
        .order_ids = TEXT("[\"1001\",\"1002\"]"),
    };
    return 0;
}

static int end(void **state)
{
    (void)state;
    erase_job_free(&job);
    envelope_encoder_free(encoder);
    return 0;
}

static bool event(const char *domain, const char *body)
{
    struct envelope in = {.source = TEXT("shopify"),
                          .topic = TEXT("orders/create"),
                          .key = text_of(domain),
                          .triggered_us = INT64_MIN,
                          .body = body,
                          .body_len = strlen(body)};
    size_t len;
    const void *bytes = envelope_encode(encoder, &in, &len);

    return erase_matches(&job, false, bytes, len, NULL);
}

static bool update(const char *organization, const char *record)
{
    return erase_matches(&job, true, record, strlen(record), organization);
}

static bool callback(const char *url, const char *body)
{
    struct envelope in = {.source = TEXT("twilio"),
                          .topic = TEXT("callback"),
                          .key = TEXT("CA4242"),
                          .triggered_us = INT64_MIN,
                          .headers = {{TEXT("url"), text_of(url)}},
                          .n_headers = 1,
                          .body = body,
                          .body_len = strlen(body)};
    size_t len;
    const void *bytes = envelope_encode(encoder, &in, &len);

    return erase_matches(&job, false, bytes, len, NULL);
}

/* As personal_hash() of the database. */
static void hash_trace(const char *kind, const char *value)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];

    sha256(digest, value, strlen(value), NULL);
    hex_encode(hex, digest, sizeof digest);
    assert_true(erase_trace_add(&job, kind, hex));
}

static void a_customer_is_found_by_any_trace(void **state)
{
    static const char *const about[] = {
        "{\"customer\":{\"id\":4242}}",
        "{\"customer\":{\"id\":\"4242\"}}",
        "{\"email\":\"Asha@Example.COM\"}",
        "{\"phone\":\"+919811122233\"}",
        "{\"phone\":\"098111 22233\"}",
        "{\"phone\":\"(981) 112-2233\"}",
        "{\"id\":1002}",
    };
    static const char *const others[] = {
        "{}",
        "{\"id\":14242}",
        "{\"id\":42421}",
        "{\"id\":10021}",
        "{\"email\":\"sha@example.com\"}",
        "{\"phone\":\"+919811122234\"}",
        "{\"phone\":\"981112223\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof about / sizeof about[0]; i++) {
        assert_true(event("acme.myshopify.com", about[i]));
        assert_false(event("other.myshopify.com", about[i]));
        assert_true(update(ORGANIZATION, about[i]));
        assert_false(update("cccccccc-0000-4000-8000-000000000003", about[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(event("acme.myshopify.com", others[i]));
        assert_false(update(ORGANIZATION, others[i]));
    }
}

/* As serializers and forms write it, one inside the other too. */
static void what_is_masked_is_found(void **state)
{
    static const char *const about[] = {
        "{\"email\":\"asha\\u0040example.com\"}",
        "{\"email\":\"\\u0061sha\\u0040EXAMPLE.com\"}",
        "{\"url\":\"https:\\/\\/x\\/?e=asha%40example.com\"}",
        "{\"note\":\"{\\\"email\\\":\\\"asha\\\\u0040example.com\\\"}\"}",
        "{\"phone\":\"\\u002b919811122233\"}",
        "{\"phone\":\"98111\\u002022233\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof about / sizeof about[0]; i++) {
        assert_true(event("acme.myshopify.com", about[i]));
        assert_true(update(ORGANIZATION, about[i]));
    }
    assert_false(event("acme.myshopify.com", "{\"email\":\"asha\\u0041example.com%\\u\\"));
}

static void unmasking_takes_away_no_more_than_the_mask(void **state)
{
    static const struct {
        const char *masked, *plain;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"a%40b", "a@b"},
        {"a\\u0040b", "a@b"},
        {"a%5Cu0040b", "a@b"},
        {"\\u00e4 \\u20ac", "\xC3\xA4 \xE2\x82\xAC"},
        {"50% off", "50% off"},
        {"%4", "%4"},
        {"%", "%"},
        {"\\", "\\"},
        {"\\u004", "\\u004"},
        {"\\n\\/\\\"", "\\n/\""},
        {"%2525252540", "%2540"}, /* three times is enough */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text t;

        arena_reset(&job.arena);
        t = unmask(&job.arena, text_of(cases[i].masked));
        if (!text_equal(t, text_of(cases[i].plain)))
            fail_msg("%s -> %.*s", cases[i].masked, (int)t.n, t.p);
    }
}

/* The request names an id only; the tombstones of the commit know more. */
static void traces_find_what_the_request_does_not_name(void **state)
{
    static const char *const about[] = {
        "{\"customer_id\":4242}",
        "{\"id\":777}",
        "{\"email\":\"Asha@Example.com\"}",
        "{\"email\":\"asha\\u0040example.com\"}",
        "{\"note\":\"mail to <asha@example.com>.\"}",
        "{\"note\":\"or to asha@example.com.\"}",
        "{\"phone\":\"+919811122233\"}",
    };
    static const char *const others[] = {
        "{\"id\":7777}",
        "{\"id\":42420}",
        "{\"email\":\"asha@example.co\"}",
        "{\"email\":\"xasha@example.com\"}",
        "{\"phone\":\"+919811122234\"}",
        "{\"id\":919811122233}",
        "@",
        "{\"a\":\"@@\"}",
    };

    (void)state;
    job.subjects[0].email = job.subjects[0].phone = job.subjects[0].order_ids = TEXT_NULL;
    assert_true(erase_trace_add(&job, "order", "1"));
    assert_true(erase_trace_add(&job, "redacted_order", "777"));
    for (int i = 0; i < 300; i++) {
        char id[24];

        snprintf(id, sizeof id, "9%d", i * 1000003);
        assert_true(erase_trace_add(&job, "redacted_customer", id));
    }
    hash_trace("redacted_email", "asha@example.com");
    hash_trace("redacted_phone", "+919811122233");
    erase_traces_sort(&job);
    assert_int_equal(job.n_traces, 303);
    for (size_t i = 0; i < sizeof about / sizeof about[0]; i++) {
        assert_true(event("acme.myshopify.com", about[i]));
        assert_false(event("other.myshopify.com", about[i]));
        assert_true(update(ORGANIZATION, about[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(event("acme.myshopify.com", others[i]));
        assert_false(update(ORGANIZATION, others[i]));
    }
    assert_true(callback("https://x/?mail=asha%40example.com&x=1", "CallSid=1"));
    assert_true(callback("https://x/", "To=%2B919811122233&From=%2B1415"));
    assert_true(callback("https://x/", "Mail=asha%40example.com"));
    assert_false(callback("https://x/?order_id=777", "CallSid=4242")); /* ids are not everybody's */
}

static void unknown_traces_match_nothing(void **state)
{
    (void)state;
    job.subjects[0].customer_id = TEXT("");
    job.subjects[0].email = TEXT_NULL;
    job.subjects[0].phone = TEXT("12345"); /* too short to tell anybody apart */
    job.subjects[0].order_ids = TEXT("[]");
    assert_false(event("acme.myshopify.com", "{\"id\":12345,\"email\":\"\"}"));
}

static void a_store_goes_whole_and_alone(void **state)
{
    (void)state;
    job.subjects[0].shop = true;
    assert_true(event("acme.myshopify.com", "{}"));
    assert_false(event("other.myshopify.com", "{}"));
    assert_true(update(ORGANIZATION, "{\"integration_id\":\"" INTEGRATION "\"}"));
    assert_false(
        update(ORGANIZATION, "{\"integration_id\":\"cccccccc-0000-4000-8000-000000000003\"}"));
    assert_true(update(ORGANIZATION, "{\"id\":1}")); /* a table without the column */
    assert_false(update(NULL, "{}"));
}

static void live_updates_may_be_left_alone(void **state)
{
    (void)state;
    job.events_only = true;
    assert_false(update(ORGANIZATION, "{\"id\":1002}"));
    assert_true(event("acme.myshopify.com", "{\"id\":1002}"));
    assert_int_equal(job.matched, 1);
}

/* Whose a callback is, it does not say for certain: the number or the address decides. */
static void callbacks_go_by_phone_and_e_mail(void **state)
{
    (void)state;
    assert_true(callback("https://x/", "To=%2B919811122233&From=%2B1415"));
    assert_true(callback("https://x/", "{\"transcript\":\"write to asha@example.com\"}"));
    assert_true(callback("https://x/?phone=%2B919811122233", "CallSid=1"));
    assert_false(callback("https://x/?order_id=1001", "CallSid=4242&order=1002"));
    assert_false(callback("https://acme.myshopify.com/", "To=%2B919811122234"));
    job.subjects[0].shop = true;
    assert_false(callback("https://x/", "To=%2B919811122233"));
}

static void what_cannot_be_read_is_left_alone(void **state)
{
    static const unsigned char newer[] = {0x81, 0xA1, 'v', 2};

    (void)state;
    assert_false(erase_matches(&job, false, "4242", 4, NULL));
    assert_false(erase_matches(&job, false, newer, sizeof newer, NULL));
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_masked_is_found),
        T(unmasking_takes_away_no_more_than_the_mask),
        T(traces_find_what_the_request_does_not_name),
        T(a_customer_is_found_by_any_trace),
        T(unknown_traces_match_nothing),
        T(a_store_goes_whole_and_alone),
        T(live_updates_may_be_left_alone),
        T(what_cannot_be_read_is_left_alone),
        T(callbacks_go_by_phone_and_e_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
