/* The client's end of a websocket (RFC 6455), and the few messages of the Realtime protocol
 * (vsn 2.0.0) that a dashboard exchanges. Pure. */
#ifndef SIMULATE_WEBSOCKET_H
#define SIMULATE_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum websocket_op {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

enum { WS_HEAD_MAX = 14, WS_MESSAGE_MAX = 4 << 20 };

/* Writes a masked frame into out[len + WS_HEAD_MAX]; returns its length. The mask need not be
 * secret here: no proxy stands between, and the server must accept any. */
size_t websocket_frame(char *out, enum websocket_op op, const char *payload, size_t len);

struct websocket_in {
    char *p; /* bytes received and not yet taken */
    size_t n, room;
};

/* Appends received bytes. False: more than WS_MESSAGE_MAX are waiting. */
bool websocket_feed(struct websocket_in *in, const char *bytes, size_t n);
/* The next whole frame; its payload is valid until websocket_taken(). Fragmented messages are
 * refused: our server sends none. */
enum websocket_got { WS_GOT_NOTHING, WS_GOT_FRAME, WS_GOT_BROKEN };
enum websocket_got websocket_next(struct websocket_in *in, enum websocket_op *op,
                                  struct text *payload, size_t *frame_len);
void websocket_taken(struct websocket_in *in, size_t frame_len);
void websocket_free(struct websocket_in *in);

/* What a message from the server means to us. */
enum live_kind { LIVE_OTHER, LIVE_JOINED, LIVE_REFUSED, LIVE_ORDER, LIVE_CART };
struct live_message {
    enum live_kind kind;
    uint64_t id;     /* ORDER: external_order_id; CART: a hash of external_cart_id; never 0 */
    struct text why; /* REFUSED: the server's words */
};
void live_read(struct live_message *out, struct text message);

/* phx_join for orders and carts. Returns the length, 0 when `size` is too small. */
size_t live_join(char *out, size_t size, const char *token);
size_t live_heartbeat(char *out, size_t size, unsigned ref);

#endif
