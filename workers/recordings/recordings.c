#include "recordings/recordings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/time.h"
#include "recordings/carrier.h"
#include "recordings/copier.h"
#include "runtime/log.h"
#include "runtime/metrics.h"

enum {
    KEEP_EVERY_MS = 8000,
    ERASE_EVERY_MS = 5000,
    SWEEP_EVERY_MS = 3600 * 1000,
    STATEMENT_DEADLINE_MS = 20000,
    KEPT_TEXT_MAX = COPIES_MAX * (COPY_ID_SIZE + 1) + 3,
    VALUE_MAX = 32,
};

enum {
    DUE_CALL,
    DUE_ORGANIZATION,
    DUE_PROVIDER,
    DUE_EXTERNAL_CALL,
    DUE_URL,
    DUE_ATTEMPTS,
    DUE_EXPIRES
};

enum { ERASE_CALL, ERASE_ORGANIZATION, ERASE_PATH, ERASE_ATTEMPTS };

#define CLAIM_INTERVAL "30 seconds" /* so long after a kill nobody copies */
#define ERASE_INTERVAL "5 minutes"  /* so long after a failure nobody tries again */

static const struct db_statement due_recordings = {"schema/timer/due_recordings.sql"};
static const struct db_statement due_erasures = {"schema/timer/due_erasures.sql"};
static const struct db_statement kept = {"schema/timer/recordings_kept.sql"};
static const struct db_statement copied = {"schema/timer/recording_copied.sql"};
static const struct db_statement failed = {"schema/timer/recording_failed.sql"};
static const struct db_statement erased = {"schema/timer/recording_erased.sql"};

/* A statement on its way, with room for what it says. */
struct statement {
    struct db_request request;
    struct db_query query;
    const char *values[4];
    char text[4][VALUE_MAX];
    bool busy;
};

struct slot {
    struct recordings *owner;
    struct statement statement;
    uint64_t begun_ms;
};

struct recordings {
    uv_loop_t *loop;
    struct store store;
    struct link_settings link;
    struct carrier *carrier;
    struct copier copier;
    struct slot slots[COPIES_MAX];
    struct db_pool *pool; /* NULL: not started */
    struct named_lease *lease;
    struct statement claim, claim_erasures, keep;
    char kept_calls[KEPT_TEXT_MAX], kept_attempts[KEPT_TEXT_MAX];
    uint64_t keep_ms, erase_ms, sweep_ms;
    bool stopped, failing;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    struct metric *copied, *retried, *failed[TROUBLE_COUNT], *expired, *bytes, *in_flight, *erased,
        *seconds;
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint32_t chance(void)
{
    uint32_t n = 0;

    if (getrandom(&n, sizeof n, GRND_NONBLOCK) != sizeof n)
        return UINT32_MAX / 2; /* early at boot: no jitter then */
    return n;
}

/* ---- statements -------------------------------------------------------------------------------------- */

static void submit(struct recordings *r, struct statement *s, const struct db_statement *what,
                   int n_params, db_cb done, void *ctx)
{
    s->busy = true;
    s->query = (struct db_query){.statement = what, .n_params = n_params, .values = s->values};
    s->request = (struct db_request){.queries = &s->query,
                                     .n_queries = 1,
                                     .done = done,
                                     .ctx = ctx,
                                     .deadline_ms = STATEMENT_DEADLINE_MS};
    db_submit(r->pool, &s->request);
}

/* False: not done, or nobody is there any more to care. */
static bool answered(struct recordings *r, struct statement *s, const struct db_outcome *o)
{
    s->busy = false;
    if (!o->ok && !r->failing && !r->stopped)
        log_warn("recordings: a statement failed", "sqlstate", o->sqlstate, "reason", o->message,
                 NULL);
    r->failing = !o->ok;
    return o->ok && !r->stopped;
}

static void put_number(struct statement *s, unsigned i, long long n)
{
    snprintf(s->text[i], sizeof s->text[i], "%lld", n);
    s->values[i] = s->text[i];
}

/* ---- one recording ------------------------------------------------------------------------------------- */

static void obey(struct recordings *r, unsigned i, enum copy_order order);
static void claim(struct recordings *r);

static void on_recorded(struct db_request *request, const struct db_outcome *o)
{
    struct slot *slot = request->ctx;
    struct recordings *r = slot->owner;
    unsigned i = (unsigned)(slot - r->slots);
    struct copy *c = &r->copier.copy[i];
    bool known;

    if (!answered(r, &slot->statement, o)) {
        if (!r->stopped)
            obey(r, i, copier_untold(c, uv_now(r->loop)));
        return;
    }
    known = PQntuples(o->results[0]) == 1;
    if (known) {
        metric_add(r->copied, 1);
        metric_add(r->bytes, (double)c->size);
        metric_observe(r->seconds, (double)(uv_now(r->loop) - slot->begun_ms) / 1000);
        log_debug("recording copied", "call", c->call_id, "bytes", log_num(c->size), NULL);
    }
    obey(r, i, copier_recorded(c, known));
}

static void record(struct recordings *r, unsigned i)
{
    struct slot *slot = &r->slots[i];
    struct copy *c = &r->copier.copy[i];

    slot->statement.values[0] = c->call_id;
    slot->statement.values[1] = c->path;
    put_number(&slot->statement, 2, c->size);
    put_number(&slot->statement, 3, c->duration_seconds);
    if (c->duration_seconds < 0)
        slot->statement.values[3] = NULL;
    submit(r, &slot->statement, &copied, 4, on_recorded, slot);
}

static void count_failure(struct recordings *r, const struct copy *c, const char *state)
{
    if (strcmp(state, "due") == 0) {
        metric_add(r->retried, 1);
        log_debug("recording not copied yet", "call", c->call_id, "reason", c->reason, NULL);
        return;
    }
    metric_add(strcmp(state, "expired") == 0 ? r->expired : r->failed[c->trouble], 1);
    log_warn("recording given up", "call", c->call_id, "state", state, "reason", c->reason,
             "attempts", log_num(c->attempts), NULL);
}

static void on_told(struct db_request *request, const struct db_outcome *o)
{
    struct slot *slot = request->ctx;
    struct recordings *r = slot->owner;
    unsigned i = (unsigned)(slot - r->slots);
    struct copy *c = &r->copier.copy[i];

    if (!answered(r, &slot->statement, o)) {
        if (!r->stopped)
            obey(r, i, copier_untold(c, uv_now(r->loop)));
        return;
    }
    if (c->state == COPY_FORGETTING)
        metric_add(r->erased, 1);
    else if (PQntuples(o->results[0]) == 1)
        count_failure(r, c, PQgetvalue(o->results[0], 0, 0));
    obey(r, i, copier_told(c));
}

static void report(struct recordings *r, unsigned i)
{
    struct slot *slot = &r->slots[i];
    struct copy *c = &r->copier.copy[i];
    struct statement *s = &slot->statement;

    s->values[0] = c->call_id;
    put_number(s, 1, c->attempts);
    s->values[2] = c->reason;
    snprintf(s->text[3], sizeof s->text[3], "%lld milliseconds", (long long)c->retry_ms);
    s->values[3] = c->retry_ms < 0 ? NULL : s->text[3];
    submit(r, s, &failed, 4, on_told, slot);
}

static void forget(struct recordings *r, unsigned i)
{
    struct slot *slot = &r->slots[i];

    slot->statement.values[0] = r->copier.copy[i].call_id;
    slot->statement.values[1] = r->copier.copy[i].path;
    submit(r, &slot->statement, &erased, 2, on_told, slot);
}

static void obey(struct recordings *r, unsigned i, enum copy_order order)
{
    struct copy *c = &r->copier.copy[i];

    switch (order) {
    case COPY_DO_NOTHING:
    case COPY_DO_FETCH: /* only a claim does, which knows the link */
        return;
    case COPY_DO_STORE:
        carrier_store(r->carrier, i, c->path);
        return;
    case COPY_DO_RECORD:
        carrier_drop(r->carrier, i);
        record(r, i);
        return;
    case COPY_DO_REPORT:
        carrier_drop(r->carrier, i);
        report(r, i);
        return;
    case COPY_DO_ERASE:
        carrier_drop(r->carrier, i);
        carrier_erase(r->carrier, i, c->path);
        return;
    case COPY_DO_FORGET:
        carrier_drop(r->carrier, i);
        forget(r, i);
        return;
    case COPY_DO_CLOSE:
        carrier_drop(r->carrier, i);
        metric_set(r->in_flight, copier_busy(&r->copier));
        claim(r); /* the room is taken at once while more are due */
        return;
    }
}

static void on_fetched(struct recordings *r, unsigned i, const struct carried *carried)
{
    struct copy *c = &r->copier.copy[i];
    char path[STORE_PATH_MAX];

    if (!store_path(&r->store, c->organization_id, c->call_id, carried->extension, path))
        obey(r, i,
             copier_failed(c, TROUBLE_STORE, "no path can be made of the ids", 0, now_us(),
                           chance()));
    else
        obey(r, i, copier_fetched(c, path, carried->size, carried->duration_seconds));
}

static void on_carried(void *ctx, unsigned i, const struct carried *carried)
{
    struct recordings *r = ctx;
    struct copy *c = &r->copier.copy[i];

    if (carried->work == CARRIER_ERASE) {
        if (carried->trouble != TROUBLE_NONE)
            log_warn("recording not erased yet", "call", c->call_id, "reason", carried->reason,
                     NULL);
        carrier_drop(r->carrier, i);
        obey(r, i, copier_erased(c, carried->trouble == TROUBLE_NONE, uv_now(r->loop)));
    } else if (carried->trouble != TROUBLE_NONE) {
        obey(r, i,
             copier_failed(c, carried->trouble, carried->reason, carried->retry_after_ms, now_us(),
                           chance()));
    } else if (carried->work == CARRIER_FETCH) {
        on_fetched(r, i, carried);
    } else {
        obey(r, i, copier_stored(c));
    }
}

/* ---- claims --------------------------------------------------------------------------------------------- */

/* "2026-11-23 08:00:00.123456+00", as PostgreSQL writes it in UTC; "" is SQL NULL: never. */
static int64_t time_of(const char *text)
{
    char rfc[48];
    int64_t us;
    size_t n = strlen(text);

    if (n < 11 || n + 4 > sizeof rfc)
        return INT64_MAX;
    snprintf(rfc, sizeof rfc, "%s:00", text);
    rfc[10] = 'T';
    return time_parse(text_of(rfc), &us) ? us : INT64_MAX;
}

static void begin(struct recordings *r, const PGresult *rows, int row)
{
    const char *why = NULL;
    struct provider_link link;
    int i = copier_claim(&r->copier, PQgetvalue(rows, row, DUE_CALL),
                         PQgetvalue(rows, row, DUE_ORGANIZATION),
                         (int32_t)strtol(PQgetvalue(rows, row, DUE_ATTEMPTS), NULL, 10),
                         time_of(PQgetvalue(rows, row, DUE_EXPIRES)), uv_now(r->loop));

    if (i < 0)
        return;
    r->slots[i].begun_ms = uv_now(r->loop);
    metric_set(r->in_flight, copier_busy(&r->copier));
    if (provider_link(PQgetvalue(rows, row, DUE_PROVIDER), PQgetvalue(rows, row, DUE_URL), &r->link,
                      &link, &why))
        carrier_fetch(r->carrier, (unsigned)i, r->copier.copy[i].call_id, &link);
    else
        obey(r, (unsigned)i,
             copier_failed(&r->copier.copy[i], TROUBLE_LINK, why, 0, now_us(), chance()));
}

static void on_claimed(struct db_request *request, const struct db_outcome *o)
{
    struct recordings *r = request->ctx;
    int n;

    if (!answered(r, &r->claim, o))
        return;
    n = PQntuples(o->results[0]);
    for (int row = 0; row < n; row++)
        begin(r, o->results[0], row);
}

static unsigned room(const struct recordings *r)
{
    return r->copier.parallel - copier_busy(&r->copier);
}

/* One claim at a time, of copies or of erasures, so that the room counted here is there. */
static bool may_claim(const struct recordings *r)
{
    return !r->stopped && r->pool != NULL && db_up(r->pool) > 0 && consumer_lease_held(r->lease) &&
           !r->claim.busy && !r->claim_erasures.busy && room(r) > 0;
}

static void claim(struct recordings *r)
{
    if (!may_claim(r))
        return;
    put_number(&r->claim, 0, room(r));
    r->claim.values[1] = CLAIM_INTERVAL;
    submit(r, &r->claim, &due_recordings, 2, on_claimed, r);
}

static void begin_erasure(struct recordings *r, const PGresult *rows, int row)
{
    const char *call = PQgetvalue(rows, row, ERASE_CALL);
    const char *organization = PQgetvalue(rows, row, ERASE_ORGANIZATION);
    const char *path = PQgetvalue(rows, row, ERASE_PATH);
    int i;

    if (!store_path_is_of(path, organization, call)) {
        /* Whoever wrote that path must not have others' files erased by us. It stays in the table,
         * for somebody to look at. */
        if (strcmp(PQgetvalue(rows, row, ERASE_ATTEMPTS), "1") == 0)
            log_warn("recording not erased: its path is not the call's own", "call", call, NULL);
        return;
    }
    i = copier_claim_erasure(&r->copier, call, organization, path);
    if (i >= 0)
        obey(r, (unsigned)i, COPY_DO_ERASE);
}

static void on_erasures(struct db_request *request, const struct db_outcome *o)
{
    struct recordings *r = request->ctx;
    int n;

    if (!answered(r, &r->claim_erasures, o))
        return;
    n = PQntuples(o->results[0]);
    for (int row = 0; row < n; row++)
        begin_erasure(r, o->results[0], row);
    if (n > 0)
        r->erase_ms = 0; /* there may be more */
}

static void claim_erasures(struct recordings *r)
{
    put_number(&r->claim_erasures, 0, room(r));
    r->claim_erasures.values[1] = ERASE_INTERVAL;
    submit(r, &r->claim_erasures, &due_erasures, 2, on_erasures, r);
}

static bool is_kept(const PGresult *rows, const char *call_id)
{
    for (int i = 0; i < PQntuples(rows); i++)
        if (strcmp(PQgetvalue(rows, i, 0), call_id) == 0)
            return true;
    return false;
}

static void on_kept(struct db_request *request, const struct db_outcome *o)
{
    struct recordings *r = request->ctx;

    if (!answered(r, &r->keep, o))
        return;
    for (unsigned i = 0; i < r->copier.parallel; i++) {
        struct copy *c = &r->copier.copy[i];
        /* Claimed after the question was asked: not lost. */
        if (c->state != COPY_FETCHING || strstr(r->kept_calls, c->call_id) == NULL ||
            is_kept(o->results[0], c->call_id))
            continue;
        log_debug("recording's claim is lost", "call", c->call_id, NULL);
        obey(r, i, copier_lost(c));
    }
}

static void keep_claims(struct recordings *r)
{
    size_t calls = 1, attempts = 1;

    strcpy(r->kept_calls, "{");
    strcpy(r->kept_attempts, "{");
    for (unsigned i = 0; i < r->copier.parallel; i++) {
        const struct copy *c = &r->copier.copy[i];
        const char *comma = calls == 1 ? "" : ",";
        if (c->state != COPY_FETCHING && c->state != COPY_STORING)
            continue;
        calls += (size_t)sprintf(r->kept_calls + calls, "%s%s", comma, c->call_id);
        attempts += (size_t)sprintf(r->kept_attempts + attempts, "%s%d", comma, c->attempts);
    }
    if (calls == 1)
        return;
    strcpy(r->kept_calls + calls, "}");
    strcpy(r->kept_attempts + attempts, "}");
    r->keep.values[0] = r->kept_calls;
    r->keep.values[1] = r->kept_attempts;
    r->keep.values[2] = CLAIM_INTERVAL;
    submit(r, &r->keep, &kept, 3, on_kept, r);
}

void recordings_tick(struct recordings *r, uint64_t now_ms)
{
    if (r->stopped || r->pool == NULL)
        return;
    for (unsigned i = 0; i < r->copier.parallel; i++)
        if (r->copier.copy[i].state != COPY_FREE)
            obey(r, i, copier_tick(&r->copier.copy[i], now_ms, now_us(), chance()));
    if (db_up(r->pool) == 0)
        return;
    if (now_ms >= r->keep_ms && !r->keep.busy) {
        r->keep_ms = now_ms + KEEP_EVERY_MS;
        keep_claims(r);
    }
    if (now_ms >= r->sweep_ms) {
        r->sweep_ms = now_ms + SWEEP_EVERY_MS;
        carrier_sweep(r->carrier);
    }
    if (now_ms >= r->erase_ms && may_claim(r)) {
        r->erase_ms = now_ms + ERASE_EVERY_MS;
        claim_erasures(r);
    } else {
        claim(r);
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------- */

static void on_lease(void *ctx, bool held)
{
    struct recordings *r = ctx;

    if (!r->stopped)
        log_info(held ? "recordings are copied here" : "recordings are copied elsewhere", NULL);
}

static void make_metrics(struct recordings *r)
{
    static const char *const name = "ringback_recordings_failed_total";
    static const char *const help = "Recordings given up, by the last attempt's trouble";
    char labels[64];

    r->copied = metric_counter("ringback_recordings_copied_total", NULL,
                               "Recordings copied into the store");
    r->retried = metric_counter("ringback_recordings_retried_total", NULL,
                                "Attempts at a copy that failed and come again");
    for (int t = TROUBLE_NONE + 1; t < TROUBLE_COUNT; t++) {
        snprintf(labels, sizeof labels, "reason=\"%s\"", copy_trouble_label((enum copy_trouble)t));
        r->failed[t] = metric_counter(name, labels, help);
    }
    r->expired = metric_counter(name, "reason=\"expired\"", help);
    r->bytes =
        metric_counter("ringback_recordings_bytes_total", NULL, "Bytes of recordings copied");
    r->in_flight =
        metric_gauge("ringback_recordings_in_flight", NULL, "Recordings being copied or erased");
    r->erased = metric_counter("ringback_recordings_erased_total", NULL,
                               "Files of deleted recordings erased from the store");
    r->seconds = metric_histogram("ringback_recordings_copy_seconds", NULL,
                                  "From claiming a recording to its being recorded as copied");
}

static bool take_settings(struct recordings *r, const struct config *c, char *error, size_t size)
{
    const struct store_settings given = store_settings_of(c);

    r->link = (struct link_settings){
        .twilio_auth = CONFIG_TEXT(c, TWILIO_RECORDINGS_AUTH),
        .twilio_tokens = CONFIG_TEXT(c, TWILIO_AUTH_TOKEN),
        .allow_private = strcmp(CONFIG_TEXT(c, RECORDINGS_ALLOW_PRIVATE), "on") == 0,
    };
    return store_open(&r->store, &given, error, size);
}

struct recordings *recordings_new(uv_loop_t *loop, const struct config *config, char *error,
                                  size_t error_size)
{
    struct recordings *r;

    error[0] = '\0';
    if (CONFIG_TEXT(config, RECORDINGS_STORE) == NULL)
        return NULL;
    r = calloc(1, sizeof *r);
    if (r == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    if (!take_settings(r, config, error, error_size)) {
        free(r);
        return NULL;
    }
    r->loop = loop;
    copier_init(&r->copier, (unsigned)CONFIG_NUMBER(config, RECORDINGS_PARALLEL));
    for (unsigned i = 0; i < COPIES_MAX; i++)
        r->slots[i].owner = r;
    make_metrics(r);
    r->carrier = carrier_new(loop, &(struct carrier_options){
                                       .store = &r->store,
                                       .bytes_max = CONFIG_NUMBER(config, RECORDINGS_MAX_BYTES),
                                       .allow_private = r->link.allow_private,
                                       .on_carried = on_carried,
                                       .ctx = r,
                                   });
    if (r->carrier == NULL) {
        snprintf(error, error_size, "out of memory");
        free(r);
        return NULL;
    }
    return r;
}

bool recordings_start(struct recordings *r, struct db_pool *pool, struct consumer *consumer)
{
    r->pool = pool;
    r->lease = consumer_lease(consumer, "recordings", on_lease, r);
    return r->lease != NULL;
}

static void on_carrier_closed(void *ctx)
{
    struct recordings *r = ctx;

    r->carrier = NULL;
    r->on_closed(r->closed_ctx);
}

void recordings_close(struct recordings *r, void (*on_closed)(void *ctx), void *ctx)
{
    r->stopped = true;
    r->on_closed = on_closed;
    r->closed_ctx = ctx;
    carrier_close(r->carrier, on_carrier_closed, r);
}

void recordings_free(struct recordings *r)
{
    free(r);
}
