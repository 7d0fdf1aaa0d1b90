/* Name -> voice provider: the table that providers.def spells out. */
#include "voice/provider.h"

#define PROVIDER(name) extern const struct voice_provider voice_provider_##name;
#include "voice/providers.def"
#undef PROVIDER

static const struct voice_provider *const registry[] = {
#define PROVIDER(name) &voice_provider_##name,
#include "voice/providers.def"
#undef PROVIDER
};

const struct voice_provider *voice_provider_find(const char *name)
{
    for (size_t i = 0; i < sizeof registry / sizeof *registry; i++) {
        if (strcmp(registry[i]->name, name) == 0)
            return registry[i];
    }
    return NULL;
}

const struct voice_provider *const *voice_providers(size_t *n)
{
    *n = sizeof registry / sizeof *registry;
    return registry;
}
