/* Addresses are kept as Shopify sends them; only their country is looked at. */
#include "shopify/buyer.h"
#include "base/words.h"

struct text address_json(struct reader *in, const struct json *address)
{
    return json_raw(address, in->arena);
}

struct text address_country(struct reader *in, const struct json *address)
{
    struct text code = words_trim(reader_text(in, address, "country_code"));

    if (code.p == NULL) /* some senders put the code there; a name has more letters */
        code = words_trim(reader_text(in, address, "country"));
    return code.n == 2 ? code : TEXT_NULL;
}
