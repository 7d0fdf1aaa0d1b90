/* Which e-mail address an order or a checkout goes by. Phone-only checkouts send "" at the top. */
#include "shopify/buyer.h"
#include "base/words.h"

struct text email_of(struct reader *in, const struct json *object, const char *key)
{
    return words_trim(reader_known(in, object, key));
}

struct text buyer_email(struct reader *in, const struct buyer *b)
{
    struct text email = email_of(in, b->body, "email");

    if (email.p == NULL)
        email = email_of(in, b->body, "contact_email");
    if (email.p == NULL)
        email = email_of(in, b->customer, "email");
    return email;
}
