#include "voice/callback_url.h"

static struct text from_to(const char *p, const char *end)
{
    return (struct text){p, (size_t)(end - p)};
}

void callback_url_spellings(struct text url, struct callback_url out[CALLBACK_URL_SPELLINGS])
{
    const char *end, *slashes, *host, *host_end, *colon = NULL;

    if (url.p == NULL)
        url = TEXT("");
    end = url.p + url.n;
    slashes = memmem(url.p, url.n, "://", 3);
    host = slashes == NULL ? url.p : slashes + 3;
    host_end = host;
    while (host_end < end && memchr("/?#", *host_end, 3) == NULL)
        host_end++;
    for (const char *p = host; p < host_end; p++) {
        if (*p == ':')
            colon = p;
        else if (*p == '@' || *p == ']')
            colon = NULL; /* it belonged to a password or an IPv6 address */
    }
    if (colon == NULL)
        colon = host_end;
    out[0] = (struct callback_url){from_to(url.p, colon), from_to(colon, host_end),
                                   from_to(host_end, end)};
    out[1] = out[0];
    if (out[0].port.n > 0)
        out[1].port = TEXT("");
    else
        out[1].port = url.n > 8 && memcmp(url.p, "https://", 8) == 0 ? TEXT(":443") : TEXT(":80");
}
