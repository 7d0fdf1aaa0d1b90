/* Which phone number is called: order -> customer -> shipping -> billing -> customer's default
 * address, the first one that is valid. The first two are meant to be E.164 and are read for the
 * country of the buyer if they are not; those in addresses are what somebody typed, and are read
 * for the country of their own address. */
#include "base/phone.h"
#include "shopify/buyer.h"

/* The store's country stands in where an address names none. */
static struct text country_or_shop(struct reader *in, struct text country)
{
    return country.p != NULL ? country : text_of(in->ev->shop->country);
}

static struct text phone_of(struct reader *in, const struct json *object, struct text country)
{
    struct text raw = reader_text(in, object, "phone");

    return raw.p == NULL ? TEXT_NULL : phone_e164(raw, country, in->arena);
}

static struct text address_phone(struct reader *in, const struct json *address)
{
    return phone_of(in, address, country_or_shop(in, address_country(in, address)));
}

static struct text buyer_country(struct reader *in, const struct buyer *b)
{
    struct text country = address_country(in, b->shipping);

    if (country.p == NULL)
        country = address_country(in, b->billing);
    if (country.p == NULL)
        country = address_country(in, b->home);
    return country_or_shop(in, country);
}

struct text buyer_phone(struct reader *in, const struct buyer *b)
{
    struct text country = buyer_country(in, b);
    struct text phone = phone_of(in, b->body, country);

    if (phone.p == NULL)
        phone = phone_of(in, b->customer, country);
    if (phone.p == NULL)
        phone = address_phone(in, b->shipping);
    if (phone.p == NULL)
        phone = address_phone(in, b->billing);
    if (phone.p == NULL)
        phone = address_phone(in, b->home);
    return phone;
}

struct text customer_phone(struct reader *in, const struct json *customer, const struct json *home)
{
    struct text country = country_or_shop(in, address_country(in, home));
    struct text phone = phone_of(in, customer, country);

    return phone.p != NULL ? phone : address_phone(in, home);
}
