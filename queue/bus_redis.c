#include "bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partition.h"
#include "reply_redis.h"

enum { REPLY_TIMEOUT_MS = 2000, PUBLISH_ARGS = 14 };

#define KEPT_MS "60000" /* after the last message of a stream */

struct bus {
    struct link *link;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static void on_published(void *ctx, const redisReply *r)
{
    struct bus *b = ctx;

    if (reply_is_error(r) && reply_refusal(r) == REFUSAL_ELSEWHERE)
        link_reconnect(b->link, r->str);
}

struct bus *bus_open(uv_loop_t *loop, const char *redis_url, const char *name)
{
    struct bus *b = calloc(1, sizeof *b);
    struct link_options options = {
        .url = redis_url, .client_name = name, .reply_timeout_ms = REPLY_TIMEOUT_MS, .ctx = b};

    if (b != NULL && (b->link = link_open(loop, &options)) == NULL) {
        free(b);
        return NULL;
    }
    return b;
}

bool bus_is_up(const struct bus *b)
{
    return link_is_up(b->link);
}

bool bus_publish(struct bus *b, unsigned partition, const char *organization, const char *topic,
                 const char *what, const void *data, size_t len)
{
    char key[STREAM_KEY_MAX], most[16];
    const char *argv[PUBLISH_ARGS] = {"XADD",       key, "MAXLEN", "~", most, "*", "o",
                                      organization, "t", topic,    "e", what, "d", data};
    size_t lens[PUBLISH_ARGS];

    if (link_outstanding(b->link) >= BUS_IN_FLIGHT_MAX)
        return false;
    bus_key(key, partition);
    snprintf(most, sizeof most, "%d", BUS_ENTRIES_MAX);
    for (int i = 0; i < PUBLISH_ARGS - 1; i++)
        lens[i] = strlen(argv[i]);
    lens[PUBLISH_ARGS - 1] = len;
    return link_send(b->link, on_published, b, PUBLISH_ARGS, argv, lens) &&
           link_send(b->link, NULL, NULL, 3, (const char *[]){"PEXPIRE", key, KEPT_MS}, NULL);
}

static void on_link_closed(void *ctx)
{
    struct bus *b = ctx;
    void (*on_closed)(void *) = b->on_closed;
    void *closed_ctx = b->closed_ctx;

    free(b);
    on_closed(closed_ctx);
}

void bus_close(struct bus *b, void (*on_closed)(void *ctx), void *ctx)
{
    b->on_closed = on_closed;
    b->closed_ctx = ctx;
    link_close(b->link, on_link_closed, b);
}
