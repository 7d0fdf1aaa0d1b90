/* Bodies of orders as Shopify sends them (orders/create, API version 2026-07): three lines, and as
 * long as wanted. The same options give the same bytes. */
#ifndef BENCH_ORDER_H
#define BENCH_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* An order's id, and so external_order_id of its row, is this and its number. */
#define BENCH_ORDER_ID UINT64_C(5600000000000)

enum { BENCH_ORDER_LINES = 3, BENCH_ORDER_MAX = 64 * 1024, BENCH_ORDER_LEAST = 8 * 1024 };

struct bench_order {
    uint64_t number;   /* which order of all */
    uint64_t customer; /* who ordered: name, phone and address are theirs */
    int64_t created_s; /* Unix time */
    uint32_t version;  /* updated_at is so many seconds later; from 1 on it has been paid */
    size_t bytes;      /* the body's length, from BENCH_ORDER_LEAST on */
};

/* Writes exactly `bytes` bytes into `out`, and no NUL. */
void bench_order_write(char *out, const struct bench_order *o);

#endif
