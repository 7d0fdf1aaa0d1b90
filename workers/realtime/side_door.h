/* Broadcasts by HTTP, for clients that have not joined and for servers:
 *   POST /realtime/v1/api/broadcast                          {"messages":[{"topic","event","payload"}]}
 *   POST /realtime/v1/api/broadcast/<topic>/events/<event>   the payload: JSON, or bytes
 * 202: handed to the bus. A user's token speaks to his tenant's topics; one of role service_role to those topics that begin
 * with an organization's id. */
#ifndef REALTIME_SIDE_DOOR_H
#define REALTIME_SIDE_DOOR_H

#include "realtime/hub.h"
#include "runtime/door.h"
#include "runtime/keyring.h"

/* All stay the caller's. Before the loop runs. `on_input`: the hub was asked something. */
void side_door_open(struct door *door, struct hub *hub, struct keyring *keyring,
                    void (*on_input)(void *ctx));

/* Answers those whose keys or memberships became known, or did not. Call it whenever the hub was fed, and now and then. */
void side_door_pump(void);

/* Answers all that still wait, with 503. Nothing is taken from then on. */
void side_door_close(void);

#endif
