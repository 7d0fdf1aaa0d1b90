/* A blocking connection to Redis, for commands that end: they need no loop. */
#ifndef OPS_OPEN_REDIS_H
#define OPS_OPEN_REDIS_H

#include <hiredis/hiredis.h>
#include <stddef.h>

enum { OPEN_REDIS_WHY_MAX = 256, OPEN_REDIS_PATIENCE_S = 3 };

enum open_redis {
    OPEN_REDIS_OK,
    OPEN_REDIS_BAD_URL,
    OPEN_REDIS_AWAY,
    OPEN_REDIS_REFUSED, /* it does not let us in */
};

/* Connected, authenticated, the right database selected. Otherwise *out is NULL and `why` a phrase for a person, without
 * the password. */
enum open_redis open_redis(const char *url, redisContext **out, char why[OPEN_REDIS_WHY_MAX]);

#endif
