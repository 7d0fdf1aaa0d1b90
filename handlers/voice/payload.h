/* Reading the JSON bodies of callbacks, for the providers that send such. */
#ifndef VOICE_PAYLOAD_H
#define VOICE_PAYLOAD_H

#include "base/json.h"
#include "voice/provider.h"

enum {
    PAYLOAD_ID_MAX = 255, /* of a call: what the calls table takes */
    PAYLOAD_ERROR_MAX = 1000,
};

/* The body if it is a JSON object; else NULL with *why a sentence. */
const struct json *payload_open(const struct voice_request *r, const char **why);

/* A string's or a number's text, in the arena; absent for everything else. */
struct text payload_scalar(const struct json *v, struct arena *arena);

/* A text without the spaces around it, or a number's text. Absent: blank, "unknown", anything else.
 */
struct text payload_text(const struct json *object, const char *key, struct arena *arena);

/* The same for an id: absent also when it is longer than PAYLOAD_ID_MAX. */
struct text payload_id(const struct json *object, const char *key, struct arena *arena);

/* A member that is an object, an array; else NULL. */
const struct json *payload_object(const struct json *object, const char *key);
const struct json *payload_array(const struct json *object, const char *key);

/* An event in which nothing is known but its phase and call. */
struct voice_event *voice_event_add(struct voice_events *out, enum voice_phase phase,
                                    struct text external_call_id);

/* The two ends of a call whose type is known: sets from, to and ours. `other` called or was called.
 */
void voice_event_parties(struct voice_event *ev, struct text ours, struct text other);

/* The verdict on what was read: VERDICT_STORE, or VERDICT_IGNORE and no event; VERDICT_REJECT if the
 * arena was too small to know. */
enum verdict voice_events_close(struct voice_events *out);
enum verdict voice_events_ignore(struct voice_events *out);
enum verdict voice_events_reject(struct voice_events *out, const char *reason);

#endif
