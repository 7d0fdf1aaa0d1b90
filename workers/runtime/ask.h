/* Small HTTP requests of our own whose whole answer fits into memory: the keys of tokens, a store that signs a link.
 * Driver: ask_curl.c.
 *
 * Happy path: ask() -> the answer, later, exactly once. Failures are answers too: no status, and a sentence that names
 * a host at most. Redirects are not followed: whoever is asked was named by the operator. */
#ifndef RUNTIME_ASK_H
#define RUNTIME_ASK_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum { ASK_CONNECT_MS = 5000, ASK_HEADERS_MAX = 5 };

struct ask_request {
    const char *method;
    const char *url;
    const char *headers[ASK_HEADERS_MAX]; /* "name: value"; NULL: no more */
    const char *body;                     /* NULL: none */
    size_t answer_max;                    /* bytes; a longer answer is a failure */
    unsigned timeout_ms;                  /* for all of it */
};

struct ask_answer {
    long status; /* 0: there was no answer */
    const char *text;
    size_t len;
    int64_t fresh_s;    /* what Cache-Control and Age leave of it; -1: they say nothing */
    const char *reason; /* of a failure; NULL: none */
};

/* Called once per ask(), never from inside it; the answer's texts live until it returns. */
typedef void (*ask_cb)(void *ctx, const struct ask_answer *answer);

struct asker;
struct ask;

/* NULL: out of memory. */
struct asker *asker_new(uv_loop_t *loop);

/* What the request points at is copied. NULL: out of memory, nothing will be called. */
struct ask *ask(struct asker *a, const struct ask_request *request, ask_cb done, void *ctx);
/* Nothing will be called. Not after `done`. */
void ask_stop(struct ask *a);

/* Nothing may be under way. on_closed comes later. */
void asker_close(struct asker *a, void (*on_closed)(void *ctx), void *ctx);

/* max-age of a Cache-Control header (RFC 9111, 5.2.2.1) less the Age that it has already; 0: it must not be kept;
 * -1: it says nothing. Both may be NULL. Pure. */
int64_t ask_fresh_s(const char *cache_control, const char *age);

#endif
