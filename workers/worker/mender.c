#include "worker/mender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "partition.h"
#include "publisher.h"
#include "runtime/log.h"
#include "worker/letter.h"
#include "worker/wall_clock.h"
#include "worker/worker_metrics.h"

enum {
    LOOK_EVERY_MS = 5000,
    MENDER_DEADLINE_MS = 60000,
    ID_TEXT = 21,
    IDS_TEXT = MENDED_MAX * ID_TEXT + 3,
    LOOKED_TEXT = 48
};

static const struct db_statement mended_letters = {"schema/timer/mended_letters.sql"};
static const struct db_statement mended_letters_sent = {"schema/timer/mended_letters_sent.sql"};

/* One letter under way to its stream. */
struct parcel {
    struct mender *mender;
    char id[ID_TEXT];
    enum { PARCEL_KEPT, PARCEL_SENT, PARCEL_ARRIVED, PARCEL_HOPELESS } state;
};

struct mender {
    struct db_pool *pool;
    struct named_lease *lease;
    struct publisher *publisher;
    struct envelope_encoder *encoder;
    struct arena arena;
    unsigned partitions;
    bool busy, stopped, failing;
    uint64_t look_ms; /* not before */
    struct parcel parcels[MENDED_MAX];
    unsigned n, under_way;
    struct db_request request;
    struct db_query query;
    const char *values[3];
    char limit[12], bytes[16];
    char arrived[IDS_TEXT], hopeless[IDS_TEXT], looked_at[LOOKED_TEXT];
};

static void submit(struct mender *m, const struct db_statement *statement, int n_params, db_cb done)
{
    m->query = (struct db_query){.statement = statement, .n_params = n_params, .values = m->values};
    m->request = (struct db_request){.queries = &m->query,
                                     .n_queries = 1,
                                     .done = done,
                                     .ctx = m,
                                     .deadline_ms = MENDER_DEADLINE_MS};
    db_submit(m->pool, &m->request);
}

static void note_failure(struct mender *m, const struct db_outcome *o)
{
    if (!o->ok && !m->failing && !m->stopped)
        log_warn("dead letters cannot be mended", "sqlstate", o->sqlstate, "reason", o->message,
                 NULL);
    m->failing = !o->ok;
}

/* ---- marking ---- */

static void on_marked(struct db_request *r, const struct db_outcome *o)
{
    struct mender *m = r->ctx;

    m->busy = false;
    note_failure(m, o);
    if (!o->ok)
        return;
    metric_add(worker_metrics.mended, strtod(PQgetvalue(o->results[0], 0, 0), NULL));
    if (m->n == MENDED_MAX)
        m->look_ms = 0; /* there may be more: at the next tick */
}

/* "{1,2}" of the parcels in this state. */
static void ids_of(const struct mender *m, int state, char out[IDS_TEXT])
{
    char *p = out;

    *p++ = '{';
    for (unsigned i = 0; i < m->n; i++)
        if ((int)m->parcels[i].state == state)
            p += sprintf(p, "%s%s", p == out + 1 ? "" : ",", m->parcels[i].id);
    *p++ = '}';
    *p = '\0';
}

/* Redis has answered about everything that was sent. */
static void mark(struct mender *m)
{
    ids_of(m, PARCEL_ARRIVED, m->arrived);
    ids_of(m, PARCEL_HOPELESS, m->hopeless);
    if (m->stopped || (m->arrived[1] == '}' && m->hopeless[1] == '}')) {
        m->busy = false;
        return;
    }
    m->values[0] = m->arrived;
    m->values[1] = m->hopeless;
    m->values[2] = m->looked_at;
    submit(m, &mended_letters_sent, 3, on_marked);
}

/* ---- sending ---- */

static void on_appended(void *ctx, enum published result)
{
    struct parcel *p = ctx;

    p->state = result == PUBLISHED_OK ? PARCEL_ARRIVED : PARCEL_KEPT;
    if (--p->mender->under_way == 0)
        mark(p->mender);
}

static struct text cell(const PGresult *r, int row, const char *column)
{
    int c = PQfnumber(r, column);

    return c < 0 || PQgetisnull(r, row, c)
               ? TEXT_NULL
               : (struct text){PQgetvalue(r, row, c), (size_t)PQgetlength(r, row, c)};
}

static void append(struct mender *m, struct parcel *p, const struct letter *letter)
{
    struct envelope e;
    const char *why;
    const void *bytes;
    size_t len;

    arena_reset(&m->arena);
    if (!letter_envelope(letter, wall_us(), &m->arena, &e, &why)) {
        p->state = PARCEL_HOPELESS;
        log_warn("a dead letter cannot be sent again", "id", p->id, "reason", why, NULL);
        return;
    }
    bytes = envelope_encode(m->encoder, &e, &len);
    if (bytes != NULL &&
        publisher_append(m->publisher, partition_of(route_hash(e.key.p, e.key.n), m->partitions),
                         bytes, len, on_appended, p)) {
        p->state = PARCEL_SENT;
        m->under_way++;
    }
}

static void send_letter(struct mender *m, const PGresult *r, int row)
{
    struct parcel *p = &m->parcels[row];
    struct text received = cell(r, row, "received_us");
    struct letter letter = {
        .source = cell(r, row, "source"),
        .topic = cell(r, row, "topic"),
        .key = cell(r, row, "key"),
        .headers = cell(r, row, "headers"),
        .received_us = received.p == NULL ? EVENT_NO_TIME : strtoll(received.p, NULL, 10),
    };
    const char *digest = cell(r, row, "digest").p;
    unsigned char *body, *sum = NULL;

    *p = (struct parcel){.mender = m, .state = PARCEL_KEPT};
    snprintf(p->id, sizeof p->id, "%.20s", cell(r, row, "id").p);
    body = PQunescapeBytea((const unsigned char *)cell(r, row, "payload").p, &letter.payload.n);
    if (digest != NULL)
        sum = PQunescapeBytea((const unsigned char *)digest, &letter.digest.n);
    letter.payload.p = (const char *)body;
    letter.digest.p = (const char *)sum;
    if (body != NULL)
        append(m, p, &letter);
    PQfreemem(body);
    PQfreemem(sum);
}

static void on_letters(struct db_request *request, const struct db_outcome *o)
{
    struct mender *m = request->ctx;

    note_failure(m, o);
    if (!o->ok || m->stopped || !consumer_lease_held(m->lease) || PQntuples(o->results[0]) == 0) {
        m->busy = false;
        return;
    }
    snprintf(m->looked_at, sizeof m->looked_at, "%s", cell(o->results[0], 0, "looked_at").p);
    m->n = (unsigned)PQntuples(o->results[0]);
    m->n = m->n > MENDED_MAX ? MENDED_MAX : m->n;
    m->under_way = 1; /* until all are on their way */
    for (unsigned i = 0; i < m->n; i++)
        send_letter(m, o->results[0], (int)i);
    if (--m->under_way == 0)
        mark(m);
}

void mender_tick(struct mender *m, uint64_t now_ms)
{
    if (m->busy || m->stopped || now_ms < m->look_ms || db_up(m->pool) == 0 ||
        !publisher_ready(m->publisher) || !consumer_lease_held(m->lease))
        return;
    m->busy = true;
    m->look_ms = now_ms + LOOK_EVERY_MS;
    m->values[0] = m->limit;
    m->values[1] = m->bytes;
    submit(m, &mended_letters, 2, on_letters);
}

/* ---- life ---- */

static void on_lease(void *ctx, bool held)
{
    (void)ctx;
    log_debug(held ? "letters are mended here" : "letters are mended elsewhere", NULL);
}

struct mender *mender_new(uv_loop_t *loop, struct db_pool *lookups, struct consumer *consumer,
                          const struct config *config)
{
    struct mender *m = calloc(1, sizeof *m);
    void *memory = malloc(LETTER_ARENA);

    if (m == NULL || memory == NULL) {
        free(memory);
        free(m);
        return NULL;
    }
    arena_init(&m->arena, memory, LETTER_ARENA);
    m->pool = lookups;
    m->partitions = (unsigned)CONFIG_NUMBER(config, STREAM_PARTITIONS);
    snprintf(m->limit, sizeof m->limit, "%d", MENDED_MAX);
    snprintf(m->bytes, sizeof m->bytes, "%d", MENDED_BYTES_MAX);
    m->encoder = envelope_encoder_new();
    m->publisher =
        publisher_new(loop, CONFIG_TEXT(config, REDIS_URL), m->partitions, MENDED_MAX, NULL, NULL);
    m->lease = consumer_lease(consumer, "mender", on_lease, m);
    return m->encoder == NULL || m->publisher == NULL || m->lease == NULL ? NULL : m;
}

void mender_close(struct mender *m, void (*on_closed)(void *ctx), void *ctx)
{
    m->stopped = true;
    publisher_close(m->publisher, on_closed, ctx);
}

void mender_free(struct mender *m)
{
    if (m == NULL)
        return;
    envelope_encoder_free(m->encoder);
    free(m->arena.base);
    free(m);
}
