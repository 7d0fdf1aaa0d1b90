/* What streams_redis.c and history_redis.c share. */
#ifndef OPS_STREAMS_INTERNAL_REDIS_H
#define OPS_STREAMS_INTERNAL_REDIS_H

#include <hiredis/hiredis.h>

#include "ops/streams.h"

struct streams {
    redisContext *redis;
    struct envelope_encoder *encoder;
    const char *command;
    unsigned partitions;
    unsigned sent; /* and not confirmed */
};

/* The reply is an error, or NULL: prints what happened in one line. Always false. */
bool streams_complain(const struct streams *s, const redisReply *r);

#endif
