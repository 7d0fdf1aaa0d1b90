/* Rows -> merged rounds -> binary arrays -> one request. The arrays are checked by decoding them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/array.h"
#include "worker/encode.h"
#include "worker/merge.h"

enum { MEMORY = 4 << 20 };

static struct arena arena, out;
static struct rows rows;
static uint8_t integration[16] = {0xAB}, organization[16] = {0xCD};
static bool again[64], traced[64];
static struct dead_letter *letters[64];

static int begin(void **state)
{
    (void)state;
    if (arena.base == NULL) {
        arena_init(&arena, malloc(MEMORY), MEMORY);
        arena_init(&out, malloc(MEMORY), MEMORY);
    }
    arena_reset(&arena);
    arena_reset(&out);
    rows_init(&rows, &arena);
    memset(again, 0, sizeof again);
    memset(traced, 0, sizeof traced);
    memset(letters, 0, sizeof letters);
    return 0;
}

/* ---- a decoder ------------------------------------------------------------------------------------ */

struct decoder {
    const unsigned char *p;
    uint32_t n, oid;
};

static uint32_t get(struct decoder *d, unsigned bytes)
{
    uint32_t v = 0;

    while (bytes-- > 0)
        v = v << 8 | *d->p++;
    return v;
}

static struct decoder open_array(const char *array, int len)
{
    struct decoder d = {.p = (const unsigned char *)array};
    uint32_t dimensions = get(&d, 4);

    get(&d, 4);
    d.oid = get(&d, 4);
    if (dimensions == 0) {
        assert_int_equal(len, 12);
        return d;
    }
    assert_int_equal(dimensions, 1);
    d.n = get(&d, 4);
    assert_int_equal(get(&d, 4), 1);
    return d;
}

/* As numeric_out(): base 10000 digits back to text. */
static const char *numeric(struct decoder *d)
{
    static char text[200];
    char *p = text;
    int n = (int)get(d, 2), weight = (int16_t)get(d, 2);
    uint32_t sign = get(d, 2);
    int scale = (int)get(d, 2), group[64];

    for (int i = 0; i < n; i++)
        group[i] = (int)get(d, 2);
    if (sign == 0x4000)
        *p++ = '-';
    if (weight < 0)
        *p++ = '0';
    for (int g = 0; g <= weight; g++)
        p += sprintf(p, g == 0 ? "%d" : "%04d", g < n ? group[g] : 0);
    if (scale == 0)
        return text;
    *p++ = '.';
    for (int i = 0; i < scale; i++) {
        int g = weight + 1 + i / 4, digit = g >= 0 && g < n ? group[g] : 0;

        for (int k = i % 4; k < 3; k++)
            digit /= 10;
        *p++ = (char)('0' + digit % 10);
    }
    *p = '\0';
    return text;
}

/* The elements as text, joined by ','; NULL as "null". */
static const char *decoded(const char *array, int len)
{
    static char text[4096];
    struct decoder d = open_array(array, len);
    char *p = text;

    *p = '\0';
    for (uint32_t i = 0; i < d.n; i++) {
        uint32_t size = get(&d, 4);
        const unsigned char *end = d.p + (size == UINT32_MAX ? 0 : size);

        if (i > 0)
            *p++ = ',';
        *p = '\0';
        if (size == UINT32_MAX)
            p += sprintf(p, "null");
        else if (d.oid == 1700)
            p += sprintf(p, "%s", numeric(&d));
        else if (d.oid == 23)
            p += sprintf(p, "%d", (int)get(&d, 4));
        else if (d.oid == 1184)
            p += sprintf(p, "%lld", (long long)(((uint64_t)get(&d, 4) << 32) + get(&d, 4)));
        else if (d.oid == 16)
            p += sprintf(p, "%s", get(&d, 1) ? "t" : "f");
        else {
            if (d.oid == 3802)
                assert_int_equal(get(&d, 1), 1);
            for (; d.p < end; d.p++)
                p += d.oid == 25 || d.oid == 3802 ? sprintf(p, "%c", *d.p)
                                                  : sprintf(p, "%02x", *d.p);
        }
        assert_ptr_equal(d.p, end);
    }
    assert_ptr_equal(d.p, array + len);
    return text;
}

static const char *array_of(enum column_type type, const struct value *values, uint32_t n)
{
    const struct value *cells[16];
    const char *array;
    int len;

    for (uint32_t i = 0; i < n; i++)
        cells[i] = &values[i];
    array = array_encode(&out, type, cells, n, &len);
    assert_non_null(array);
    return decoded(array, len);
}

/* ---- arrays --------------------------------------------------------------------------------------- */

#define VALUE(s)                                                                                   \
    {                                                                                              \
        .set = true, .text = { s, sizeof(s) - 1 }                                                  \
    }
#define NUMBER(n)                                                                                  \
    {                                                                                              \
        .set = true, .num = n                                                                      \
    }

static void arrays_of_every_type_come_back(void **state)
{
    const struct value texts[] = {VALUE("a"), VALUE(""), {.set = false}, VALUE("\xC3\xA9")};
    const struct value json[] = {VALUE("{\"a\":1}"), {.set = false}};
    const struct value ints[] = {NUMBER(0), NUMBER(-1), NUMBER(INT32_MAX), NUMBER(INT32_MIN)};
    const struct value bools[] = {NUMBER(1), NUMBER(0), {.set = false}};
    const struct value times[] = {NUMBER(INT64_C(946684800000000)),
                                  NUMBER(INT64_C(946684800000001)), NUMBER(0)};
    const struct value bytes[] = {VALUE("\0\xFF"), VALUE("")};

    (void)state;
    assert_string_equal(array_of(COLUMN_TEXT, texts, 4), "a,,null,\xC3\xA9");
    assert_string_equal(array_of(COLUMN_JSONB, json, 2), "{\"a\":1},null");
    assert_string_equal(array_of(COLUMN_INT4, ints, 4), "0,-1,2147483647,-2147483648");
    assert_string_equal(array_of(COLUMN_BOOL, bools, 3), "t,f,null");
    assert_string_equal(array_of(COLUMN_TIME, times, 3), "0,1,-946684800000000");
    assert_string_equal(array_of(COLUMN_BYTES, bytes, 2), "00ff,");
    assert_string_equal(array_of(COLUMN_TEXT, texts, 0), "");
}

static void numerics_keep_every_digit(void **state)
{
    static const char *const texts[] = {
        "0",
        "0.00",
        "1",
        "-1",
        "12",
        "9999",
        "10000",
        "10001",
        "100000000",
        "0.5",
        "0.05",
        "0.0001",
        "0.00001",
        "-0.00000001",
        "1.10",
        "12345.6789",
        "123456789012345678901234567890.1234567891",
        "120.50",
        "9999.9999",
        "1000000.0001",
        "-99999999.99",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct value v = {.set = true, .text = {texts[i], strlen(texts[i])}};

        assert_string_equal(array_of(COLUMN_NUMERIC, &v, 1), texts[i]);
    }
    struct value zeros = VALUE("00012.30"), minus_zero = VALUE("-0.0");
    assert_string_equal(array_of(COLUMN_NUMERIC, &zeros, 1), "12.30");
    assert_string_equal(array_of(COLUMN_NUMERIC, &minus_zero, 1), "0.0");
}

static void a_full_arena_fails_and_does_not_write(void **state)
{
    const struct value v = VALUE("some text");
    const struct value *cell = &v;
    char memory[64] __attribute__((aligned(16)));
    struct arena small;
    int len;

    (void)state;
    for (size_t size = 1; size < 33; size++) {
        arena_init(&small, memory, size);
        assert_null(array_encode(&small, COLUMN_TEXT, &cell, 1, &len));
        assert_true(small.failed);
    }
}

/* ---- merging -------------------------------------------------------------------------------------- */

static void version(uint8_t out_[24], uint8_t n)
{
    memset(out_, 0, 24);
    out_[7] = n;
}

/* An order of event `event`: version n, with the given note and phone (NULL: not known). */
static void order(uint32_t event, const char *id, uint8_t n, const char *notes, const char *phone)
{
    uint8_t v[24];

    version(v, n);
    rows_start_event(&rows, event);
    rows_begin(&rows, ROWSET_orders);
    rows_uuid(&rows, COL_orders_integration_id, integration);
    rows_text(&rows, COL_orders_external_order_id, text_of(id));
    rows_uuid(&rows, COL_orders_organization_id, organization);
    rows_text(&rows, COL_orders_notes, text_of(notes));
    rows_text(&rows, COL_orders_customer_phone, text_of(phone));
    rows_bytes(&rows, COL_orders_source_version, v, sizeof v);
}

static void line(const char *id, int position, uint8_t n, const char *title)
{
    uint8_t v[24];

    version(v, n);
    rows_begin(&rows, ROWSET_order_items);
    rows_uuid(&rows, COL_order_items_integration_id, integration);
    rows_text(&rows, COL_order_items_external_order_id, text_of(id));
    rows_int(&rows, COL_order_items_position, position);
    rows_text(&rows, COL_order_items_title, text_of(title));
    rows_bytes(&rows, COL_order_items_source_version, v, sizeof v);
}

/* The rounds as "id:version id:version | ...". */
static const char *merged(enum rowset set, uint32_t lo, uint32_t hi)
{
    static char text[1024];
    struct round rounds[MERGE_ROUNDS_MAX];
    unsigned n;
    char *p = text;
    enum merge_result r = merge_rows(&rows, set, lo, hi, &out, rounds, &n);

    *p = '\0';
    if (r != MERGE_OK)
        return r == MERGE_FULL ? "full" : "too many";
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            p += sprintf(p, " |");
        for (uint32_t k = 0; k < rounds[i].n; k++) {
            const struct row *row = rounds[i].rows[k];
            int v = version_column(set);

            p +=
                sprintf(p, "%s%.*s", p == text ? "" : " ", (int)row->v[1].text.n, row->v[1].text.p);
            if (v >= 0)
                p += sprintf(p, ":%d", row->v[v].text.p[7]);
        }
    }
    return text;
}

static void the_newest_version_is_kept_and_what_adds_nothing_dropped(void **state)
{
    (void)state;
    order(0, "b", 1, "n", "p");
    order(1, "a", 2, "n", NULL);
    order(2, "b", 3, "m", "q");
    order(3, "b", 2, NULL, "p");
    assert_string_equal(merged(ROWSET_orders, 0, 4), "a:2 b:3");
}

static void an_older_version_that_knows_more_goes_into_another_round(void **state)
{
    (void)state;
    order(0, "a", 1, "old note", "p");
    order(1, "a", 3, NULL, NULL);
    order(2, "a", 2, NULL, "q");
    order(3, "b", 1, NULL, NULL);
    assert_string_equal(merged(ROWSET_orders, 0, 4), "a:3 b:1 | a:2 | a:1");
}

static void equal_versions_are_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        order(i, "a", 1, NULL, "p");
    assert_string_equal(merged(ROWSET_orders, 0, 10), "a:1");
}

static void only_the_events_of_the_range_count(void **state)
{
    (void)state;
    order(0, "a", 9, "x", "x");
    order(1, "a", 1, "n", "p");
    order(2, "b", 1, "n", "p");
    order(3, "a", 8, "x", "x");
    assert_string_equal(merged(ROWSET_orders, 1, 3), "a:1 b:1");
    assert_string_equal(merged(ROWSET_orders, 5, 9), "");
    assert_string_equal(merged(ROWSET_customers, 0, 9), "");
}

static void too_many_rounds_are_refused(void **state)
{
    static const unsigned columns[] = {COL_orders_notes, COL_orders_tags, COL_orders_currency,
                                       COL_orders_order_number, COL_orders_source_name};

    (void)state;
    for (uint8_t i = 0; i < 5; i++) { /* each knows something that no other does */
        order(i, "a", (uint8_t)(9 - i), NULL, NULL);
        rows_text(&rows, columns[i], TEXT("x"));
    }
    assert_string_equal(merged(ROWSET_orders, 0, 4), "a:9 | a:8 | a:7 | a:6");
    assert_string_equal(merged(ROWSET_orders, 0, 5), "too many");
}

static void merging_does_not_depend_on_the_order_of_events(void **state)
{
    static const struct {
        uint8_t version;
        const char *notes, *phone;
    } versions[] = {{1, "n", "p"}, {2, NULL, "q"}, {3, NULL, NULL}, {4, "m", NULL}};
    char first[1024] = "";

    for (unsigned permutation = 0; permutation < 256; permutation++) {
        unsigned at[4] = {permutation & 3, permutation >> 2 & 3, permutation >> 4 & 3,
                          permutation >> 6};

        if ((1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) != 15)
            continue;
        begin(state);
        for (uint32_t i = 0; i < 4; i++)
            order(i, "a", versions[at[i]].version, versions[at[i]].notes, versions[at[i]].phone);
        if (first[0] == '\0')
            strcpy(first, merged(ROWSET_orders, 0, 4));
        assert_string_equal(merged(ROWSET_orders, 0, 4), first);
    }
    assert_string_equal(first, "a:4 | a:2");
}

static void rows_without_a_version_differ_or_are_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        rows_start_event(&rows, i);
        rows_begin(&rows, ROWSET_checkout_activity);
        rows_uuid(&rows, COL_checkout_activity_integration_id, integration);
        rows_text(&rows, COL_checkout_activity_token, i == 3 ? TEXT("u") : TEXT("t"));
        rows_time(&rows, COL_checkout_activity_at, 5);
        rows_bool(&rows, COL_checkout_activity_contactable, i == 1);
    }
    assert_string_equal(merged(ROWSET_checkout_activity, 0, 4), "t u | t");
}

static void children_follow_their_parents_version(void **state)
{
    struct round parents[MERGE_ROUNDS_MAX], children;
    unsigned n;
    char text[200] = "", *p = text;

    (void)state;
    order(0, "b", 1, "n", "p");
    line("b", 0, 1, "b1-0");
    line("b", 1, 1, "b1-1");
    order(1, "a", 1, "n", "p");
    line("a", 0, 1, "a1-0");
    order(2, "b", 2, "n", "p");
    line("b", 0, 2, "b2-0");
    order(3, "b", 2, "n", "p"); /* delivered twice */
    line("b", 0, 2, "b2-0");
    order(4, "c", 1, "n", "p"); /* without lines */
    assert_int_equal(merge_rows(&rows, ROWSET_orders, 0, 5, &out, parents, &n), MERGE_OK);
    assert_int_equal(n, 1);
    assert_int_equal(merge_children(&rows, ROWSET_orders, &parents[0], ROWSET_order_items, 0, 5,
                                    &out, &children),
                     MERGE_OK);
    for (uint32_t i = 0; i < children.n; i++) {
        struct text title = children.rows[i]->v[COL_order_items_title].text;

        p += sprintf(p, "%.*s ", (int)title.n, title.p);
    }
    assert_string_equal(text, "a1-0 b2-0 ");
}

/* ---- requests ------------------------------------------------------------------------------------- */

static struct encoded encoded;

static enum encode_result encode(uint32_t lo, uint32_t hi)
{
    static const uint16_t partitions[] = {7, 255};
    struct encode_input in = {.rows = &rows,
                              .lo = lo,
                              .hi = hi,
                              .partitions = partitions,
                              .n_partitions = 2,
                              .letters = letters,
                              .again = again,
                              .traced = traced,
                              .now_us = INT64_C(946684800000007),
                              .abandon_ms = 1800000,
                              .expire_ms = 1};

    return encode_batch(&in, &out, &encoded);
}

/* The statements' names, and their numbers of parameters. */
static const char *statements(void)
{
    static char text[1024];
    char *p = text;

    *p = '\0';
    for (unsigned i = 0; i < encoded.n; i++) {
        const char *name = strrchr(encoded.queries[i].statement->path, '/') + 1;

        p += sprintf(p, "%s%.*s/%d", i == 0 ? "" : " ", (int)strcspn(name, "."), name,
                     encoded.queries[i].n_params);
    }
    return text;
}

static void a_request_is_in_lock_order_and_leaves_out_what_is_empty(void **state)
{
    (void)state;
    rows_start_event(&rows, 0);
    rows_begin(&rows, ROWSET_cart_keys);
    rows_uuid(&rows, COL_cart_keys_integration_id, integration);
    rows_text(&rows, COL_cart_keys_checkout_token, TEXT("t"));
    order(1, "a", 1, "n", "p");
    line("a", 0, 1, "x");
    assert_int_equal(encode(0, 2), ENCODE_OK);
    assert_string_equal(statements(),
                        "lock_partitions/1 upsert_orders/45 settle_carts/6 rollup_apply/0");
    assert_string_equal(encoded.queries[0].values[0], "{7,255}");
    assert_string_equal(decoded(encoded.queries[1].values[1], encoded.queries[1].lengths[1]), "a");
    assert_string_equal(decoded(encoded.queries[1].values[COLUMNS_orders + 5],
                                encoded.queries[1].lengths[COLUMNS_orders + 5]),
                        "null"); /* a column of the lines */
    assert_string_equal(decoded(encoded.queries[2].values[2], encoded.queries[2].lengths[2]),
                        "null");
    assert_memory_equal(encoded.queries[2].values[3], "\0\0\0\0\0\0\0\7", 8); /* now */
    assert_memory_equal(encoded.queries[2].values[4], "\0\0\0\0\x6B\x49\xD2\0\0\0\0\0\0\0\0\0", 16);
}

static void what_may_have_been_stored_before_is_published_again(void **state)
{
    (void)state;
    order(0, "a", 1, "n", "p");
    order(1, "b", 1, "n", "p");
    rows_start_event(&rows, 2);
    rows_begin(&rows, ROWSET_deletions);
    rows_uuid(&rows, COL_deletions_integration_id, integration);
    rows_text(&rows, COL_deletions_kind, TEXT("order"));
    rows_text(&rows, COL_deletions_external_id, TEXT("c"));
    again[1] = again[2] = true;
    assert_int_equal(encode(0, 3), ENCODE_OK);
    assert_string_equal(
        statements(),
        "lock_partitions/1 apply_deletions/6 upsert_orders/45 republish/10 rollup_apply/0");
    assert_string_equal(decoded(encoded.queries[3].values[1], encoded.queries[3].lengths[1]),
                        "b,c");
    assert_string_equal(decoded(encoded.queries[3].values[3], encoded.queries[3].lengths[3]), "");
    assert_int_equal(encode(0, 1), ENCODE_OK);
    assert_string_equal(statements(), "lock_partitions/1 upsert_orders/45 rollup_apply/0");
}

static const char *column(unsigned query, unsigned c)
{
    return decoded(encoded.queries[query].values[c], encoded.queries[query].lengths[c]);
}

static void call(uint32_t event, const char *id, const char *version)
{
    rows_start_event(&rows, event);
    rows_begin(&rows, ROWSET_calls);
    rows_text(&rows, COL_calls_provider, TEXT("retell"));
    rows_text(&rows, COL_calls_external_call_id, text_of(id));
    rows_bytes(&rows, COL_calls_source_version, version, strlen(version));
}

/* A line of the event that call() began. */
static void turn(const char *id, const char *version, int position, bool whole, const char *content)
{
    rows_begin(&rows, ROWSET_call_turns);
    rows_text(&rows, COL_call_turns_provider, TEXT("retell"));
    rows_text(&rows, COL_call_turns_external_call_id, text_of(id));
    rows_bytes(&rows, COL_call_turns_source_version, version, strlen(version));
    rows_int(&rows, COL_call_turns_position, position);
    rows_bool(&rows, COL_call_turns_whole, whole);
    rows_text(&rows, COL_call_turns_content, text_of(content));
}

/* Duplicates of a batch count as well: each has an entry of its own. */
static void what_may_speak_of_somebody_redacted_is_asked_about(void **state)
{
    (void)state;
    order(0, "a", 1, "n", "p");
    order(1, "b", 1, "n", "p");
    order(2, "b", 1, "n", "p");
    rows_start_event(&rows, 3);
    rows_begin(&rows, ROWSET_customers);
    rows_uuid(&rows, COL_customers_integration_id, integration);
    rows_text(&rows, COL_customers_external_customer_id, TEXT("5"));
    rows_text(&rows, COL_customers_email, TEXT("e"));
    rows_text(&rows, COL_customers_phone, TEXT("+1"));
    call(4, "c", "1");
    traced[1] = traced[2] = traced[3] = traced[4] = true;
    assert_int_equal(encode(0, 5), ENCODE_OK);
    assert_string_equal(statements(), "lock_partitions/1 upsert_customers/13 upsert_orders/45 "
                                      "upsert_calls/25 covered_events/10 rollup_apply/0");
    assert_string_equal(column(4, 0), "1,2,3,4");
    assert_string_equal(column(4, 1), "order,order,customer,call");
    assert_string_equal(column(4, 3), "b,b,5,c");
    assert_string_equal(column(4, 4), "null,null,5,null");
    assert_string_equal(column(4, 5), "null,null,e,null");
    assert_string_equal(column(4, 6), "p,p,null,null"); /* families share phones */
    assert_string_equal(column(4, 9), "null,null,null,retell");
    assert_int_equal(encode(0, 1), ENCODE_OK);
    assert_string_equal(statements(), "lock_partitions/1 upsert_orders/45 rollup_apply/0");
}

static void every_version_of_a_call_travels_once(void **state)
{
    (void)state;
    call(0, "b", "2");
    call(1, "a", "1");
    call(2, "b", "3");
    call(3, "b", "2"); /* delivered again */
    again[2] = true;
    assert_int_equal(encode(0, 4), ENCODE_OK);
    assert_string_equal(statements(),
                        "lock_partitions/1 upsert_calls/25 republish/10 rollup_apply/0");
    assert_string_equal(column(1, COL_calls_external_call_id), "a,b,b");
    assert_string_equal(column(1, COL_calls_source_version), "31,33,32");
    assert_string_equal(column(2, 4), "retell");
    assert_string_equal(column(2, 5), "b");
    assert_string_equal(column(2, 1), "");
}

static void of_whole_transcripts_only_the_newest_travels(void **state)
{
    (void)state;
    call(0, "a", "1");
    turn("a", "1", 0, true, "old");
    call(1, "a", "3");
    turn("a", "3", 0, true, "one");
    turn("a", "3", 1, true, "two");
    call(2, "a", "4");
    turn("a", "4", 0, false, "live");
    call(3, "a", "5");
    turn("a", "5", -1, true, NULL); /* nothing was said: no list */
    call(4, "b", "2");
    turn("b", "2", 0, false, "second");
    call(5, "b", "1");
    turn("b", "1", 0, false, "first");
    call(6, "c", "1");
    turn("c", "1", 0, true, "alone");
    assert_int_equal(encode(0, 7), ENCODE_OK);
    assert_string_equal(statements(),
                        "lock_partitions/1 upsert_calls/25 upsert_transcripts/10 rollup_apply/0");
    assert_string_equal(column(2, COL_call_turns_content), "one,two,first,second,alone");
    assert_int_equal(encode(0, 1), ENCODE_OK); /* as when the newer ones turned out bad */
    assert_string_equal(column(2, COL_call_turns_content), "old");
}

static void letters_travel_with_the_batch(void **state)
{
    struct dead_letter letter = {.event = 1};

    (void)state;
    letter.v[DEAD_REASON] = (struct value)VALUE("malformed_body");
    order(0, "a", 1, "n", "p");
    letters[1] = &letter;
    assert_int_equal(encode(0, 2), ENCODE_OK);
    assert_string_equal(statements(),
                        "lock_partitions/1 upsert_orders/45 store_dead_letters/16 rollup_apply/0");
    assert_string_equal(
        decoded(encoded.queries[2].values[DEAD_REASON], encoded.queries[2].lengths[DEAD_REASON]),
        "malformed_body");
    assert_int_equal(encode(0, 1), ENCODE_OK);
    assert_string_equal(statements(), "lock_partitions/1 upsert_orders/45 rollup_apply/0");
}

static void without_rows_there_is_nothing_to_run(void **state)
{
    (void)state;
    assert_int_equal(encode(0, 5), ENCODE_NOTHING);
}

static void a_request_survives_any_arena_size(void **state)
{
    size_t size = 0;
    enum encode_result r = ENCODE_FULL;
    struct arena whole = out;

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        order(i, i % 2 ? "a" : "b", (uint8_t)i, i % 3 ? "n" : NULL, "p");
        line(i % 2 ? "a" : "b", 0, (uint8_t)i, "x");
    }
    for (; r != ENCODE_OK; size += 8) {
        arena_init(&out, whole.base, size);
        r = encode(0, 5);
        assert_true(r == ENCODE_OK || r == ENCODE_FULL);
        assert_true(size < MEMORY);
    }
    out = whole;
}

static void what_needs_too_many_statements_is_refused(void **state)
{
    (void)state;
    too_many_rounds_are_refused(state);
    assert_int_equal(encode(0, 5), ENCODE_TOO_MANY);
    assert_int_equal(encode(0, 3), ENCODE_OK);
}

#define T(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(arrays_of_every_type_come_back),
        T(numerics_keep_every_digit),
        T(a_full_arena_fails_and_does_not_write),
        T(the_newest_version_is_kept_and_what_adds_nothing_dropped),
        T(an_older_version_that_knows_more_goes_into_another_round),
        T(equal_versions_are_one),
        T(only_the_events_of_the_range_count),
        T(too_many_rounds_are_refused),
        T(merging_does_not_depend_on_the_order_of_events),
        T(rows_without_a_version_differ_or_are_one),
        T(children_follow_their_parents_version),
        T(a_request_is_in_lock_order_and_leaves_out_what_is_empty),
        T(what_may_have_been_stored_before_is_published_again),
        T(what_may_speak_of_somebody_redacted_is_asked_about),
        T(every_version_of_a_call_travels_once),
        T(of_whole_transcripts_only_the_newest_travels),
        T(letters_travel_with_the_batch),
        T(without_rows_there_is_nothing_to_run),
        T(a_request_survives_any_arena_size),
        T(what_needs_too_many_statements_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    free(arena.base);
    free(out.base);
    return failed;
}
