#include "shopify/buyer.h"

struct buyer buyer_of(const struct json *body)
{
    struct buyer b = {.body = body};

    b.customer = reader_object(body, "customer");
    b.shipping = reader_object(body, "shipping_address");
    b.billing = reader_object(body, "billing_address");
    b.home = reader_object(b.customer, "default_address");
    return b;
}
