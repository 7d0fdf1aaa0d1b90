/* Which name an order or a checkout goes by. */
#include "shopify/buyer.h"
#include "base/words.h"

struct text full_name(struct reader *in, const struct json *object)
{
    struct text first = words_trim(reader_known(in, object, "first_name"));
    struct text last = words_trim(reader_known(in, object, "last_name"));
    char *joined;

    if (first.p == NULL)
        return last;
    if (last.p == NULL)
        return first;
    joined = arena_alloc(in->arena, first.n + 1 + last.n);
    if (joined == NULL)
        return TEXT_NULL;
    memcpy(joined, first.p, first.n);
    joined[first.n] = ' ';
    memcpy(joined + first.n + 1, last.p, last.n);
    return words_cut((struct text){joined, first.n + 1 + last.n}, READER_TEXT_MAX);
}

static struct text address_name(struct reader *in, const struct json *address)
{
    struct text name = words_trim(reader_known(in, address, "name"));

    return name.p != NULL ? name : full_name(in, address);
}

struct text buyer_name(struct reader *in, const struct buyer *b)
{
    struct text name = full_name(in, b->customer);

    if (name.p == NULL)
        name = address_name(in, b->shipping);
    if (name.p == NULL)
        name = address_name(in, b->billing);
    return name;
}
