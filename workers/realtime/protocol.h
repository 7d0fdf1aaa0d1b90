/* Phoenix messages as Supabase Realtime writes them. Pure: text in, struct out, and back.
 *   vsn 1.0.0  {"topic":T,"event":E,"payload":P,"ref":R,"join_ref":J}
 *   vsn 2.0.0  [J,R,T,E,P], and broadcasts as binary messages: kind 3 from the client, kind 4 to it
 * Source: supabase.com/docs/guides/realtime/protocol, and the clients 2.49 to 2.119. */
#ifndef REALTIME_PROTOCOL_H
#define REALTIME_PROTOCOL_H

#include <stdbool.h>

#include "base/text.h"
#include "realtime/frame.h"
#include "realtime/limits.h"

enum protocol_version { PROTOCOL_V1, PROTOCOL_V2 };

/* From the query string of the upgrade ("apikey=..&vsn=2.0.0"); without vsn it is 1.0.0. False: a version that we do
 * not speak. */
bool protocol_version_of(const char *query, enum protocol_version *out);

/* A parameter of the query string, as it stands there; TEXT_NULL: absent. */
struct text protocol_query(const char *query, const char *name);

/* One message from a client. */
struct message {
    struct text join_ref,
        ref; /* raw JSON (a string or a number), TEXT("null") when absent; at most REF_MAX bytes */
    char topic[TOPIC_MAX];
    char event[EVENT_MAX];
    struct text payload; /* raw JSON object, or TEXT("{}") */
    /* A binary message only: the application's own event and what it sends. */
    char broadcast[BROADCAST_EVENT_MAX];
    struct text data;
    bool data_is_json;
};

/* `text` must live as long as *out is used. False: not a message. */
bool protocol_parse(enum protocol_version v, struct text text, struct message *out);

/* A binary message of vsn 2.0.0: a broadcast, out->payload is "{}".
 * `refs` receives the quoted refs that out->join_ref and out->ref point to. */
struct binary_refs {
    char join_ref[REF_MAX], ref[REF_MAX];
};
bool protocol_parse_binary(struct text bytes, struct message *out, struct binary_refs *refs);

/* Everything of an outgoing message up to its payload, and behind it. `join_ref` and `ref` are raw JSON. */
void protocol_open(struct frame_writer *w, enum protocol_version v, struct text join_ref,
                   struct text ref, const char *topic, const char *event);
void protocol_close(struct frame_writer *w, enum protocol_version v);

/* A message with a ready payload. NULL: out of memory. The caller owns one reference. */
struct frame *protocol_message(enum protocol_version v, struct text join_ref, struct text ref,
                               const char *topic, const char *event, const char *payload);

/* A broadcast that holds bytes, as kind 4 of vsn 2.0.0. NULL: out of memory, or topic or event is longer than 255. */
struct frame *protocol_binary_broadcast(const char *topic, const char *event, struct text data);

/* phx_reply {"status":status,"response":response}. */
struct frame *protocol_reply(enum protocol_version v, const struct message *to, const char *status,
                             const char *response);

/* phx_reply with status "error" and response {"reason":"CODE: text"}. */
struct frame *protocol_refusal(enum protocol_version v, const struct message *to,
                               const char *reason);

#endif
