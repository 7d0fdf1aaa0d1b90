/* The admin port: /healthz, /readyz and /metrics on RINGBACK_ADMIN_LISTEN. For operators and
 * probes; never for the internet. */
#ifndef RUNTIME_ADMIN_H
#define RUNTIME_ADMIN_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/app.h"

/* /healthz: 200 as long as the loop turns, whatever is away. /readyz: 200, or 503 with what the
 * roles wait for. False: `error` holds one line. `roles` is borrowed until the end. */
bool admin_start(struct app *app, const struct role *const *roles, size_t n, char *error,
                 size_t error_size);

/* `done` exactly once, later. */
void admin_stop(void (*done)(void *ctx), void *ctx);

#endif
