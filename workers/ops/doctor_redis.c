/* Redis, asked synchronously: a command that ends needs no loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/doctor.h"
#include "ops/open_redis.h"

enum { VERSION_MIN = 7, VALUE_MAX = 64, MEMORY_WARN_PERCENT = 80 };

/* NULL and a finding when it did not work. */
static redisReply *ask(struct doctor *d, redisContext *c, const char *command)
{
    redisReply *r = redisCommand(c, command);

    if (r != NULL && r->type != REDIS_REPLY_ERROR)
        return r;
    doctor_says(d, FINDING_WARN, "redis", "allow the command, or check the setting by hand",
                "%s: %s", command, r != NULL ? r->str : c->errstr);
    if (r != NULL)
        freeReplyObject(r);
    return NULL;
}

/* The value of one line of INFO, or "". */
static void info_value(const redisReply *info, const char *key, char out[VALUE_MAX])
{
    char name[VALUE_MAX];
    const char *at;

    snprintf(name, sizeof name, "\n%s:", key);
    at = strstr(info->str, name);
    snprintf(out, VALUE_MAX, "%.*s", at == NULL ? 0 : (int)strcspn(at + strlen(name), "\r\n"),
             at == NULL ? "" : at + strlen(name));
}

/* False: the server does not tell. */
static bool setting(struct doctor *d, redisContext *c, const char *name, char out[VALUE_MAX])
{
    char command[VALUE_MAX];
    redisReply *r;
    bool ok;

    snprintf(command, sizeof command, "CONFIG GET %s", name);
    r = ask(d, c, command);
    ok = r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
         r->element[1]->type == REDIS_REPLY_STRING;
    snprintf(out, VALUE_MAX, "%s", ok ? r->element[1]->str : "");
    freeReplyObject(r);
    return ok;
}

static void check_durability(struct doctor *d, redisContext *c)
{
    char aof[VALUE_MAX], fsync[VALUE_MAX];

    if (!setting(d, c, "appendonly", aof) || !setting(d, c, "appendfsync", fsync))
        return;
    if (strcmp(aof, "yes") != 0)
        doctor_says(d, FINDING_FAIL, "redis", "set appendonly yes",
                    "appendonly is %s: a restart loses every event that was accepted", aof);
    else if (strcmp(fsync, "always") == 0)
        doctor_says(d, FINDING_OK, "redis", NULL,
                    "appendonly yes, appendfsync always: accepted means on disk");
    else
        doctor_says(d, FINDING_FAIL, "redis", "set appendfsync always",
                    "appendfsync is %s: a power cut loses events that were accepted", fsync);
}

static void check_memory(struct doctor *d, redisContext *c, const redisReply *info)
{
    char policy[VALUE_MAX], text[VALUE_MAX];
    unsigned long long max, used;

    if (setting(d, c, "maxmemory-policy", policy) && strcmp(policy, "noeviction") != 0)
        doctor_says(d, FINDING_FAIL, "redis", "set maxmemory-policy noeviction",
                    "maxmemory-policy is %s: when full, Redis throws accepted events away", policy);
    info_value(info, "used_memory", text);
    used = strtoull(text, NULL, 10);
    if (!setting(d, c, "maxmemory", text))
        return;
    max = strtoull(text, NULL, 10);
    if (max == 0)
        doctor_says(d, FINDING_WARN, "redis",
                    "set maxmemory to what the machine can spare: then a full Redis is a 503, not "
                    "a dead one",
                    "maxmemory is not set");
    else
        doctor_says(d, used * 100 / max >= MEMORY_WARN_PERCENT ? FINDING_WARN : FINDING_OK, "redis",
                    used * 100 / max >= MEMORY_WARN_PERCENT
                        ? "give it more memory, or see why events are not processed"
                        : NULL,
                    "%llu of %llu MiB used", used >> 20, max >> 20);
}

static void check_clock(struct doctor *d, redisContext *c)
{
    int64_t before = doctor_now_ms(), after;
    redisReply *r = ask(d, c, "TIME");

    after = doctor_now_ms();
    if (r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 2)
        doctor_check_clock(d, "redis", before,
                           strtoll(r->element[0]->str, NULL, 10) * 1000 +
                               strtoll(r->element[1]->str, NULL, 10) / 1000,
                           after);
    freeReplyObject(r);
}

static void check_server(struct doctor *d, redisContext *c)
{
    redisReply *info = ask(d, c, "INFO");
    char version[VALUE_MAX], text[VALUE_MAX];

    if (info == NULL)
        return;
    info_value(info, "redis_version", version);
    if (atoi(version) < VERSION_MIN)
        doctor_says(d, FINDING_FAIL, "redis", "upgrade to Redis 7.0 or newer",
                    "version %s is too old", version);
    else
        doctor_says(d, FINDING_OK, "redis", NULL, "version %s", version);
    info_value(info, "role", text);
    if (strcmp(text, "slave") == 0)
        doctor_says(d, FINDING_FAIL, "redis", "point RINGBACK_REDIS_URL at the primary",
                    "this server is a replica: it takes no writes");
    info_value(info, "aof_last_write_status", text);
    if (strcmp(text, "err") == 0)
        doctor_says(d, FINDING_FAIL, "redis", "look at the disk and at Redis's log",
                    "the append-only file cannot be written");
    check_durability(d, c);
    check_memory(d, c, info);
    check_clock(d, c);
    freeReplyObject(info);
}

void doctor_check_redis(struct doctor *d)
{
    static const char *const mend[] = {
        [OPEN_REDIS_OK] = NULL,
        [OPEN_REDIS_BAD_URL] = "correct RINGBACK_REDIS_URL",
        [OPEN_REDIS_AWAY] = "start it, or correct RINGBACK_REDIS_URL",
        [OPEN_REDIS_REFUSED] =
            "correct the user, password or database number in RINGBACK_REDIS_URL",
    };
    char why[OPEN_REDIS_WHY_MAX];
    redisContext *c;
    enum open_redis opened = open_redis(CONFIG_TEXT(d->config, REDIS_URL), &c, why);

    if (opened == OPEN_REDIS_OK)
        check_server(d, c);
    else
        doctor_says(d, FINDING_FAIL, "redis", mend[opened], "%s", why);
    redisFree(c);
}
