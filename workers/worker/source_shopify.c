/* Webhooks of Shopify: the owner is the connected store of the domain, the topic names the handler. */
#include <string.h>

#include "worker/source.h"

/* Privacy law asks for an answer also when the store is long gone: nothing is kept of it, so all is done. */
static const char *const compliance_topics[] = {"customers/data_request", "customers/redact",
                                                "shop/redact"};

static bool is_compliance(const char *topic)
{
    for (size_t i = 0; i < sizeof compliance_topics / sizeof compliance_topics[0]; i++)
        if (strcmp(compliance_topics[i], topic) == 0)
            return true;
    return false;
}

static void no_such_shop(struct batch *b, uint32_t i)
{
    struct batch_item *item = &b->items[i];

    if (is_compliance(item->topic)) {
        item->open = false;
        item->fate = FATE_IGNORE;
        return;
    }
    batch_reject(b, i, REASON_UNKNOWN_SHOP, "no connected store has this domain");
}

/* Whose it is, is decided by when it happened: a store may have moved to another organization since. */
static void find_shop(struct batch *b, uint32_t i, const struct shops *shops, uint64_t now_ms)
{
    struct batch_item *item = &b->items[i];
    const struct envelope *e = item->envelope;
    int64_t event_us = e->triggered_us != EVENT_NO_TIME ? e->triggered_us : e->received_us;

    switch (shops_find(shops, e->key, event_us, now_ms, &b->arena, &item->shop)) {
    case SHOP_KNOWN: /* without memory for it the arena has failed, which the caller sees */
        item->organization_id = item->shop == NULL ? NULL : item->shop->organization_id;
        break;
    case SHOP_UNKNOWN:
        no_such_shop(b, i);
        break;
    case SHOP_ASK:
        if (item->asked) /* and nothing came back */
            no_such_shop(b, i);
    }
}

static void begin(struct batch *b, uint32_t i, const struct shops *shops, uint64_t now_ms)
{
    struct batch_item *item = &b->items[i];

    item->handler = handler_for(item->topic);
    if (item->handler == NULL) {
        item->fate = FATE_UNHANDLED;
        return;
    }
    item->open = true;
    find_shop(b, i, shops, now_ms);
}

static enum verdict handle(struct batch *b, uint32_t i)
{
    const struct batch_item *item = &b->items[i];
    const struct envelope *e = item->envelope;
    struct event ev = {
        .topic = item->topic,
        .shop = item->shop,
        .triggered_us = e->triggered_us,
        .received_us = e->received_us,
        .body = e->body,
        .body_len = e->body_len,
    };

    memcpy(ev.digest, e->digest, sizeof ev.digest);
    return item->handler(&ev, &b->rows);
}

static bool readable(const struct batch *b, uint32_t i)
{
    return body_is_object(b->items[i].envelope);
}

const struct source source_shopify = {
    .begin = begin,
    .resolve = find_shop,
    .handle = handle,
    .readable = readable,
};
