/* The websockets of the process: libwebsockets on our loop parses and frames; what is said is the hub's business.
 * Driver: socket_lws.c, the only file that includes libwebsockets.
 *
 * Happy path: sockets_take(fd) -> upgrade -> hub_connect -> hub_frame ... -> sockets_flush writes the outbox.
 * Failures:   not our path, no upgrade, too many connections -> the connection is closed; a message above
 *             SESSION_FRAME_IN_MAX, compressed or not -> 1009; bad compression -> 1007; a peer that does not read -> its
 *             outbox fills, nobody else notices. */
#ifndef REALTIME_SOCKET_LWS_H
#define REALTIME_SOCKET_LWS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "realtime/hub.h"

struct sockets;

struct sockets_options {
    uv_loop_t *loop;
    struct hub *hub;
    const char *path;            /* the only one that is upgraded */
    void (*on_input)(void *ctx); /* the hub was fed: look after it soon */
    void (*on_latency)(void *ctx,
                       double seconds); /* commit to write, once per change and socket group */
    void *ctx;
};

struct sockets_stats {
    unsigned open;
    uint64_t frames_out, writes, bytes_out;
    uint64_t refused; /* over REALTIME_CONNECTIONS_MAX or ADDRESS_CONNECTIONS_MAX */
};

/* NULL: *why (static) tells. */
struct sockets *sockets_open(const struct sockets_options *options, const char **why);

/* Takes over an accepted socket whose request is unread. False: refused, the fd stays the caller's. */
bool sockets_take(struct sockets *s, int fd);

/* Writes what the session's outbox holds, as far as the socket takes it; the rest follows by itself. Closes when asked. */
void sockets_flush(struct sockets *s, struct session *session);

const struct sockets_stats *sockets_stats(const struct sockets *s);

/* Asks up to `n` more clients to go (1001). Takes no more sockets from then on. */
void sockets_drain(struct sockets *s, unsigned n);

/* Closes everything; on_closed comes once, later, and frees `s`. */
void sockets_close(struct sockets *s, void (*on_closed)(void *ctx), void *ctx);

/* Both clocks. */
struct instant sockets_now(void);

#endif
