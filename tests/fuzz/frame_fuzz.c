/* A client that says anything. The first byte chooses version and kind; messages are separated by a byte 0xFF, which
 * no text frame holds. Changes and time pass in between, so channels come, deliver and go. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "realtime/hub.h"
#include "realtime/limits.h"
#include "runtime/jsontext.h"

#define SECRET "a secret for tests that is long enough"
#define ORGANIZATION "aaaaaaaa-0000-4000-8000-000000000001"

static enum jwt_result verify(void *ctx, const char *token, size_t len, int64_t now_s,
                              struct jwt *out)
{
    return jwt_verify(ctx, token, len, now_s, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwt_keys *keys;

/* The user's token, put in place of every 0x01: a fuzzer cannot sign. */
static const char *user_token(void)
{
    static char token[512];

    if (token[0] == '\0') {
        bool good = jwt_sign_hs256(
            SECRET,
            "{\"sub\":\"0b8c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3\",\"role\":\"authenticated\","
            "\"exp\":1700003600}",
            token, sizeof token);
        assert(good);
    }
    return token;
}

static void drain(struct session *s)
{
    struct frame *f;

    while ((f = outbox_at(session_outbox(s), 0)) != NULL) {
        if (f->bytes[f->start] == 0x81)
            assert(jsontext_valid(frame_payload(f))); /* whatever comes in, JSON goes out */
        outbox_pop(session_outbox(s));
    }
}

static void live_on(struct hub *h, struct session *s, struct instant *now)
{
    static const char members[1][37] = {ORGANIZATION};
    static const char row[] =
        "{\"id\":\"1\",\"status\":\"ready\",\"total\":10.5,\"at\":\"2026-01-31T10:00:00Z\"}";
    static const struct hub_change change = {
        ORGANIZATION, "commerce_orders", "UPDATE", {row, sizeof row - 1}, 1700000000000000, 0};
    const char *subs[4];
    unsigned n = hub_lookups(h, subs, 4, *now);

    for (unsigned i = 0; i < n; i++)
        hub_members(h, subs[i], members, 1, *now);
    hub_change(h, &change, *now);
    drain(s);
    now->ms += 350;
    hub_tick(h, *now);
    drain(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct instant now = {1000, 1700000000};
    struct session *s;
    struct hub *h;
    const char *why;

    if (size < 2 || size > SESSION_FRAME_IN_MAX)
        return 0;
    if (keys == NULL)
        keys = jwt_keys_new(SECRET, NULL, 0, &why);
    h = hub_new(&(struct hub_tokens){verify, keys});
    s = hub_connect(h, data[0] & 1 ? PROTOCOL_V2 : PROTOCOL_V1, "apikey=key", NULL, now);
    for (size_t at = 1; at < size;) {
        size_t len = 0, used = 0;
        char *text = malloc(size + 8192);

        while (at + len < size && data[at + len] != 0xFF)
            len++;
        for (size_t i = 0; i < len; i++) {
            if (data[at + i] == 0x01 && !(data[0] & 2) && used < 4096) {
                const char *token = user_token();

                memcpy(text + used, token, strlen(token));
                used += strlen(token);
            } else {
                text[used++] = (char)data[at + i];
            }
        }
        text = realloc(text, used + 1); /* tight, so that reading behind it shows */
        hub_frame(h, s, (struct text){text, used}, (data[0] & 2) != 0, now);
        free(text);
        live_on(h, s, &now);
        at += len + 1;
    }
    hub_disconnect(h, s);
    for (int i = 0; i < 100; i++) {
        now.ms += 1000;
        hub_tick(h, now);
    }
    hub_free(h);
    return 0;
}
