/* What the parts of the door share: door_mhd.c (connections, time, closing), door_request_mhd.c (one
 * request) and door_plain_mhd.c (requests past libmicrohttpd). */
#ifndef RUNTIME_DOOR_MHD_H
#define RUNTIME_DOOR_MHD_H

#include <microhttpd.h>
#include <uv.h>

#include "runtime/door.h"
#include "runtime/door_accept.h"
#include "runtime/door_linger.h"
#include "runtime/door_plain.h"
#include "runtime/metrics.h"

enum {
    DOOR_ROUTES_MAX = 256,
    /* All request bodies in memory together. Past it new ones get 503 with Retry-After: memory is
       for what is already here. */
    DOOR_BODIES_BYTES_MAX = 128 << 20,
    DOOR_RETRY_AFTER_S = 2,
    DOOR_HEAD_MS_MAX = 10000, /* for a head, from the first byte of a connection or else from the
                                 request line on */
};

/* Where a connection stands; each has its own deadline. */
enum conn_state {
    CONN_HEAD,    /* between requests, or in the middle of a head */
    CONN_BODY,    /* the head is complete, the body is coming */
    CONN_HANDLER, /* a role has it; roles bound their own time */
    CONN_ANSWER,  /* the answer is going out */
};

struct conn {
    struct conn *prev, *next;
    struct door *door;
    struct MHD_Connection *mhd;
    struct http_request *request; /* since its request line; NULL between requests */
    uint64_t deadline_ms;
    uint64_t active_ms; /* when something last came in or went out */
    int fd;             /* libmicrohttpd's: we may shut it down, never close it */
    enum conn_state state;
    bool linger; /* what the sender still sends must be read before the socket is closed */
    bool looked; /* since active_ms: whether the sender has closed */
    bool kill;   /* the door's grace is over: end it at the next opportunity */
};

struct route {
    char *method, *path;
    size_t path_len;
    bool prefix;
    size_t body_max;
    http_handler handler;
    void *ctx;
};

/* Lives until both are through with it: libmicrohttpd (`finished`) and the role (`responded`). */
struct http_request {
    struct door *door; /* NULL with conn: the connection is gone, the role still works on it */
    struct conn *conn;
    struct plain *plain; /* instead of conn: read by ourselves, and a part of that connection */
    const struct route *route;
    char method[20];
    const char *path, *query; /* into uri */
    char peer[48];
    uint64_t arrived_us, head_ms;
    char *body;
    size_t body_len, body_room; /* room without the padding */
    uint64_t declared;          /* Content-Length */
    bool chunked;
    bool headed;  /* the head was looked at */
    bool calling; /* we are inside a call from libmicrohttpd for this request */
    bool handled; /* a role got it */
    bool suspended;
    bool responded;
    bool finished;
    bool close; /* the connection ends with this answer */
    unsigned status;
    size_t reply_len;
    struct MHD_Response *reply;
    void *scratch;
    char *uri;
};

enum door_state { DOOR_OPEN, DOOR_DRAINING, DOOR_CLOSED };

struct door {
    uv_loop_t *loop;
    struct door_options o;
    struct acceptor *acceptor;
    struct lingers lingers;
    struct plains plains;
    struct MHD_Daemon *mhd;
    uv_poll_t epoll;
    uv_idle_t again; /* active while libmicrohttpd has work that no descriptor announces */
    uv_timer_t sweep;
    struct route routes[DOOR_ROUTES_MAX];
    size_t n_routes;
    struct conn *conns;
    size_t n_conns;
    size_t bodies_bytes;
    enum door_state state;
    uint64_t closing_since_ms, grace_ms;
    unsigned open_handles;
    void (*on_closed)(void *ctx);
    void *on_closed_ctx;
};

/* ---- door_request_mhd.c: libmicrohttpd's callbacks for a request ---- */
void *request_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_step(void *cls, struct MHD_Connection *mhd, const char *url,
                             const char *method, const char *version, const char *data,
                             size_t *size, void **context);
void request_finished(void *cls, struct MHD_Connection *mhd, void **context,
                      enum MHD_RequestTerminationCode why);

/* A complete answer straight into the socket, in the middle of a request (where libmicrohttpd takes
 * none). */
void fd_tell(int fd, unsigned status, const char *code, const char *message);

/* What holds for a request whoever reads it. */
const struct route *request_route(const struct door *d, const char *path, const char *method);
uint64_t request_body_deadline(const struct http_request *r);
uint64_t request_answer_deadline(const struct door *d, size_t len);
/* Room for a body whose length was announced. False: too long to be believed at once, or no memory. */
bool request_body_reserve(struct http_request *r, size_t len);

/* ---- door_mhd.c ---- */
struct conn *conn_of(struct MHD_Connection *mhd);
void conn_enter(struct conn *c, enum conn_state state, uint64_t deadline_ms);
void door_turn_again(
    struct door *d); /* libmicrohttpd has something to do: before the loop sleeps */
/* Gives a new socket to libmicrohttpd. */
void door_hand_over(struct door *d, int fd, const struct sockaddr *from, socklen_t from_len);
void door_count_refused(const char *reason); /* a word from our own fixed set */

#endif
