/* base/digest: the value is the algorithm's own, so that every process and every version computes the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"

/* XXH3_64bits with seed 0: of nothing it is in the algorithm's own list of test vectors; the others were computed with the
 * library's command line tool (xxhsum -H3), from a long input too, which takes another way through it. */
static void known_bodies_have_known_digests(void **state)
{
    static char large[9000];
    uint8_t out[DIGEST_SIZE];

    (void)state;
    digest_of(out, "", 0);
    assert_memory_equal(out, "\x2D\x06\x80\x05\x38\xD3\x94\xC2", DIGEST_SIZE);
    digest_of(out, "{}", 2);
    assert_memory_equal(out, "\x13\x49\xCD\xE1\x27\x70\x5C\x16", DIGEST_SIZE);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)('a' + i % 26);
    digest_of(out, large, sizeof large);
    assert_memory_equal(out, "\x95\x70\x72\xAD\x64\x16\x7F\x46", DIGEST_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_bodies_have_known_digests)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
