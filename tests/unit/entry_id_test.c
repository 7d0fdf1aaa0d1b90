#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "entry_id.h"
#include "partition.h"
#include "refusal.h"

static void ids_are_read_and_written_back(void **state)
{
    static const char *const ids[] = {"0-0", "1-1", "1700000000000-7",
                                      "18446744073709551615-18446744073709551615"};

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct entry_id id;
        char text[ENTRY_ID_TEXT_MAX];
        assert_true(entry_id_parse(ids[i], strlen(ids[i]), &id));
        assert_int_equal(entry_id_text(id, text), strlen(ids[i]));
        assert_string_equal(text, ids[i]);
    }
}

static void what_is_no_id_is_refused_and_leaves_the_output_alone(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "1-",
                                      "-1",
                                      "1-2-3",
                                      "a-1",
                                      "1-a",
                                      " 1-1",
                                      "1-1 ",
                                      "+1-1",
                                      "1--1",
                                      "18446744073709551616-0",
                                      "0-99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct entry_id id = {7, 8};
        assert_false(entry_id_parse(bad[i], strlen(bad[i]), &id));
        assert_true(id.ms == 7 && id.seq == 8);
    }
}

static void a_sequence_may_be_missing_and_text_need_not_end(void **state)
{
    struct entry_id id;

    (void)state;
    assert_true(entry_id_parse("12", 2, &id));
    assert_true(id.ms == 12 && id.seq == 0);
    assert_true(entry_id_parse("12-345", 4, &id));
    assert_true(id.ms == 12 && id.seq == 3);
}

static void ids_are_ordered_by_time_then_sequence(void **state)
{
    const struct entry_id ascending[] = {{0, 0}, {0, 1}, {0, UINT64_MAX},
                                         {1, 0}, {2, 5}, {UINT64_MAX, UINT64_MAX}};

    (void)state;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
            int c = entry_id_compare(ascending[i], ascending[j]);
            assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
            assert_int_equal(entry_id_compare(entry_id_min(ascending[i], ascending[j]),
                                              ascending[i < j ? i : j]),
                             0);
        }
    for (int i = 0; i < 5; i++)
        assert_true(entry_id_compare(entry_id_next(ascending[i]), ascending[i]) > 0);
    assert_int_equal(
        entry_id_compare(entry_id_next((struct entry_id){0, UINT64_MAX}), (struct entry_id){1, 0}),
        0);
    assert_int_equal(entry_id_compare(entry_id_next(ENTRY_ID_LAST), ENTRY_ID_LAST), 0);
}

/* The test vectors of FIPS 180-2 for SHA-256. */
static void routing_is_the_documented_hash(void **state)
{
    (void)state;
    assert_int_equal(route_hash("", 0), 0xe3b0c442);
    assert_int_equal(route_hash("abc", 3), 0xba7816bf);
    assert_int_equal(partition_of(0xba7816bf, 8), 7);
    assert_int_equal(partition_of(0xffffffff, 1), 0);
}

static void keys_of_a_partition_share_a_hash_tag(void **state)
{
    char key[STREAM_KEY_MAX];

    (void)state;
    events_key(key, 0);
    assert_string_equal(key, "ringback:{0}:events");
    live_key(key, 17);
    assert_string_equal(key, "ringback:{17}:live");
    lease_key(key, PARTITIONS_MAX - 1);
    assert_string_equal(key, "ringback:{255}:lease");
}

static void refusals_are_told_apart_by_their_first_word(void **state)
{
    static const struct {
        const char *text;
        enum refusal refusal;
    } cases[] = {
        {"OOM command not allowed when used memory > 'maxmemory'.", REFUSAL_FULL},
        {"NOGROUP No such key 'x' or consumer group 'y'", REFUSAL_NO_GROUP},
        {"UNBLOCKED the stream key no longer exists", REFUSAL_NO_GROUP},
        {"READONLY You can't write against a read only replica.", REFUSAL_ELSEWHERE},
        {"LOADING Redis is loading the dataset in memory", REFUSAL_ELSEWHERE},
        {"MASTERDOWN Link with MASTER is down", REFUSAL_ELSEWHERE},
        {"MOVED 3999 127.0.0.1:6381", REFUSAL_ELSEWHERE},
        {"CLUSTERDOWN", REFUSAL_ELSEWHERE},
        {"NOAUTH Authentication required.", REFUSAL_ELSEWHERE},
        {"MISCONF Redis is configured to save RDB snapshots", REFUSAL_OTHER},
        {"WRONGTYPE Operation against a key", REFUSAL_OTHER},
        {"OOMPH is no OOM", REFUSAL_OTHER},
        {"OO", REFUSAL_OTHER},
        {"", REFUSAL_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(refusal_of(cases[i].text, strlen(cases[i].text)), cases[i].refusal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_read_and_written_back),
        cmocka_unit_test(what_is_no_id_is_refused_and_leaves_the_output_alone),
        cmocka_unit_test(a_sequence_may_be_missing_and_text_need_not_end),
        cmocka_unit_test(ids_are_ordered_by_time_then_sequence),
        cmocka_unit_test(routing_is_the_documented_hash),
        cmocka_unit_test(keys_of_a_partition_share_a_hash_tag),
        cmocka_unit_test(refusals_are_told_apart_by_their_first_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
