/* The variants of a product. */
#ifndef SHOPIFY_VARIANTS_H
#define SHOPIFY_VARIANTS_H

#include "shopify/version.h"

/* Rows of product_variants for the product `id`; returns how many. A product has at least one, so
 * none means that the body did not carry them. */
unsigned product_variants(struct reader *in, struct text id, const struct version *version);

#endif
