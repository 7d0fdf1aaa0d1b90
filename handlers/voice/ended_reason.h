/* Why a call ended, in the provider's words -> our outcome. Each provider keeps a short table; this
 * is how all of them are read. */
#ifndef VOICE_ENDED_REASON_H
#define VOICE_ENDED_REASON_H

#include "base/text.h"

/* Earlier kinds go first, whatever the order of the table. */
enum ended_match {
    ENDED_EXACT,
    ENDED_PREFIX,
    ENDED_PART, /* anywhere inside */
    ENDED_MATCHES
};

struct ended_rule {
    enum ended_match match;
    const char *words; /* NULL ends the table */
    const char *outcome;
};

/* answered | no_answer | busy | failed | voicemail. What no rule knows has failed: providers add
 * reasons for new failures all the time, for new kinds of success hardly ever. An absent or blank
 * reason has no outcome. */
struct text ended_outcome(const struct ended_rule *rules, struct text reason);

#endif
