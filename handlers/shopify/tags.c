#include "shopify/tags.h"

#include "base/json_out.h"
#include "base/words.h"

static unsigned put_tag(struct json_out *o, struct text tag)
{
    tag = words_trim(tag);
    if (text_empty(tag))
        return 0;
    json_out_text(o, NULL, tag);
    return 1;
}

static unsigned put_comma_list(struct json_out *o, struct text list)
{
    unsigned n = 0;

    while (list.n > 0) {
        const char *comma = memchr(list.p, ',', list.n);
        size_t len = comma == NULL ? list.n : (size_t)(comma - list.p);
        n += put_tag(o, (struct text){list.p, len});
        len += comma == NULL ? 0 : 1;
        list.p += len;
        list.n -= len;
    }
    return n;
}

struct text tags_json(struct reader *in, const struct json *object, const char *key)
{
    const struct json *list = json_member(object, key);
    struct json_out o;
    struct text result;
    unsigned n = 0;

    if (json_type(list) != JSON_STRING && json_type(list) != JSON_ARRAY)
        return TEXT_NULL;
    json_out_open(&o, in->arena, '[');
    if (json_type(list) == JSON_STRING)
        n = put_comma_list(&o, json_string(list, in->arena));
    for (const struct json *v = json_first(list); v != NULL; v = json_next(v))
        n += put_tag(&o, json_string(v, in->arena));
    result = json_out_close(&o);
    return n == 0 ? TEXT_NULL : result;
}
