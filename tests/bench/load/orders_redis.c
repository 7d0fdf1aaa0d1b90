/* Order events into the streams, as the gateway writes them; or waiting until the workers have acknowledged all.
 *
 *   orders_redis fill --socket PATH [--count N] [--from ID] [--tenants N] [--partitions N] [--customers N] [--updated S]
 *   orders_redis wait --socket PATH [--partitions N] [--timeout S]   prints the seconds that it took
 *   orders_redis take --socket PATH [--partitions N] [--count N]     reads as a worker that then dies: nothing is acknowledged
 *   orders_redis list [--count N] ...                                prints them: domain, tab, body
 *
 * --customers 0: everybody is new. --stream NAME: streams NAME:0, NAME:1 ... with the fields topic, shop and body, as others would
 * write them; of one partition just NAME. The same options give the same events. */
#include <hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/order_event.h"
#include "partition.h"

enum { IN_FLIGHT = 256, LOOK_US = 5000, TAKE_COUNT = 1000 };

static redisContext *redis;
static const char *stream; /* NULL: ours */

enum { KEY_MAX = 128 };

static void key_of(char key[KEY_MAX], unsigned partition, unsigned partitions)
{
    if (stream == NULL)
        events_key(key, partition);
    else if (partitions == 1)
        snprintf(key, KEY_MAX, "%s", stream);
    else
        snprintf(key, KEY_MAX, "%s:%u", stream, partition);
}

static redisReply *reply_of(void *reply)
{
    redisReply *r = reply;

    if (r == NULL)
        order_die(redis->errstr);
    if (r->type == REDIS_REPLY_ERROR)
        order_die(r->str);
    return r;
}

static void take_reply(void)
{
    void *reply = NULL;

    if (redisGetReply(redis, &reply) != REDIS_OK)
        order_die(redis->errstr);
    freeReplyObject(reply_of(reply));
}

static void fill(const struct order_options *options)
{
    struct order_maker maker;
    struct order_event e;
    uint64_t bytes = 0, bodies = 0;
    unsigned in_flight = 0;

    order_maker_open(&maker, options);
    for (uint64_t i = 0; i < options->count; i++) {
        char key[KEY_MAX];

        order_make(&maker, i, &e);
        key_of(key, e.partition, options->partitions);
        if (stream == NULL)
            redisAppendCommand(redis, "XADD %s * e %b", key, e.bytes, e.len);
        else
            redisAppendCommand(redis, "XADD %s * topic orders/create shop %s body %b", key,
                               e.domain, e.body, e.body_len);
        bytes += e.len;
        bodies += e.body_len;
        if (++in_flight == IN_FLIGHT)
            for (; in_flight > 0; in_flight--)
                take_reply();
    }
    for (; in_flight > 0; in_flight--)
        take_reply();
    printf("{\"events\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"bodies\": %" PRIu64 "}\n",
           options->count, bytes, bodies);
}

/* A field of the group's map, which XINFO GROUPS gives as a list. -1: nil, or not there. */
static long long field_of(const redisReply *group, const char *name)
{
    for (size_t i = 0; i + 1 < group->elements; i += 2)
        if (strcmp(group->element[i]->str, name) == 0 &&
            group->element[i + 1]->type == REDIS_REPLY_INTEGER)
            return group->element[i + 1]->integer;
    return -1;
}

static bool is_done(unsigned partition, unsigned partitions)
{
    char key[KEY_MAX];
    redisReply *r;
    bool done = true;

    key_of(key, partition, partitions);
    r = redisCommand(redis, "XINFO GROUPS %s", key);
    if (r != NULL && r->type == REDIS_REPLY_ERROR && strstr(r->str, "no such key") != NULL) {
        freeReplyObject(r);
        return true;
    }
    r = reply_of(r);
    for (size_t i = 0; i < r->elements; i++)
        done =
            done && field_of(r->element[i], "pending") == 0 && field_of(r->element[i], "lag") == 0;
    done = done && r->elements > 0;
    freeReplyObject(r);
    return done;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void wait_done(unsigned partitions, double timeout)
{
    double began = now();
    unsigned next = 0; /* those before it are done, and nothing is added */

    while (next < partitions) {
        if (is_done(next, partitions)) {
            next++;
            continue;
        }
        if (now() - began > timeout)
            order_die("not everything was acknowledged in time");
        usleep(LOOK_US);
    }
    printf("{\"seconds\": %.3f}\n", now() - began);
}

/* -> how many were read */
static uint64_t take(unsigned partitions, uint64_t count)
{
    uint64_t taken = 0;

    for (unsigned p = 0; p < partitions && taken < count; p++) {
        char key[KEY_MAX];
        redisReply *r;
        size_t n;

        key_of(key, p, partitions);
        r = redisCommand(redis, "XGROUP CREATE %s " CONSUMER_GROUP " 0 MKSTREAM", key);
        if (r == NULL)
            order_die(redis->errstr);
        freeReplyObject(r); /* it may exist */
        do {
            r = reply_of(redisCommand(redis,
                                      "XREADGROUP GROUP " CONSUMER_GROUP " " CONSUMER_NAME
                                      " COUNT %d STREAMS %s >",
                                      TAKE_COUNT, key));
            n = r->type == REDIS_REPLY_ARRAY ? r->element[0]->element[1]->elements : 0;
            freeReplyObject(r);
            taken += n;
        } while (n > 0 && taken < count);
    }
    return taken;
}

static void list(const struct order_options *options)
{
    struct order_maker maker;
    struct order_event e;

    order_maker_open(&maker, options);
    for (uint64_t i = 0; i < options->count; i++) {
        order_make(&maker, i, &e);
        printf("%s\t%.*s\n", e.domain, (int)e.body_len, e.body);
    }
}

int main(int argc, char **argv)
{
    static const struct option names[] = {ORDER_OPTIONS,
                                          {"socket", required_argument, NULL, 's'},
                                          {"stream", required_argument, NULL, 'k'},
                                          {"timeout", required_argument, NULL, 'w'},
                                          {NULL, 0, NULL, 0}};
    struct order_options options = order_defaults();
    const char *socket = NULL, *what = argc > 1 ? argv[1] : "";
    double timeout = 60;
    int letter;

    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (letter == 's')
            socket = optarg;
        else if (letter == 'k')
            stream = optarg;
        else if (letter == 'w')
            timeout = strtod(optarg, NULL);
        else if (!order_option(&options, letter, optarg))
            return 2;
    }
    if (strcmp(what, "list") == 0) {
        list(&options);
        return 0;
    }
    redis = socket == NULL ? NULL : redisConnectUnix(socket);
    if (redis == NULL || redis->err != 0)
        order_die("cannot reach Redis: --socket PATH");
    if (strcmp(what, "fill") == 0)
        fill(&options);
    else if (strcmp(what, "wait") == 0)
        wait_done(options.partitions, timeout);
    else if (strcmp(what, "take") == 0)
        printf("{\"taken\": %" PRIu64 "}\n", take(options.partitions, options.count));
    else
        order_die("usage: orders_redis fill|wait|take|list --socket PATH ...");
    redisFree(redis);
    return 0;
}
