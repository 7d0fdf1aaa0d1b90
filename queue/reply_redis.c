#include "reply_redis.h"

#include <stdlib.h>
#include <string.h>

const redisReply *reply_field(const redisReply *list, const char *name)
{
    size_t n = reply_count(list), len = strlen(name);

    for (size_t i = 0; i + 1 < n; i += 2) {
        const redisReply *key = list->element[i];
        if (reply_is_text(key) && (size_t)key->len == len && memcmp(key->str, name, len) == 0)
            return list->element[i + 1];
    }
    return NULL;
}

const redisReply *reply_group(const redisReply *groups, const char *name)
{
    for (size_t i = 0; i < reply_count(groups); i++) {
        const redisReply *value = reply_field(reply_at(groups, i), "name");
        if (reply_is_text(value) && strcmp(value->str, name) == 0)
            return reply_at(groups, i);
    }
    return NULL;
}

uint64_t reply_time_ms(const redisReply *r)
{
    const redisReply *s = reply_at(r, 0), *us = reply_at(r, 1);

    if (!reply_is_text(s) || !reply_is_text(us))
        return 0;
    return strtoull(s->str, NULL, 10) * 1000 + strtoull(us->str, NULL, 10) / 1000;
}
