/* The listening socket of a door and the first look at what comes in. Driver: door_accept_uv.c.
 *
 * Happy path: accept -> the first bytes arrive -> they are peeked at, not read -> given away by
 * prefix, or on_http. Failures: silent for first_byte_ms -> closed; TLS on this plain port ->
 * closed and logged; out of descriptors -> accepting pauses for a moment; room() says no ->
 * accepting pauses until acceptor_wake(), newcomers wait in the kernel's backlog. */
#ifndef RUNTIME_DOOR_ACCEPT_H
#define RUNTIME_DOOR_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

struct acceptor;

struct acceptor_options {
    const char *address; /* "host:port" */
    const char *flag;    /* the flag that sets it, for the error: "--listen" */
    bool exclusive;      /* else other processes may listen on the same port (SO_REUSEPORT) */
    uint64_t first_byte_ms;
    bool (*room)(void *ctx);
    /* Owns the fd: at least one byte can be read, none was. */
    void (*on_http)(void *ctx, int fd, const struct sockaddr *from, socklen_t from_len);
    void *ctx;
};

/* NULL: `error` holds one line. */
struct acceptor *acceptor_open(uv_loop_t *loop, const struct acceptor_options *options, char *error,
                               size_t error_size);
const char *acceptor_address(const struct acceptor *a); /* really bound, "host:port" */

/* As door_give_away(); the prefix is copied. */
void acceptor_give_away(struct acceptor *a, const char *prefix, bool (*take)(void *ctx, int fd),
                        void *ctx);
/* True if a connection that began with these bytes would have been given away. */
bool acceptor_gives_away(const struct acceptor *a, const char *bytes, size_t n);

size_t acceptor_waiting(const struct acceptor *a); /* accepted, and not a byte yet */
void acceptor_wake(struct acceptor *a);            /* there is room again */
void acceptor_sweep(struct acceptor *a);           /* closes who has been silent too long */

/* Takes what the kernel has already accepted for us, then stops listening. */
void acceptor_stop(struct acceptor *a);
/* Closes the silent ones. */
void acceptor_drop_waiting(struct acceptor *a);
/* Both, and everything else; on_closed comes later, once. */
void acceptor_close(struct acceptor *a, void (*on_closed)(void *ctx), void *ctx);

#endif
