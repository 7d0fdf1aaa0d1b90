/* What our dialer told the provider when it placed the call, and gets back with every callback. */
#include <stdio.h>
#include <string.h>

#include "simulate/world.h"

static const char *number_text(const struct call *c, char out[8])
{
    snprintf(out, 8, "%u", c->attempt);
    return out;
}

void voice_metadata(struct sim *s, const struct call *c)
{
    const struct sim_tenant *t = &s->options.tenants[c->store];
    struct body *b = &s->body;

    body_open(b, "metadata", '{');
    if (t->organization != NULL)
        body_text(b, "organization_id", t->organization);
    if (t->campaign != NULL)
        body_text(b, "campaign_id", t->campaign);
    if (t->agent != NULL)
        body_text(b, "agent_id", t->agent);
    if (c->cod)
        body_text(b, "payment_type", "cod");
    body_text(b, "purpose", c->cod ? "cod_confirmation" : "cart_recovery");
    body_int(b, "attempt_number", c->attempt);
    body_close(b, '}');
}

/* uuids, words and digits: nothing that would have to be escaped. */
static void add(struct sim_event *out, const char *key, const char *value)
{
    size_t n = strlen(out->query);

    if (value != NULL)
        snprintf(out->query + n, sizeof out->query - n, "%s%s=%s", n == 0 ? "" : "&", key, value);
}

void voice_query(const struct sim *s, const struct call *c, struct sim_event *out)
{
    const struct sim_tenant *t = &s->options.tenants[c->store];
    char number[8];

    add(out, "organization_id", t->organization);
    add(out, "campaign_id", t->campaign);
    add(out, "agent_id", t->agent);
    add(out, "payment_type", c->cod ? "cod" : NULL);
    add(out, "attempt_number", number_text(c, number));
}

void voice_parties(const struct sim *s, const struct call *c, char from[SIM_PHONE_SIZE],
                   char to[SIM_PHONE_SIZE])
{
    call_our_phone(s, c, c->inbound ? to : from);
    call_phone(s, c, c->inbound ? from : to);
}
