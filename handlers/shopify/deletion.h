/* The source deleted something: a body of little more than {"id": ...}. */
#ifndef SHOPIFY_DELETION_H
#define SHOPIFY_DELETION_H

#include "event.h"
#include "rows.h"

/* `kind`: order, product or customer, as rowsets.def names them. */
enum verdict deletion(const struct event *ev, struct rows *out, struct text kind);

#endif
