/* Who buys: the places in an order's or checkout's body that tell, and which of them counts. */
#ifndef SHOPIFY_BUYER_H
#define SHOPIFY_BUYER_H

#include "shopify/reader.h"

/* Each NULL if absent, an array, or empty. */
struct buyer {
    const struct json *body; /* the order or checkout */
    const struct json *customer;
    const struct json *shipping;
    const struct json *billing;
    const struct json *home; /* customer.default_address */
};

struct buyer buyer_of(const struct json *body);

/* name_choice.c: customer's first + last name -> shipping name -> billing name. */
struct text buyer_name(struct reader *in, const struct buyer *b);

/* email_choice.c: email -> contact_email -> customer.email. */
struct text buyer_email(struct reader *in, const struct buyer *b);

/* phone_choice.c: the first valid one of the order's, customer's, shipping, billing and default
 * address's, as E.164. */
struct text buyer_phone(struct reader *in, const struct buyer *b);

/* phone_choice.c: the same for a customer alone: its own, then its default address's. */
struct text customer_phone(struct reader *in, const struct json *customer, const struct json *home);

/* An e-mail address as it was sent, without spaces around it. */
struct text email_of(struct reader *in, const struct json *object, const char *key);

/* first_name + " " + last_name of an object; absent if both are. */
struct text full_name(struct reader *in, const struct json *object);

/* address.c: the address as Shopify sends it, fit for jsonb. */
struct text address_json(struct reader *in, const struct json *address);

/* address.c: its country, ISO 3166 alpha-2; absent if the address does not say. */
struct text address_country(struct reader *in, const struct json *address);

#endif
