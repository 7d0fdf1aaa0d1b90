#include "base/digest.h"

#include <assert.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static_assert(sizeof(XXH64_canonical_t) == DIGEST_SIZE, "as wide as our field");

void digest_of(uint8_t out[DIGEST_SIZE], const void *data, size_t len)
{
    XXH64_canonical_t canonical;

    XXH64_canonicalFromHash(&canonical, XXH3_64bits(data, len));
    memcpy(out, canonical.digest, DIGEST_SIZE);
}
