/* Sockets whose answer was sent before their request was read to the end (413, 400). Closing such a
 * socket at once makes the kernel send a reset, and the sender may lose the answer with it. So what
 * still comes is read and thrown away for a short while. Driver: door_linger_uv.c. */
#ifndef RUNTIME_DOOR_LINGER_H
#define RUNTIME_DOOR_LINGER_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct leaver;

struct lingers {
    uv_loop_t *loop;
    struct leaver *first;
    size_t n;
};

void lingers_init(struct lingers *l, uv_loop_t *loop);
/* Owns the fd, whose sending side is already shut. Closed at the sender's end, after a while, or at
 * once when there are too many. */
void lingers_add(struct lingers *l, int fd);
void lingers_sweep(struct lingers *l); /* closes those whose time is over */
void lingers_close(struct lingers *l); /* closes all; the handles are gone a turn later */

#endif
