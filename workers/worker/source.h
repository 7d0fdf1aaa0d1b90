/* How entries of one source become rows. An envelope names its source; batch.c does for all of them what is the same.
 * Pure, as batch.h.
 *
 *   begin -> (ask whose it is: lookup.c) -> resolve -> handle */
#ifndef WORKER_SOURCE_H
#define WORKER_SOURCE_H

#include "worker/batch.h"

struct source {
    /* The envelope is there. Settles the item (its fate, or a letter), or leaves it open: with its owner if that is
     * known already, else it is asked for. */
    void (*begin)(struct batch *b, uint32_t i, const struct shops *shops, uint64_t now_ms);
    /* An open item without an owner, after the answers came: finds it in them, or settles the item. */
    void (*resolve)(struct batch *b, uint32_t i, const struct shops *shops, uint64_t now_ms);
    /* Appends the rows of an item whose owner is known. On VERDICT_REJECT b->rows.reason tells why. */
    enum verdict (*handle)(struct batch *b, uint32_t i);
    /* False: the body is not even the kind of text that the source sends. */
    bool (*readable)(const struct batch *b, uint32_t i);
};

extern const struct source source_shopify, source_voice;

/* The source that an envelope names; NULL: nobody knows it. For a voice provider *provider is set, else NULL. */
const struct source *source_find(const char *name, const struct voice_provider **provider);

/* The callback as the gateway saw it: headers lie in the envelope, and the URL beside them. */
void voice_request_of(const struct envelope *e, struct arena *arena, struct voice_request *out);

/* Item i becomes a letter. While the batch is being made: a letter that does not fit is like a row that does not fit,
 * the arena has failed. */
void batch_reject(struct batch *b, uint32_t i, const char *reason, const char *detail);

/* Whether the envelope's body is one JSON object. */
bool body_is_object(const struct envelope *e);

#endif
