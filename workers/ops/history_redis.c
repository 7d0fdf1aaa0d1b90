/* Happy path: XREVRANGE + - COUNT 1 of each stream (where does it end?) -> XRANGE pages -> the least id of all pages, again
 * and again. Failures: one line, and the caller ends. */
#include "ops/history.h"

#include <stdio.h>
#include <stdlib.h>

#include "cursor.h"
#include "ops/streams_internal_redis.h"
#include "partition.h"
#include "reply_redis.h"

enum { PAGE_MAX = 256 };

struct source {
    char key[STREAM_KEY_MAX];
    struct entry_id next, end; /* [next, end] is still to be read */
    bool over;                 /* nothing is left in Redis; the page may have some */
    redisReply *page;
    size_t at; /* in the page */
};

struct history {
    struct streams *streams;
    struct source *sources;
    struct pacer pacer;
    /* pages that out[] of the last read points into */
    redisReply *spent[HISTORY_READ_MAX];
    unsigned n_spent;
};

static redisReply *ask(struct history *h, int argc, const char **argv)
{
    redisReply *r = redisCommandArgv(h->streams->redis, argc, argv, NULL);

    if (r != NULL && r->type == REDIS_REPLY_ARRAY)
        return r;
    (void)streams_complain(h->streams, r);
    freeReplyObject(r);
    return NULL;
}

static bool find_end(struct history *h, struct source *s, uint64_t until_ms)
{
    const char *argv[] = {"XREVRANGE", s->key, "+", "-", "COUNT", "1"};
    redisReply *r = ask(h, 6, argv);

    if (r == NULL)
        return false;
    s->over = !reply_id(reply_at(reply_at(r, 0), 0), &s->end);
    freeReplyObject(r);
    if (!s->over && s->end.ms >= until_ms) {
        s->over = until_ms == 0;
        s->end = (struct entry_id){until_ms - 1, UINT64_MAX};
    }
    s->over = s->over || entry_id_compare(s->next, s->end) > 0;
    return true;
}

struct history *history_open(struct streams *s, uint64_t since_ms, uint64_t until_ms)
{
    struct history *h = calloc(1, sizeof *h);
    bool ok = h != NULL && (h->sources = calloc(s->partitions, sizeof *h->sources)) != NULL;

    if (!ok)
        fprintf(stderr, "ringback %s: out of memory\n", s->command);
    else
        h->streams = s;
    for (unsigned i = 0; ok && i < s->partitions; i++) {
        events_key(h->sources[i].key, i);
        h->sources[i].next.ms = since_ms;
        ok = find_end(h, &h->sources[i], until_ms);
    }
    if (ok) {
        pacer_init(&h->pacer, PAGE_MAX);
        return h;
    }
    history_close(h);
    return NULL;
}

void history_close(struct history *h)
{
    if (h == NULL)
        return;
    for (unsigned i = 0; h->sources != NULL && h->streams != NULL && i < h->streams->partitions;
         i++)
        freeReplyObject(h->sources[i].page);
    for (unsigned i = 0; i < h->n_spent; i++)
        freeReplyObject(h->spent[i]);
    free(h->sources);
    free(h);
}

/* ---- pages ---- */

/* What the entries at hand may weigh, for the pacer. */
static size_t largest_of(const redisReply *page)
{
    size_t largest = 0;

    for (size_t i = 0; i < reply_count(page); i++) {
        const redisReply *payload = reply_field(reply_at(reply_at(page, i), 1), "e");

        if (reply_is_text(payload) && (size_t)payload->len > largest)
            largest = (size_t)payload->len;
    }
    return largest;
}

static bool turn_page(struct history *h, struct source *s)
{
    char start[ENTRY_ID_TEXT_MAX], end[ENTRY_ID_TEXT_MAX], count[16];
    const char *argv[] = {"XRANGE", s->key, start, end, "COUNT", count};
    unsigned asked = pacer_count(&h->pacer, h->streams->partitions);
    struct entry_id last;
    size_t n;

    entry_id_text(s->next, start);
    entry_id_text(s->end, end);
    snprintf(count, sizeof count, "%u", asked);
    s->page = ask(h, 6, argv);
    s->at = 0;
    if (s->page == NULL)
        return false;
    n = s->page->elements;
    pacer_saw(&h->pacer, asked, (unsigned)n, largest_of(s->page));
    s->over = n < asked || !reply_id(reply_at(reply_at(s->page, n - 1), 0), &last) ||
              entry_id_compare(last, s->end) >= 0;
    if (!s->over)
        s->next = entry_id_next(last);
    return true;
}

/* The source whose next entry has the least id; NULL and *ok: there is none. */
static struct source *least(struct history *h, struct entry_id *id, bool *ok)
{
    struct source *first = NULL;
    struct entry_id at;

    for (unsigned i = 0; i < h->streams->partitions; i++) {
        struct source *s = &h->sources[i];

        if (s->page == NULL && !s->over && !turn_page(h, s)) {
            *ok = false;
            return NULL;
        }
        if (s->at < reply_count(s->page) && reply_id(reply_at(reply_at(s->page, s->at), 0), &at) &&
            (first == NULL || entry_id_compare(at, *id) < 0)) {
            first = s;
            *id = at;
        }
    }
    return first;
}

/* Takes the source's next entry; a page that is empty then is kept until the next read. -> its bytes */
static size_t take(struct history *h, struct source *s, struct entry_id id, struct past_event *out)
{
    const redisReply *fields = reply_at(reply_at(s->page, s->at), 1), *payload;

    payload = reply_field(fields, "e");
    *out = (struct past_event){.id = id, .copy = reply_field(fields, STREAM_COPY_FIELD) != NULL};
    if (reply_is_text(payload))
        out->bytes = (struct text){payload->str, (size_t)payload->len};
    if (++s->at == reply_count(s->page)) {
        h->spent[h->n_spent++] = s->page;
        s->page = NULL;
    }
    return out->bytes.n;
}

int history_read(struct history *h, struct past_event out[HISTORY_READ_MAX])
{
    struct entry_id id;
    size_t bytes = 0;
    bool ok = true;
    int n = 0;

    while (h->n_spent > 0)
        freeReplyObject(h->spent[--h->n_spent]);
    while (n < HISTORY_READ_MAX && bytes < READ_BYTES_MAX) {
        struct source *s = least(h, &id, &ok);

        if (!ok)
            return -1;
        if (s == NULL)
            break;
        bytes += take(h, s, id, &out[n++]);
    }
    return n;
}
