#include "worker/encode.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "worker/array.h"
#include "worker/merge.h"

enum { NO_ROWSET = ROWSET_COUNT, INTERVAL_BYTES = 16, TIMED_PARAMS = 3 };

static const int64_t EPOCH_2000_US = INT64_C(946684800000000);

#define ALONE (enum rowset) NO_ROWSET
#define STATEMENT(name, of, with, ...)                                                             \
    {.statement = {"schema/worker/" #name ".sql"},                                                 \
     .set = ROWSET_##of,                                                                           \
     .children = with,                                                                             \
     __VA_ARGS__},
#define PLAIN(name, set) STATEMENT(name, set, ALONE, .timed = false)
#define FAMILY(name, set, children) STATEMENT(name, set, ROWSET_##children, .timed = false)
#define TIMED(name, set) STATEMENT(name, set, ALONE, .timed = true)
#define VERSIONS(name, set) STATEMENT(name, set, ALONE, .versions = true)
#define LISTS(name, set) STATEMENT(name, set, ALONE, .versions = true, .lists = true)
static const struct batch_statement {
    struct db_statement statement;
    enum rowset set, children;
    bool timed, versions, lists;
} statements[] = {
#include "worker/statements.def"
};
#undef ALONE
#undef STATEMENT
#undef PLAIN
#undef FAMILY
#undef TIMED
#undef VERSIONS
#undef LISTS

enum { N_STATEMENTS = sizeof statements / sizeof statements[0] };

static const struct db_statement lock_partitions = {"schema/worker/lock_partitions.sql"};
static const struct db_statement store_dead_letters = {"schema/worker/store_dead_letters.sql"};
static const struct db_statement republish = {"schema/worker/republish.sql"};
static const struct db_statement covered_events = {"schema/worker/covered_events.sql"};
static const struct db_statement rollup_apply = {"schema/worker/rollup_apply.sql"};

/* A query under construction: parameters are added one by one. */
struct params {
    struct arena *arena;
    const char **values;
    int *lengths, *formats;
    unsigned n, room;
};

static bool params_begin(struct params *p, struct arena *arena, unsigned room)
{
    assert(room <= DB_PARAMS_MAX);
    *p = (struct params){.arena = arena, .room = room};
    p->values = arena_alloc(arena, (room + 1) * sizeof *p->values);
    p->lengths = arena_alloc(arena, (room + 1) * sizeof *p->lengths);
    p->formats = arena_alloc(arena, (room + 1) * sizeof *p->formats);
    return !arena->failed;
}

static void params_add(struct params *p, const char *value, int len, int format)
{
    assert(p->n < p->room);
    p->values[p->n] = value;
    p->lengths[p->n] = len;
    p->formats[p->n++] = format;
}

static void params_array(struct params *p, enum column_type type, const struct value *const *cells,
                         uint32_t n)
{
    int len = 0;
    const char *array = array_encode(p->arena, type, cells, n, &len);

    params_add(p, array, len, 1);
}

/* One array per column. `set` tells the columns also when there are no rows. */
static bool params_rows(struct params *p, enum rowset set, const struct round *round)
{
    const struct value **cells = arena_alloc(p->arena, (round->n + 1) * sizeof *cells);

    if (cells == NULL)
        return false;
    for (unsigned c = 0; c < rowsets[set].n_columns; c++) {
        for (uint32_t i = 0; i < round->n; i++)
            cells[i] = &round->rows[i]->v[c];
        params_array(p, rowsets[set].columns[c].type, cells, round->n);
    }
    return !p->arena->failed;
}

static void put64(char *p, uint64_t n)
{
    for (int i = 7; i >= 0; i--, n >>= 8)
        p[i] = (char)n;
}

/* interval: int64 microseconds, int32 days, int32 months (interval_recv()). Days would follow
 * daylight saving. */
static void params_interval(struct params *p, uint64_t ms)
{
    char *interval = arena_alloc(p->arena, INTERVAL_BYTES);

    if (interval != NULL)
        put64(interval, ms * 1000);
    params_add(p, interval, INTERVAL_BYTES, 1);
}

static void params_time(struct params *p, int64_t us)
{
    char *time = arena_alloc(p->arena, 8);

    if (time != NULL)
        put64(time, (uint64_t)us - (uint64_t)EPOCH_2000_US);
    params_add(p, time, 8, 1);
}

static enum encode_result push(struct encoded *out, const struct db_statement *statement,
                               const struct params *p)
{
    if (p->arena->failed)
        return ENCODE_FULL;
    if (out->n == DB_QUERIES_MAX)
        return ENCODE_TOO_MANY;
    out->queries[out->n++] = (struct db_query){
        .statement = statement,
        .n_params = (int)p->n,
        .values = p->values,
        .lengths = p->lengths,
        .formats = p->formats,
        .result_format = 0,
    };
    return ENCODE_OK;
}

static enum encode_result from_merge(enum merge_result r)
{
    return r == MERGE_OK ? ENCODE_OK : r == MERGE_FULL ? ENCODE_FULL : ENCODE_TOO_MANY;
}

static enum encode_result add_round(const struct encode_input *in, const struct batch_statement *s,
                                    const struct round *round, struct arena *arena,
                                    struct encoded *out)
{
    struct round children = {.n = 0};
    struct params p;
    unsigned n = rowsets[s->set].n_columns;
    bool family = s->children != (enum rowset)NO_ROWSET;

    if (family) {
        enum merge_result r =
            merge_children(in->rows, s->set, round, s->children, in->lo, in->hi, arena, &children);

        if (r != MERGE_OK)
            return from_merge(r);
        n += rowsets[s->children].n_columns;
    }
    if (!params_begin(&p, arena, n + (s->timed ? TIMED_PARAMS : 0)) ||
        !params_rows(&p, s->set, round))
        return ENCODE_FULL;
    if (family && !params_rows(&p, s->children, &children))
        return ENCODE_FULL;
    if (s->timed) {
        params_time(&p, in->now_us);
        params_interval(&p, in->abandon_ms);
        params_interval(&p, in->expire_ms);
    }
    return push(out, &s->statement, &p);
}

static enum encode_result add_statement(const struct encode_input *in,
                                        const struct batch_statement *s, struct arena *arena,
                                        struct encoded *out)
{
    struct round rounds[MERGE_ROUNDS_MAX];
    unsigned n;
    enum encode_result r =
        from_merge(merge_rows(in->rows, s->set, in->lo, in->hi, arena, rounds, &n));

    for (unsigned i = 0; r == ENCODE_OK && i < n; i++)
        r = add_round(in, s, &rounds[i], arena, out);
    return r;
}

/* The statement runs once, with every version. */
static enum encode_result add_versions(const struct encode_input *in,
                                       const struct batch_statement *s, struct arena *arena,
                                       struct encoded *out)
{
    struct round all;
    enum encode_result r =
        from_merge(merge_versions(in->rows, s->set, in->lo, in->hi, arena, &all));

    if (r != ENCODE_OK || all.n == 0)
        return r;
    if (s->lists)
        merge_lists(&all);
    return add_round(in, s, &all, arena, out);
}

static enum encode_result add_letters(const struct encode_input *in, struct arena *arena,
                                      struct encoded *out)
{
    const struct value **cells = arena_alloc(arena, (in->hi - in->lo) * sizeof *cells);
    struct params p;
    uint32_t n = 0;

    for (uint32_t e = in->lo; e < in->hi; e++)
        n += in->letters[e] != NULL;
    if (n == 0)
        return ENCODE_OK;
    if (cells == NULL || !params_begin(&p, arena, DEAD_COLUMNS))
        return ENCODE_FULL;
    for (unsigned c = 0; c < DEAD_COLUMNS; c++) {
        n = 0;
        for (uint32_t e = in->lo; e < in->hi; e++)
            if (in->letters[e] != NULL)
                cells[n++] = &in->letters[e]->v[c];
        params_array(&p, dead_letter_types[c], cells, n);
    }
    return push(out, &store_dead_letters, &p);
}

/* ---- current rows for entries that came before ---- */

/* What is told anew, by the first column of its rows (integration, provider) and an id. Parameters of republish.sql, in
 * their order. */
enum republished { ORDERS, CARTS, CALLS, CUSTOMERS, PRODUCTS, REPUBLISHED };

static const enum column_type first_types[REPUBLISHED] = {
    [ORDERS] = COLUMN_UUID,    [CARTS] = COLUMN_UUID,    [CALLS] = COLUMN_TEXT,
    [CUSTOMERS] = COLUMN_UUID, [PRODUCTS] = COLUMN_UUID,
};

/* Where a rowset carries such an id. */
static const struct key_source {
    enum republished what;
    enum rowset set;
    unsigned key; /* column */
    int kind;     /* column that must hold `of_kind`, or -1 */
    const char *of_kind;
} key_sources[] = {
    {ORDERS, ROWSET_orders, COL_orders_external_order_id, -1, NULL},
    {ORDERS, ROWSET_deletions, COL_deletions_external_id, COL_deletions_kind, "order"},
    {CARTS, ROWSET_checkouts, COL_checkouts_token, -1, NULL},
    {CARTS, ROWSET_cart_keys, COL_cart_keys_checkout_token, -1, NULL},
    {CARTS, ROWSET_deletions, COL_deletions_external_id, COL_deletions_kind, "checkout"},
    {CALLS, ROWSET_calls, COL_calls_external_call_id, -1, NULL},
    {CUSTOMERS, ROWSET_customers, COL_customers_external_customer_id, -1, NULL},
    {CUSTOMERS, ROWSET_deletions, COL_deletions_external_id, COL_deletions_kind, "customer"},
    {PRODUCTS, ROWSET_products, COL_products_external_product_id, -1, NULL},
    {PRODUCTS, ROWSET_deletions, COL_deletions_external_id, COL_deletions_kind, "product"},
};

enum { N_KEY_SOURCES = sizeof key_sources / sizeof key_sources[0], FIRST_COLUMN = 0 };

static bool is_wanted(const struct encode_input *in, const struct key_source *s,
                      const struct row *r)
{
    return r->event >= in->lo && r->event < in->hi && in->again[r->event] && r->v[s->key].set &&
           (s->kind < 0 || text_equal(r->v[s->kind].text, text_of(s->of_kind)));
}

/* Fills both lists and returns their length; with NULL lists it only counts. */
static uint32_t keys(const struct encode_input *in, enum republished what,
                     const struct value **first, const struct value **ids)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < N_KEY_SOURCES; i++) {
        const struct key_source *s = &key_sources[i];

        for (const struct row *r = s->what == what ? in->rows->first[s->set] : NULL; r != NULL;
             r = r->next) {
            if (!is_wanted(in, s, r))
                continue;
            if (ids != NULL) {
                first[n] = &r->v[FIRST_COLUMN];
                ids[n] = &r->v[s->key];
            }
            n++;
        }
    }
    return n;
}

static enum encode_result add_republish(const struct encode_input *in, struct arena *arena,
                                        struct encoded *out)
{
    uint32_t n[REPUBLISHED], most = 0;
    const struct value **first, **ids;
    struct params p;

    for (enum republished what = 0; what < REPUBLISHED; what++) {
        n[what] = keys(in, what, NULL, NULL);
        most = n[what] > most ? n[what] : most;
    }
    if (most == 0)
        return ENCODE_OK;
    first = arena_alloc(arena, most * sizeof *first);
    ids = arena_alloc(arena, most * sizeof *ids);
    if (arena->failed || !params_begin(&p, arena, 2 * REPUBLISHED))
        return ENCODE_FULL;
    for (enum republished what = 0; what < REPUBLISHED; what++) {
        keys(in, what, first, ids);
        params_array(&p, first_types[what], first, n[what]);
        params_array(&p, COLUMN_TEXT, ids, n[what]);
    }
    return push(out, &republish, &p);
}

/* ---- events about somebody who was redacted ---- */

/* Parameters of covered_events.sql, in their order. */
enum covered {
    COVERED_EVENT,
    COVERED_KIND,
    COVERED_INTEGRATION,
    COVERED_ID,
    COVERED_CUSTOMER,
    COVERED_EMAIL,
    COVERED_PHONE,
    COVERED_BORN,
    COVERED_CHANGED,
    COVERED_PROVIDER,
    COVERED_COLUMNS
};

static const enum column_type covered_types[COVERED_COLUMNS] = {
    [COVERED_EVENT] = COLUMN_INT4,       [COVERED_KIND] = COLUMN_TEXT,
    [COVERED_INTEGRATION] = COLUMN_UUID, [COVERED_ID] = COLUMN_TEXT,
    [COVERED_CUSTOMER] = COLUMN_TEXT,    [COVERED_EMAIL] = COLUMN_TEXT,
    [COVERED_PHONE] = COLUMN_TEXT,       [COVERED_BORN] = COLUMN_TIME,
    [COVERED_CHANGED] = COLUMN_TIME,     [COVERED_PROVIDER] = COLUMN_TEXT};

/* Where the rowsets that hold personal data carry these columns; 0: they do not (a key's first column is none of them). */
static const struct covered_source {
    enum rowset set;
    const char *kind;
    unsigned column[COVERED_COLUMNS];
    bool call; /* the first column is the provider, not the integration */
} covered_sources[] = {
    {ROWSET_orders,
     "order",
     {[COVERED_ID] = COL_orders_external_order_id,
      [COVERED_CUSTOMER] = COL_orders_external_customer_id,
      [COVERED_EMAIL] = COL_orders_customer_email,
      [COVERED_PHONE] = COL_orders_customer_phone,
      [COVERED_BORN] = COL_orders_order_created_at,
      [COVERED_CHANGED] = COL_orders_source_updated_at},
     false},
    {ROWSET_checkouts,
     "checkout",
     {[COVERED_ID] = COL_checkouts_token,
      [COVERED_CUSTOMER] = COL_checkouts_external_customer_id,
      [COVERED_EMAIL] = COL_checkouts_customer_email,
      [COVERED_PHONE] = COL_checkouts_customer_phone,
      [COVERED_BORN] = COL_checkouts_source_created_at,
      [COVERED_CHANGED] = COL_checkouts_source_updated_at},
     false},
    {ROWSET_customers,
     "customer",
     {[COVERED_ID] = COL_customers_external_customer_id,
      [COVERED_CUSTOMER] = COL_customers_external_customer_id,
      [COVERED_EMAIL] = COL_customers_email,
      [COVERED_BORN] = COL_customers_source_created_at,
      [COVERED_CHANGED] = COL_customers_source_updated_at},
     false},
    {ROWSET_calls, "call", {[COVERED_ID] = COL_calls_external_call_id}, true},
};

enum { N_COVERED_SOURCES = sizeof covered_sources / sizeof covered_sources[0] };

/* The cells of one row. */
static bool covered_row(const struct covered_source *s, const struct row *r, struct arena *arena,
                        const struct value **cells)
{
    static const struct value none;
    struct value *own = arena_alloc(arena, 2 * sizeof *own);

    if (own == NULL)
        return false;
    own[0] = (struct value){.set = true, .num = r->event};
    own[1] = (struct value){.set = true, .text = text_of(s->kind)};
    for (unsigned c = 0; c < COVERED_COLUMNS; c++)
        cells[c] = s->column[c] == 0 ? &none : &r->v[s->column[c]];
    cells[COVERED_EVENT] = &own[0];
    cells[COVERED_KIND] = &own[1];
    cells[s->call ? COVERED_PROVIDER : COVERED_INTEGRATION] = &r->v[FIRST_COLUMN];
    return true;
}

/* Visits the rows that are to be asked about; with cells it fills them, column by column. -> how many; they may be less than
 * `room` only when the arena is full */
static uint32_t covered_rows(const struct encode_input *in, struct arena *arena,
                             const struct value **cells, uint32_t room)
{
    const struct value *row[COVERED_COLUMNS];
    uint32_t n = 0;

    for (unsigned i = 0; i < N_COVERED_SOURCES; i++)
        for (const struct row *r = in->rows->first[covered_sources[i].set]; r != NULL;
             r = r->next) {
            if (r->event < in->lo || r->event >= in->hi || !in->traced[r->event])
                continue;
            if (cells != NULL && !covered_row(&covered_sources[i], r, arena, row))
                return n;
            for (unsigned c = 0; cells != NULL && c < COVERED_COLUMNS; c++)
                cells[c * room + n] = row[c];
            n++;
        }
    return n;
}

static enum encode_result add_covered(const struct encode_input *in, struct arena *arena,
                                      struct encoded *out)
{
    uint32_t n = covered_rows(in, arena, NULL, 0);
    const struct value **cells;
    struct params p;

    if (n == 0)
        return ENCODE_OK;
    cells = arena_alloc(arena, (size_t)n * COVERED_COLUMNS * sizeof *cells);
    if (cells == NULL || covered_rows(in, arena, cells, n) < n ||
        !params_begin(&p, arena, COVERED_COLUMNS))
        return ENCODE_FULL;
    for (unsigned c = 0; c < COVERED_COLUMNS; c++)
        params_array(&p, covered_types[c], cells + (size_t)c * n, n);
    return push(out, &covered_events, &p);
}

/* ---- the whole ---- */

static enum encode_result add_locks(const struct encode_input *in, struct arena *arena,
                                    struct encoded *out)
{
    enum { DIGITS = sizeof "65535," - 1 };
    char *text = arena_alloc(arena, in->n_partitions * DIGITS + sizeof "{}"), *p = text;
    struct params params;

    assert(in->n_partitions > 0);
    if (text == NULL || !params_begin(&params, arena, 1))
        return ENCODE_FULL;
    for (unsigned i = 0; i < in->n_partitions; i++)
        p += sprintf(p, "%c%u", i == 0 ? '{' : ',', in->partitions[i]);
    memcpy(p, "}", 2);
    params_add(&params, text, 0, 0);
    return push(out, &lock_partitions, &params);
}

enum encode_result encode_batch(const struct encode_input *in, struct arena *arena,
                                struct encoded *out)
{
    struct params none = {.arena = arena};
    enum encode_result r;

    assert(in->lo < in->hi);
    out->n = 0;
    r = add_locks(in, arena, out);
    for (unsigned i = 0; r == ENCODE_OK && i < N_STATEMENTS; i++)
        r = statements[i].versions ? add_versions(in, &statements[i], arena, out)
                                   : add_statement(in, &statements[i], arena, out);
    if (r == ENCODE_OK)
        r = add_letters(in, arena, out);
    if (r != ENCODE_OK)
        return r;
    if (out->n == 1)
        return ENCODE_NOTHING;
    r = add_republish(in, arena, out);
    if (r == ENCODE_OK)
        r = add_covered(in, arena, out);
    return r == ENCODE_OK ? push(out, &rollup_apply, &none) : r;
}
