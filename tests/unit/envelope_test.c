#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lz4.h>
#include <msgpack.h>

#include "envelope.h"
#include "event.h"

enum { ARENA_BYTES = 1 << 20, BODY_MAX = 64 * 1024 };

static alignas(max_align_t) char memory[ARENA_BYTES];
static struct arena arena;
static struct envelope_encoder *encoder;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, memory, sizeof memory);
    encoder = envelope_encoder_new();
    return encoder == NULL;
}

static int teardown(void **state)
{
    (void)state;
    envelope_encoder_free(encoder);
    return 0;
}

static struct envelope sample(const char *body, size_t len)
{
    struct envelope e = {
        .source = TEXT("shopify"),
        .topic = TEXT("orders/create"),
        .key = TEXT("acme.myshopify.com"),
        .event_id = TEXT("98880550-7158-44d4-b7cd-2c97c8a091b5"),
        .delivery_id = TEXT("b54557e4"),
        .triggered_us = 1700000000000000,
        .received_us = 1700000000123456,
        .digest = {0, 1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff},
        .headers = {{TEXT("x-shopify-api-version"), TEXT("2024-10")}, {TEXT("x-empty"), TEXT("")}},
        .n_headers = 2,
        .body = body,
        .body_len = len};
    return e;
}

static enum envelope_result decode(struct envelope *out, const void *bytes, size_t len,
                                   const char **reason)
{
    return envelope_decode(out, bytes, len, BODY_MAX, &arena, reason);
}

static void assert_same(const struct envelope *a, const struct envelope *b)
{
    assert_true(text_equal(a->source, b->source) && text_equal(a->topic, b->topic) &&
                text_equal(a->key, b->key));
    assert_true(text_equal(a->event_id, b->event_id) && text_equal(a->delivery_id, b->delivery_id));
    assert_int_equal(a->triggered_us, b->triggered_us);
    assert_int_equal(a->received_us, b->received_us);
    assert_memory_equal(a->digest, b->digest, sizeof a->digest);
    assert_int_equal(a->n_headers, b->n_headers);
    for (unsigned i = 0; i < a->n_headers; i++) {
        assert_true(text_equal(a->headers[i].name, b->headers[i].name));
        assert_true(text_equal(a->headers[i].value, b->headers[i].value));
    }
    assert_int_equal(a->body_len, b->body_len);
    assert_memory_equal(a->body, b->body, a->body_len);
}

static void fill(char *body, size_t len, bool compressible)
{
    for (size_t i = 0; i < len; i++)
        body[i] = compressible ? "{\"id\":1,\"name\":\"x\"}"[i % 19] : (char)random();
}

static void what_is_encoded_is_decoded_at_every_size_and_padded(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 511, 512, 513, 9000, BODY_MAX};
    static char body[BODY_MAX];
    const char *reason;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int kind = 0; kind < 2; kind++) {
            struct envelope in = sample(body, sizes[i]), out;
            size_t len;
            const void *bytes;
            unsigned char *exact;
            fill(body, sizes[i], kind);
            bytes = envelope_encode(encoder, &in, &len);
            assert_non_null(bytes);
            if (kind && sizes[i] >= 1024)
                assert_true(len < sizes[i] / 2 + 300);
            /* Exactly as many bytes as there are, so that sanitizers see every step beyond. */
            exact = malloc(len);
            memcpy(exact, bytes, len);
            arena_reset(&arena);
            assert_int_equal(decode(&out, exact, len, &reason), ENVELOPE_OK);
            assert_null(reason);
            assert_same(&out, &in);
            for (unsigned k = 0; k < EVENT_BODY_PADDING; k++)
                (void)*(volatile const char *)(out.body + out.body_len + k);
            free(exact);
        }
}

static void absent_parts_stay_absent_and_empty_ones_empty(void **state)
{
    struct envelope in = sample("{}", 2), out;
    const char *reason;
    size_t len;

    (void)state;
    in.event_id = TEXT_NULL;
    in.delivery_id = TEXT("");
    in.triggered_us = EVENT_NO_TIME;
    in.received_us = -5;
    in.n_headers = 0;
    const void *bytes = envelope_encode(encoder, &in, &len);
    assert_int_equal(decode(&out, bytes, len, &reason), ENVELOPE_OK);
    assert_same(&out, &in);
    assert_null(out.event_id.p);
    assert_non_null(out.delivery_id.p);
}

static void the_most_headers_fit(void **state)
{
    struct envelope in = sample("{}", 2), out;
    const char *reason;
    size_t len;

    (void)state;
    for (in.n_headers = 0; in.n_headers < ENVELOPE_HEADERS_MAX; in.n_headers++)
        in.headers[in.n_headers] = (struct envelope_header){TEXT("a"), TEXT("b")};
    const void *bytes = envelope_encode(encoder, &in, &len);
    assert_int_equal(decode(&out, bytes, len, &reason), ENVELOPE_OK);
    assert_same(&out, &in);
}

/* ---- what others may send -----------------------------------------------------------------------
 */

static msgpack_sbuffer hand;
static msgpack_packer pk;

static void put_text(const char *s)
{
    msgpack_pack_str(&pk, strlen(s));
    msgpack_pack_str_body(&pk, s, strlen(s));
}

static void put_bytes(const void *p, size_t n)
{
    msgpack_pack_bin(&pk, n);
    msgpack_pack_bin_body(&pk, p, n);
}

static void hand_begin(size_t pairs, uint64_t version)
{
    msgpack_sbuffer_clear(&hand);
    msgpack_packer_init(&pk, &hand, msgpack_sbuffer_write);
    msgpack_pack_map(&pk, pairs);
    put_text("v");
    msgpack_pack_uint64(&pk, version);
}

enum { REST = 7 };

/* The rest of a good envelope, but for the pairs in `leave_out`. */
static void hand_rest(const char *leave_out)
{
    for (const char *k = "stkrhcb"; *k != '\0'; k++) {
        char key[2] = {*k, '\0'};
        if (strchr(leave_out, *k) != NULL)
            continue;
        put_text(key);
        if (strchr("stk", *k) != NULL)
            put_text("x");
        else if (*k == 'h')
            put_bytes("12345678", 8);
        else if (*k == 'b')
            put_bytes("{}", 2);
        else
            msgpack_pack_int(&pk, 0);
    }
}

static enum envelope_result decode_hand(const char **reason)
{
    static struct envelope out;

    arena_reset(&arena);
    return decode(&out, hand.data, hand.size, reason);
}

static void a_newer_version_waits_whatever_follows(void **state)
{
    static const uint64_t newer[] = {2, 3, 127, 128, 255, 256, 65536, 1ull << 40, UINT64_MAX};
    const char *reason;

    (void)state;
    for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
        hand_begin(2, newer[i]);
        assert_int_equal(decode_hand(&reason), ENVELOPE_NEWER); /* even truncated */
        assert_non_null(reason);
    }
}

static void unknown_keys_are_passed_over(void **state)
{
    const char *reason;

    (void)state;
    hand_begin(1 + REST + 3, ENVELOPE_VERSION);
    put_text("unknown");
    msgpack_pack_array(&pk, 2);
    msgpack_pack_nil(&pk);
    msgpack_pack_map(&pk, 1);
    put_text("deep");
    msgpack_pack_double(&pk, 1.5);
    put_text("z");
    msgpack_pack_true(&pk);
    msgpack_pack_int(&pk, 7); /* not even a text */
    msgpack_pack_int(&pk, -70000);
    hand_rest("");
    assert_int_equal(decode_hand(&reason), ENVELOPE_OK);
}

static void every_required_part_is_missed(void **state)
{
    const char *reason;

    (void)state;
    hand_begin(1 + REST, ENVELOPE_VERSION);
    hand_rest("");
    assert_int_equal(decode_hand(&reason), ENVELOPE_OK);
    for (const char *k = "stkrhb"; *k != '\0'; k++) {
        hand_begin(REST, ENVELOPE_VERSION);
        hand_rest((const char[]){*k, '\0'});
        assert_int_equal(decode_hand(&reason), ENVELOPE_CORRUPT);
        assert_non_null(strstr(reason, "missing"));
    }
}

static void a_part_of_the_wrong_type_is_corrupt(void **state)
{
    const char *reason;

    (void)state;
    for (const char *k = "stkidgrhxcb"; *k != '\0'; k++)
        for (int wrong = 0; wrong < 3; wrong++) {
            char key[2] = {*k, '\0'};
            hand_begin(2 + REST, ENVELOPE_VERSION);
            hand_rest("");
            put_text(key); /* the last one wins */
            if (wrong == 0)
                msgpack_pack_nil(&pk);
            else if (wrong == 1)
                msgpack_pack_double(&pk, 1);
            else
                msgpack_pack_uint64(&pk, UINT64_MAX); /* beyond int64, and no text */
            assert_int_equal(decode_hand(&reason), ENVELOPE_CORRUPT);
            assert_non_null(reason);
        }
}

static void too_many_headers_unknown_codecs_and_large_bodies_are_corrupt(void **state)
{
    static char large[BODY_MAX + 1];
    const char *reason;

    (void)state;
    hand_begin(2 + REST, ENVELOPE_VERSION);
    hand_rest("");
    put_text("x");
    msgpack_pack_map(&pk, ENVELOPE_HEADERS_MAX + 1);
    for (unsigned i = 0; i <= ENVELOPE_HEADERS_MAX; i++)
        put_text("a"), put_text("b");
    assert_int_equal(decode_hand(&reason), ENVELOPE_CORRUPT);
    hand_begin(1 + REST, ENVELOPE_VERSION);
    hand_rest("c");
    put_text("c");
    msgpack_pack_int(&pk, 1);
    assert_int_equal(decode_hand(&reason), ENVELOPE_CORRUPT);
    assert_non_null(strstr(reason, "codec"));
    hand_begin(1 + REST, ENVELOPE_VERSION);
    hand_rest("b");
    put_text("b");
    put_bytes(large, sizeof large);
    assert_int_equal(decode_hand(&reason), ENVELOPE_CORRUPT);
    assert_non_null(strstr(reason, "larger"));
}

static void hand_packed(const void *packed, size_t n, int64_t says)
{
    hand_begin(2 + REST, ENVELOPE_VERSION);
    hand_rest("cb");
    put_text("c");
    msgpack_pack_int(&pk, 2);
    put_text("n");
    msgpack_pack_int64(&pk, says);
    put_text("b");
    put_bytes(packed, n);
}

static void a_compressed_body_is_measured_before_it_is_expanded(void **state)
{
    static const int64_t wrong[] = {INT64_MIN, -1, 0, 1, BODY_MAX - 1, INT64_MAX};
    /* A match that begins a megabyte before the text: far outside of the dictionary. */
    static const char far[] = {0x1F, 'a', (char)0xFF, (char)0xFF, 0x10, 0x50,
                               'b',  'b', 'b',        'b',        'b'};
    static char plain[BODY_MAX + 1], packed[BODY_MAX];
    const char *reason;
    int n;

    (void)state;
    n = LZ4_compress_default(plain, packed, BODY_MAX, sizeof packed);
    hand_packed(packed, (size_t)n, BODY_MAX);
    assert_int_equal(decode_hand(&reason), ENVELOPE_OK);
    for (int cut = 0; cut < n; cut++) {
        hand_packed(packed, (size_t)cut, BODY_MAX);
        assert_int_equal(decode_hand(&reason), ENVELOPE_CORRUPT);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        hand_packed(packed, (size_t)n, wrong[i]);
        assert_int_equal(decode_hand(&reason), ENVELOPE_CORRUPT);
    }
    n = LZ4_compress_default(plain, packed, BODY_MAX + 1,
                             sizeof packed); /* 64 KiB of zeros in 270 bytes */
    hand_packed(packed, (size_t)n, BODY_MAX + 1);
    assert_int_equal(decode_hand(&reason), ENVELOPE_CORRUPT);
    assert_non_null(strstr(reason, "larger"));
    hand_packed(far, sizeof far, 41);
    assert_int_equal(decode_hand(&reason), ENVELOPE_CORRUPT);
}

static void forged_sizes_and_depths_are_refused_without_allocating(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } forged[] = {
        {"", 0},
        {"\x00", 1},
        {"\x80", 1},
        {"\x90", 1},
        {"\xc1", 1},
        {"\xa1v", 2},
        {"\x81\xa1v", 3},
        {"\x81\xa1v\x00", 4},                                  /* version 0 */
        {"\x81\xa1v\xff", 4},                                  /* version -1 */
        {"\x81\xa1v\xd3\x7f\xff\xff\xff\xff\xff\xff\xff", 12}, /* a signed one */
        {"\x81\xa1w\x01", 4},                                  /* another key in front */
        {"\x81\xa1v\x01", 4},                                  /* nothing else */
        {"\x81\xa1v\x01\x01", 5},                              /* something behind */
        {"\xdf\xff\xff\xff\xff\xa1v\x01", 8},                  /* 4 billion pairs */
        {"\xde\xff\xff\xa1v\x01", 6},
        {"\x82\xa1v\x01\xa1y\xdd\xff\xff\xff\xff", 11}, /* 4 billion elements */
        {"\x82\xa1v\x01\xa1y\xc6\xff\xff\xff\xff", 11}, /* 4 billion bytes */
        {"\x82\xa1v\x01\xa1y\xdb\xff\xff\xff\xff", 11},
        {"\x82\xa1v\x01\xa1y\xc9\xff\xff\xff\xff\x01", 12},
        {"\x82\xa1v\x01\xa1y\xcf\x01", 8},
        {"\x82\xa1v\x01\xa1y\xd8\x01", 8},
        {"\x82\xa1v\x01\xa1y\xc1", 7},
        {"\x82\xa1v\x01\xa1y\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01", 19}, /* deep */
    };
    static char many[4096];
    const char *reason;
    struct envelope out;

    (void)state;
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        char *exact = malloc(forged[i].len + 1);
        memcpy(exact, forged[i].bytes, forged[i].len);
        assert_int_equal(decode(&out, exact, forged[i].len, &reason), ENVELOPE_CORRUPT);
        assert_non_null(reason);
        free(exact);
    }
    /* Deeper than any stack. */
    memset(many, 0x91, sizeof many);
    memcpy(many, "\x82\xa1v\x01\xa1y", 6);
    assert_int_equal(decode(&out, many, sizeof many, &reason), ENVELOPE_CORRUPT);
    /* More objects than an envelope can need. */
    memset(many, 0xc0, sizeof many);
    memcpy(many, "\x82\xa1v\x01\xa1y\xdc\x0f\xf7", 9);
    assert_int_equal(decode(&out, many, 9 + 0x0ff7, &reason), ENVELOPE_CORRUPT);
    assert_int_equal(arena.used, 0);
}

/* Every prefix, and every byte changed to something else: an answer, and nothing read outside. */
static void truncated_and_damaged_envelopes_never_do_harm(void **state)
{
    static char body[2000];
    const char *reason;
    struct envelope out, in = sample(body, sizeof body);
    size_t len, ok = 0;

    (void)state;
    fill(body, sizeof body, true);
    const unsigned char *bytes = envelope_encode(encoder, &in, &len);
    for (size_t cut = 0; cut < len; cut++) {
        unsigned char *exact = malloc(cut + 1);
        memcpy(exact, bytes, cut);
        arena_reset(&arena);
        assert_int_equal(decode(&out, exact, cut, &reason), ENVELOPE_CORRUPT);
        free(exact);
    }
    for (size_t i = 0; i < len; i++)
        for (unsigned change = 1; change < 256; change += 7) {
            unsigned char *exact = malloc(len);
            memcpy(exact, bytes, len);
            exact[i] ^= (unsigned char)change;
            arena_reset(&arena);
            ok += decode(&out, exact, len, &reason) == ENVELOPE_OK;
            free(exact);
        }
    assert_true(ok > 0); /* a changed letter in a text is no damage that we could see */
}

/* The arena is the batch's: when it is full the reason says so and `failed` stands; nothing is
 * overrun. */
static void any_arena_size_gives_a_body_or_a_reason(void **state)
{
    static char body[1500];
    const char *reason;
    struct envelope out, in = sample(body, sizeof body);
    enum envelope_result result = ENVELOPE_CORRUPT;
    size_t len;

    (void)state;
    fill(body, sizeof body, true);
    const void *bytes = envelope_encode(encoder, &in, &len);
    for (size_t room = 0; result != ENVELOPE_OK; room += 16) {
        arena_init(&arena, memory, room);
        result = decode(&out, bytes, len, &reason);
        if (result == ENVELOPE_CORRUPT)
            assert_true(arena.failed && strstr(reason, "memory") != NULL);
        assert_true(room < 4096);
    }
    assert_same(&out, &in);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_encoded_is_decoded_at_every_size_and_padded),
        CASE(absent_parts_stay_absent_and_empty_ones_empty),
        CASE(the_most_headers_fit),
        CASE(a_newer_version_waits_whatever_follows),
        CASE(unknown_keys_are_passed_over),
        CASE(every_required_part_is_missed),
        CASE(a_part_of_the_wrong_type_is_corrupt),
        CASE(too_many_headers_unknown_codecs_and_large_bodies_are_corrupt),
        CASE(a_compressed_body_is_measured_before_it_is_expanded),
        CASE(forged_sizes_and_depths_are_refused_without_allocating),
        CASE(truncated_and_damaged_envelopes_never_do_harm),
        CASE(any_arena_size_gives_a_body_or_a_reason),
    };
    int failed;

    msgpack_sbuffer_init(&hand);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    msgpack_sbuffer_destroy(&hand);
    return failed;
}
