#include "simulate/voice_options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { UUID_TEXT = 36 };

static bool fail(char *error, const char *text, const char *value)
{
    snprintf(error, FLAG_ERROR_MAX, text, value);
    return false;
}

static bool is_uuid(const char *t)
{
    for (unsigned i = 0; i < UUID_TEXT; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? t[i] != '-' : !isxdigit((unsigned char)t[i]))
            return false;
    }
    return t[UUID_TEXT] == '\0';
}

static bool are_uuids(const struct flag_list *list, const char *flag, char *error)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (!is_uuid(list->of[i])) {
            snprintf(error, FLAG_ERROR_MAX, "--%s \"%.60s\" is not a uuid", flag, list->of[i]);
            return false;
        }
    }
    return true;
}

/* Of the store number i; the last one goes for the rest. NULL: none was given. */
static const char *of_store(const struct flag_list *list, unsigned i)
{
    return list->n == 0 ? NULL : list->of[i < list->n ? i : list->n - 1];
}

static bool read_tenants(struct voice_options *v, struct sim_options *o, char *error)
{
    if (v->organizations.n == 0)
        return fail(error, "--calls needs --organization %s: whose calls they are",
                    "UUID[,UUID...]");
    if (!are_uuids(&v->organizations, "organization", error) ||
        !are_uuids(&v->campaigns, "campaign", error) || !are_uuids(&v->agents, "agent", error))
        return false;
    for (unsigned i = 0; i < o->n_stores; i++)
        v->tenants[i] = (struct sim_tenant){of_store(&v->organizations, i),
                                            of_store(&v->campaigns, i), of_store(&v->agents, i)};
    o->tenants = v->tenants;
    return true;
}

static bool read_providers(struct voice_options *v, struct sim_options *o, char *error)
{
    if (v->providers.n == 0)
        v->providers.of[v->providers.n++] = sim_provider_names[SIM_RETELL];
    for (unsigned i = 0; i < v->providers.n; i++) {
        unsigned p = SIM_RETELL;
        while (p < SIM_PROVIDERS && strcmp(v->providers.of[i], sim_provider_names[p]) != 0)
            p++;
        if (p == SIM_PROVIDERS || o->n_providers == SIM_PROVIDERS)
            return fail(error, "--providers \"%.40s\" is not one of retell, vapi and twilio",
                        v->providers.of[i]);
        o->providers[o->n_providers++] = (enum sim_provider)p;
    }
    return true;
}

/* The first of each list: the newest. */
static bool read_secrets(struct voice_options *v, const struct config *config,
                         const struct sim_options *o, char *error)
{
    static const char *const names[SIM_PROVIDERS] = {[SIM_RETELL] = "RETELL_API_KEY",
                                                     [SIM_VAPI] = "VAPI_SECRET",
                                                     [SIM_TWILIO] = "TWILIO_AUTH_TOKEN"};

    for (unsigned i = 0; i < o->n_providers; i++) {
        unsigned p = o->providers[i];
        const char *list = config_text_of(config, names[p]);
        size_t n = list == NULL ? 0 : strcspn(list, ",");
        if (n == 0 || n >= VOICE_SECRET_MAX)
            return fail(error, "RINGBACK_%s must be set to sign its callbacks", names[p]);
        snprintf(v->secrets[p], sizeof v->secrets[p], "%.*s", (int)n, list);
        v->target.secrets[p] = v->secrets[p];
    }
    return true;
}

bool voice_options_read(struct voice_options *v, const struct config *config, const char *host,
                        const char *prefix, struct sim_options *o, char error[FLAG_ERROR_MAX])
{
    const char *url = config_text_of(config, "PUBLIC_URL");
    size_t n = url == NULL ? 0 : strlen(url);

    if (v->calls == 0)
        return true;
    while (n > 0 && url[n - 1] == '/')
        n--;
    if (n >= VOICE_BASE_MAX)
        return fail(error, "RINGBACK_PUBLIC_URL is too long%s", "");
    if (n > 0)
        snprintf(v->base, sizeof v->base, "%.*s", (int)n, url);
    else
        snprintf(v->base, sizeof v->base, "http://%s%s", host, prefix);
    v->target = (struct voice_target){.host = host, .prefix = prefix, .base = v->base};
    o->calls_percent = (unsigned)v->calls;
    return read_tenants(v, o, error) && read_providers(v, o, error) &&
           read_secrets(v, config, o, error);
}
