#include "order_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "envelope.h"
#include "partition.h"
#include "simulate/random.h"

void order_die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

struct order_options order_defaults(void)
{
    return (struct order_options){.count = 10000,
                                  .from = 1,
                                  .tenants = 100,
                                  .partitions = 8,
                                  .customers = 2000,
                                  .updated_us = INT64_C(1795000000000000)};
}

bool order_option(struct order_options *o, int letter, const char *text)
{
    char *end;
    uint64_t n = strtoull(text == NULL ? "" : text, &end, 10);

    if (letter == '\0' || strchr("nftpcu", letter) == NULL)
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

void order_maker_open(struct order_maker *m, const struct order_options *options)
{
    *m = (struct order_maker){.options = *options, .encoder = envelope_encoder_new()};
    if (m->encoder == NULL)
        order_die("out of memory");
}

void order_make(struct order_maker *m, uint64_t i, struct order_event *out)
{
    const struct order_options *o = &m->options;
    uint64_t number = o->from + i;
    struct bench_order order = {.number = number,
                                .customer = o->customers == 0 ? number : number % o->customers,
                                .created_s = o->updated_us / 1000000,
                                .bytes = ORDER_BODY_BYTES};
    char id[64], delivery[64], digits[32];
    struct envelope e = {.source = TEXT("shopify"),
                         .topic = TEXT("orders/create"),
                         .triggered_us = o->updated_us + (int64_t)(number % 1000000),
                         .received_us = o->updated_us + 1000000,
                         .body = m->body,
                         .body_len = ORDER_BODY_BYTES,
                         .n_headers = 2};

    bench_order_write(m->body, &order);
    *out = (struct order_event){.body = m->body, .body_len = ORDER_BODY_BYTES};
    snprintf(out->domain, sizeof out->domain, "bench-%" PRIu64 ".myshopify.com",
             1 + number % o->tenants);
    out->partition = partition_of(route_hash(out->domain, strlen(out->domain)), o->partitions);
    snprintf(id, sizeof id, "%016" PRIx64 "-%016" PRIx64, mix64(number + 4), number);
    snprintf(delivery, sizeof delivery, "%016" PRIx64 "-%016" PRIx64, mix64(number + 5), number);
    snprintf(digits, sizeof digits, "%" PRIu64, BENCH_ORDER_ID + number);
    e.key = text_of(out->domain);
    e.event_id = text_of(id);
    e.delivery_id = text_of(delivery);
    e.headers[0] = (struct envelope_header){TEXT("x-shopify-api-version"), TEXT("2026-07")};
    e.headers[1] = (struct envelope_header){TEXT("x-shopify-order-id"), text_of(digits)};
    digest_of(e.digest, m->body, ORDER_BODY_BYTES);
    out->bytes = envelope_encode(m->encoder, &e, &out->len);
    if (out->bytes == NULL)
        order_die("out of memory");
}
