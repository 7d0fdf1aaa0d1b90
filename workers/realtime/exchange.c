#include "realtime/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "live.h"
#include "partition.h"
#include "realtime/socket_lws.h"

enum { PRESENCE_PARTITION = 0 }; /* all of it in one stream, so that all processes see one order */

struct exchange {
    struct hub *hub;
    struct bus *bus;
    struct live_tail *tail;
    unsigned partitions, open;
    bool usable;
    void (*on_input)(void *ctx);
    void *ctx;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static bool on_publish(void *ctx, const struct bus_message *m)
{
    struct exchange *x = ctx;
    unsigned partition =
        m->presence ? PRESENCE_PARTITION
                    : partition_of(route_hash(m->organization_id, strlen(m->organization_id)),
                                   x->partitions);

    return x->on_closed == NULL && bus_publish(x->bus, partition, m->organization_id, m->topic,
                                               m->what, m->data.p, m->data.n);
}

static void on_message(void *ctx, unsigned partition, struct entry_id id,
                       const struct live_update *u)
{
    struct exchange *x = ctx;
    struct bus_message m = {
        u->organization_id, u->table, u->type, {u->record, u->record_len}, false};

    (void)partition;
    (void)id;
    hub_bus(x->hub, &m, sockets_now());
    x->on_input(x->ctx);
}

static void on_gap(void *ctx, unsigned partition)
{
    struct exchange *x = ctx;

    if (partition == PRESENCE_PARTITION)
        x->usable = false; /* so that exchange_watch() asks for all that is present */
}

void exchange_watch(struct exchange *x)
{
    bool usable = bus_is_up(x->bus) && live_tail_ready(x->tail);

    if (usable && !x->usable) {
        hub_bus_up(x->hub, sockets_now());
        x->on_input(x->ctx);
    }
    x->usable = usable;
}

struct exchange *exchange_open(uv_loop_t *loop, const char *redis_url, unsigned partitions,
                               struct hub *hub, void (*on_input)(void *ctx), void *ctx)
{
    struct exchange *x = calloc(1, sizeof *x);
    struct live_tail_options tail = {.redis_url = redis_url,
                                     .partitions = partitions,
                                     .bus = true,
                                     .on_update = on_message,
                                     .on_gap = on_gap,
                                     .ctx = x};
    uint32_t node;

    if (x == NULL || uv_random(NULL, NULL, &node, sizeof node, 0, NULL) != 0)
        goto failed;
    *x = (struct exchange){.hub = hub, .partitions = partitions, .on_input = on_input, .ctx = ctx};
    x->bus = bus_open(loop, redis_url, "ringback-bus-out");
    x->tail = x->bus == NULL ? NULL : live_tail_new(loop, &tail);
    if (x->tail == NULL)
        goto failed; /* the process ends: what is open goes with it */
    hub_use_bus(hub, node, on_publish, x);
    return x;

failed:
    free(x);
    return NULL;
}

static void on_part_closed(void *ctx)
{
    struct exchange *x = ctx;
    void (*done)(void *) = x->on_closed;
    void *done_ctx = x->closed_ctx;

    if (--x->open > 0)
        return;
    free(x);
    done(done_ctx);
}

void exchange_close(struct exchange *x, void (*on_closed)(void *ctx), void *ctx)
{
    x->on_closed = on_closed;
    x->closed_ctx = ctx;
    x->open = 2;
    hub_use_bus(x->hub, 0, NULL, NULL);
    bus_close(x->bus, on_part_closed, x);
    live_tail_close(x->tail, on_part_closed, x);
}
