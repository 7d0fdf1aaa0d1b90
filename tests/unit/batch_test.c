/* Stream entries -> rows or letters, in bounded memory: nothing is ever left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "voice/provider.h"
#include "worker/batch.h"

enum { CAPACITY = 64, BODY_MAX = 64 * 1024 };

#define SHOP "acme.myshopify.com"
#define UUID_A "aaaaaaaa-0000-4000-8000-000000000001"
#define UUID_B "bbbbbbbb-0000-4000-8000-000000000002"

static struct batch b;
static struct shops *shops;
static struct envelope_encoder *encoder;
static uint64_t next_ms = 1;

static int begin(void **state)
{
    (void)state;
    encoder = envelope_encoder_new();
    shops = shops_new(NULL);
    assert_true(batch_init(&b, CAPACITY, BODY_MAX));
    assert_true(shops_put(shops, TEXT(SHOP), UUID_A, UUID_B,
                          "{\"country\":\"in\",\"cod_gateways\":[\"x\"]}", false, 0));
    shops_put_unknown(shops, TEXT("nobody.myshopify.com"), 0);
    return 0;
}

static void drop(struct entry *e)
{
    while (e != NULL) {
        struct entry *next = e->next;

        entry_free(e);
        e = next;
    }
}

static int end(void **state)
{
    unsigned n;

    (void)state;
    drop(batch_take_all(&b));
    drop(batch_take_newer(&b, &n));
    batch_free(&b);
    shops_free(shops);
    envelope_encoder_free(encoder);
    return 0;
}

static struct entry *raw(const void *bytes, size_t len)
{
    struct entry *e = malloc(sizeof *e + len);

    *e = (struct entry){.id = {next_ms++, 0}, .partition = 3, .deliveries = 1, .len = len};
    memcpy(e->bytes, bytes, len);
    return e;
}

static struct entry *event(const char *topic, const char *shop, const char *body)
{
    struct envelope in = {.source = TEXT("shopify"),
                          .topic = text_of(topic),
                          .key = text_of(shop),
                          .triggered_us = 5,
                          .received_us = 6,
                          .body = body,
                          .body_len = strlen(body)};
    size_t len;
    const void *bytes = envelope_encode(encoder, &in, &len);

    return raw(bytes, len);
}

static struct entry *callback(const char *provider, const char *type, const char *body)
{
    struct envelope in = {
        .source = text_of(provider),
        .topic = TEXT("callback"),
        .key = TEXT("any"),
        .triggered_us = INT64_MIN,
        .received_us = 6,
        .headers = {{TEXT("content-type"), text_of(type)},
                    {TEXT("url"), TEXT("https://x/webhooks/voice/y?agent_id=" UUID_A)}},
        .n_headers = 2,
        .body = body,
        .body_len = strlen(body)};
    size_t len;
    const void *bytes = envelope_encode(encoder, &in, &len);

    return raw(bytes, len);
}

#define JSON(provider, body) callback(provider, "application/json", body)
#define FORM(provider, body) callback(provider, "application/x-www-form-urlencoded", body)

#define STARTED(id, more) "{\"event\":\"call_started\",\"call\":{\"call_id\":\"" id "\"" more "}}"

static const char *order_body(int id)
{
    static char body[200];

    snprintf(body, sizeof body,
             "{\"id\":%d,\"updated_at\":\"2026-01-01T00:00:00Z\",\"line_items\":[{\"title\":\"a\","
             "\"quantity\":1}]}",
             id);
    return body;
}

/* Opens with the entries given, NULL at the end; decodes and handles in slices of `budget`. */
static enum batch_step run(size_t budget, struct entry **entries)
{
    enum batch_step step;
    unsigned n = 0;

    while (entries[n] != NULL) {
        entries[n]->next = entries[n + 1];
        n++;
    }
    batch_open(&b, entries[0], n);
    while ((step = batch_decode(&b, shops, 1, budget)) == BATCH_MORE) {
    }
    if (step != BATCH_READY)
        return step;
    while ((step = batch_handle(&b, budget)) == BATCH_MORE) {
    }
    return step;
}

#define RUN(...) run(SIZE_MAX, (struct entry *[]){__VA_ARGS__, NULL})

static const char *reason(uint32_t i)
{
    return b.letters[i] == NULL ? "" : b.letters[i]->v[DEAD_REASON].text.p;
}

static void every_entry_has_its_fate(void **state)
{
    struct entry *gone = raw("", 0);

    (void)state;
    gone->vanished = true;
    assert_int_equal(
        RUN(event("orders/create", SHOP, order_body(1)), event("orders/edited", SHOP, "{\"a\":1}"),
            event("carts/update", SHOP, "{}"), gone, event("orders/create", SHOP, "{\"id\":"),
            event("orders/create", SHOP, "{\"id\":\"x\"}"),
            event("orders/create", "nobody.myshopify.com", "{}"),
            event("shop/redact", "nobody.myshopify.com", "{}"), raw("???", 3)),
        BATCH_READY);
    assert_int_equal(b.n, 9);
    assert_int_equal(b.items[0].fate, FATE_STORE);
    assert_int_equal(b.items[1].fate, FATE_IGNORE);
    assert_int_equal(b.items[2].fate, FATE_UNHANDLED);
    assert_int_equal(b.items[3].fate, FATE_VANISHED);
    assert_string_equal(reason(4), REASON_MALFORMED_BODY);
    assert_string_equal(reason(5), REASON_INVALID_VALUE);
    assert_string_equal(reason(6), REASON_UNKNOWN_SHOP);
    assert_int_equal(b.items[7].fate,
                     FATE_IGNORE); /* of a store that is long gone nothing is kept */
    assert_string_equal(reason(8), REASON_CORRUPT_ENVELOPE);
    assert_int_equal(b.rows.n[ROWSET_orders], 1);
}

static void a_letter_has_the_body_to_the_byte(void **state)
{
    static const char body[] = "{\"id\": \"\xFF\x00 x";
    struct envelope in = {.source = TEXT("shopify"),
                          .topic = TEXT("orders/create"),
                          .key = TEXT(SHOP),
                          .event_id = TEXT("e\xFF"),
                          .triggered_us = 5,
                          .received_us = INT64_MAX,
                          .body = body,
                          .body_len = sizeof body - 1};
    size_t len;
    const void *bytes = envelope_encode(encoder, &in, &len);
    const struct value *v;

    (void)state;
    assert_int_equal(RUN(raw(bytes, len)), BATCH_READY);
    v = b.letters[0]->v;
    assert_true(text_equal(v[DEAD_PAYLOAD].text, (struct text){body, sizeof body - 1}));
    assert_true(text_equal(v[DEAD_TOPIC].text, TEXT("orders/create")));
    assert_true(text_equal(v[DEAD_HEADERS].text,
                           TEXT("{\"event_id\":\"e\xEF\xBF\xBD\",\"triggered_us\":\"5\"}")));
    assert_false(v[DEAD_RECEIVED_AT].set); /* a time that PostgreSQL would refuse */
    assert_int_equal(v[DEAD_ORGANIZATION_ID].text.n, 16);
    assert_int_equal(v[DEAD_PARTITION].num, 3);
}

static void an_unknown_store_is_asked_for(void **state)
{
    struct entry *entries[] = {event("orders/create", "new.myshopify.com", order_body(1)),
                               event("orders/create", "new.myshopify.com", order_body(2)),
                               event("orders/create", "other.myshopify.com", order_body(3)), NULL};
    const struct value *const *domains;
    uint32_t n;

    (void)state;
    entries[0]->next = entries[1];
    entries[1]->next = entries[2];
    batch_open(&b, entries[0], 3);
    assert_int_equal(batch_decode(&b, shops, 1, SIZE_MAX), BATCH_READY);
    domains = batch_unknown_shops(&b, &n);
    assert_int_equal(n, 2);
    assert_true(text_equal(domains[0]->text, TEXT("new.myshopify.com")));
    assert_true(shops_put(shops, TEXT("new.myshopify.com"), UUID_A, UUID_B, NULL, false, 1));
    batch_resolve(&b, shops, 2);
    assert_int_equal(batch_handle(&b, SIZE_MAX), BATCH_READY);
    assert_int_equal(b.rows.n[ROWSET_orders], 2);
    assert_string_equal(reason(2), REASON_UNKNOWN_SHOP); /* asked for, and nothing came back */
}

static void a_callback_has_its_fate_before_anybody_is_asked(void **state)
{
    (void)state;
    assert_int_equal(
        RUN(JSON("retell", "{\"event\":\"something_new\",\"call\":{\"call_id\":\"a\"}}"),
            JSON("retell", "{\"event\":"), JSON("retell", "[]"),
            JSON("retell", "{\"event\":\"call_started\",\"call\":{}}"),
            FORM("twilio", "CallStatus=ringing"), JSON("nobody", "{}")),
        BATCH_READY);
    assert_int_equal(b.items[0].fate, FATE_IGNORE);
    assert_string_equal(reason(1), REASON_MALFORMED_BODY);
    assert_string_equal(reason(2), REASON_MALFORMED_BODY);
    assert_string_equal(reason(3), REASON_INVALID_VALUE);
    assert_string_equal(reason(4), REASON_INVALID_VALUE);
    assert_string_equal(reason(5), REASON_UNKNOWN_SOURCE);
}

/* Decodes the list and asks; returns what is asked about calls. */
static const struct value *const *const *asked_about(struct entry **entries, uint32_t *n)
{
    unsigned count = 0;

    for (; entries[count] != NULL; count++)
        entries[count]->next = entries[count + 1];
    batch_open(&b, entries[0], count);
    assert_int_equal(batch_decode(&b, shops, 1, SIZE_MAX), BATCH_READY);
    return batch_unknown_calls(&b, n);
}

static void whose_a_call_is_is_asked_for(void **state)
{
    struct entry *entries[] = {
        event("orders/create", SHOP, order_body(1)),
        JSON(
            "retell",
            STARTED("a",
                    ",\"agent_id\":\"ag\",\"direction\":\"inbound\",\"to_number\":\"+14155550100\","
                    "\"metadata\":{\"organization_id\":\"o\",\"campaign_id\":\"c\"}")),
        FORM("twilio", "CallSid=b&CallStatus=ringing"), JSON("retell", STARTED("c", "")), NULL};
    uint32_t n;
    const struct value *const *const *cells = asked_about(entries, &n);

    (void)state;
    assert_int_equal(n, 3);
    assert_true(text_equal(cells[CALL_PROVIDER][0]->text, TEXT("retell")));
    assert_true(text_equal(cells[CALL_EXTERNAL_ID][0]->text, TEXT("a")));
    assert_true(text_equal(cells[CALL_ORGANIZATION][0]->text, TEXT("o")));
    assert_true(text_equal(cells[CALL_CAMPAIGN][0]->text, TEXT("c")));
    assert_true(text_equal(cells[CALL_PROVIDER_AGENT][0]->text, TEXT("ag")));
    assert_true(text_equal(cells[CALL_OUR_NUMBER][0]->text, TEXT("+14155550100")));
    assert_false(cells[CALL_AGENT][0]->set);
    assert_true(text_equal(cells[CALL_AGENT][1]->text, TEXT(UUID_A))); /* of the URL */
    assert_false(cells[CALL_ORGANIZATION][2]->set);

    assert_true(calls_learn(&b.calls, 0, UUID_B, UUID_A, NULL));
    assert_true(calls_learn(&b.calls, 1, UUID_A, NULL, NULL));
    assert_false(calls_learn(&b.calls, 3, UUID_A, NULL, NULL));
    assert_false(calls_learn(&b.calls, 2, "nonsense", NULL, NULL));
    batch_resolve(&b, shops, 2);
    assert_int_equal(batch_handle(&b, SIZE_MAX), BATCH_READY);
    assert_int_equal(b.rows.n[ROWSET_orders], 1);
    assert_int_equal(b.rows.n[ROWSET_calls], 2);
    assert_int_equal(b.rows.first[ROWSET_calls]->event, 1);
    assert_memory_equal(b.rows.first[ROWSET_calls]->v[COL_calls_organization_id].text.p,
                        "\xBB\xBB\xBB\xBB", 4);
    assert_memory_equal(b.rows.first[ROWSET_calls]->v[COL_calls_agent_id].text.p,
                        "\xAA\xAA\xAA\xAA", 4);
    assert_string_equal(reason(3), REASON_UNKNOWN_CALL);
    batch_condemn(&b, 1, "x", "y", NULL, false);
    assert_memory_equal(b.letters[1]->v[DEAD_ORGANIZATION_ID].text.p, "\xBB\xBB\xBB\xBB", 4);
}

/* A question that could not be put blames nobody. */
static void a_call_that_was_not_asked_about_stays(void **state)
{
    struct entry *entries[] = {JSON("retell", STARTED("a", "")), NULL};
    uint32_t n;
    size_t size;

    (void)state;
    asked_about(entries, &n);
    batch_forget_calls(&b);
    size = b.arena.size;
    b.arena.size = b.arena.used;
    assert_null(batch_unknown_calls(&b, &n));
    assert_int_equal(n, 0);
    b.arena.size = size;
    b.arena.failed = false;
    batch_resolve(&b, shops, 2);
    assert_null(b.letters[0]);
    assert_true(b.items[0].open);
}

static void slices_make_no_difference(void **state)
{
    (void)state;
    for (size_t budget = 1; budget < 2000; budget += 97) {
        struct entry *entries[21] = {NULL};

        for (int i = 0; i < 20; i++)
            entries[i] = event("orders/create", SHOP, i % 7 == 3 ? "{" : order_body(i));
        assert_int_equal(run(budget, entries), BATCH_READY);
        assert_int_equal(b.rows.n[ROWSET_orders], 17);
        for (uint32_t i = 0; i < 20; i++)
            assert_int_equal(b.items[i].fate, i % 7 == 3 ? FATE_DEAD : FATE_STORE);
        drop(batch_take_all(&b));
    }
}

static void a_newer_envelope_is_taken_out_and_not_judged(void **state)
{
    static const unsigned char newer[] = {0x81, 0xA1, 'v', 2};
    struct entry *list;
    unsigned n;

    (void)state;
    assert_int_equal(RUN(event("orders/create", SHOP, order_body(1)), raw(newer, sizeof newer),
                         raw(newer, sizeof newer), event("orders/create", SHOP, order_body(2))),
                     BATCH_READY);
    assert_int_equal(b.n, 2);
    assert_int_equal(b.rows.n[ROWSET_orders], 2);
    assert_int_equal(b.rows.last[ROWSET_orders]->event, 1);
    list = batch_take_newer(&b, &n);
    assert_int_equal(n, 2);
    drop(list);
}

/* Processes took the entry up `times` times, with this one. */
static void decode_taken_up(struct entry *e, unsigned times)
{
    batch_open(&b, e, 1);
    b.taken_up = times;
    assert_int_equal(batch_decode(&b, shops, 1, SIZE_MAX), BATCH_READY);
}

static void who_was_taken_up_too_often_is_not_handled(void **state)
{
    static const unsigned char newer[] = {0x81, 0xA1, 'v', 2};
    unsigned n;

    (void)state;
    decode_taken_up(event("orders/create", SHOP, order_body(1)), TAKEN_UP_MAX);
    assert_int_equal(batch_handle(&b, SIZE_MAX), BATCH_READY);
    assert_int_equal(b.rows.n[ROWSET_orders], 1); /* it gets another chance */
    drop(batch_take_all(&b));

    decode_taken_up(event("orders/create", SHOP, order_body(1)), TAKEN_UP_MAX + 1);
    assert_int_equal(batch_handle(&b, SIZE_MAX), BATCH_READY);
    assert_string_equal(reason(0), REASON_CRASHED_WORKER);
    assert_true(text_equal(b.letters[0]->v[DEAD_TOPIC].text, TEXT("orders/create")));
    assert_int_equal(b.rows.n[ROWSET_orders], 0);
    drop(batch_take_all(&b));

    decode_taken_up(event("orders/create", SHOP, order_body(1)), TAKEN_UP_DECODED + 1);
    assert_string_equal(reason(0), REASON_CRASHED_WORKER);
    assert_false(b.letters[0]->v[DEAD_TOPIC].set); /* not even decoded */
    drop(batch_take_all(&b));

    decode_taken_up(raw(newer, sizeof newer), 100);
    assert_int_equal(b.n, 0); /* it waits, however long */
    drop(batch_take_newer(&b, &n));
}

/* With any size of arena: each entry is stored, condemned, or still there to be tried again; and in the end all are stored. */
static void no_entry_is_left_out_whatever_the_memory(void **state)
{
    void *memory = b.arena.base;

    (void)state;
    for (size_t size = 64; size < 40000; size += 248) {
        struct entry *entries[9] = {NULL}, *list;
        unsigned stored = 0, rounds = 0;

        for (int i = 0; i < 8; i++)
            entries[i] = event("orders/create", SHOP, order_body(i));
        for (int i = 0; i < 8; i++)
            entries[i]->next = entries[i + 1];
        arena_init(&b.arena, memory, size);
        b.arena_max = 100000;
        for (list = entries[0]; list != NULL;) {
            unsigned n = 0;
            enum batch_step step;

            assert_true(++rounds < 1000);
            for (struct entry *e = list; e != NULL; e = e->next)
                n++;
            batch_open(&b, list, n);
            step = batch_decode(&b, shops, 1, SIZE_MAX);
            if (step == BATCH_READY)
                step = batch_handle(&b, SIZE_MAX);
            if (step == BATCH_GROW) {
                list = batch_take_all(&b);
                arena_init(&b.arena, memory, b.arena.size + 512);
                continue;
            }
            for (uint32_t i = 0; i < b.n; i++)
                assert_int_equal(b.items[i].fate, FATE_STORE);
            assert_int_equal(b.rows.n[ROWSET_orders], b.n);
            stored += b.n;
            list = batch_take_rest(&b);
            drop(batch_take_all(&b));
        }
        assert_int_equal(stored, 8);
    }
}

static void what_fits_no_arena_becomes_a_letter(void **state)
{
    (void)state;
    b.arena_max = b.arena.size = 3000; /* the envelope, the store, some values */
    assert_int_equal(RUN(event("orders/create", SHOP, order_body(1)),
                         event("orders/create", SHOP, order_body(2))),
                     BATCH_READY);
    assert_string_equal(reason(0), REASON_TOO_LARGE);
    assert_int_equal(b.n, 1);
    drop(batch_take_rest(&b));
    b.arena.size = BATCH_ARENA_MIN;
}

static void a_condemned_item_has_a_letter_even_without_memory(void **state)
{
    (void)state;
    assert_int_equal(RUN(event("orders/create", SHOP, order_body(1))), BATCH_READY);
    b.arena.used = b.arena.size;
    batch_condemn(&b, 0, "constraint_violation", "detail", "23514", false);
    assert_string_equal(reason(0), "constraint_violation");
    assert_true(text_equal(b.letters[0]->v[DEAD_SQLSTATE].text, TEXT("23514")));
    batch_condemn(&b, 0, "invalid_value", "detail", "22021", true);
    assert_false(b.letters[0]->v[DEAD_TOPIC].set);
    assert_true(b.letters[0]->v[DEAD_PAYLOAD].text.n > 0);
}

static void text_from_outside_is_made_fit(void **state)
{
    static const struct {
        const char *in;
        size_t n;
        const char *out;
    } rows[] = {
        {"abc", 3, "abc"},
        {"a\0b", 3,
         "a\xEF\xBF\xBD"
         "b"},
        {"\xC3\xA9", 2, "\xC3\xA9"},
        {"\xC3", 1, "\xEF\xBF\xBD"},
        {"\xC0\x80", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF0\x9F\x98\x80", 4, "\xF0\x9F\x98\x80"},
        {"\xF4\x90\x80\x80", 4, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text t = utf8_fit(&b.arena, (struct text){rows[i].in, rows[i].n});

        assert_true(text_equal(t, text_of(rows[i].out)));
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_entry_has_its_fate),
        T(a_letter_has_the_body_to_the_byte),
        T(an_unknown_store_is_asked_for),
        T(a_callback_has_its_fate_before_anybody_is_asked),
        T(whose_a_call_is_is_asked_for),
        T(a_call_that_was_not_asked_about_stays),
        T(slices_make_no_difference),
        T(a_newer_envelope_is_taken_out_and_not_judged),
        T(who_was_taken_up_too_often_is_not_handled),
        T(no_entry_is_left_out_whatever_the_memory),
        T(what_fits_no_arena_becomes_a_letter),
        T(a_condemned_item_has_a_letter_even_without_memory),
        T(text_from_outside_is_made_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
