/* The metadata object of an event, and the hints in the metadata that we gave the call and the
 * provider echoes. */
#ifndef VOICE_METADATA_H
#define VOICE_METADATA_H

#include "base/json.h"
#include "base/json_out.h"
#include "base/form.h"
#include "voice/provider.h"

enum {
    METADATA_ECHO_MAX = 16 * 1024, /* bytes of JSON; of more only the keys that we know are kept */
    METADATA_HINT_MAX = 200,       /* bytes of one of our own keys' values */
};

struct metadata {
    struct voice_event *ev; /* gets the hints */
    struct arena *arena;
    struct text echo; /* an object of at least one member, or absent */
    struct json_out own;
    unsigned n; /* members of `own` */
};

void metadata_open(struct metadata *m, struct voice_event *ev, struct arena *arena);

/* What the provider echoes. Called twice, the first object wins where both have a key. */
void metadata_echo(struct metadata *m, const struct json *object);
/* Only our own keys of it, as texts. */
void metadata_echo_known(struct metadata *m, const struct json *object);
/* The same for keys in the query of a callback URL. */
void metadata_echo_query(struct metadata *m, struct text url);

/* Members of our own; absent values leave none. They win over echoed ones of the same name. */
void metadata_text(struct metadata *m, const char *key, struct text value);
void metadata_object(struct metadata *m, const char *key, const struct json *object);
/* {"cost":{"amount":"0.123",<unit_key>:<unit>}} */
void metadata_cost(struct metadata *m, struct text amount, const char *unit_key, struct text unit);

/* What the provider's analysis found out, by our names for it: order_decision goes into the
 * metadata, sentiment and sentiment_score to the event. `value_key`: members are objects that hold
 * their value there; NULL: they are the values. */
void metadata_analysis(struct metadata *m, const struct json *object, const char *value_key);

/* Writes ev->metadata; absent if there was nothing. */
void metadata_close(struct metadata *m);

/* "positive", "Negative", ... -> one of our three words; absent for everything else. */
struct text sentiment_word(struct text t);

#endif
