#include "simulate/websocket.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/jsontext.h"
#include "simulate/random.h"

static const unsigned char mask[4] = {0x52, 0x69, 0x6e, 0x67};

size_t websocket_frame(char *out, enum websocket_op op, const char *payload, size_t len)
{
    size_t n = 0;

    assert(len <= WS_MESSAGE_MAX);
    out[n++] = (char)(0x80 | op);
    if (len < 126) {
        out[n++] = (char)(0x80 | len);
    } else {
        bool wide = len > UINT16_MAX;
        out[n++] = (char)(0x80 | (wide ? 127 : 126));
        for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8)
            out[n++] = (char)((uint64_t)len >> shift);
    }
    memcpy(out + n, mask, sizeof mask);
    n += sizeof mask;
    for (size_t i = 0; i < len; i++)
        out[n + i] = (char)(payload[i] ^ mask[i % 4]);
    return n + len;
}

bool websocket_feed(struct websocket_in *in, const char *bytes, size_t n)
{
    if (in->n + n > WS_MESSAGE_MAX)
        return false;
    if (in->n + n > in->room) {
        size_t room = (in->n + n) * 2;
        char *grown = realloc(in->p, room);
        if (grown == NULL)
            return false;
        in->p = grown;
        in->room = room;
    }
    memcpy(in->p + in->n, bytes, n);
    in->n += n;
    return true;
}

enum websocket_got websocket_next(struct websocket_in *in, enum websocket_op *op,
                                  struct text *payload, size_t *frame_len)
{
    const unsigned char *p = (const unsigned char *)in->p;
    size_t head = 2, wide;
    uint64_t len;

    if (in->n < 2)
        return WS_GOT_NOTHING;
    len = p[1];
    if ((p[0] & 0xf0) != 0x80 || (p[0] & 0x0f) == WS_CONTINUATION ||
        len > 127) /* whole, no extension, unmasked */
        return WS_GOT_BROKEN;
    if (len >= 126) {
        wide = len == 126 ? 2 : 8;
        if (in->n < head + wide)
            return WS_GOT_NOTHING;
        len = 0;
        for (size_t i = 0; i < wide; i++)
            len = len << 8 | p[head + i];
        head += wide;
    }
    if (len > WS_MESSAGE_MAX)
        return WS_GOT_BROKEN;
    if (in->n - head < len)
        return WS_GOT_NOTHING;
    *op = (enum websocket_op)(p[0] & 0x0f);
    *payload = (struct text){in->p + head, (size_t)len};
    *frame_len = head + (size_t)len;
    return WS_GOT_FRAME;
}

void websocket_taken(struct websocket_in *in, size_t frame_len)
{
    assert(frame_len <= in->n);
    memmove(in->p, in->p + frame_len, in->n - frame_len);
    in->n -= frame_len;
}

void websocket_free(struct websocket_in *in)
{
    free(in->p);
    *in = (struct websocket_in){0};
}

/* ---- the Realtime protocol: [join_ref, ref, topic, event, payload] ---- */

/* FNV-1a: for ids that are no numbers. */
static uint64_t hash_text(struct text t)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < t.n; i++)
        h = (h ^ (unsigned char)t.p[i]) * 0x100000001b3;
    return mix64(h) | 1;
}

static struct text element(struct text array, unsigned at)
{
    struct jsontext_each each;
    struct text value = TEXT_NULL;

    jsontext_open(&each, array);
    for (unsigned i = 0; i <= at; i++)
        if (!jsontext_element(&each, &value))
            return TEXT_NULL;
    return value;
}

static bool is(struct text value, const char *word)
{
    char text[64];

    return jsontext_string(value, text, sizeof text, NULL) && strcmp(text, word) == 0;
}

static void read_change(struct live_message *out, struct text data)
{
    struct text record = jsontext_get(data, "record"), id;
    char text[128];
    size_t n;

    if (is(jsontext_get(data, "table"), "commerce_orders")) {
        id = jsontext_get(record, "external_order_id");
        if (jsontext_string(id, text, sizeof text, &n))
            *out = (struct live_message){.kind = LIVE_ORDER, .id = strtoull(text, NULL, 10)};
    } else {
        id = jsontext_get(record, "external_cart_id");
        if (jsontext_string(id, text, sizeof text, &n))
            *out =
                (struct live_message){.kind = LIVE_CART, .id = hash_text((struct text){text, n})};
    }
    if (out->id == 0)
        out->kind = LIVE_OTHER;
}

void live_read(struct live_message *out, struct text message)
{
    struct text event = element(message, 3), payload = element(message, 4);

    *out = (struct live_message){.kind = LIVE_OTHER};
    if (is(event, "phx_reply") && is(element(message, 1), "1")) {
        out->kind = is(jsontext_get(payload, "status"), "ok") ? LIVE_JOINED : LIVE_REFUSED;
        out->why = payload;
    } else if (is(event, "phx_error") || is(event, "phx_close")) {
        *out = (struct live_message){.kind = LIVE_REFUSED, .why = event};
    } else if (is(event, "postgres_changes")) {
        read_change(out, jsontext_get(payload, "data"));
    }
}

size_t live_join(char *out, size_t size, const char *token)
{
    int n =
        snprintf(out, size,
                 "[\"1\",\"1\",\"realtime:simulate\",\"phx_join\",{\"config\":{\"broadcast\":{"
                 "\"ack\":false,\"self\":false},"
                 "\"presence\":{\"key\":\"\",\"enabled\":false},\"postgres_changes\":["
                 "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"commerce_orders\"},"
                 "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"commerce_abandoned_carts\"}],"
                 "\"private\":false},\"access_token\":\"%s\"}]",
                 token);
    return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}

size_t live_heartbeat(char *out, size_t size, unsigned ref)
{
    int n = snprintf(out, size, "[null,\"%u\",\"phoenix\",\"heartbeat\",{}]", ref);

    return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}
