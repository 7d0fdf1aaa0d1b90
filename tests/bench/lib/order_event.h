/* Order events in the envelope of the gateway, the same for the same options every time; and the options of the programs that
 * make them. */
#ifndef BENCH_ORDER_EVENT_H
#define BENCH_ORDER_EVENT_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "order.h"

enum { ORDER_BODY_BYTES = 10 * 1024, ORDER_DOMAIN_MAX = 64 };

struct order_options {
    uint64_t count, from; /* orders from, from + 1, ...: what was made before is the same again */
    unsigned tenants, partitions;
    uint64_t customers; /* of each tenant, in turn; 0: every order has a new one */
    int64_t updated_us; /* the version; orders were created at the same moment */
};

struct order_maker {
    struct order_options options;
    struct envelope_encoder *encoder;
    char body[ORDER_BODY_BYTES + EVENT_BODY_PADDING];
};

struct order_event {
    char domain[ORDER_DOMAIN_MAX];
    unsigned partition;
    const char *body; /* valid until the next one */
    size_t body_len;
    const void *bytes; /* the envelope; the same */
    size_t len;
};

#define ORDER_OPTIONS                                                                              \
    {"count", required_argument, NULL, 'n'}, {"from", required_argument, NULL, 'f'},               \
        {"tenants", required_argument, NULL, 't'}, {"partitions", required_argument, NULL, 'p'},   \
        {"customers", required_argument, NULL, 'c'},                                               \
    {                                                                                              \
        "updated", required_argument, NULL, 'u'                                                    \
    }

/* Says `what` on standard error and ends the program. */
_Noreturn void order_die(const char *what);

struct order_options order_defaults(void);

/* One of ORDER_OPTIONS; false: it is none of them. */
bool order_option(struct order_options *o, int letter, const char *text);

void order_maker_open(struct order_maker *m, const struct order_options *options);

/* Event number i, as the gateway would have written it. */
void order_make(struct order_maker *m, uint64_t i, struct order_event *out);

#endif
