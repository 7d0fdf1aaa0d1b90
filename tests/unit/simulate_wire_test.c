/* simulate: what goes over the wire and what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hmac.h"
#include "simulate/deal.h"
#include "simulate/histogram.h"
#include "simulate/reply.h"
#include "simulate/sightings.h"
#include "simulate/websocket.h"

enum { EVENTS = 400 };

static const char *const stores[] = {"a.myshopify.com"};

static struct sim *shop(void)
{
    struct sim_options o = {.seed = 9,
                            .stores = stores,
                            .n_stores = 1,
                            .events = EVENTS,
                            .start_us = 1769600000000000,
                            .span_us = INT64_C(86400) * 1000000,
                            .carts_percent = 45,
                            .abandon_after_us = 1800000000,
                            .expire_after_us = INT64_C(30) * 86400 * 1000000};
    return sim_new(&o);
}

static struct deal *deal_of(struct sim *s, unsigned duplicates, unsigned window)
{
    struct deal_options o = {.sim = s,
                             .host = "127.0.0.1:8080",
                             .path = "/webhooks/shopify",
                             .secret = "hush",
                             .duplicates_percent = duplicates,
                             .window = window,
                             .seed = 9};
    return deal_new(&o);
}

/* The header's value into `out`. */
static void header(const struct message *m, const char *name, char *out, size_t size)
{
    char start[64];
    const char *at;

    snprintf(start, sizeof start, "\r\n%s: ", name);
    at = strstr(m->bytes, start);
    assert_non_null(at);
    at += strlen(start);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
}

static void every_delivery_is_signed_over_its_raw_bytes(void **state)
{
    struct sim *s = shop();
    struct deal *d = deal_of(s, 0, 1);
    struct message *m;
    unsigned n = 0;
    (void)state;
    while ((m = deal_next(d)) != NULL) {
        const char *body = strstr(m->bytes, "\r\n\r\n") + 4;
        size_t len = m->len - (size_t)(body - m->bytes);
        char given[64], length[16], wanted[BASE64_SIZE(SHA256_SIZE) + 1];
        uint8_t mac[SHA256_SIZE];
        assert_true(hmac_sha256_once("hush", 4, mac, body, len));
        base64_encode(wanted, mac, sizeof mac);
        header(m, "X-Shopify-Hmac-Sha256", given, sizeof given);
        assert_string_equal(given, wanted);
        header(m, "Content-Length", length, sizeof length);
        assert_int_equal(strtoul(length, NULL, 10), len);
        m->taken = true;
        message_drop(m);
        n++;
    }
    assert_int_equal(n, EVENTS);
    deal_free(d);
    sim_free(s);
}

static void every_event_is_dealt_the_right_number_of_times(void **state)
{
    static const struct {
        unsigned duplicates, window, low, high;
    } cases[] = {{0, 1, EVENTS, EVENTS},
                 {0, 50, EVENTS, EVENTS},
                 {100, 1, 2 * EVENTS, 2 * EVENTS},
                 {200, 1000, 3 * EVENTS, 3 * EVENTS},
                 {50, 10, EVENTS + EVENTS / 3, EVENTS + EVENTS * 2 / 3}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim *s = shop();
        struct deal *d = deal_of(s, cases[i].duplicates, cases[i].window);
        struct message *m;
        unsigned n = 0, first = 0;
        while ((m = deal_next(d)) != NULL) {
            first += !m->taken;
            m->taken = true;
            message_drop(m);
            n++;
        }
        assert_int_equal(first, EVENTS);
        assert_in_range(n, cases[i].low, cases[i].high);
        deal_free(d);
        sim_free(s);
    }
}

/* The position of each delivery's webhook id in the order of the source. */
static unsigned out_of_order(unsigned window)
{
    struct sim *s = shop(), *again = shop();
    struct deal *d = deal_of(s, 0, window);
    char ids[EVENTS][40], id[40];
    struct sim_event e;
    struct message *m;
    unsigned at = 0, moved = 0;

    while (sim_next(again, &e))
        snprintf(ids[e.number], sizeof ids[0], "%s", e.webhook_id);
    while ((m = deal_next(d)) != NULL) {
        header(m, "X-Shopify-Webhook-Id", id, sizeof id);
        moved += strcmp(ids[at++], id) != 0;
        m->taken = true;
        message_drop(m);
    }
    deal_free(d);
    sim_free(s);
    sim_free(again);
    return moved;
}

static void shuffling_moves_deliveries_and_no_window_moves_none(void **state)
{
    (void)state;
    assert_int_equal(out_of_order(1), 0);
    assert_true(out_of_order(100) > EVENTS / 2);
}

static void stopping_a_deal_still_deals_what_was_taken(void **state)
{
    struct sim *s = shop();
    struct deal *d = deal_of(s, 0, 100);
    struct message *m = deal_next(d);
    unsigned n = 1;
    (void)state;
    message_drop(m);
    deal_stop(d);
    while ((m = deal_next(d)) != NULL) {
        message_drop(m);
        n++;
    }
    assert_int_equal(n, 100);
    deal_free(d);
    sim_free(s);
}

static void replies_are_read_whatever_the_pieces(void **state)
{
    static const char text[] =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\ncontent-length: 5\r\nConnection: "
        "close\r\n\r\nlaterHTTP/1.1";
    const size_t whole = sizeof text - 1 - strlen("HTTP/1.1");
    (void)state;
    for (size_t piece = 1; piece <= sizeof text - 1; piece++) {
        struct reply r;
        enum reply_progress progress = REPLY_MORE;
        size_t at = 0, used = 0;
        reply_init(&r);
        while (progress == REPLY_MORE && at < sizeof text - 1) {
            size_t n = sizeof text - 1 - at < piece ? sizeof text - 1 - at : piece;
            progress = reply_feed(&r, text + at, n, &used);
            at += used;
        }
        assert_int_equal(progress, REPLY_DONE);
        assert_int_equal(at, whole);
        assert_int_equal(r.status, 503);
        assert_int_equal(r.retry_after, 2);
        assert_true(r.close);
        assert_string_equal(r.note, "later");
    }
}

static void what_is_no_reply_is_broken(void **state)
{
    static const char *const cases[] = {"HTTP/1.0 200 OK\r\n\r\n", "SSH-2.0-x\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"};
    char endless[2 * REPLY_HEAD_MAX];
    struct reply r;
    size_t used;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reply_init(&r);
        assert_int_equal(reply_feed(&r, cases[i], strlen(cases[i]), &used), REPLY_BROKEN);
    }
    memset(endless, 'a', sizeof endless);
    reply_init(&r);
    assert_int_equal(reply_feed(&r, endless, sizeof endless, &used), REPLY_BROKEN);
}

static void percentiles_are_right_to_a_few_percent(void **state)
{
    struct histogram *h = calloc(1, sizeof *h);
    (void)state;
    assert_int_equal(histogram_percentile(h, 0.99), 0);
    for (uint64_t us = 1; us <= 100000; us++)
        histogram_add(h, us);
    assert_in_range(histogram_percentile(h, 0.5), 49000, 52000);
    assert_in_range(histogram_percentile(h, 0.99), 98000, 102000);
    assert_int_equal(histogram_percentile(h, 1.0), 100000);
    histogram_add(h, UINT64_MAX); /* bounded, not lost */
    assert_int_equal(h->n, 100001);
    free(h);
}

static void things_are_seen_once(void **state)
{
    struct sightings s = {0};
    uint64_t latency;
    (void)state;
    for (uint64_t id = 1; id <= 5000; id++)
        sightings_sent(&s, id, 1000 + id);
    sightings_sent(&s, 1, 9999); /* a later event of the same thing */
    assert_int_equal(s.unseen, 5000);
    assert_true(sightings_seen(&s, 1, 1101, &latency));
    assert_int_equal(latency, 100);
    assert_false(sightings_seen(&s, 1, 1200, &latency));
    assert_true(sightings_seen(&s, 777777, 5, &latency));
    assert_true(latency == UINT64_MAX); /* never sent by us */
    assert_int_equal(s.unseen, 4999);
    sightings_free(&s);
}

/* A frame as a server sends it: unmasked. */
static size_t server_frame(char *out, int first, size_t len)
{
    size_t n = 0;

    out[n++] = (char)first;
    if (len < 126) {
        out[n++] = (char)len;
    } else {
        bool wide = len > 65535;
        out[n++] = (char)(wide ? 127 : 126);
        for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8)
            out[n++] = (char)((uint64_t)len >> shift);
    }
    memset(out + n, 'x', len);
    return n + len;
}

static void frames_of_every_length_are_read_from_any_pieces(void **state)
{
    static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536, 200000};
    char *frame = malloc(300000);
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct websocket_in in = {0};
        size_t n = server_frame(frame, 0x81, lengths[i]), taken = 0;
        enum websocket_op op = WS_CLOSE;
        struct text payload;
        for (size_t at = 0; at < n; at += 7001) {
            assert_int_equal(websocket_next(&in, &op, &payload, &taken), WS_GOT_NOTHING);
            assert_true(websocket_feed(&in, frame + at, n - at < 7001 ? n - at : 7001));
        }
        assert_int_equal(websocket_next(&in, &op, &payload, &taken), WS_GOT_FRAME);
        assert_int_equal(op, WS_TEXT);
        assert_int_equal(payload.n, lengths[i]);
        assert_int_equal(taken, n);
        websocket_taken(&in, taken);
        assert_int_equal(websocket_next(&in, &op, &payload, &taken), WS_GOT_NOTHING);
        websocket_free(&in);
    }
    free(frame);
}

static void frames_that_no_server_sends_are_broken(void **state)
{
    static const unsigned char cases[][2] = {{0x01, 0}, {0x80, 0}, {0xc1, 0}, {0x81, 0x80}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct websocket_in in = {0};
        enum websocket_op op;
        struct text payload;
        size_t n;
        assert_true(websocket_feed(&in, (const char *)cases[i], 2));
        assert_int_equal(websocket_next(&in, &op, &payload, &n), WS_GOT_BROKEN);
        websocket_free(&in);
    }
}

static void our_frames_are_masked(void **state)
{
    char out[64];
    size_t n = websocket_frame(out, WS_TEXT, "hello", 5);
    (void)state;
    assert_int_equal(n, 11);
    assert_int_equal((unsigned char)out[0], 0x81);
    assert_int_equal((unsigned char)out[1], 0x85);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(out[6 + i] ^ out[2 + i % 4], "hello"[i]);
}

static void messages_of_the_server_are_understood(void **state)
{
    static const struct {
        const char *text;
        enum live_kind kind;
        uint64_t id;
    } cases[] = {
        {"[\"1\",\"1\",\"realtime:simulate\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]",
         LIVE_JOINED, 0},
        {"[\"1\",\"1\",\"realtime:simulate\",\"phx_reply\",{\"status\":\"error\",\"response\":{}}]",
         LIVE_REFUSED, 0},
        {"[null,\"2\",\"phoenix\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]", LIVE_OTHER,
         0},
        {"[\"1\",null,\"realtime:simulate\",\"phx_error\",{}]", LIVE_REFUSED, 0},
        {"[null,null,\"t\",\"system\",{\"status\":\"ok\"}]", LIVE_OTHER, 0},
        {"[null,null,\"t\",\"postgres_changes\",{\"ids\":[1],\"data\":{\"table\":\"commerce_"
         "orders\",\"type\":\"INSERT\","
         "\"record\":{\"external_order_id\":\"820982911946154508\",\"total_amount\":12.50}}}]",
         LIVE_ORDER, 820982911946154508},
        {"[null,null,\"t\",\"postgres_changes\",{\"ids\":[1],\"data\":{\"table\":\"commerce_"
         "orders\",\"type\":\"DELETE\"}}]",
         LIVE_OTHER, 0},
        {"not JSON", LIVE_OTHER, 0},
        {"", LIVE_OTHER, 0},
    };
    struct live_message m;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        live_read(&m, text_of(cases[i].text));
        if (m.kind != cases[i].kind || m.id != cases[i].id)
            fail_msg("misread: %s", cases[i].text);
    }
    live_read(&m, TEXT("[null,null,\"t\",\"postgres_changes\",{\"data\":{\"table\":\"commerce_"
                       "abandoned_carts\",\"record\":{"
                       "\"external_cart_id\":\"84ad78\"}}}]"));
    assert_int_equal(m.kind, LIVE_CART);
    assert_true(m.id != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_delivery_is_signed_over_its_raw_bytes),
        cmocka_unit_test(every_event_is_dealt_the_right_number_of_times),
        cmocka_unit_test(shuffling_moves_deliveries_and_no_window_moves_none),
        cmocka_unit_test(stopping_a_deal_still_deals_what_was_taken),
        cmocka_unit_test(replies_are_read_whatever_the_pieces),
        cmocka_unit_test(what_is_no_reply_is_broken),
        cmocka_unit_test(percentiles_are_right_to_a_few_percent),
        cmocka_unit_test(things_are_seen_once),
        cmocka_unit_test(frames_of_every_length_are_read_from_any_pieces),
        cmocka_unit_test(frames_that_no_server_sends_are_broken),
        cmocka_unit_test(our_frames_are_masked),
        cmocka_unit_test(messages_of_the_server_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
