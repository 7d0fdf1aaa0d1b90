#include "voice/recording.h"

#include <stdio.h>

#include "base/time.h"
#include "base/form.h"
#include "voice/moments.h"
#include "voice/signing.h"

/* A parameter as it stands in the query. */
static struct text parameter(struct text query, const char *name)
{
    const char *p = query.p, *end = query.p + query.n;
    size_t name_n = strlen(name);

    while (p < end) {
        const char *stop = memchr(p, '&', (size_t)(end - p));

        if (stop == NULL)
            stop = end;
        if ((size_t)(stop - p) > name_n && memcmp(p, name, name_n) == 0 && p[name_n] == '=')
            return (struct text){p + name_n + 1, (size_t)(stop - p) - name_n - 1};
        p = stop < end ? stop + 1 : end;
    }
    return TEXT_NULL;
}

/* "20260824T161125Z" and a number of seconds after it. */
static int64_t signed_until(struct text date, struct text seconds)
{
    char text[32];
    int64_t us = EVENT_NO_TIME, lifetime;

    if (date.n != 16 || !signing_number(seconds, &lifetime))
        return EVENT_NO_TIME;
    snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", date.p, date.p + 4, date.p + 6,
             date.p + 9, date.p + 11, date.p + 13);
    return time_parse(text_of(text), &us) ? moment_plus(us, lifetime) : EVENT_NO_TIME;
}

static int64_t expiry_of(struct text url)
{
    struct text query = form_query(url);
    int64_t until = signed_until(parameter(query, "X-Amz-Date"), parameter(query, "X-Amz-Expires"));
    int64_t seconds;

    if (until == EVENT_NO_TIME)
        until = signed_until(parameter(query, "X-Goog-Date"), parameter(query, "X-Goog-Expires"));
    if (until == EVENT_NO_TIME && signing_number(parameter(query, "Expires"), &seconds))
        until = moment_plus(0, seconds);
    return until;
}

static bool is_web(struct text url)
{
    return url.n <= RECORDING_URL_MAX && ((url.n > 8 && memcmp(url.p, "https://", 8) == 0) ||
                                          (url.n > 7 && memcmp(url.p, "http://", 7) == 0));
}

void recording_set(struct voice_event *ev, struct text url, int64_t expires_us)
{
    int64_t own;

    if (url.p == NULL || !is_web(url))
        return;
    own = expiry_of(url);
    ev->recording_url = url;
    ev->recording_expires_us = own != EVENT_NO_TIME ? own : expires_us;
}
