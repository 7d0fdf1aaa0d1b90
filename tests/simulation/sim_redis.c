/* A Redis of one thread and the links to it. Commands of a connection run in order, replies come back in order; between
 * two of them anything may happen: the connection dies (with the command carried out or not, or later still), hangs,
 * or the server goes away. Data is never lost: that is what appendfsync=always is for. */
#include "sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "link.h"
#include "partition.h"

enum {
    CONNS_MAX = 64,
    QUEUE_MAX = 512,
    ARGS_MAX = 3 + 512,
    LIVE_MAX = 1024,
    CONNECT_US = 800,
    RETRY_MS = 100,
    MEMBERS_MAX = 8,
};

/* ---- the data ---- */

struct pending {
    unsigned entry; /* index in the stream */
    unsigned deliveries;
};

struct stream {
    unsigned event[SIM_EVENTS_MAX]; /* of sim_events, in the order of arrival */
    unsigned n, trimmed;
    bool group;
    unsigned next; /* the first that was never delivered */
    struct pending pending[SIM_EVENTS_MAX];
    unsigned n_pending;
    unsigned suspected[SIM_EVENTS_MAX]; /* by place in the stream */
    bool resync_owed;
    uint64_t last_ms, last_seq;
    char holder[32]; /* of the lease */
    uint64_t lease_until_ms;
    int published[SIM_KEYS], seen[SIM_KEYS]; /* newest version told; that a dashboard knows */
};

static struct stream streams[SIM_PARTITIONS];
static struct {
    char id[32];
    uint64_t until_ms;
} members[MEMBERS_MAX];
static char named_holder[32];
static uint64_t named_until_ms;
static uint64_t away_until_ms, loading_until_ms, full_until_ms;
static bool refuse_settle;

/* ---- connections ---- */

struct command {
    int argc;
    char **argv;
    char memory[]; /* the texts */
};

struct conn {
    bool used;
    unsigned id;
    struct link *link; /* NULL: nobody is there any more */
    unsigned worker;
    struct command *command[QUEUE_MAX];
    unsigned first, last; /* of those not carried out yet */
    redisReply *reply[QUEUE_MAX];
    unsigned reply_first, reply_last;
    bool blocked;
    uint64_t blocked_until_us, stalled_until_us, gone_at_us;
};

static struct conn conns[CONNS_MAX];
static struct conn *executing; /* whose command is carried out */
static unsigned next_id;

struct request {
    link_cb cb;
    void *ctx;
    uint64_t sent_ms;
};

struct link {
    struct link_options options;
    unsigned worker;
    bool up;
    struct conn *conn; /* NULL: down, or cut without the worker having seen it */
    uint64_t retry_us;
    struct request request[QUEUE_MAX];
    unsigned first, last;
    bool closing, told_closed;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    struct link *next; /* of the worker's */
};

static struct link *links[SIM_WORKERS];
static redisReply *in_hand;

/* ---- replies ---- */

static redisReply *reply_new(int type)
{
    redisReply *r = calloc(1, sizeof *r);

    assert(r != NULL);
    r->type = type;
    return r;
}

static redisReply *reply_bytes(const void *p, size_t n)
{
    redisReply *r = reply_new(REDIS_REPLY_STRING);

    r->str = malloc(n + 1);
    assert(r->str != NULL);
    memcpy(r->str, p, n);
    r->str[n] = '\0';
    r->len = (unsigned)n;
    return r;
}

static redisReply *reply_string(const char *text)
{
    return reply_bytes(text, strlen(text));
}

static redisReply *reply_failure(const char *text)
{
    redisReply *r = reply_string(text);

    r->type = REDIS_REPLY_ERROR;
    return r;
}

static redisReply *reply_number(long long n)
{
    redisReply *r = reply_new(REDIS_REPLY_INTEGER);

    r->integer = n;
    return r;
}

static redisReply *reply_nil(void)
{
    return reply_new(REDIS_REPLY_NIL);
}

static redisReply *reply_list(size_t n)
{
    redisReply *r = reply_new(REDIS_REPLY_ARRAY);

    r->element = calloc(n + 1, sizeof *r->element);
    assert(r->element != NULL);
    return r;
}

static void append(redisReply *list, redisReply *r)
{
    list->element[list->elements++] = r;
}

static redisReply *reply_of_id(struct entry_id id)
{
    char text[ENTRY_ID_TEXT_MAX];

    entry_id_text(id, text);
    return reply_string(text);
}

static void reply_free(redisReply *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->elements; i++)
        reply_free(r->element[i]);
    free(r->element);
    free(r->str);
    free(r);
}

/* ---- streams ---- */

static struct sim_event *event_at(struct stream *s, unsigned i)
{
    return &sim_events[s->event[i]];
}

static unsigned number_of(const char *key)
{
    return (unsigned)strtoul(strchr(key, '{') + 1, NULL, 10);
}

static struct stream *stream_of(const char *key)
{
    unsigned n = number_of(key);

    assert(n < SIM_PARTITIONS);
    return &streams[n];
}

static struct entry_id id_of(const char *text)
{
    struct entry_id id;
    size_t n = strlen(text);

    if (text[0] == '(')
        return id_of(text + 1);
    if (strcmp(text, "+") == 0)
        return ENTRY_ID_LAST;
    if (!entry_id_parse(text, n, &id))
        return ENTRY_ID_ZERO;
    return id;
}

static redisReply *entry_reply(struct stream *s, unsigned i)
{
    redisReply *entry = reply_list(2), *fields;
    struct sim_event *e = event_at(s, i);

    append(entry, reply_of_id(e->id));
    if (i < s->trimmed) {
        append(entry, reply_nil());
        return entry;
    }
    fields = reply_list(2);
    append(fields, reply_string("e"));
    append(fields, reply_bytes(e->bytes, e->len));
    append(entry, fields);
    return entry;
}

static redisReply *read_pending(struct stream *s, const char *key, const char *after,
                                unsigned count)
{
    redisReply *all = reply_list(1), *one = reply_list(2), *entries = reply_list(count);
    struct entry_id from = id_of(after);

    for (unsigned i = 0; i < s->n_pending && entries->elements < count; i++) {
        struct pending *p = &s->pending[i];

        if (entry_id_compare(event_at(s, p->entry)->id, from) <= 0)
            continue;
        p->deliveries++;
        oracle_delivered(number_of(key), event_at(s, p->entry)->id, false);
        append(entries, entry_reply(s, p->entry));
    }
    append(one, reply_string(key));
    append(one, entries);
    append(all, one);
    return all;
}

static redisReply *read_new(struct stream *s, const char *key, unsigned count)
{
    redisReply *one = reply_list(2), *entries = reply_list(count);

    while (s->next < s->n && entries->elements < count) {
        unsigned i = s->next++;

        if (i < s->trimmed)
            continue;
        s->pending[s->n_pending++] = (struct pending){.entry = i, .deliveries = 1};
        oracle_delivered(number_of(key), event_at(s, i)->id, executing->link == NULL);
        append(entries, entry_reply(s, i));
    }
    append(one, reply_string(key));
    append(one, entries);
    return one;
}

/* NULL: nothing yet, block. */
static redisReply *xreadgroup(const struct command *c)
{
    unsigned count = (unsigned)atoi(c->argv[5]);
    int streams_at = strcmp(c->argv[6], "BLOCK") == 0 ? 9 : 7;
    int n = (c->argc - streams_at) / 2;
    redisReply *all;

    for (int i = 0; i < n; i++)
        if (!stream_of(c->argv[streams_at + i])->group)
            return reply_failure("NOGROUP No such key or consumer group");
    if (strcmp(c->argv[streams_at + n], ">") != 0)
        return read_pending(stream_of(c->argv[streams_at]), c->argv[streams_at],
                            c->argv[streams_at + n], count);
    all = reply_list((size_t)n);
    for (int i = 0; i < n; i++) {
        struct stream *s = stream_of(c->argv[streams_at + i]);

        if (s->next < s->n)
            append(all, read_new(s, c->argv[streams_at + i], count));
    }
    if (all->elements > 0)
        return all;
    reply_free(all);
    return NULL;
}

static redisReply *xpending(const struct command *c)
{
    struct stream *s = stream_of(c->argv[1]);
    redisReply *r;

    if (!s->group)
        return reply_failure("NOGROUP No such key or consumer group");
    if (c->argc == 3) {
        r = reply_list(4);
        append(r, reply_number(s->n_pending));
        if (s->n_pending == 0) {
            append(r, reply_nil());
            append(r, reply_nil());
        } else {
            append(r, reply_of_id(event_at(s, s->pending[0].entry)->id));
            append(r, reply_of_id(event_at(s, s->pending[s->n_pending - 1].entry)->id));
        }
        append(r, reply_nil());
        return r;
    }
    r = reply_list(SIM_EVENTS_MAX);
    for (unsigned i = 0; i < s->n_pending && r->elements < (size_t)atoi(c->argv[5]); i++) {
        struct entry_id id = event_at(s, s->pending[i].entry)->id;
        redisReply *row;

        if (entry_id_compare(id, id_of(c->argv[3])) <= 0)
            continue;
        row = reply_list(4);
        append(row, reply_of_id(id));
        append(row, reply_string(CONSUMER_NAME));
        append(row, reply_number(1));
        append(row, reply_number(s->pending[i].deliveries));
        append(r, row);
    }
    return r;
}

static void acknowledge(unsigned partition, const char *text)
{
    struct stream *s = &streams[partition];
    struct entry_id id = id_of(text);

    for (unsigned i = 0; i < s->n_pending; i++) {
        if (entry_id_compare(event_at(s, s->pending[i].entry)->id, id) != 0)
            continue;
        memmove(&s->pending[i], &s->pending[i + 1], (s->n_pending - i - 1) * sizeof s->pending[0]);
        s->n_pending--;
        break;
    }
    oracle_acknowledged(partition, id);
}

static redisReply *xinfo_groups(const struct command *c)
{
    struct stream *s = stream_of(c->argv[2]);
    redisReply *all = reply_list(1), *group;

    if (!s->group)
        return all;
    group = reply_list(12);
    append(group, reply_string("name"));
    append(group, reply_string(CONSUMER_GROUP));
    append(group, reply_string("pending"));
    append(group, reply_number(s->n_pending));
    append(group, reply_string("last-delivered-id"));
    append(group, reply_of_id(s->next == 0 ? ENTRY_ID_ZERO : event_at(s, s->next - 1)->id));
    append(group, reply_string("lag"));
    append(group, reply_number(s->n - s->next));
    append(all, group);
    return all;
}

static redisReply *xrange(const struct command *c)
{
    struct stream *s = stream_of(c->argv[1]);
    redisReply *r = reply_list(1);

    for (unsigned i = s->trimmed; i < s->n && r->elements == 0; i++)
        if (entry_id_compare(event_at(s, i)->id, id_of(c->argv[2])) > 0)
            append(r, entry_reply(s, i));
    return r;
}

static redisReply *xtrim(const struct command *c)
{
    struct stream *s = stream_of(c->argv[1]);
    unsigned before = s->trimmed;

    if (strstr(c->argv[1], "live") != NULL)
        return reply_number(0);
    while (s->trimmed < s->n &&
           entry_id_compare(event_at(s, s->trimmed)->id, id_of(c->argv[4])) < 0) {
        oracle_trimmed(number_of(c->argv[1]), event_at(s, s->trimmed)->id);
        s->trimmed++;
    }
    return reply_number(s->trimmed - before);
}

/* Who resyncs reads the rows as they are now. */
static void resync(unsigned partition)
{
    for (unsigned k = 0; k < SIM_KEYS; k++)
        streams[partition].seen[k] = pg_version(partition, k);
}

static void publish(unsigned partition, const char *record)
{
    struct stream *s = &streams[partition];
    unsigned order, version, of;

    if (sscanf(record,
               "{\"id\": \"%u\", \"v\": %u, \"integration_id\": "
               "\"%*[0-9]-%*[0-9]-%*[0-9]-%*[0-9]-%x\"}",
               &order, &version, &of) != 3 ||
        order >= SIM_KEYS)
        sim_violation("a live update of partition %u holds %s", partition, record);
    if ((of & 0xff) != partition)
        sim_violation("an update of partition %u is published by partition %u's stream", of & 0xff,
                      partition);
    oracle_published(partition, order, version);
    if ((int)version < s->published[order])
        sim_violation("partition %u, order %u: version %u is published after %d", partition, order,
                      version, s->published[order]);
    s->published[order] = (int)version;
    if ((int)version > s->seen[order])
        s->seen[order] = (int)version;
}

/* ---- leases and members ---- */

static bool is_named(const char *key)
{
    return strchr(key, '{') == NULL;
}

static char *holder_of(const char *key, uint64_t **until)
{
    struct stream *s = is_named(key) ? NULL : stream_of(key);
    char *holder = s == NULL ? named_holder : s->holder;

    *until = s == NULL ? &named_until_ms : &s->lease_until_ms;
    if (sim_now_ms() >= **until)
        holder[0] = '\0';
    return holder;
}

static redisReply *mget(const struct command *c)
{
    redisReply *r = reply_list((size_t)c->argc);
    uint64_t *until;

    for (int i = 1; i < c->argc; i++) {
        const char *holder = holder_of(c->argv[i], &until);
        append(r, holder[0] == '\0' ? reply_nil() : reply_string(holder));
    }
    return r;
}

static redisReply *heartbeat(const char *id, uint64_t ms)
{
    long long rank = 0, n = 0;
    redisReply *r = reply_list(2);
    int mine = -1;

    for (int i = 0; i < MEMBERS_MAX; i++) {
        if (sim_now_ms() >= members[i].until_ms)
            members[i].id[0] = '\0';
        if (members[i].id[0] == '\0' ? mine < 0 : strcmp(members[i].id, id) == 0)
            mine = i;
    }
    assert(mine >= 0);
    for (int i = 0; i < MEMBERS_MAX; i++) /* the same one twice: the free place was found first */
        if (i != mine && strcmp(members[i].id, id) == 0)
            members[i].id[0] = '\0';
    snprintf(members[mine].id, sizeof members[mine].id, "%s", id);
    members[mine].until_ms = sim_now_ms() + ms;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        n += members[i].id[0] != '\0';
        rank += members[i].id[0] != '\0' && strcmp(members[i].id, id) < 0;
    }
    append(r, reply_number(rank));
    append(r, reply_number(n));
    return r;
}

static redisReply *zrem(const char *id)
{
    for (int i = 0; i < MEMBERS_MAX; i++)
        if (strcmp(members[i].id, id) == 0)
            members[i].id[0] = '\0';
    return reply_number(1);
}

static redisReply *make_group(struct stream *s)
{
    if (!s->group) {
        s->resync_owed = s->resync_owed || s->n > s->trimmed;
        s->group = true;
        s->next = s->trimmed;
        s->n_pending = 0;
    }
    return reply_string("OK");
}

static unsigned *suspicion(struct stream *s, const char *id)
{
    unsigned i = 0;

    while (i < s->n && entry_id_compare(event_at(s, i)->id, id_of(id)) != 0)
        i++;
    if (i == s->n)
        sim_violation("%s is suspected, and was never sent", id);
    return &s->suspected[i];
}

static redisReply *hdel(const struct command *c)
{
    *suspicion(stream_of(c->argv[1]), c->argv[2]) = 0;
    return reply_number(1);
}

static redisReply *refuse_full(void)
{
    return reply_failure("OOM command not allowed when used memory > 'maxmemory'.");
}

/* script_settle and script_settle_full of consumer_settle_redis.c: KEYS lease, events, live or resync; ARGV worker, group, number
 * of updates or organizations, these, ids. */
static redisReply *settle(const struct command *c, bool full)
{
    enum { FIRST = 9, UPDATE_ARGS = 5, RECORD = 3 };
    unsigned partition = number_of(c->argv[4]);
    int n = atoi(c->argv[8]), at = FIRST;

    if (refuse_settle && pg_has_mixed(partition)) {
        sim_trace("redis refuses to settle entries of partition %u", partition);
        refuse_settle = false;
        sim_mixed.lost++;
        return reply_failure("ERR simulated");
    }
    for (int i = 0; i < n && !full; i++, at += UPDATE_ARGS)
        publish(partition, c->argv[at + RECORD]);
    for (int i = 0; i < n && full; i++, at++)
        streams[partition].resync_owed = true;
    for (; at < c->argc; at++)
        acknowledge(partition, c->argv[at]);
    return reply_number(1);
}

/* script_resync: KEYS lease, resync, live. */
static redisReply *tell_resync(const struct command *c)
{
    struct stream *s = stream_of(c->argv[3]);

    if (s->resync_owed)
        resync(number_of(c->argv[3]));
    s->resync_owed = false;
    return reply_number(1);
}

/* What only who holds the lease may do. */
static redisReply *as_owner(const struct command *c)
{
    const char *script = c->argv[1];
    bool small = strstr(script, "allow-oom") != NULL;
    uint64_t *until;

    if (!small && sim_now_ms() < full_until_ms)
        return refuse_full();
    if (strcmp(holder_of(c->argv[3], &until), c->argv[6]) != 0)
        return reply_number(0);
    if (strstr(script, "'SMEMBERS'") != NULL)
        return tell_resync(c);
    return settle(c, small);
}

/* KEYS the lease; ARGV the worker and how long. */
static redisReply *lease(const struct command *c)
{
    const char *script = c->argv[1], *worker = c->argv[4];
    uint64_t ms = strtoull(c->argv[5], NULL, 10), *until;
    char *holder = holder_of(c->argv[3], &until);

    if (strstr(script, "'SET'") != NULL) {
        if (holder[0] != '\0' && strcmp(holder, worker) != 0)
            return reply_number(0);
        snprintf(holder, sizeof named_holder, "%s", worker);
        *until = sim_now_ms() + ms;
        return reply_number(1);
    }
    if (strcmp(holder, worker) != 0)
        return reply_number(0);
    if (strstr(script, "PEXPIRE") != NULL)
        *until = sim_now_ms() + ms;
    else if (strstr(script, "'DEL'") != NULL)
        holder[0] = '\0';
    else
        sim_violation("redis does not know the script: %s", script);
    return reply_number(1);
}

/* Our scripts, told apart by what only they say. */
static redisReply *eval(const struct command *c)
{
    const char *script = c->argv[1], *key = c->argv[3];

    if (strstr(script, "ZREMRANGEBYSCORE") != NULL)
        return heartbeat(c->argv[4], strtoull(c->argv[5], NULL, 10));
    if (strstr(script, "XGROUP") != NULL)
        return make_group(stream_of(key));
    if (strstr(script, "HINCRBY") != NULL)
        return reply_number(++*suspicion(stream_of(key), c->argv[4]));
    return strcmp(c->argv[2], "3") == 0 ? as_owner(c) : lease(c);
}

static redisReply *time_reply(void)
{
    redisReply *r = reply_list(2);
    char text[32];

    snprintf(text, sizeof text, "%llu", (unsigned long long)(sim_now_us / 1000000));
    append(r, reply_string(text));
    snprintf(text, sizeof text, "%llu", (unsigned long long)(sim_now_us % 1000000));
    append(r, reply_string(text));
    return r;
}

/* ---- carrying out ---- */

static void answer(struct conn *c, redisReply *r);

static void conn_free(struct conn *c);

static redisReply *client(struct conn *self, const struct command *c)
{
    if (strcmp(c->argv[1], "INFO") == 0) {
        char info[64];

        snprintf(info, sizeof info, "id=%u addr=127.0.0.1:%u laddr=", self->id, self->id);
        return reply_string(info);
    }
    if (strcmp(c->argv[1], "KILL") == 0) {
        for (unsigned i = 0; i < CONNS_MAX; i++)
            if (conns[i].used && conns[i].link == NULL && conns[i].id == (unsigned)atoi(c->argv[3]))
                conn_free(&conns[i]);
        return reply_number(1);
    }
    for (unsigned i = 0; i < CONNS_MAX; i++) {
        if (!conns[i].used || !conns[i].blocked || conns[i].id != (unsigned)atoi(c->argv[2]))
            continue;
        conns[i].blocked = false;
        answer(&conns[i], reply_nil());
        return reply_number(1);
    }
    return reply_number(0);
}

static redisReply *execute(struct conn *self, const struct command *c)
{
    static const struct {
        const char *name;
        redisReply *(*run)(const struct command *c);
    } commands[] = {
        {"XREADGROUP", xreadgroup},
        {"XPENDING", xpending},
        {"XINFO", xinfo_groups},
        {"XRANGE", xrange},
        {"XTRIM", xtrim},
        {"EVAL", eval},
        {"MGET", mget},
        {"HDEL", hdel},
    };
    const char *name = c->argv[0];

    executing = self;
    if (sim_now_ms() < loading_until_ms)
        return reply_failure("LOADING Redis is loading the dataset in memory");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(c);
    if (strcmp(name, "CLIENT") == 0)
        return client(self, c);
    if (strcmp(name, "TIME") == 0)
        return time_reply();
    if (strcmp(name, "INFO") == 0)
        return reply_string(sim_now_ms() < full_until_ms
                                ? "# Memory\r\nused_memory:1000\r\nmaxmemory:1000\r\n"
                                : "# Memory\r\nused_memory:100\r\nmaxmemory:1000\r\n");
    if (strcmp(name, "ZREM") == 0)
        return zrem(c->argv[2]);
    sim_violation("redis does not know %s", name);
}

static void drop_command(struct conn *c)
{
    free(c->command[c->first % QUEUE_MAX]);
    c->first++;
}

/* The oldest command is answered. */
static void answer(struct conn *c, redisReply *r)
{
    drop_command(c);
    assert(c->reply_last - c->reply_first < QUEUE_MAX);
    c->reply[c->reply_last++ % QUEUE_MAX] = r;
}

static void conn_free(struct conn *c)
{
    while (c->first < c->last)
        drop_command(c);
    for (; c->reply_first < c->reply_last; c->reply_first++)
        reply_free(c->reply[c->reply_first % QUEUE_MAX]);
    c->used = false;
}

static void run_command(struct conn *c)
{
    struct command *command = c->command[c->first % QUEUE_MAX];
    redisReply *r = execute(c, command);

    if (r != NULL) {
        answer(c, r);
        return;
    }
    c->blocked = true;
    c->blocked_until_us = sim_now_us + strtoull(command->argv[7], NULL, 10) * 1000;
}

/* Something came, or a group went: who waits for it looks again. */
static void wake_blocked(void)
{
    for (unsigned i = 0; i < CONNS_MAX; i++) {
        struct conn *c = &conns[i];
        redisReply *r;

        if (!c->used || !c->blocked)
            continue;
        r = execute(c, c->command[c->first % QUEUE_MAX]);
        if (r == NULL)
            continue;
        c->blocked = false;
        answer(c, r);
    }
}

static void drop_connections(void)
{
    for (unsigned i = 0; i < CONNS_MAX; i++) {
        if (!conns[i].used)
            continue;
        if (conns[i].link != NULL)
            conns[i].link->conn = NULL;
        conn_free(&conns[i]);
    }
}

/* A connection sees one server from its beginning to its end: what it refused it does not carry out later. */
static void end_loading(void)
{
    if (loading_until_ms == 0 || sim_now_ms() < loading_until_ms)
        return;
    loading_until_ms = 0;
    drop_connections();
}

static void expire_blocked(void)
{
    for (unsigned i = 0; i < CONNS_MAX; i++) {
        struct conn *c = &conns[i];

        if (c->used && c->blocked && sim_now_us >= c->blocked_until_us) {
            c->blocked = false;
            answer(c, reply_nil());
        }
        if (c->used && c->link == NULL && sim_now_us >= c->gone_at_us)
            conn_free(c);
    }
}

static bool can_run(const struct conn *c)
{
    return c->used && !c->blocked && c->first < c->last && sim_now_us >= c->stalled_until_us;
}

bool redis_step(void)
{
    unsigned start = sim_below(CONNS_MAX);
    unsigned was = sim_memory_of(NOBODY);
    bool ran = false;

    end_loading();
    expire_blocked();
    for (unsigned i = 0; i < CONNS_MAX && !ran && sim_now_ms() >= away_until_ms; i++) {
        struct conn *c = &conns[(start + i) % CONNS_MAX];

        if (!can_run(c))
            continue;
        run_command(c);
        ran = true;
    }
    sim_memory_of(was);
    return ran;
}

static uint64_t link_due_us(const struct link *l);

uint64_t redis_due_us(void)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < CONNS_MAX; i++) {
        const struct conn *c = &conns[i];
        uint64_t at = UINT64_MAX;

        if (!c->used)
            continue;
        if (c->blocked)
            at = c->blocked_until_us;
        else if (c->first < c->last)
            at = c->stalled_until_us > away_until_ms * 1000 ? c->stalled_until_us
                                                            : away_until_ms * 1000;
        if (c->link == NULL && c->gone_at_us < at)
            at = c->gone_at_us;
        if (c->reply_first < c->reply_last && c->stalled_until_us > sim_now_us &&
            c->stalled_until_us < at)
            at = c->stalled_until_us;
        first = at < first ? at : first;
    }
    for (unsigned w = 0; w < SIM_WORKERS; w++)
        for (const struct link *l = links[w]; l != NULL; l = l->next)
            first = link_due_us(l) < first ? link_due_us(l) : first;
    return first;
}

void redis_send(unsigned e)
{
    struct sim_event *event = &sim_events[e];
    struct stream *s = &streams[event->partition];

    s->last_seq = sim_now_ms() > s->last_ms ? 0 : s->last_seq + 1;
    s->last_ms = sim_now_ms() > s->last_ms ? sim_now_ms() : s->last_ms;
    event->id = (struct entry_id){s->last_ms, s->last_seq};
    event->sent = true;
    s->event[s->n++] = e;
    if (sim_now_ms() >= loading_until_ms)
        wake_blocked();
}

/* ---- the links ---- */

struct link *link_open(uv_loop_t *loop, const struct link_options *options)
{
    unsigned worker = 0;
    struct link *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    while (&sim_workers[worker].loop.uv != loop)
        worker++;
    l->options = *options;
    l->worker = worker;
    l->retry_us = sim_now_us + CONNECT_US;
    l->next = links[worker];
    links[worker] = l;
    return l;
}

bool link_is_up(const struct link *l)
{
    return l->up;
}

size_t link_outstanding(const struct link *l)
{
    return l->last - l->first;
}

static struct command *copy(int argc, const char *const *argv, const size_t *len)
{
    size_t size = sizeof(struct command) + (size_t)argc * sizeof(char *), n;
    struct command *c;
    char *p;

    for (int i = 0; i < argc; i++)
        size += (len != NULL ? len[i] : strlen(argv[i])) + 1;
    c = malloc(size);
    assert(c != NULL);
    c->argc = argc;
    c->argv = (char **)(void *)c->memory;
    p = c->memory + (size_t)argc * sizeof(char *);
    for (int i = 0; i < argc; i++) {
        n = len != NULL ? len[i] : strlen(argv[i]);
        memcpy(p, argv[i], n);
        p[n] = '\0';
        c->argv[i] = p;
        p += n + 1;
    }
    return c;
}

bool link_send(struct link *l, link_cb cb, void *ctx, int argc, const char *const *argv,
               const size_t *len)
{
    unsigned was;
    void *probe;

    if (!l->up || l->closing)
        return false;
    probe = malloc(1); /* the driver needs memory for a command, too */
    if (probe == NULL)
        return false;
    free(probe);
    was = sim_memory_of(NOBODY);
    assert(l->last - l->first < QUEUE_MAX);
    l->request[l->last++ % QUEUE_MAX] =
        (struct request){.cb = cb, .ctx = ctx, .sent_ms = sim_now_ms()};
    if (l->conn != NULL) {
        assert(l->conn->last - l->conn->first < QUEUE_MAX);
        l->conn->command[l->conn->last++ % QUEUE_MAX] = copy(argc, argv, len);
    }
    sim_memory_of(was);
    return true;
}

/* The server does not notice at once that nobody listens: what it had received it may still carry out. */
static void orphan(struct conn *c)
{
    c->link = NULL;
    c->gone_at_us = sim_now_us + (sim_chance(300) ? sim_below(12000000) : 0);
    if (sim_chance(300))
        c->stalled_until_us = sim_now_us + sim_below(10000000);
}

static void fail_requests(struct link *l)
{
    while (l->first < l->last) {
        struct request r = l->request[l->first++ % QUEUE_MAX];

        if (r.cb != NULL)
            r.cb(r.ctx, NULL);
    }
}

static void go_down(struct link *l, const char *reason)
{
    struct conn *c = l->conn;

    l->up = false;
    l->conn = NULL;
    l->retry_us = sim_now_us + (50 + sim_below(RETRY_MS)) * 1000;
    if (c != NULL)
        orphan(c);
    fail_requests(l);
    if (!l->closing)
        l->options.on_down(l->options.ctx, reason);
}

void link_reconnect(struct link *l, const char *reason)
{
    if (l->up)
        go_down(l, reason);
}

void link_close(struct link *l, void (*on_closed)(void *ctx), void *ctx)
{
    l->closing = true;
    l->on_closed = on_closed;
    l->closed_ctx = ctx;
    if (l->conn != NULL)
        orphan(l->conn);
    l->up = false;
    l->conn = NULL;
    fail_requests(l);
}

static void connect_link(struct link *l)
{
    struct conn *c = conns;

    if (sim_now_ms() < away_until_ms || sim_now_ms() < loading_until_ms) {
        l->retry_us = sim_now_us + (50 + sim_below(RETRY_MS)) * 1000;
        l->options.on_down(l->options.ctx, "connection refused");
        return;
    }
    while (c->used)
        assert(++c < conns + CONNS_MAX);
    *c = (struct conn){.used = true, .id = ++next_id, .link = l, .worker = l->worker};
    l->conn = c;
    l->up = true;
    l->options.on_up(l->options.ctx);
}

static bool is_cut(const struct link *l)
{
    return l->up && l->conn == NULL;
}

static bool is_overdue(const struct link *l)
{
    return l->up && l->first < l->last &&
           sim_now_ms() >= l->request[l->first % QUEUE_MAX].sent_ms + l->options.reply_timeout_ms;
}

static bool wants_connection(const struct link *l)
{
    return !l->up && !l->closing && sim_now_us >= l->retry_us;
}

static bool has_reply(const struct link *l)
{
    return l->conn != NULL && l->conn->reply_first < l->conn->reply_last &&
           sim_now_us >= l->conn->stalled_until_us;
}

static void take_reply(struct link *l)
{
    struct conn *c = l->conn;
    struct request request = l->request[l->first++ % QUEUE_MAX];
    unsigned was = sim_memory_of(NOBODY);

    reply_free(in_hand); /* here, because the worker may not return to us */
    in_hand = c->reply[c->reply_first++ % QUEUE_MAX];
    sim_memory_of(was);
    if (request.cb != NULL)
        request.cb(request.ctx, in_hand);
}

static void unlink_closed(unsigned worker)
{
    for (struct link **at = &links[worker]; *at != NULL;) {
        struct link *l = *at;

        if (!l->closing) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        if (l->on_closed != NULL)
            l->on_closed(l->closed_ctx);
        free(l);
    }
}

void redis_deliver(unsigned worker)
{
    for (struct link *l = links[worker]; l != NULL; l = l->next) {
        if (wants_connection(l))
            connect_link(l);
        while (has_reply(l) && !sim_chance(300))
            take_reply(l);
        if (is_cut(l))
            go_down(l, "connection reset");
        else if (is_overdue(l) && !has_reply(l))
            go_down(l, "no reply in time");
    }
    unlink_closed(worker);
}

bool redis_has_news(unsigned worker)
{
    for (const struct link *l = links[worker]; l != NULL; l = l->next)
        if (l->closing || has_reply(l) || is_cut(l) || is_overdue(l) || wants_connection(l))
            return true;
    return false;
}

/* When a link acts by itself. */
static uint64_t link_due_us(const struct link *l)
{
    if (!l->up)
        return l->retry_us;
    if (l->first == l->last)
        return UINT64_MAX;
    return (l->request[l->first % QUEUE_MAX].sent_ms + l->options.reply_timeout_ms) * 1000;
}

void redis_orphan(unsigned worker)
{
    for (unsigned i = 0; i < CONNS_MAX; i++)
        if (conns[i].used && conns[i].link != NULL && conns[i].worker == worker)
            orphan(&conns[i]);
    links[worker] = NULL; /* their memory goes with the worker's */
}

/* ---- faults ---- */

static struct conn *any_conn(void)
{
    unsigned start = sim_below(CONNS_MAX);

    for (unsigned i = 0; i < CONNS_MAX; i++) {
        struct conn *c = &conns[(start + i) % CONNS_MAX];

        if (c->used && c->link != NULL)
            return c;
    }
    return NULL;
}

/* The worker learns of it when it next looks. */
void redis_cut_one(void)
{
    struct conn *c = any_conn();
    bool carried_out = sim_chance(500);

    if (c == NULL)
        return;
    sim_trace("a connection of worker %u to redis is cut", c->worker);
    while (carried_out && can_run(c))
        run_command(c);
    c->link->conn = NULL;
    orphan(c);
}

void redis_stall_one(uint64_t ms)
{
    struct conn *c = any_conn();

    if (c == NULL)
        return;
    sim_trace("a connection of worker %u to redis hangs for %llu ms", c->worker,
              (unsigned long long)ms);
    c->stalled_until_us = sim_now_us + ms * 1000;
}

void redis_away(uint64_t ms)
{
    sim_trace("redis is away for %llu ms", (unsigned long long)ms);
    away_until_ms = sim_now_ms() + ms;
    drop_connections();
}

void redis_loading(uint64_t ms)
{
    sim_trace("redis loads its data for %llu ms", (unsigned long long)ms);
    loading_until_ms = sim_now_ms() + ms;
    wake_blocked();
}

void redis_refuse_settle(void)
{
    refuse_settle = true;
}

void redis_full(uint64_t ms)
{
    sim_trace("redis is full for %llu ms", (unsigned long long)ms);
    full_until_ms = sim_now_ms() + ms;
}

void redis_drop_group(unsigned partition)
{
    sim_trace("the group of partition %u is dropped", partition);
    streams[partition].group = false;
    streams[partition].n_pending = 0;
    wake_blocked();
}

void redis_calm(void)
{
    refuse_settle = false;
    away_until_ms = full_until_ms = 0;
    loading_until_ms = loading_until_ms == 0 ? 0 : sim_now_ms();
    end_loading();
    for (unsigned i = 0; i < CONNS_MAX; i++)
        conns[i].stalled_until_us = 0;
}

bool redis_is_drained(void)
{
    for (unsigned p = 0; p < SIM_PARTITIONS; p++) {
        const struct stream *s = &streams[p];

        if (s->n > 0 && (!s->group || s->n_pending > 0 || s->next < s->n))
            return false;
    }
    return true;
}

int redis_published(unsigned partition, unsigned key)
{
    return streams[partition].seen[key];
}

void redis_reset(void)
{
    reply_free(in_hand);
    in_hand = NULL;
    refuse_settle = false;
    for (unsigned i = 0; i < CONNS_MAX; i++)
        if (conns[i].used)
            conn_free(&conns[i]);
    memset(conns, 0, sizeof conns);
    memset(links, 0, sizeof links);
    memset(members, 0, sizeof members);
    memset(streams, 0, sizeof streams);
    for (unsigned p = 0; p < SIM_PARTITIONS; p++)
        for (unsigned k = 0; k < SIM_KEYS; k++)
            streams[p].published[k] = streams[p].seen[k] = -1;
    named_holder[0] = '\0';
    named_until_ms = away_until_ms = loading_until_ms = full_until_ms = 0;
    next_id = 0;
}
