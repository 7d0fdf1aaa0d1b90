/* Compressed messages, permessage-deflate (RFC 7692), where client and server keep nothing from one message to the next: so one
 * compressed frame serves all sockets, and a socket needs no window of its own. Pure; one window in each direction serves the
 * process. */
#ifndef REALTIME_DEFLATE_H
#define REALTIME_DEFLATE_H

#include <stdbool.h>

#include "realtime/frame.h"

struct deflate;

/* NULL: out of memory. */
struct deflate *deflate_new(void);
void deflate_free(struct deflate *d);

/* Whether a client that offers this (Sec-WebSocket-Extensions, all of it) can be served so. */
bool deflate_suits(const char *offer);

/* `f`, a text or binary frame, as it goes to those who negotiated: made once, kept with `f`, and `f` itself when it is
 * shorter than DEFLATE_MIN or would not become smaller by an eighth. */
const struct frame *deflate_frame(struct deflate *d, struct frame *f);

enum inflated {
    INFLATED_WELL,
    INFLATED_TOO_BIG, /* more than SESSION_FRAME_IN_MAX bytes would come out */
    INFLATED_BAD,     /* it is no compressed message */
};

/* The message whose frames carried `in`. `out`: until the next call. */
enum inflated deflate_inflate(struct deflate *d, struct text in, struct text *out);

#endif
