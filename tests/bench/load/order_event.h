/* Order events for measuring, the same for the same options every time: load/order.json (as long as it is by its fields, not by
 * filler, which would be stored too) with ids, people, times and amounts of its own in each, in the envelope of the gateway.
 * Included by the programs that need them. */
#ifndef BENCH_ORDER_EVENT_H
#define BENCH_ORDER_EVENT_H

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "envelope.h"
#include "event.h"
#include "partition.h"

#define TEMPLATE SOURCE_DIR "/tests/bench/load/order.json"

enum { PIECES_MAX = 256, DOMAIN_MAX = 64, VALUE_MAX = 40 };

struct order_options {
    uint64_t count, from; /* orders from, from + 1, ...: what was made before is the same again */
    unsigned tenants, partitions;
    uint64_t customers; /* of each tenant, in turn; 0: every order has a new one */
    int64_t updated_us; /* the version; orders were created at the same moment */
};

/* The template cut at its names: text, value, text, value ... */
struct order_maker {
    struct order_options options;
    char *text;
    size_t text_n;
    struct piece {
        const char *p;
        size_t n;
        int value; /* that follows; -1: none */
    } pieces[PIECES_MAX];
    unsigned n_pieces;
    char *body;
    size_t body_max;
    struct envelope_encoder *encoder;
};

struct order_event {
    char domain[DOMAIN_MAX];
    unsigned partition;
    const char *body; /* valid until the next one */
    size_t body_len;
    const void *bytes; /* the envelope; the same */
    size_t len;
};

enum {
    VALUE_ORDER,
    VALUE_NUMBER,
    VALUE_CREATED,
    VALUE_UPDATED,
    VALUE_CUSTOMER,
    VALUE_PHONE,
    VALUE_TOKEN,
    VALUE_CART,
    VALUE_CHECKOUT,
    VALUE_SUBTOTAL,
    VALUE_TOTAL,
    VALUE_LINE1,
    VALUE_LINE2,
    VALUE_LINE3,
    VALUE_PRODUCT1,
    VALUE_PRODUCT2,
    VALUE_PRODUCT3,
    VALUE_VARIANT1,
    VALUE_VARIANT2,
    VALUE_VARIANT3,
    VALUES
};

static const char *const value_names[VALUES] = {
    "order",    "number", "created", "updated", "customer", "phone",    "token",
    "cart",     "checkout", "subtotal", "total", "line1",   "line2",    "line3",
    "product1", "product2", "product3", "variant1", "variant2", "variant3",
};

static inline void order_die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* The value that is named at p ("@order@"); -1: none is. */
static inline int order_value_at(const char *p, const char *end, size_t *n)
{
    for (int v = 0; v < VALUES; v++) {
        size_t len = strlen(value_names[v]);

        if ((size_t)(end - p) >= len + 2 && memcmp(p + 1, value_names[v], len) == 0 &&
            p[len + 1] == '@') {
            *n = len + 2;
            return v;
        }
    }
    return -1;
}

static inline void order_cut(struct order_maker *m)
{
    const char *p = m->text, *start = p, *end = m->text + m->text_n;

    while (p < end) {
        size_t n = 1;
        int value = *p == '@' ? order_value_at(p, end, &n) : -1;

        if (value >= 0) {
            if (m->n_pieces == PIECES_MAX - 1)
                order_die("order.json has too many values");
            m->pieces[m->n_pieces++] = (struct piece){start, (size_t)(p - start), value};
            start = p + n;
        }
        p += n;
    }
    m->pieces[m->n_pieces++] = (struct piece){start, (size_t)(end - start), -1};
}

/* The template in one line, as bodies come. */
static inline void order_maker_open(struct order_maker *m, const struct order_options *options)
{
    static char text[64 * 1024];
    FILE *f = fopen(TEMPLATE, "r");
    size_t n = f == NULL ? 0 : fread(text, 1, sizeof text, f);

    if (f == NULL || n == 0 || n == sizeof text)
        order_die("cannot read " TEMPLATE);
    fclose(f);
    *m = (struct order_maker){.options = *options, .text = text};
    for (size_t i = 0; i < n; i++)
        if (text[i] != '\n')
            text[m->text_n++] = text[i];
    order_cut(m);
    m->body_max = m->text_n + PIECES_MAX * VALUE_MAX + EVENT_BODY_PADDING;
    m->body = calloc(1, m->body_max);
    m->encoder = envelope_encoder_new();
    if (m->body == NULL || m->encoder == NULL)
        order_die("out of memory");
}

/* A number that looks like another one for each input (splitmix64). */
static inline uint64_t order_mix(uint64_t n)
{
    n += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

static inline void order_time(char out[VALUE_MAX], int64_t us)
{
    time_t seconds = (time_t)(us / 1000000 + 19800); /* India's clock */
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(out, VALUE_MAX, "%Y-%m-%dT%H:%M:%S+05:30", &tm);
}

static inline void order_values(const struct order_maker *m, uint64_t order,
                                char v[VALUES][VALUE_MAX])
{
    uint64_t customer = m->options.customers == 0 ? order : order % m->options.customers;
    uint64_t cents = 50000 + order_mix(order) % 900000;

#define PUT(value, format, ...) snprintf(v[value], VALUE_MAX, format, __VA_ARGS__)
    PUT(VALUE_ORDER, "%" PRIu64, 6200000000000 + order);
    PUT(VALUE_NUMBER, "%" PRIu64, 1000 + order);
    order_time(v[VALUE_CREATED], m->options.updated_us);
    order_time(v[VALUE_UPDATED], m->options.updated_us);
    PUT(VALUE_CUSTOMER, "%" PRIu64, 7100000000000 + customer);
    PUT(VALUE_PHONE, "+9198%08" PRIu64, customer % 100000000);
    PUT(VALUE_TOKEN, "%016" PRIx64 "%016" PRIx64, order_mix(order), order_mix(order + 1));
    PUT(VALUE_CART, "%016" PRIx64 "%016" PRIx64, order_mix(order + 2), order_mix(order + 3));
    PUT(VALUE_CHECKOUT, "%" PRIu64, 37000000000000 + order);
    PUT(VALUE_SUBTOTAL, "%" PRIu64 ".%02" PRIu64, cents / 100, cents % 100);
    PUT(VALUE_TOTAL, "%" PRIu64 ".%02" PRIu64, (cents + 4900) / 100, cents % 100);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t product = order_mix(order * 3 + i) % 200;

        PUT(VALUE_LINE1 + i, "%" PRIu64, 15100000000000 + order * 3 + i);
        PUT(VALUE_PRODUCT1 + i, "%" PRIu64, 8300000000000 + product);
        PUT(VALUE_VARIANT1 + i, "%" PRIu64, 45200000000000 + product);
    }
#undef PUT
}

static inline void order_body(struct order_maker *m, uint64_t order, struct order_event *out)
{
    char v[VALUES][VALUE_MAX];
    char *p = m->body;

    order_values(m, order, v);
    for (unsigned i = 0; i < m->n_pieces; i++) {
        const struct piece *piece = &m->pieces[i];

        memcpy(p, piece->p, piece->n);
        p += piece->n;
        if (piece->value >= 0)
            p = stpcpy(p, v[piece->value]);
    }
    out->body = m->body;
    out->body_len = (size_t)(p - m->body);
}

/* Event number i, as the gateway would have written it. */
static inline void order_make(struct order_maker *m, uint64_t i, struct order_event *out)
{
    uint64_t order = m->options.from + i;
    char id[64], delivery[64], number[32];
    struct envelope e = {.source = TEXT("shopify"),
                         .topic = TEXT("orders/create"),
                         .triggered_us = m->options.updated_us + (int64_t)(order % 1000000),
                         .received_us = m->options.updated_us + 1000000,
                         .n_headers = 2};

    snprintf(out->domain, sizeof out->domain, "bench-%" PRIu64 ".myshopify.com",
             1 + order % m->options.tenants);
    out->partition =
        partition_of(route_hash(out->domain, strlen(out->domain)), m->options.partitions);
    order_body(m, order, out);
    snprintf(id, sizeof id, "%016" PRIx64 "-%016" PRIx64, order_mix(order + 4), order);
    snprintf(delivery, sizeof delivery, "%016" PRIx64 "-%016" PRIx64, order_mix(order + 5), order);
    snprintf(number, sizeof number, "%" PRIu64, 6200000000000 + order);
    e.key = text_of(out->domain);
    e.event_id = text_of(id);
    e.delivery_id = text_of(delivery);
    e.headers[0] = (struct envelope_header){TEXT("x-shopify-api-version"), TEXT("2026-07")};
    e.headers[1] = (struct envelope_header){TEXT("x-shopify-order-id"), text_of(number)};
    e.body = out->body;
    e.body_len = out->body_len;
    digest_of(e.digest, out->body, out->body_len);
    out->bytes = envelope_encode(m->encoder, &e, &out->len);
    if (out->bytes == NULL)
        order_die("out of memory");
}

/* ---- the options that its programs share ---- */

#define ORDER_OPTIONS                                                                              \
    {"count", required_argument, NULL, 'n'}, {"from", required_argument, NULL, 'f'},               \
        {"tenants", required_argument, NULL, 't'}, {"partitions", required_argument, NULL, 'p'},   \
        {"customers", required_argument, NULL, 'c'}, {"updated", required_argument, NULL, 'u'}

static inline struct order_options order_defaults(void)
{
    return (struct order_options){.count = 10000, .from = 1, .tenants = 100, .partitions = 8,
                                  .customers = 2000, .updated_us = INT64_C(1795000000000000)};
}

/* False: it is none of them. */
static inline bool order_option(struct order_options *o, int letter, const char *text)
{
    char *end;
    uint64_t n = strtoull(text == NULL ? "" : text, &end, 10);

    if (strchr("nftpcu", letter) == NULL || letter == '\0')
        return false;
    if (text == NULL || end == text || *end != '\0')
        order_die("options take whole numbers");
    switch (letter) {
    case 'n':
        o->count = n;
        break;
    case 'f':
        o->from = n;
        break;
    case 't':
        o->tenants = n > 0 && n <= UINT32_MAX ? (unsigned)n : 1;
        break;
    case 'p':
        o->partitions = n > 0 && n <= PARTITIONS_MAX ? (unsigned)n : 1;
        break;
    case 'c':
        o->customers = n;
        break;
    default: /* seconds since 1970 */
        o->updated_us = (int64_t)n * 1000000;
    }
    return true;
}

#endif
