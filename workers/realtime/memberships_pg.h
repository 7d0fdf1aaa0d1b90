/* Asks organization_members for many users at once. Driver: memberships_pg.c. */
#ifndef REALTIME_MEMBERSHIPS_PG_H
#define REALTIME_MEMBERSHIPS_PG_H

#include <stdbool.h>
#include <uv.h>

#include "realtime/hub.h"

struct memberships;

/* Answers go straight into the hub; `on_answer` follows them. NULL: out of memory. */
struct memberships *memberships_open(uv_loop_t *loop, const char *database_url, struct hub *hub,
                                     void (*on_answer)(void *ctx), void *ctx);

/* Looks up the users whom the hub wants, one question at a time. Call it whenever the hub was fed. */
void memberships_pump(struct memberships *m);

/* on_closed comes once, later, and frees `m`. */
void memberships_close(struct memberships *m, void (*on_closed)(void *ctx), void *ctx);

#endif
