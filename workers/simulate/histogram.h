/* Latencies in microseconds, kept in buckets of about 3 % width: bounded memory, percentiles good
 * enough to judge by. */
#ifndef SIMULATE_HISTOGRAM_H
#define SIMULATE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_FINE = 32, HISTOGRAM_BUCKETS = HISTOGRAM_FINE * 40 };

struct histogram {
    uint64_t n, max;
    uint64_t count[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t us)
{
    unsigned shift = 0;

    while ((us >> shift) >= UINT64_C(2) * HISTOGRAM_FINE && shift < 38)
        shift++;
    return shift * HISTOGRAM_FINE + (unsigned)((us >> shift) % (UINT64_C(2) * HISTOGRAM_FINE));
}

static inline void histogram_add(struct histogram *h, uint64_t us)
{
    if (us > (UINT64_C(1) << 42))
        us = UINT64_C(1) << 42;
    h->n++;
    h->max = us > h->max ? us : h->max;
    h->count[histogram_bucket(us)]++;
}

/* The upper end of the bucket in which the p-th part (0..1) of all values lies; 0 when empty. */
static inline uint64_t histogram_percentile(const struct histogram *h, double p)
{
    uint64_t wanted = (uint64_t)((double)h->n * p), seen = 0, value;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->count[i];
        if (h->count[i] == 0 || seen <= wanted)
            continue;
        unsigned shift = i < 2 * HISTOGRAM_FINE ? 0 : i / HISTOGRAM_FINE - 1;
        value = ((uint64_t)(i - shift * HISTOGRAM_FINE) + 1) << shift;
        return value < h->max ? value : h->max;
    }
    return h->max;
}

#endif
