/* Reading hiredis replies without trusting their shape: what is not there reads as absent. */
#ifndef QUEUE_REPLY_REDIS_H
#define QUEUE_REPLY_REDIS_H

#include <stdbool.h>
#include <stddef.h>

#include <hiredis/hiredis.h>

#include "entry_id.h"
#include "refusal.h"

static inline bool reply_is_error(const redisReply *r)
{
    return r != NULL && r->type == REDIS_REPLY_ERROR;
}

/* The judgement on an error reply. */
static inline enum refusal reply_refusal(const redisReply *r)
{
    return refusal_of(r->str, (size_t)r->len);
}

/* Elements of an array; 0 for anything else. */
static inline size_t reply_count(const redisReply *r)
{
    return r != NULL && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
}

/* NULL if there is no such element. */
static inline const redisReply *reply_at(const redisReply *r, size_t i)
{
    return i < reply_count(r) ? r->element[i] : NULL;
}

static inline bool reply_is_text(const redisReply *r)
{
    return r != NULL && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS);
}

static inline bool reply_id(const redisReply *r, struct entry_id *out)
{
    return reply_is_text(r) && entry_id_parse(r->str, (size_t)r->len, out);
}

static inline bool reply_integer(const redisReply *r, long long *out)
{
    if (r == NULL || r->type != REDIS_REPLY_INTEGER)
        return false;
    *out = r->integer;
    return true;
}

/* The value of `name` in a flat list name, value, name, value ...; NULL: not there. */
const redisReply *reply_field(const redisReply *list, const char *name);

/* The row called `name` in XINFO GROUPS; NULL: there is none. */
const redisReply *reply_group(const redisReply *groups, const char *name);

/* TIME: milliseconds; 0: not a reply to TIME. */
uint64_t reply_time_ms(const redisReply *r);

#endif
