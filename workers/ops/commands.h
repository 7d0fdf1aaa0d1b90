/* Every command that runs and ends; main.c lists them. */
#ifndef OPS_COMMANDS_H
#define OPS_COMMANDS_H

#include "runtime/app.h"

extern const struct command command_migrate, command_tenant, command_token, command_doctor,
    command_simulate, command_rollup, command_dlq, command_replay, command_help;

#endif
