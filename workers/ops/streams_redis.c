/* Happy path: append, append ... -> confirm reads as many replies. Failures: the link is lost, or Redis refuses -> one line;
 * what was sent and not confirmed may be there or not, so the caller does it again, which is harmless. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/open_redis.h"
#include "ops/streams_internal_redis.h"
#include "partition.h"
#include "reply_redis.h"

enum { APPEND_ARGS = 5, REPEAT_ARGS = 7 };

struct streams *streams_open(const struct config *config, const char *command)
{
    struct streams *s = calloc(1, sizeof *s);
    char why[OPEN_REDIS_WHY_MAX] = "out of memory";

    if (s != NULL && open_redis(CONFIG_TEXT(config, REDIS_URL), &s->redis, why) == OPEN_REDIS_OK) {
        s->command = command;
        s->partitions = (unsigned)CONFIG_NUMBER(config, STREAM_PARTITIONS);
        s->encoder = envelope_encoder_new();
        if (s->encoder != NULL)
            return s;
    }
    fprintf(stderr, "ringback %s: Redis: %s\n", command, why);
    streams_close(s);
    return NULL;
}

void streams_close(struct streams *s)
{
    if (s == NULL)
        return;
    redisFree(s->redis);
    envelope_encoder_free(s->encoder);
    free(s);
}

unsigned streams_partition(const struct streams *s, struct text key)
{
    return partition_of(route_hash(key.p, key.n), s->partitions);
}

bool streams_complain(const struct streams *s, const redisReply *r)
{
    if (r != NULL && reply_is_error(r) && reply_refusal(r) == REFUSAL_FULL)
        fprintf(stderr, "ringback %s: Redis is full (maxmemory): it takes no more events\n",
                s->command);
    else
        fprintf(stderr, "ringback %s: Redis: %s\n", s->command,
                r == NULL           ? s->redis->errstr
                : reply_is_error(r) ? r->str
                                    : "a reply of another shape than expected");
    return false;
}

/* ---- appending ---- */

static bool submit(struct streams *s, unsigned partition, int argc, const char **argv, size_t *lens)
{
    char stream[STREAM_KEY_MAX];

    events_key(stream, partition);
    argv[1] = stream;
    lens[1] = strlen(stream);
    if (redisAppendCommandArgv(s->redis, argc, argv, lens) != REDIS_OK)
        return false;
    s->sent++;
    return true;
}

bool streams_append(struct streams *s, const struct envelope *e)
{
    size_t len;
    const void *bytes = envelope_encode(s->encoder, e, &len);
    const char *argv[APPEND_ARGS] = {"XADD", NULL, "*", "e", bytes};
    size_t lens[APPEND_ARGS] = {4, 0, 1, 1, len};

    return bytes != NULL && submit(s, streams_partition(s, e->key), APPEND_ARGS, argv, lens);
}

bool streams_repeat(struct streams *s, unsigned partition, struct text bytes, const char *of)
{
    const char *argv[REPEAT_ARGS] = {"XADD", NULL, "*", "e", bytes.p, STREAM_COPY_FIELD, of};
    size_t lens[REPEAT_ARGS] = {4, 0, 1, 1, bytes.n, sizeof STREAM_COPY_FIELD - 1, strlen(of)};

    return submit(s, partition, REPEAT_ARGS, argv, lens);
}

bool streams_confirm(struct streams *s, unsigned *confirmed)
{
    unsigned n = 0;
    bool ok = true;

    while (ok && s->sent > 0) {
        redisReply *r = NULL;

        ok = redisGetReply(s->redis, (void **)&r) == REDIS_OK && !reply_is_error(r);
        if (!ok)
            (void)streams_complain(s, r);
        freeReplyObject(r);
        s->sent -= ok;
        n += ok;
    }
    if (confirmed != NULL)
        *confirmed = n;
    return ok;
}

/* ---- room ---- */

/* The number behind `name` in the text of INFO; 0: it is not there. */
static unsigned long long info_number(const char *info, const char *name)
{
    const char *at = strstr(info, name);

    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

bool streams_have_room(struct streams *s)
{
    redisReply *r = redisCommand(s->redis, "INFO memory");
    unsigned long long used, most;

    if (!reply_is_text(r)) {
        (void)streams_complain(s, r);
        freeReplyObject(r);
        return false;
    }
    used = info_number(r->str, "\nused_memory:");
    most = info_number(r->str, "\nmaxmemory:");
    freeReplyObject(r);
    if (most == 0 || used / STREAMS_FULL_PERCENT < most / 100)
        return true;
    fprintf(stderr,
            "ringback %s: Redis is nearly full (%llu of %llu bytes): what is left is for the "
            "gateway\n",
            s->command, used, most);
    return false;
}
