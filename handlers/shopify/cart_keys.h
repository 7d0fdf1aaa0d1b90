/* Which carts a batch has to settle once its rows are written: schema/worker/settle_carts.sql. */
#ifndef SHOPIFY_CART_KEYS_H
#define SHOPIFY_CART_KEYS_H

#include "shopify/reader.h"

/* The checkouts of this store with one of the tokens. Both absent: those that a deletion of this batch touches. */
void cart_keys(struct reader *in, struct text checkout_token, struct text cart_token);

#endif
