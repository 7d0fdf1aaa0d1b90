#include "worker/source.h"

#include <string.h>

#include "base/json.h"
#include "voice/provider.h"

const struct source *source_find(const char *name, const struct voice_provider **provider)
{
    *provider = NULL;
    if (strcmp(name, "shopify") == 0)
        return &source_shopify;
    *provider = voice_provider_find(name);
    return *provider == NULL ? NULL : &source_voice;
}

bool body_is_object(const struct envelope *e)
{
    const char *why;
    const struct json *root = json_parse(JSON_SLOT_EVENT, e->body, e->body_len, &why);

    return root != NULL && json_type(root) == JSON_OBJECT;
}
