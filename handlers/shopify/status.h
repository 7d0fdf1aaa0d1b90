/* Shopify's status words -> the words of our enums. Total: an unknown word never fails an order. */
#ifndef SHOPIFY_STATUS_H
#define SHOPIFY_STATUS_H

#include "base/text.h"

/* -> order_financial_status: pending | paid | refunded | partially_refunded | voided. */
struct text status_financial(struct text word);

/* -> order_fulfillment_status: unfulfilled | partial | fulfilled | restocked. */
struct text status_fulfillment(struct text word);

/* -> product_status: active | draft | archived; absent if unknown. */
struct text status_product(struct text word);

#endif
