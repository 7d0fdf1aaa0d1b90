/* A Redis URL taken apart. Pure.
 * redis://[[user]:password@]host[:port][/db] and unix://[[user]:password@]/path[?db=N]; user,
 * password and path are percent-decoded; a userinfo without a colon is the password, as redis-cli
 * takes it. */
#ifndef QUEUE_LINK_URL_H
#define QUEUE_LINK_URL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LINK_HOST_MAX = 256,
    LINK_PATH_MAX = 108, /* sun_path */
    LINK_SECRET_MAX = 512,
    LINK_PORT = 6379,
    LINK_DB_MAX = 1 << 20
};

struct link_url {
    bool is_unix;
    char host[LINK_HOST_MAX]; /* without the brackets of IPv6 */
    unsigned port;
    char path[LINK_PATH_MAX];
    char user[LINK_SECRET_MAX];     /* "": the default user */
    char password[LINK_SECRET_MAX]; /* "": none */
    unsigned db;
};

/* False: *why is a constant sentence. It never contains the URL, which may hold a password. */
bool link_url_parse(const char *url, struct link_url *out, const char **why);

enum { BACKOFF_MS_MIN = 50, BACKOFF_MS_MAX = 5000 };

/* How long to wait before attempt number `attempt` (0 is the first repetition): doubles up to
 * BACKOFF_MS_MAX; `random` spreads it over the upper half, so that many processes do not return in
 * step. */
uint64_t backoff_ms(unsigned attempt, uint32_t random);

#endif
