/* ringback: config, wire, run. A new role or command is one line here. */
#include <stdio.h>
#include <string.h>

#include "ops/commands.h"
#include "ops/help.h"
#include "runtime/process.h"

#define ROLES(...)                                                                                 \
    (const struct role *const[])                                                                   \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static const struct process
    gateway = {"gateway", "HTTP in: verify, append to the stream, answer", ROLES(&role_gateway),
               true},
    worker = {"worker", "streams -> PostgreSQL -> live updates; timers, each under a lease",
              ROLES(&role_worker), false},
    realtime = {"realtime", "websockets to dashboards, and the dashboard page at /",
                ROLES(&role_realtime, &role_dashboard), true},
    api = {"api", "REST /v1", ROLES(&role_api), true},
    all = {"all", "every role in one process on one port: the default for one machine",
           ROLES(&role_gateway, &role_worker, &role_realtime, &role_api, &role_dashboard), true};

static const struct process *const processes[] = {&gateway, &worker, &realtime, &api, &all, NULL};

static const struct command *const commands[] = {
    &command_migrate, &command_simulate, &command_dlq,    &command_replay, &command_rollup,
    &command_tenant,  &command_token,    &command_doctor, &command_help,   NULL};

static int run_process(const struct process *p, const struct config *config, int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr, "ringback %s: unknown argument \"%s\"; ringback %s --help lists them\n",
                p->name, argv[1], p->name);
        return 2;
    }
    return process_run(p, config);
}

/* argv[0] is the role's or command's name. */
static int dispatch(const struct process *p, const struct command *c, int argc, char **argv)
{
    static struct config config;
    char error[512];

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return p != NULL ? help_process(p) : help_command(c);
    if (!config_load(&config, &argc, argv, error, sizeof error)) {
        fprintf(stderr, "ringback: %s\n", error);
        return 2;
    }
    return p != NULL ? run_process(p, &config, argc, argv) : c->run(&config, argc, argv);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    help_tables(processes, commands);
    for (const struct process *const *p = processes; *p != NULL; p++)
        if (strcmp((*p)->name, name) == 0)
            return dispatch(*p, NULL, argc - 1, argv + 1);
    for (const struct command *const *c = commands; *c != NULL; c++)
        if (strcmp((*c)->name, name) == 0)
            return dispatch(NULL, *c, argc - 1, argv + 1);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return dispatch(NULL, &command_help, 1, argv);
    if (*name != '\0')
        fprintf(stderr, "ringback: there is no role \"%s\"; ringback --help lists them\n", name);
    else
        help_overview(stderr);
    return 2;
}
