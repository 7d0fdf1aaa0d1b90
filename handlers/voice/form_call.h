/* Calls of the form providers: carriers that post application/x-www-form-urlencoded callbacks in
 * Twilio's way. A profile says in which words; the reading is the same. */
#ifndef VOICE_FORM_CALL_H
#define VOICE_FORM_CALL_H

#include "voice/ended_reason.h"
#include "base/form.h"
#include "voice/metadata.h"
#include "voice/provider.h"

struct form_profile {
    const char *call_id, *no_call_id; /* the key; the sentence when it is missing */
    const char *duration;             /* key of the call's seconds, never of billed minutes */
    const char *recording_url;
    const struct ended_rule *ended; /* on the final words of the status */
    bool international;             /* numbers come without "+" too */
    /* What else an end tells: outcome, times, cost. Returns the reason in the provider's words;
     * absent: the status is. NULL: nothing else. */
    struct text (*end)(struct voice_event *ev, const struct form *f, struct metadata *m);
};

/* voice_provider.call_id and .read for a profile. The body may also be a JSON object of the same
 * keys (Twilio sends such with bodySHA256; Telnyx shows such). */
bool form_call_id(const struct form_profile *profile, const struct voice_request *r,
                  struct arena *arena, struct text *id);
enum verdict form_call_read(const struct form_profile *profile, const struct voice_request *r,
                            struct voice_events *out);

#endif
