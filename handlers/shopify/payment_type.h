/* Decides whether an order is cash on delivery, prepaid, or not known to be either. */
#ifndef SHOPIFY_PAYMENT_TYPE_H
#define SHOPIFY_PAYMENT_TYPE_H

#include "shopify/reader.h"

/* "cod", "prepaid" or "unknown" for the order `body`; static. */
struct text payment_type(struct reader *in, const struct json *body);

#endif
