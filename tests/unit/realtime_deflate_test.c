/* Compressed messages: what goes out comes in again, and nothing that comes in takes more than it may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "realtime/deflate.h"
#include "realtime/limits.h"

enum { BIG = 10 * 1024 * 1024 };

static struct deflate *d;

static int begin(void **state)
{
    (void)state;
    d = deflate_new();
    return d == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    deflate_free(d);
    return 0;
}

static struct frame *frame_of(const char *bytes, size_t n, bool binary)
{
    struct frame_writer w;

    frame_begin(&w);
    frame_text(&w, (struct text){bytes, n});
    return binary ? frame_finish_binary(&w) : frame_finish(&w);
}

/* n bytes compressed by zlib, as a client would. */
static struct text compressed(size_t n, int flush)
{
    static unsigned char out[BIG / 100];
    unsigned char *zeros = calloc(1, n);
    z_stream z = {0};
    size_t len;

    assert_non_null(zeros);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = zeros;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = sizeof out;
    assert_in_range(deflate(&z, flush), Z_OK, Z_STREAM_END);
    len = sizeof out - z.avail_out;
    deflateEnd(&z);
    free(zeros);
    return (struct text){(char *)out, flush == Z_SYNC_FLUSH ? len - 4 : len};
}

static void a_frame_is_compressed_once_and_says_the_same(void **state)
{
    char row[2000];
    struct text out;

    (void)state;
    for (size_t i = 0; i < sizeof row; i++)
        row[i] = "{\"id\":12,\"status\":\"pending\"}"[i % 28];
    for (int binary = 0; binary < 2; binary++) {
        struct frame *f = frame_of(row, sizeof row, binary);
        const struct frame *small = deflate_frame(d, f);

        assert_ptr_not_equal(small, f);
        assert_in_range(small->len, 1, sizeof row / 4);
        assert_int_equal(small->bytes[small->start], binary ? 0xC2 : 0xC1);
        assert_int_equal(f->bytes[f->start], binary ? 0x82 : 0x81);
        assert_ptr_equal(deflate_frame(d, f), small);
        out = (struct text){(const char *)small->bytes + FRAME_HEADER_MAX,
                            small->len - (FRAME_HEADER_MAX - small->start)};
        assert_int_equal(deflate_inflate(d, out, &out), INFLATED_WELL);
        assert_int_equal(out.n, sizeof row);
        assert_memory_equal(out.p, row, sizeof row);
        frame_unref(f);
    }
}

static void what_would_not_shrink_stays_as_it_is(void **state)
{
    char noise[4000], little[DEFLATE_MIN - 5] = {0};
    struct frame *f = frame_of(little, sizeof little, false);
    uint32_t x = 1;

    (void)state;
    assert_int_equal(f->len, DEFLATE_MIN - 1);
    assert_ptr_equal(deflate_frame(d, f), f);
    frame_unref(f);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    f = frame_of(noise, sizeof noise, true);
    assert_ptr_equal(deflate_frame(d, f), f);
    assert_ptr_equal(deflate_frame(d, f), f);
    frame_unref(f);
}

static void a_message_may_become_as_long_as_an_uncompressed_one_and_no_longer(void **state)
{
    struct text out;

    (void)state;
    assert_int_equal(deflate_inflate(d, compressed(SESSION_FRAME_IN_MAX, Z_SYNC_FLUSH), &out),
                     INFLATED_WELL);
    assert_int_equal(out.n, SESSION_FRAME_IN_MAX);
    assert_int_equal(deflate_inflate(d, compressed(SESSION_FRAME_IN_MAX + 1, Z_SYNC_FLUSH), &out),
                     INFLATED_TOO_BIG);
    assert_int_equal(deflate_inflate(d, compressed(BIG, Z_SYNC_FLUSH), &out), INFLATED_TOO_BIG);
    /* A sender may end its last block itself. */
    assert_int_equal(deflate_inflate(d, compressed(1000, Z_FINISH), &out), INFLATED_WELL);
    assert_int_equal(out.n, 1000);
    assert_int_equal(deflate_inflate(d, (struct text){"", 1}, &out), INFLATED_WELL); /* "" */
    assert_int_equal(out.n, 0);
}

static void what_is_no_compressed_message_is_found_out(void **state)
{
    static const char *const bad[] = {"\x07", "\xFF\xFF\xFF\xFF", "{\"topic\":\"phoenix\"}",
                                      "\x01\x05"};
    struct text whole = compressed(5000, Z_SYNC_FLUSH), out;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(deflate_inflate(d, text_of(bad[i]), &out), INFLATED_BAD);
    for (size_t n = 1; n < whole.n - 1; n++)
        assert_int_not_equal(deflate_inflate(d, (struct text){whole.p, n}, &out), INFLATED_TOO_BIG);
    assert_int_equal(deflate_inflate(d, (struct text){whole.p, whole.n / 2}, &out), INFLATED_BAD);
    assert_int_equal(deflate_inflate(d, whole, &out), INFLATED_WELL); /* and it does not last */
}

static void offers_of_known_clients_suit(void **state)
{
    static const struct {
        const char *offer;
        bool suits;
    } offers[] = {
        {"permessage-deflate; client_max_window_bits", true}, /* Chromium, ws */
        {"permessage-deflate", true},                         /* Firefox, Safari */
        {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", true},
        {"permessage-deflate; server_max_window_bits=10", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++)
        assert_int_equal(deflate_suits(offers[i].offer), offers[i].suits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_compressed_once_and_says_the_same),
        cmocka_unit_test(what_would_not_shrink_stays_as_it_is),
        cmocka_unit_test(a_message_may_become_as_long_as_an_uncompressed_one_and_no_longer),
        cmocka_unit_test(what_is_no_compressed_message_is_found_out),
        cmocka_unit_test(offers_of_known_clients_suit),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
