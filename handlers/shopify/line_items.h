/* The lines of an order and of a checkout. */
#ifndef SHOPIFY_LINE_ITEMS_H
#define SHOPIFY_LINE_ITEMS_H

#include "shopify/version.h"

/* Rows of order_items for the order `id`. */
void order_line_items(struct reader *in, struct text id, const struct version *version);

struct cart_items {
    struct text
        json; /* as rowsets.def describes checkouts.items; absent if the body has no line_items */
    int32_t count; /* pieces, not lines: what Shopify calls the cart's item_count */
    bool known;    /* the body has line_items */
};

struct cart_items checkout_line_items(struct reader *in);

#endif
