/* Callbacks of the voice providers: read first, because what they say tells whose the call is. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "voice/provider.h"
#include "worker/source.h"

static const char form_type[] = "application/x-www-form-urlencoded";

void voice_request_of(const struct envelope *e, struct arena *arena, struct voice_request *out)
{
    *out = (struct voice_request){
        .body = e->body, .body_len = e->body_len, .now_us = e->received_us, .url = TEXT("")};
    for (unsigned i = 0; i < e->n_headers; i++) {
        const struct envelope_header *h = &e->headers[i];

        if (text_equal(h->name, TEXT("url")))
            out->url = h->value;
        else if (out->n_headers < VOICE_HEADERS_MAX)
            out->headers[out->n_headers++] =
                (struct voice_header){arena_copy(arena, h->name.p, h->name.n), h->value};
    }
}

static bool is_form(const struct envelope *e)
{
    for (unsigned i = 0; i < e->n_headers; i++)
        if (text_equal(e->headers[i].name, TEXT("content-type")))
            return e->headers[i].value.n >= sizeof form_type - 1 &&
                   strncasecmp(e->headers[i].value.p, form_type, sizeof form_type - 1) == 0;
    return false;
}

/* Any text is a form; what else they send is JSON. */
static bool readable(const struct batch *b, uint32_t i)
{
    const struct envelope *e = b->items[i].envelope;

    return is_form(e) || body_is_object(e);
}

static void keep_events(struct batch *b, uint32_t i, const struct voice_events *read)
{
    struct batch_item *item = &b->items[i];
    struct voice_event *events = arena_alloc(&b->arena, read->n * sizeof *events);

    if (events == NULL)
        return; /* the arena has failed, which the caller sees */
    memcpy(events, read->event, read->n * sizeof *events);
    item->events = events;
    item->n_events = read->n;
    item->open = true;
}

static void begin(struct batch *b, uint32_t i, const struct shops *shops, uint64_t now_ms)
{
    struct batch_item *item = &b->items[i];
    struct voice_request request;
    struct voice_events read = {.arena = &b->arena};
    enum verdict verdict;

    (void)shops;
    (void)now_ms;
    voice_request_of(item->envelope, &b->arena, &request);
    if (b->arena.failed)
        return;
    verdict = item->provider->read(&request, &read);
    if (b->arena.failed)
        return;
    if (verdict == VERDICT_REJECT)
        batch_reject(b, i, readable(b, i) ? REASON_INVALID_VALUE : REASON_MALFORMED_BODY,
                     read.reason == NULL ? "the provider's reader refused it" : read.reason);
    else if (verdict == VERDICT_IGNORE || read.n == 0)
        item->fate = FATE_IGNORE;
    else
        keep_events(b, i, &read);
}

static void resolve(struct batch *b, uint32_t i, const struct shops *shops, uint64_t now_ms)
{
    struct batch_item *item = &b->items[i];

    (void)shops;
    (void)now_ms;
    if (item->call == NULL)
        return; /* there was no memory to ask */
    if (item->call->known)
        item->organization_id = item->call->owner.organization_id;
    else
        batch_reject(b, i, REASON_UNKNOWN_CALL,
                     "it is no call of ours, and neither its metadata nor an agent's voice "
                     "settings tell whose it is");
}

static enum verdict handle(struct batch *b, uint32_t i)
{
    const struct batch_item *item = &b->items[i];

    for (unsigned k = 0; k < item->n_events; k++)
        voice_rows(item->provider, &item->events[k], &item->call->owner, item->envelope->digest,
                   &b->rows);
    return VERDICT_STORE;
}

const struct source source_voice = {
    .begin = begin,
    .resolve = resolve,
    .handle = handle,
    .readable = readable,
};
