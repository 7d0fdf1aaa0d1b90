/* The HTTP door: one port, two libraries. We accept ourselves (SO_REUSEPORT), look at the first bytes with MSG_PEEK, and hand the
 * socket to the websocket role when they are `GET /realtime/v1/websocket`, else to libmicrohttpd. Driver: door_mhd.c.
 * Bodies are read in pieces up to the route's limit, slow senders are timed out, ambiguous framing is answered 400. */
#ifndef RUNTIME_DOOR_H
#define RUNTIME_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct door;
struct http_request;

struct door_options {
    const char *address; /* "0.0.0.0:8080"; port 0: any */
    unsigned connections_max;
    uint64_t idle_timeout_ms; /* between bytes of a request and between requests */
    const char *flag; /* the flag that sets the address, named in errors; NULL: "--listen" */
    bool exclusive; /* true: a second process cannot listen on the same port (else SO_REUSEPORT) */
};

/* NULL: `error` holds one line ("port 8080 is taken: choose another with --listen"). */
struct door *door_open(uv_loop_t *loop, const struct door_options *options, char *error,
                       size_t error_size);
/* The address really bound, "host:port". */
const char *door_address(const struct door *d);

/* Called when the whole body is there (or there is none). Must lead to exactly one http_respond(), now or later. */
typedef void (*http_handler)(void *ctx, struct http_request *r);

/* `path` matches exactly, or as a prefix when it ends in '*'. Routes are added before the loop runs. An unknown path is 404,
 * a known path with another method 405 with Allow. */
void door_route(struct door *d, const char *method, const char *path, size_t body_max,
                http_handler handler, void *ctx);

/* Sockets whose request starts with `prefix` ("GET /realtime/v1/websocket") are given away unread. `take` owns the fd;
 * false: it did not take it and the door closes it. */
void door_give_away(struct door *d, const char *prefix, bool (*take)(void *ctx, int fd), void *ctx);

const char *http_method(const struct http_request *r);
const char *
http_path(const struct http_request *r); /* without the query; raw, still percent-encoded */
const char *http_query(const struct http_request *r); /* raw text behind '?', "" when none */
/* First value of the header, any letter case; NULL: absent, or the connection is gone (which only door_close() does to a
 * request that waits for its answer): what is needed later is copied in the handler. */
const char *http_header(const struct http_request *r, const char *name);
/* The raw body; EVENT_BODY_PADDING readable bytes behind it. */
const char *http_body(const struct http_request *r, size_t *len);
/* The role has no more use for the body: its memory, still warm, is the next request's. */
void http_body_done(struct http_request *r);
const char *http_peer(const struct http_request *r); /* address as text */
uint64_t
http_arrived_us(const struct http_request *r); /* wall clock when the headers were complete */
/* Room for the handler's own per-request state, zeroed, freed with the request. NULL: out of memory, answer 503. */
void *http_scratch(struct http_request *r, size_t size);

enum { HTTP_REPLY_HEADERS_MAX = 32 };

struct http_reply {
    unsigned status;
    const char *content_type; /* NULL: text/plain */
    const char *body;         /* copied */
    size_t len;
    const char *headers[HTTP_REPLY_HEADERS_MAX]; /* name, value, name, value ..., NULL */
};
void http_respond(struct http_request *r, const struct http_reply *reply);
/* The body is reply->len bytes of the file `fd` from `offset` on; body is ignored. Takes over the fd, whatever happens. The file is
 * sent as it is read, so it must not become shorter meanwhile: then the connection ends early. */
void http_respond_file(struct http_request *r, const struct http_reply *reply, int fd,
                       uint64_t offset);

/* Stops accepting; running requests are finished (at most grace_ms), then everything is closed and on_closed called. */
void door_close(struct door *d, uint64_t grace_ms, void (*on_closed)(void *ctx), void *ctx);

#endif
