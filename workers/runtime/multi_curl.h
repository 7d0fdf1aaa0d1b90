/* Transfers of libcurl on a uv loop: one multi handle, its sockets as uv_poll_t, its one deadline as a
 * uv_timer_t. What a transfer is about is its owner's; here it only runs and ends.
 *
 * Happy path: multi_add -> (the easy handle's own callbacks) -> done(CURLE_OK). Failures: done with
 * curl's code; multi_remove stops a transfer without a word. */
#ifndef RUNTIME_MULTI_CURL_H
#define RUNTIME_MULTI_CURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

enum { MULTI_IDLE_CONNECTIONS_MAX = 8 };

struct multi;

/* The owner's, until done or removed. */
struct multi_transfer {
    CURL *easy; /* its CURLOPT_PRIVATE is the multi's */
    /* Called once, never from inside multi_add() or a callback of curl's; the easy handle is the
     * owner's again. */
    void (*done)(struct multi_transfer *t, CURLcode result);
};

/* NULL: out of memory. */
struct multi *multi_new(uv_loop_t *loop);

/* False: out of memory; done is not called then. */
bool multi_add(struct multi *m, struct multi_transfer *t);

/* Not from inside a callback of curl's. */
void multi_remove(struct multi *m, struct multi_transfer *t);

/* No transfer may be left. on_closed comes later, once every handle of the loop is closed. */
void multi_close(struct multi *m, void (*on_closed)(void *ctx), void *ctx);

#endif
