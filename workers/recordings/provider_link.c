#include "recordings/provider_link.h"

#include <stdio.h>
#include <string.h>

enum { SID_LENGTH = 34 };

bool provider_link_user_check(const char *text)
{
    const char *colon = strchr(text, ':');

    return colon != NULL && colon > text && colon[1] != '\0' && strlen(text) < LINK_USER_MAX &&
           strpbrk(text, " \t\r\n") == NULL;
}

/* The account that a link of Twilio's names (/2010-04-01/Accounts/ACxxx/Recordings/RExxx), with the
 * newest of our tokens, as "ACxxx:token". */
static void put_account(const struct web_url *u, const char *tokens, char out[LINK_USER_MAX])
{
    static const char mark[] = "/Accounts/";
    const char *at = memmem(u->path.p, u->path.n, mark, sizeof mark - 1);
    size_t n = tokens == NULL ? 0 : strcspn(tokens, ",");
    const char *sid;

    if (at == NULL || n == 0 || n > LINK_USER_MAX - SID_LENGTH - 2)
        return;
    sid = at + sizeof mark - 1;
    if (strspn(sid, "ACacdef0123456789b") < SID_LENGTH || strncmp(sid, "AC", 2) != 0)
        return;
    snprintf(out, LINK_USER_MAX, "%.*s:%.*s", SID_LENGTH, sid, (int)n, tokens);
}

/* Twilio's links lead to a description unless they end in the wanted form, and ask for the account's
 * user (www.twilio.com/docs/voice/api/recording). The user goes to Twilio alone. */
static bool for_twilio(const struct web_url *u, const struct link_settings *settings,
                       struct provider_link *out)
{
    const char *end = u->path.p + u->path.n;
    const char *slash = memrchr(u->path.p, '/', u->path.n);
    size_t front = (size_t)(end - out->url), room = sizeof out->url - front;
    char rest[LINK_URL_MAX];

    if (settings->allow_private || (u->secure && web_url_is_in(u, "twilio.com"))) {
        if (settings->twilio_auth != NULL)
            snprintf(out->user, sizeof out->user, "%s", settings->twilio_auth);
        else
            put_account(u, settings->twilio_tokens, out->user);
    }
    if (slash == NULL || memchr(slash, '.', (size_t)(end - slash)) != NULL)
        return true;
    snprintf(rest, sizeof rest, "%s", u->rest.p);
    return (size_t)snprintf(out->url + front, room, ".wav%s", rest) < room;
}

bool provider_link(const char *provider, const char *url, const struct link_settings *settings,
                   struct provider_link *out, const char **why)
{
    struct web_url u;

    out->user[0] = '\0';
    if (strlen(url) > WEB_URL_MAX || !web_url_parse(url, &u)) {
        *why = "the link is no plain http or https URL";
        return false;
    }
    snprintf(out->url, sizeof out->url, "%s", url);
    if (strcmp(provider, "twilio") != 0)
        return true;
    *why = "the link is too long";
    return web_url_parse(out->url, &u) && for_twilio(&u, settings, out);
}
