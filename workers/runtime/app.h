/* What every role shares inside one process, and what a role is. */
#ifndef RUNTIME_APP_H
#define RUNTIME_APP_H

#include <stdbool.h>
#include <uv.h>

#include "runtime/config.h"

struct app {
    uv_loop_t *loop;
    const struct config *config;
    char instance[40]; /* unique per process: host-pid-random */
    char listen[80];   /* the address really bound ("0.0.0.0:41234"), once the door is open */
    struct door *door; /* the shared HTTP port; NULL in roles without one */
    struct keyring *keyring; /* what users' tokens are checked with; NULL in roles without tokens */
};

/* A long-running role. start() returns false after logging one line why. Roles start and stay alive while Redis or
 * PostgreSQL is away: only ready() waits. */
struct role {
    const char *name;
    const char *help;
    bool tokens; /* it checks users' tokens: app->keyring is there */
    bool (*start)(struct app *app);
    /* NULL when ready, else why not (a word or two: "redis", "postgres", "schema"). */
    const char *(*ready)(void);
    /* SIGTERM: stop taking in, finish, acknowledge, close; call done exactly once, later. */
    void (*stop)(void (*done)(void *ctx), void *ctx);
};

extern const struct role role_gateway, role_worker, role_realtime, role_api, role_dashboard;

/* A command that runs and ends: migrate, tenant, token, doctor, simulate, rollup ... Returns the exit status. */
struct command {
    const char *name;
    const char *usage; /* "create --name NAME --timezone ZONE --owner UUID" */
    const char *help;
    int (*run)(const struct config *config, int argc, char **argv);
};

/* The HTTP door: one port for webhooks, websockets and (later) REST. workers/gateway/door.h */
#endif
