/* The keys that users' tokens are checked with; one per process. Driver: keyring_uv.c.
 *
 *   RINGBACK_JWT_SECRET   HS256
 *   RINGBACK_JWKS_FILE    read again when the file changes
 *   RINGBACK_JWKS_URL     fetched at the start, then as jwks_plan.h says; https, or http to this machine
 *
 * All three may be set: a token is good if one of their keys says so, and jwt.h which key may. A document that cannot be had or read
 * leaves the keys that came before. A token that names a key which we do not have may be signed by one that is
 * only some seconds old: JWT_PENDING says that the document is being fetched, and keyring_wait() when to look again. */
#ifndef RUNTIME_KEYRING_H
#define RUNTIME_KEYRING_H

#include <uv.h>

#include "runtime/config.h"
#include "runtime/jwt.h"

enum {
    KEYRING_DOCUMENT_MAX = 256 * 1024, /* bytes of a JWKS */
    KEYRING_FETCH_MS = 5000,
    KEYRING_WAIT_MS = 8000, /* the longest that anybody waits */
    KEYRING_WAITERS_MAX = 4096,
    KEYRING_TICK_MS = 1000, /* how soon a changed file is seen */
};

struct keyring;

/* The caller's; it must live until its callback or until keyring_leave(). */
struct keyring_waiter {
    struct keyring_waiter *next, **at; /* at NULL: does not wait */
    uint64_t since_ms;
    void (*ready)(void *ctx); /* called once, never from inside keyring_wait() */
    void *ctx;
};

/* NULL: `error` holds one line. A file that is not there or no JWKS is an error, a URL that does not answer is not. */
struct keyring *keyring_open(uv_loop_t *loop, const struct config *config, char *error,
                             size_t error_size);

/* As jwt_verify(). JWT_PENDING: wait and ask again, once; a second JWT_PENDING means that the keys cannot be had at the
 * moment. */
enum jwt_result keyring_verify(struct keyring *k, const char *token, size_t len, int64_t now_s,
                               struct jwt *out);
/* After JWT_PENDING. False: too many wait already. */
bool keyring_wait(struct keyring *k, struct keyring_waiter *w);
/* Harmless when it does not wait. */
void keyring_leave(struct keyring *k, struct keyring_waiter *w);

/* NULL: tokens can be checked, else why not. */
const char *keyring_ready(const struct keyring *k);
/* Public keys at hand, and why the last fetch failed ("": it did not). */
unsigned keyring_size(const struct keyring *k);
const char *keyring_trouble(const struct keyring *k);
/* The URL as it may be shown. */
const char *keyring_url(const struct keyring *k);

/* Nobody may wait. on_closed comes later. */
void keyring_close(struct keyring *k, void (*on_closed)(void *ctx), void *ctx);

#endif
