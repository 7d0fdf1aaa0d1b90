#include "resume.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reply_redis.h"

enum { REPLY_TIMEOUT_MS = 2000, KEY_MAX = 128, NUMBER_MAX = 24, VALUE_MAX = 48 };

struct question {
    struct resume *resume;
    void *ask;
    uint64_t ref;
    char key[KEY_MAX];
};

struct resume {
    struct link *link;
    resume_cb answered;
    void *ctx;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static void full_key(char out[KEY_MAX], const char *key)
{
    int n = snprintf(out, KEY_MAX, "ringback:resume:%s", key);

    assert(n > 0 && n < KEY_MAX);
}

static uint64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_refused(void *ctx, const redisReply *reply)
{
    struct resume *r = ctx;

    if (reply_is_error(reply) && reply_refusal(reply) == REFUSAL_ELSEWHERE)
        link_reconnect(r->link, reply->str);
}

/* Takes out what is too old to matter. */
static void drop(const struct question *q, const char *socket)
{
    const char *argv[] = {"HDEL", q->key, socket};

    (void)link_send(q->resume->link, NULL, NULL, 3, argv, NULL);
}

/* The hash is a flat list: socket, "ms ref", socket, ... */
static uint64_t oldest(const struct question *q, const redisReply *fields)
{
    uint64_t least = UINT64_MAX, now = wall_ms();

    for (size_t i = 0; i + 1 < reply_count(fields); i += 2) {
        const redisReply *socket = reply_at(fields, i), *value = reply_at(fields, i + 1);
        unsigned long long at_ms, ref;

        if (!reply_is_text(socket) || !reply_is_text(value) ||
            sscanf(value->str, "%llu %llu", &at_ms, &ref) != 2)
            continue;
        if (at_ms + RESUME_KEEP_MS < now)
            drop(q, socket->str);
        else if ((q->ref == 0 || ref < q->ref) && at_ms < least)
            least = at_ms;
    }
    return least;
}

static void on_answer(void *ctx, const redisReply *reply)
{
    struct question *q = ctx;
    struct resume *r = q->resume;
    uint64_t at_ms = oldest(q, reply);

    on_refused(r, reply);
    if (reply_count(reply) > 2 * RESUME_SOCKETS_MAX) {
        const char *argv[] = {"DEL", q->key};

        (void)link_send(r->link, NULL, NULL, 2, argv, NULL);
        r->answered(r->ctx, q->ask, RESUME_TOO_MANY, 0);
    } else {
        r->answered(r->ctx, q->ask, at_ms == UINT64_MAX ? RESUME_NONE : RESUME_FROM, at_ms);
    }
    free(q);
}

bool resume_ask(struct resume *r, const char *key, uint64_t ref, void *ask)
{
    struct question *q = malloc(sizeof *q);
    const char *argv[] = {"HGETALL", NULL};

    if (q == NULL)
        return false;
    *q = (struct question){.resume = r, .ask = ask, .ref = ref};
    full_key(q->key, key);
    argv[1] = q->key;
    if (r->on_closed == NULL && link_outstanding(r->link) < RESUME_IN_FLIGHT_MAX &&
        link_send(r->link, on_answer, q, 2, argv, NULL))
        return true;
    free(q);
    return false;
}

void resume_note(struct resume *r, const char *key, uint64_t socket, uint64_t at_ms, uint64_t ref)
{
    char full[KEY_MAX], field[NUMBER_MAX], value[VALUE_MAX], keep[NUMBER_MAX];
    const char *set[] = {"HSET", full, field, value};
    const char *expire[] = {"PEXPIRE", full, keep};

    if (link_outstanding(r->link) >= RESUME_IN_FLIGHT_MAX)
        return;
    full_key(full, key);
    snprintf(field, sizeof field, "%" PRIx64, socket);
    snprintf(value, sizeof value, "%" PRIu64 " %" PRIu64, at_ms, ref);
    snprintf(keep, sizeof keep, "%d", RESUME_KEEP_MS);
    if (link_send(r->link, on_refused, r, 4, set, NULL))
        (void)link_send(r->link, NULL, NULL, 3, expire, NULL);
}

void resume_forget(struct resume *r, const char *key, uint64_t socket)
{
    char full[KEY_MAX], field[NUMBER_MAX];
    const char *argv[] = {"HDEL", full, field};

    full_key(full, key);
    snprintf(field, sizeof field, "%" PRIx64, socket);
    (void)link_send(r->link, NULL, NULL, 3, argv, NULL);
}

struct resume *resume_open(uv_loop_t *loop, const char *redis_url, resume_cb answered, void *ctx)
{
    struct resume *r = calloc(1, sizeof *r);
    struct link_options options = {.url = redis_url,
                                   .client_name = "ringback-resume",
                                   .reply_timeout_ms = REPLY_TIMEOUT_MS,
                                   .ctx = r};

    if (r == NULL)
        return NULL;
    r->answered = answered;
    r->ctx = ctx;
    if ((r->link = link_open(loop, &options)) == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

static void on_link_closed(void *ctx)
{
    struct resume *r = ctx;
    void (*on_closed)(void *) = r->on_closed;
    void *closed_ctx = r->closed_ctx;

    free(r);
    on_closed(closed_ctx);
}

void resume_close(struct resume *r, void (*on_closed)(void *ctx), void *ctx)
{
    r->on_closed = on_closed;
    r->closed_ctx = ctx;
    link_close(r->link, on_link_closed, r);
}
