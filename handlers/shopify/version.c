#include "shopify/version.h"

static void put_big_endian(uint8_t out[8], int64_t us)
{
    uint64_t bits =
        (uint64_t)us ^ (UINT64_C(1) << 63); /* negative moments sort before positive ones */

    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(bits >> (56 - 8 * i));
}

struct version version_of(struct reader *in, int64_t updated_us, int64_t created_us)
{
    const struct event *ev = in->ev;
    struct version v = {.updated_us = updated_us, .triggered_us = ev->triggered_us};
    uint8_t *bytes = arena_alloc(in->arena, VERSION_BYTES);

    if (v.updated_us == EVENT_NO_TIME)
        v.updated_us = ev->triggered_us;
    if (v.updated_us == EVENT_NO_TIME)
        v.updated_us = created_us;
    if (v.updated_us == EVENT_NO_TIME)
        v.updated_us = 0;
    if (v.triggered_us == EVENT_NO_TIME)
        v.triggered_us = v.updated_us;
    if (bytes == NULL)
        return v;
    put_big_endian(bytes, v.updated_us);
    put_big_endian(bytes + 8, v.triggered_us);
    memcpy(bytes + 16, ev->digest, sizeof ev->digest);
    v.bytes = (struct text){(const char *)bytes, VERSION_BYTES};
    return v;
}

int64_t version_moment(const struct event *ev)
{
    return ev->triggered_us != EVENT_NO_TIME ? ev->triggered_us : ev->received_us;
}
