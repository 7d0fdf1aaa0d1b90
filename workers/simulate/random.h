/* Reproducible random numbers: splitmix64 (Steele, Lea, Flood 2014). Not for secrets. */
#ifndef SIMULATE_RANDOM_H
#define SIMULATE_RANDOM_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t mix64(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t rng_next(struct rng *r)
{
    return mix64(r->state += 0x9e3779b97f4a7c15u);
}

/* 0 .. n-1; the bias of the modulus does not matter for n this small. */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
    assert(n > 0);
    return (uint32_t)(rng_next(r) % n);
}

static inline bool rng_percent(struct rng *r, unsigned percent)
{
    return rng_below(r, 100) < percent;
}

static inline int64_t rng_between(struct rng *r, int64_t low, int64_t high)
{
    assert(low <= high);
    return low + (int64_t)(rng_next(r) % (uint64_t)(high - low + 1));
}

/* A stable number for a thing: the same wherever it is asked for. */
static inline uint64_t hash_of(uint64_t seed, uint64_t kind, uint64_t n)
{
    return mix64(mix64(seed + 0x9e3779b97f4a7c15u * (kind + 1)) ^ (n * 0xd1342543de82ef95u + 1));
}

#endif
