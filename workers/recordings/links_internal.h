/* What links_uv.c and links_serve.c share. */
#ifndef RECORDINGS_LINKS_INTERNAL_H
#define RECORDINGS_LINKS_INTERNAL_H

#include "recordings/links.h"
#include "recordings/ticket.h"
#include "runtime/ask.h"
#include "runtime/metrics.h"

/* A link that Storage made. */
struct kept_link {
    char path[STORE_PATH_MAX]; /* "": free */
    char *url;
    int64_t expires_s;
};

struct recording_links {
    uv_loop_t *loop;
    struct store store; /* kind NULL: there is none */
    struct ticket_keys keys;
    char public_url[LINK_BASE_MAX]; /* "": not set */
    struct asker *asker;            /* of a store that is asked; else NULL */
    struct recording_link *asked, *soon;
    unsigned n_asked;
    bool in_trouble; /* the last question was not answered */
    struct kept_link *kept;
    uv_timer_t timer; /* runs when somebody is in `soon` */
    unsigned open;
    struct metric *made, *failed, *served;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

/* The handler of LINK_ROUTE; ctx: the links. */
void links_serve(void *ctx, struct http_request *r);

#endif
