/* Reads HTTP/1.1 replies of a gateway, or of its websocket upgrade, from a stream of bytes. Pure.
 * Knows what such replies look like: a status, headers, a body told by Content-Length or none at
 * all. */
#ifndef SIMULATE_REPLY_H
#define SIMULATE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLY_HEAD_MAX = 8192, REPLY_NOTE_MAX = 160 };

struct reply {
    int status;                /* 0: the head is not complete yet */
    unsigned retry_after;      /* seconds; 0: not said */
    bool close;                /* the server closes this connection */
    char note[REPLY_NOTE_MAX]; /* beginning of the body, for a person */
    size_t body_left, note_len;
    size_t head_len;
    char head[REPLY_HEAD_MAX];
};

enum reply_progress { REPLY_MORE, REPLY_DONE, REPLY_BROKEN };

void reply_init(struct reply *r);

/* Takes bytes of one reply; *used of them. */
enum reply_progress reply_feed(struct reply *r, const char *bytes, size_t n, size_t *used);

#endif
