#include "entry_id.h"

#include <inttypes.h>
#include <stdio.h>

int entry_id_compare(struct entry_id a, struct entry_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    if (a.seq != b.seq)
        return a.seq < b.seq ? -1 : 1;
    return 0;
}

struct entry_id entry_id_min(struct entry_id a, struct entry_id b)
{
    return entry_id_compare(a, b) < 0 ? a : b;
}

struct entry_id entry_id_next(struct entry_id id)
{
    if (id.seq < UINT64_MAX)
        id.seq++;
    else if (id.ms < UINT64_MAX)
        id = (struct entry_id){id.ms + 1, 0};
    return id;
}

/* Digits up to `end`; NULL when there are none or they do not fit 64 bits. */
static const char *digits(const char *p, const char *end, uint64_t *out)
{
    const char *start = p;
    uint64_t n = 0;

    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return NULL;
        n = n * 10 + digit;
    }
    *out = n;
    return p == start ? NULL : p;
}

bool entry_id_parse(const char *text, size_t len, struct entry_id *out)
{
    const char *end = text + len;
    struct entry_id id = ENTRY_ID_ZERO;
    const char *p = digits(text, end, &id.ms);

    if (p != NULL && p < end)
        p = *p == '-' ? digits(p + 1, end, &id.seq) : NULL;
    if (p != end)
        return false;
    *out = id;
    return true;
}

size_t entry_id_text(struct entry_id id, char out[ENTRY_ID_TEXT_MAX])
{
    return (size_t)snprintf(out, ENTRY_ID_TEXT_MAX, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}
