#include "ops/open_redis.h"

#include <stdbool.h>
#include <stdio.h>

#include "link_url.h"

/* AUTH and SELECT as the URL asks. */
static bool log_in(redisContext *c, const struct link_url *url)
{
    redisReply *r = NULL;
    bool ok = true;

    if (url->user[0] != '\0')
        r = redisCommand(c, "AUTH %s %s", url->user, url->password);
    else if (url->password[0] != '\0')
        r = redisCommand(c, "AUTH %s", url->password);
    if (r != NULL)
        ok = r->type != REDIS_REPLY_ERROR;
    freeReplyObject(r);
    if (ok && url->db != 0) {
        r = redisCommand(c, "SELECT %u", url->db);
        ok = r != NULL && r->type != REDIS_REPLY_ERROR;
        freeReplyObject(r);
    }
    return ok;
}

enum open_redis open_redis(const char *url, redisContext **out, char why[OPEN_REDIS_WHY_MAX])
{
    struct timeval patience = {.tv_sec = OPEN_REDIS_PATIENCE_S};
    const char *fault = "";
    struct link_url parts;
    redisContext *c;

    *out = NULL;
    if (!link_url_parse(url, &parts, &fault)) {
        snprintf(why, OPEN_REDIS_WHY_MAX, "%s", fault);
        return OPEN_REDIS_BAD_URL;
    }
    c = parts.is_unix ? redisConnectUnixWithTimeout(parts.path, patience)
                      : redisConnectWithTimeout(parts.host, (int)parts.port, patience);
    if (c == NULL || c->err != 0) {
        snprintf(why, OPEN_REDIS_WHY_MAX, "cannot be reached: %s",
                 c != NULL ? c->errstr : "out of memory");
        redisFree(c);
        return OPEN_REDIS_AWAY;
    }
    redisSetTimeout(c, patience);
    if (!log_in(c, &parts)) {
        snprintf(why, OPEN_REDIS_WHY_MAX, "it does not let us in");
        redisFree(c);
        return OPEN_REDIS_REFUSED;
    }
    *out = c;
    return OPEN_REDIS_OK;
}
