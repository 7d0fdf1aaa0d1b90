/* Requests that the door reads itself, past libmicrohttpd: a POST whose head is plain (http_head.h),
 * arrives in one piece, and announces a body that can be believed. That is what Shopify and the voice
 * providers send by the thousand. Driver: door_plain_mhd.c.
 *
 * Happy path: the head is peeked at and found plain -> head and body are taken from the socket, the
 * body straight into the memory where it stays -> the role's handler -> http_respond() writes the
 * answer -> the next head. Nothing of it costs a call of epoll_ctl(2), a copy of the body or memory
 * of libmicrohttpd's.
 * Failures: anything else in front of the socket is left unread and the connection given to
 * libmicrohttpd for good; too slow -> 408, closed; the sender is gone while a role works on the
 * request -> seen when the answer is written. */
#ifndef RUNTIME_DOOR_PLAIN_H
#define RUNTIME_DOOR_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

struct door;
struct http_reply;
struct http_request;
struct plain;

/* All plain connections of a door. */
struct plains {
    struct door *door;
    int epoll;
    uv_poll_t poll;
    uv_idle_t again;       /* active while `waiting` has any */
    struct plain *first;   /* open ones */
    struct plain *waiting; /* answered, and there are more bytes to read */
    struct plain *gone;    /* closed ones whose memory an event may still point to */
    size_t n;              /* open ones */
};

/* False: out of descriptors or memory. */
bool plains_open(struct plains *s, struct door *d);
/* Takes over the socket of a new connection. False: cannot, it stays the caller's. */
bool plains_add(struct plains *s, int fd, const struct sockaddr *from, socklen_t from_len);
void plains_sweep(struct plains *s); /* ends those whose deadline is over */
void plains_shut_idle(struct plains *s, uint64_t idle_ms, size_t most);
/* Closes all; what roles still answer is dropped. */
void plains_kill(struct plains *s);
/* After plains_kill(). on_closed is called twice, once per handle. */
void plains_close(struct plains *s, uv_close_cb on_closed);

/* ---- for door_request_mhd.c: a request of a plain connection ---- */
void plain_respond(struct http_request *r, const struct http_reply *reply);
const char *plain_header(const struct http_request *r, const char *name);
void plain_peer(const struct http_request *r, char *out, size_t size);
void *plain_scratch(struct http_request *r, size_t size); /* NULL: no room for so much */

#endif
