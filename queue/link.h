/* One Redis connection on a uv loop: connects, authenticates, comes back by itself (exponential backoff with jitter),
 * and calls every command's callback exactly once. Driver: link_redis.c, the only file that includes hiredis.
 *
 * Happy path: link_open -> on_up -> link_send ... -> callback with the reply.
 * Failures:   connection lost or a reply overdue -> every outstanding callback with NULL, on_down(reason), reconnect. */
#ifndef QUEUE_LINK_H
#define QUEUE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct redisReply; /* hiredis/hiredis.h */
struct link;

/* `reply` is borrowed for the call; NULL: the connection went away, the command may or may not have run. */
typedef void (*link_cb)(void *ctx, const struct redisReply *reply);

struct link_options {
    const char *url; /* redis://[user:password@]host[:port][/db] or unix:///path/redis.sock */
    const char *client_name; /* CLIENT SETNAME */
    uint64_t
        reply_timeout_ms; /* oldest outstanding command older than this: the connection is cut; 0: never */
    void (*on_up)(void *ctx);
    void (*on_down)(void *ctx, const char *reason); /* also after each failed attempt to connect */
    void *ctx;
};

/* True if the URL can be used; otherwise *why is a sentence. */
bool link_url_check(const char *url, const char **why);

/* Starts connecting. NULL when out of memory. The URL must have passed link_url_check(). Options are copied, texts too.
 * hiredis writes with write(2): the process must ignore SIGPIPE. */
struct link *link_open(uv_loop_t *loop, const struct link_options *options);

bool link_is_up(const struct link *l);
size_t link_outstanding(const struct link *l);

/* False when the link is down (nothing will be called). argv is copied before returning. cb may be NULL. */
bool link_send(struct link *l, link_cb cb, void *ctx, int argc, const char *const *argv,
               const size_t *len);

/* Cuts the connection and connects again, resolving the name afresh: for a server that answers, but cannot serve us
 * (READONLY, LOADING ...). Outstanding callbacks get NULL, then on_down(reason). Nothing happens unless the link is up. */
void link_reconnect(struct link *l, const char *reason);

/* Closes for good; outstanding callbacks get NULL first; on_closed comes last, later, when the handles are gone. */
void link_close(struct link *l, void (*on_closed)(void *ctx), void *ctx);

#endif
