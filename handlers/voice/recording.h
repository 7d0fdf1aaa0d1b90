/* Where a recording can be fetched, and for how long. */
#ifndef VOICE_RECORDING_H
#define VOICE_RECORDING_H

#include "voice/provider.h"

enum { RECORDING_URL_MAX = 4096 };

/* Puts a recording into the event; a URL that is absent, too long or not of http(s) is none.
 * `expires_us`: what the provider says; EVENT_NO_TIME: what a signed URL says itself (Amazon's and
 * Google's query parameters), if anything. */
void recording_set(struct voice_event *ev, struct text url, int64_t expires_us);

#endif
