#include "worker/bisect.h"

#include <assert.h>

void bisect_init(struct bisect *b, uint32_t n)
{
    b->n = 0;
    if (n > 0)
        b->stack[b->n++] = (struct bisect_range){.lo = 0, .hi = n};
}

static struct bisect_range *top(struct bisect *b)
{
    assert(b->n > 0);
    return &b->stack[b->n - 1];
}

bool bisect_split(struct bisect *b, bool guilty)
{
    struct bisect_range whole = *top(b);
    uint32_t middle = whole.lo + (whole.hi - whole.lo) / 2;

    if (whole.hi - whole.lo == 1)
        return false;
    assert(b->n < BISECT_DEPTH); /* 2^32 entries would need 33 */
    *top(b) = (struct bisect_range){.lo = middle, .hi = whole.hi};
    b->stack[b->n++] = (struct bisect_range){.lo = whole.lo, .hi = middle, .left = guilty};
    return true;
}

bool bisect_next(struct bisect *b, uint32_t *lo, uint32_t *hi)
{
    if (b->n == 0)
        return false;
    while (top(b)->guilty && bisect_split(b, true)) {
        /* no need to try it whole */
    }
    *lo = top(b)->lo;
    *hi = top(b)->hi;
    return true;
}

void bisect_stored(struct bisect *b)
{
    bool left = top(b)->left;

    b->n--;
    if (left)
        top(b)->guilty = true;
}
