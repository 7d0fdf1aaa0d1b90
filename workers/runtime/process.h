/* A process: one uv loop, the HTTP door where a role needs it, the admin port, signals, and an orderly end. */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include "runtime/app.h"

/* What `ringback NAME` starts. */
struct process {
    const char *name;
    const char *help;
    const struct role *const *roles; /* NULL-terminated */
    bool door;                       /* opens LISTEN */
};

/* Runs until SIGTERM or SIGINT; returns the exit status. A second signal ends it at once. */
int process_run(const struct process *p, const struct config *config);

#endif
