#include "worker/calls.h"

#include <assert.h>

#include "worker/dead_letter.h"
#include "worker/shops.h"

bool calls_init(struct calls *c, struct arena *arena, uint32_t room)
{
    *c = (struct calls){.room = room, .call = arena_alloc(arena, room * sizeof *c->call)};
    return c->call != NULL;
}

/* Text for a query; blank is nothing. */
static struct value value_of(struct arena *arena, struct text t)
{
    if (text_empty(t))
        return (struct value){.set = false};
    return (struct value){.set = true, .text = utf8_fit(arena, t)};
}

static struct text hint_of(const struct voice_event *ev, enum call_hint hint)
{
    switch (hint) {
    case CALL_ORGANIZATION:
        return ev->organization_id;
    case CALL_AGENT:
        return ev->agent_id;
    case CALL_CAMPAIGN:
        return ev->campaign_id;
    case CALL_PROVIDER_AGENT:
        return ev->provider_agent_id;
    case CALL_OUR_NUMBER:
        return ev->our_number;
    case CALL_PROVIDER:
    case CALL_EXTERNAL_ID:
    case CALL_HINTS:
        break;
    }
    return TEXT_NULL;
}

struct batch_call *calls_add(struct calls *c, struct arena *arena,
                             const struct voice_provider *provider,
                             const struct voice_event *events, unsigned n)
{
    struct batch_call *call;

    assert(c->n < c->room);
    call = &c->call[c->n++];
    call->hint[CALL_PROVIDER] = value_of(arena, text_of(provider->name));
    call->hint[CALL_EXTERNAL_ID] = value_of(arena, events[0].external_call_id);
    for (unsigned i = 0; i < n; i++)
        for (enum call_hint h = CALL_ORGANIZATION; h < CALL_HINTS; h++)
            if (!call->hint[h].set)
                call->hint[h] = value_of(arena, hint_of(&events[i], h));
    return arena->failed ? NULL : call;
}

const struct value *const **calls_columns(const struct calls *c, struct arena *arena)
{
    const struct value *const **columns = arena_alloc(arena, CALL_HINTS * sizeof *columns);

    for (enum call_hint h = 0; columns != NULL && h < CALL_HINTS; h++) {
        const struct value **cells = arena_alloc(arena, c->n * sizeof *cells);

        for (uint32_t i = 0; cells != NULL && i < c->n; i++)
            cells[i] = &c->call[i].hint[h];
        columns[h] = cells;
    }
    return columns;
}

bool calls_learn(struct calls *c, uint32_t index, const char *organization_id, const char *agent_id,
                 const char *campaign_id)
{
    struct call_owner owner = {.organization_id = {0}};

    if (index >= c->n || !uuid_parse(organization_id, owner.organization_id) ||
        (agent_id != NULL && !uuid_parse(agent_id, owner.agent_id)) ||
        (campaign_id != NULL && !uuid_parse(campaign_id, owner.campaign_id)))
        return false;
    c->call[index].owner = owner;
    c->call[index].known = true;
    return true;
}
