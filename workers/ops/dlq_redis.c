/* Appends events to their streams as the gateway does, each confirmed by Redis before the letters' transaction commits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/dlq.h"
#include "ops/open_redis.h"
#include "partition.h"

enum { APPEND_ARGS = 5 };

struct dlq_streams {
    redisContext *redis;
    struct envelope_encoder *encoder;
    unsigned partitions;
    unsigned sent; /* and not confirmed */
};

struct dlq_streams *dlq_streams_open(const struct config *config)
{
    struct dlq_streams *s = calloc(1, sizeof *s);
    char why[OPEN_REDIS_WHY_MAX] = "out of memory";

    if (s != NULL && open_redis(CONFIG_TEXT(config, REDIS_URL), &s->redis, why) == OPEN_REDIS_OK) {
        s->partitions = (unsigned)CONFIG_NUMBER(config, STREAM_PARTITIONS);
        s->encoder = envelope_encoder_new();
        if (s->encoder != NULL)
            return s;
    }
    fprintf(stderr, "ringback dlq: Redis: %s\n", why);
    dlq_streams_close(s);
    return NULL;
}

bool dlq_streams_append(struct dlq_streams *s, const struct envelope *e)
{
    char key[STREAM_KEY_MAX];
    size_t len;
    const void *bytes = envelope_encode(s->encoder, e, &len);
    const char *argv[APPEND_ARGS] = {"XADD", key, "*", "e", bytes};
    size_t lens[APPEND_ARGS] = {4, 0, 1, 1, len};

    if (bytes == NULL)
        return false;
    events_key(key, partition_of(route_hash(e->key.p, e->key.n), s->partitions));
    lens[1] = strlen(key);
    if (redisAppendCommandArgv(s->redis, APPEND_ARGS, argv, lens) != REDIS_OK)
        return false;
    s->sent++;
    return true;
}

bool dlq_streams_confirm(struct dlq_streams *s)
{
    while (s->sent > 0) {
        redisReply *r = NULL;
        bool ok = redisGetReply(s->redis, (void **)&r) == REDIS_OK && r->type != REDIS_REPLY_ERROR;

        if (!ok)
            fprintf(stderr, "ringback dlq: Redis: %s\n", r != NULL ? r->str : s->redis->errstr);
        freeReplyObject(r);
        if (!ok)
            return false;
        s->sent--;
    }
    return true;
}

void dlq_streams_close(struct dlq_streams *s)
{
    if (s == NULL)
        return;
    redisFree(s->redis);
    envelope_encoder_free(s->encoder);
    free(s);
}
