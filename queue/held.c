#include "held.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool held_init(struct held *h, unsigned capacity)
{
    assert(capacity > 0);
    *h = (struct held){.id = calloc(capacity, sizeof *h->id),
                       .len = calloc(capacity, sizeof *h->len),
                       .gone = calloc(capacity, sizeof *h->gone),
                       .capacity = capacity};
    if (h->id != NULL && h->len != NULL && h->gone != NULL)
        return true;
    held_free(h);
    return false;
}

void held_free(struct held *h)
{
    free(h->id);
    free(h->len);
    free(h->gone);
    *h = (struct held){0};
}

/* Index of the first held id that is not below `id`. */
static unsigned place_of(const struct held *h, struct entry_id id)
{
    unsigned low = 0, high = h->n;

    /* Ids arrive in ascending order nearly always. */
    if (h->n > 0 && entry_id_compare(h->id[h->n - 1], id) < 0)
        return h->n;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (entry_id_compare(h->id[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum held_added held_add(struct held *h, struct entry_id id, size_t len)
{
    unsigned at = place_of(h, id);

    if (at < h->n && entry_id_compare(h->id[at], id) == 0)
        return HELD_ALREADY;
    if (h->n == h->capacity)
        return HELD_FULL;
    memmove(h->id + at + 1, h->id + at, (h->n - at) * sizeof *h->id);
    memmove(h->len + at + 1, h->len + at, (h->n - at) * sizeof *h->len);
    h->id[at] = id;
    h->len[at] = len;
    h->bytes += len;
    h->n++;
    return HELD_NEW;
}

unsigned held_remove(struct held *h, const struct entry_id *ids, unsigned n)
{
    unsigned kept = 0, before = h->n;

    for (unsigned i = 0; i < n; i++) {
        unsigned at = place_of(h, ids[i]);
        if (at < h->n && entry_id_compare(h->id[at], ids[i]) == 0)
            h->gone[at] = true;
    }
    for (unsigned i = 0; i < before; i++) {
        if (h->gone[i]) {
            h->bytes -= h->len[i];
        } else {
            h->id[kept] = h->id[i];
            h->len[kept++] = h->len[i];
        }
        h->gone[i] = false;
    }
    h->n = kept;
    return before - kept;
}

void held_clear(struct held *h)
{
    h->n = 0;
    h->bytes = 0;
}

bool held_is_heavy(const struct held *h, size_t bytes_max, unsigned owned)
{
    return h->n > 0 && h->bytes >= bytes_max / (owned == 0 ? 1 : owned);
}
