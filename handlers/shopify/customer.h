/* The customers row that orders, checkouts and customers' own webhooks have in common. */
#ifndef SHOPIFY_CUSTOMER_H
#define SHOPIFY_CUSTOMER_H

#include "shopify/version.h"

/* A row for `customer`, which came along inside another body of version `outer`; nothing if it is
 * NULL or has no id. Its own updated_at counts as its version, so that it is compared with
 * customers/update on equal terms. */
void customer_inside(struct reader *in, const struct json *customer, const struct version *outer);

#endif
