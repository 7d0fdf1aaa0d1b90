/* The URL that a callback was signed for, in the spellings that count as the same. */
#ifndef VOICE_CALLBACK_URL_H
#define VOICE_CALLBACK_URL_H

#include "base/text.h"

/* front + port + rest is the URL; `port` is ":8443" or "". */
struct callback_url {
    struct text front, port, rest;
};

enum { CALLBACK_URL_SPELLINGS = 2 };

/* As it is; then without its port, or with the scheme's own if it has none. The texts are borrowed
 * from `url` or static. */
void callback_url_spellings(struct text url, struct callback_url out[CALLBACK_URL_SPELLINGS]);

#endif
