/* What to ask for behind a provider's link to a recording: the URL that really leads to the file, and
 * the user it wants. Links are secrets: whoever has one has the recording. Pure. */
#ifndef RECORDINGS_PROVIDER_LINK_H
#define RECORDINGS_PROVIDER_LINK_H

#include <stdbool.h>

#include "recordings/web_url.h"

enum { LINK_USER_MAX = 256, LINK_URL_MAX = WEB_URL_MAX + 8 };

struct link_settings {
    const char *twilio_auth;   /* "ACxxx:token" or "SKxxx:secret"; NULL: unset */
    const char *twilio_tokens; /* comma list, newest first; serves with the account in the link */
    bool allow_private; /* addresses that are not public, and user names sent anywhere there */
};

struct provider_link {
    char url[LINK_URL_MAX];
    char user[LINK_USER_MAX]; /* "name:password" for Basic authentication; "": none */
};

/* False: *why is a constant sentence. */
bool provider_link(const char *provider, const char *url, const struct link_settings *settings,
                   struct provider_link *out, const char **why);

/* Whether "ACxxx:token" has the form of a user. */
bool provider_link_user_check(const char *text);

#endif
