/* Links to recordings: a URL under which whoever has it can hear one recording until it expires.
 *
 *   file://      signed by us (ticket.h), and served by us: recording_links_serve()
 *   s3://        presigned
 *   supabase://  signed by Storage, which is asked; what it answered is given to others for a while
 *
 * Driver: links_uv.c; serving: links_serve.c. */
#ifndef RECORDINGS_LINKS_H
#define RECORDINGS_LINKS_H

#include "recordings/store.h"
#include "runtime/config.h"
#include "runtime/door.h"

enum {
    LINK_SECONDS = 3600, /* how long a link is good */
    LINK_REUSE_SECONDS =
        300,               /* as long as it may be younger by so much, Storage is not asked again */
    LINK_ASK_MS = 8000,    /* for Storage's answer */
    LINKS_ASKED_MAX = 64,  /* at once; more are told to come again */
    LINKS_KEPT_MAX = 1024, /* answers of Storage */
    LINK_BASE_MAX = 512,
    LINK_URL_MAX = LINK_BASE_MAX + STORE_URL_MAX,
};

#define LINK_ROUTE "/v1/recordings/"

struct recording_links;

/* The caller's until `done`, which is called once, never from inside recording_link(). */
struct recording_link {
    const char
        *path; /* the row's storage_path; of the right organization and call: store_path_is_of() */
    struct http_request
        *http; /* who asks: his Host is where our own links lead, unless PUBLIC_URL is set */
    void (*done)(struct recording_link *l);
    void *ctx;

    unsigned status;      /* 200, or 404, 502, 503 with a sentence */
    const char *sentence; /* for a person */
    char url[LINK_URL_MAX];
    int64_t expires_s;

    /* Not the caller's. */
    struct recording_links *owner;
    struct recording_link *next, **at;
    struct ask *ask;
};

/* NULL: `error` holds one line. Without RINGBACK_RECORDINGS_STORE every link is answered 503. */
struct recording_links *recording_links_open(uv_loop_t *loop, const struct config *config,
                                             char *error, size_t error_size);

void recording_link(struct recording_links *links, struct recording_link *l);

/* Serves the files of a folder under LINK_ROUTE; nothing to do for other stores. */
void recording_links_serve(struct recording_links *links, struct door *door);

/* Whoever still waits is answered 503 at once; on_closed comes later. The door must be closed. */
void recording_links_close(struct recording_links *links, void (*on_closed)(void *ctx), void *ctx);

#endif
