/* Tags: REST and webhooks send "a, b", GraphQL an array. */
#ifndef SHOPIFY_TAGS_H
#define SHOPIFY_TAGS_H

#include "shopify/reader.h"

/* The member `key` as a JSON array of strings, trimmed, without blank ones; absent if there is no
 * tag in it. */
struct text tags_json(struct reader *in, const struct json *object, const char *key);

#endif
