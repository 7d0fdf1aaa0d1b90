/* Topic -> handler: the table that topics.def spells out. */
#include "handlers.h"

#include <string.h>

static const struct {
    const char *topic;
    handler_fn handler;
} registry[] = {
#define TOPIC(name, handler) {name, handler},
#include "topics.def"
#undef TOPIC
};

handler_fn handler_for(const char *topic)
{
    for (size_t i = 0; i < sizeof registry / sizeof *registry; i++) {
        if (strcmp(registry[i].topic, topic) == 0)
            return registry[i].handler;
    }
    return NULL;
}
