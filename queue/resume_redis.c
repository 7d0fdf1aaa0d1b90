#include "resume.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reply_redis.h"

enum { REPLY_TIMEOUT_MS = 2000, KEY_MAX = 128, NUMBER_MAX = 24, MEMBER_MAX = 48, CLEAN_MS = 100 };

struct question {
    struct resume *resume;
    void *ask;
    uint64_t ref;
    char key[KEY_MAX];
};

struct resume {
    struct link *link;
    resume_cb answered;
    uint64_t cleaned_ms;
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

/* The oldest ones, oldest first, as a flat list: "ref:socket", ms, ... A client that comes back has counted on since it
 * joined; who has not counted so far is another page. */
static uint64_t position_in(const struct question *q, const redisReply *list)
{
    uint64_t first = 0;

    for (size_t i = 0; i + 1 < reply_count(list); i += 2) {
        const redisReply *member = reply_at(list, i), *score = reply_at(list, i + 1);
        uint64_t at_ms;

        if (!reply_is_text(member) || !reply_is_text(score))
            continue;
        at_ms = strtoull(score->str, NULL, 10);
        first = first == 0 ? at_ms : first;
        if (q->ref == 0 || strtoull(member->str, NULL, 10) < q->ref)
            return at_ms;
    }
    return reply_count(list) > (size_t)2 * RESUME_LOOK_AT ? first : 0;
}

static void on_answer(void *ctx, const redisReply *reply)
{
    struct question *q = ctx;
    struct resume *r = q->resume;

    on_refused(r, reply);
    r->answered(r->ctx, q->ask, position_in(q, reply));
    free(q);
}

bool resume_ask(struct resume *r, const char *key, uint64_t ref, void *ask)
{
    struct question *q = malloc(sizeof *q);
    char old[NUMBER_MAX], last[NUMBER_MAX];
    const char *read[] = {"ZRANGEBYSCORE", NULL, old, "+inf", "WITHSCORES", "LIMIT", "0", last};

    if (q == NULL)
        return false;
    *q = (struct question){.resume = r, .ask = ask, .ref = ref};
    full_key(q->key, key);
    read[1] = q->key;
    snprintf(old, sizeof old, "%" PRIu64, wall_ms() - RESUME_KEEP_MS);
    snprintf(last, sizeof last, "%d", RESUME_LOOK_AT + 1);
    if (r->on_closed == NULL && link_outstanding(r->link) < RESUME_IN_FLIGHT_MAX &&
        link_send(r->link, on_answer, q, 8, read, NULL))
        return true;
    free(q);
    return false;
}

static void member_of(char out[MEMBER_MAX], uint64_t socket, uint64_t ref)
{
    snprintf(out, MEMBER_MAX, "%" PRIu64 ":%" PRIx64, ref, socket);
}

/* A key that is in use never ends, so what is old in it goes now and then; others end as a whole. */
static void clean(struct resume *r, const char *full)
{
    char old[NUMBER_MAX];
    const char *argv[] = {"ZREMRANGEBYSCORE", full, "-inf", old};

    r->cleaned_ms = wall_ms();
    snprintf(old, sizeof old, "%" PRIu64, r->cleaned_ms - RESUME_KEEP_MS);
    (void)link_send(r->link, NULL, NULL, 4, argv, NULL);
}

void resume_note(struct resume *r, const char *key, uint64_t socket, uint64_t at_ms, uint64_t ref,
                 bool renew)
{
    char full[KEY_MAX], member[MEMBER_MAX], score[NUMBER_MAX], keep[NUMBER_MAX];
    const char *add[] = {"ZADD", full, score, member};
    const char *expire[] = {"PEXPIRE", full, keep};

    if (link_outstanding(r->link) >= RESUME_IN_FLIGHT_MAX)
        return;
    full_key(full, key);
    member_of(member, socket, ref);
    snprintf(score, sizeof score, "%" PRIu64, at_ms);
    snprintf(keep, sizeof keep, "%d", RESUME_KEEP_MS);
    if (!link_send(r->link, on_refused, r, 4, add, NULL) || !renew)
        return;
    (void)link_send(r->link, NULL, NULL, 3, expire, NULL);
    if (wall_ms() - r->cleaned_ms > CLEAN_MS)
        clean(r, full);
}

void resume_forget(struct resume *r, const char *key, uint64_t socket, uint64_t ref)
{
    char full[KEY_MAX], member[MEMBER_MAX];
    const char *argv[] = {"ZREM", full, member};

    full_key(full, key);
    member_of(member, socket, ref);
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
