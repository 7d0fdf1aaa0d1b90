/* Twilio's signature, which its imitators use too. */
#ifndef VOICE_TWILIO_H
#define VOICE_TWILIO_H

#include "voice/form_call.h"

#define TWILIO_SIGNATURE "x-twilio-signature"

extern const struct ended_rule twilio_ended[];

/* base64 of HMAC-SHA1(secret, URL + every name and value of the form, sorted, each pair once); with
 * bodySHA256 in the URL's query, of the URL alone, and the body must have that hash. The URL counts
 * with and without its port, as Twilio's own libraries have it. */
bool twilio_signed(const struct voice_request *r, struct text secret);

#endif
