/* What `simulate` was asked about calls: whose they are, who places them, how they are signed. */
#ifndef SIMULATE_VOICE_OPTIONS_H
#define SIMULATE_VOICE_OPTIONS_H

#include "ops/flags.h"
#include "runtime/config.h"
#include "simulate/voice_sign.h"

enum { VOICE_SECRET_MAX = 200, VOICE_BASE_MAX = 600 };

struct voice_options {
    uint64_t calls; /* percent */
    struct flag_list providers, organizations, campaigns, agents;
    /* derived */
    struct sim_tenant tenants[SIM_STORES_MAX];
    struct voice_target target;
    char base[VOICE_BASE_MAX], secrets[SIM_PROVIDERS][VOICE_SECRET_MAX];
};

/* Fills in what the flags did not say, and the calls' part of `o`. `host` and `prefix` of the
 * gateway's URL must outlive it. False: `error` is one line. */
bool voice_options_read(struct voice_options *v, const struct config *config, const char *host,
                        const char *prefix, struct sim_options *o, char error[FLAG_ERROR_MAX]);

#endif
