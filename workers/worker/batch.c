#include "worker/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "voice/provider.h"
#include "worker/source.h"

enum { VERSION_BYTES = 16 };

static const char crashed_detail[] =
    "several workers ended while they had this event in their hands";

bool batch_init(struct batch *b, uint32_t capacity, size_t body_max)
{
    void *memory = malloc(BATCH_ARENA_MIN), *spare = malloc(BATCH_SPARE);

    *b = (struct batch){.capacity = capacity, .body_max = body_max};
    b->items = calloc(capacity, sizeof *b->items);
    b->letters = calloc(capacity, sizeof *b->letters);
    b->again = calloc(capacity, sizeof *b->again);
    b->traced = calloc(capacity, sizeof *b->traced);
    b->covered = calloc(capacity, sizeof *b->covered);
    b->arena_max = 3 * body_max + BATCH_ARENA_EXTRA;
    if (memory == NULL || spare == NULL || b->items == NULL || b->letters == NULL ||
        b->again == NULL || b->traced == NULL || b->covered == NULL) {
        free(memory);
        free(spare);
        return false;
    }
    arena_init(&b->arena, memory, BATCH_ARENA_MIN);
    arena_init(&b->spare, spare, BATCH_SPARE);
    return true;
}

void batch_free(struct batch *b)
{
    free(b->items);
    free(b->letters);
    free(b->again);
    free(b->traced);
    free(b->covered);
    free(b->arena.base);
    free(b->spare.base);
    *b = (struct batch){.n = 0};
}

void batch_reopen(struct batch *b)
{
    arena_reset(&b->arena);
    rows_init(&b->rows, &b->arena);
    b->calls = (struct calls){.n = 0};
    b->at = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        struct entry *e = b->items[i].entry;

        b->items[i] = (struct batch_item){.entry = e, .topic = ""};
        b->letters[i] = NULL;
    }
}

void batch_open(struct batch *b, struct entry *first, uint32_t n)
{
    struct entry *e = first;

    assert(n > 0 && n <= b->capacity);
    assert(b->rest == NULL && b->newer == NULL);
    b->n = n;
    b->taken_up = 0;
    b->cut = false;
    for (uint32_t i = 0; i < n; i++, e = e->next) {
        b->items[i].entry = e;
        b->again[i] = e->deliveries > 1 || e->unanswered;
    }
    batch_reopen(b);
}

/* False: `arena` is full. */
static bool write_letter(struct batch *b, uint32_t i, struct arena *arena,
                         const struct envelope *envelope, const struct dead_letter_cause *cause)
{
    b->letters[i] = dead_letter_make(arena, i, b->items[i].entry, envelope, cause);
    if (b->letters[i] == NULL)
        return false;
    b->items[i].fate = FATE_DEAD;
    b->items[i].open = false;
    return true;
}

void batch_reject(struct batch *b, uint32_t i, const char *reason, const char *detail)
{
    struct dead_letter_cause cause = {
        .reason = reason,
        .detail = detail,
        .organization_id = b->items[i].organization_id,
    };

    write_letter(b, i, &b->arena, b->items[i].envelope, &cause);
}

/* ---- cutting ---- */

/* Items from i on leave the batch; they are the head of the next one. */
static void cut_at(struct batch *b, uint32_t i)
{
    struct entry *behind = b->rest, **link = &b->rest;

    assert(i > 0);
    for (uint32_t k = i; k < b->n; k++) {
        *link = b->items[k].entry;
        link = &b->items[k].entry->next;
    }
    *link = behind;
    b->n = i;
    b->cut = true;
}

/* The arena was too small for item b->at: gives back what it took. */
static enum batch_step did_not_fit(struct batch *b, size_t mark)
{
    b->arena.used = mark;
    b->arena.failed = false;
    if (b->at > 0) {
        cut_at(b, b->at);
        return BATCH_READY;
    }
    if (b->arena.size < b->arena_max)
        return BATCH_GROW;
    batch_condemn(b, 0, REASON_TOO_LARGE, "the event needs more memory than one event may have",
                  NULL, false);
    if (b->n > 1)
        cut_at(b, 1);
    b->at = 1;
    return BATCH_READY;
}

/* ---- decoding ---- */

static void take_out_newer(struct batch *b, uint32_t i)
{
    struct entry **link = &b->newer;

    while (*link != NULL)
        link = &(*link)->next;
    *link = b->items[i].entry;
    (*link)->next = NULL;
    b->n_newer++;
    memmove(&b->items[i], &b->items[i + 1], (b->n - i - 1) * sizeof b->items[0]);
    memmove(&b->again[i], &b->again[i + 1], (b->n - i - 1) * sizeof b->again[0]);
    b->n--;
}

/* The envelope is there: what its source makes of it. */
static void begin_item(struct batch *b, uint32_t i, const struct shops *shops, uint64_t now_ms)
{
    struct batch_item *item = &b->items[i];
    const struct envelope *e = item->envelope;

    item->topic = arena_copy(&b->arena, e->topic.p, e->topic.n);
    item->source = source_find(arena_copy(&b->arena, e->source.p, e->source.n), &item->provider);
    if (b->taken_up > TAKEN_UP_MAX)
        batch_reject(b, i, REASON_CRASHED_WORKER, crashed_detail);
    else if (item->source == NULL)
        batch_reject(b, i, REASON_UNKNOWN_SOURCE, "this program knows no such source");
    else
        item->source->begin(b, i, shops, now_ms);
}

/* As much of an envelope as tells its version. */
static size_t shortest(size_t len)
{
    return len < VERSION_BYTES ? len : VERSION_BYTES;
}

/* Reads item i. False: it was taken out of the batch. */
static bool decode_item(struct batch *b, uint32_t i, const struct shops *shops, uint64_t now_ms)
{
    struct batch_item *item = &b->items[i];
    struct envelope *e = arena_alloc(&b->arena, sizeof *e);
    const char *why = "";
    enum envelope_result r;

    if (item->entry->vanished) {
        item->fate = FATE_VANISHED;
        return true;
    }
    if (e == NULL)
        return true;
    if (b->taken_up > TAKEN_UP_DECODED &&
        envelope_decode(e, item->entry->bytes, shortest(item->entry->len), 0, &b->arena, &why) !=
            ENVELOPE_NEWER) {
        batch_reject(b, i, REASON_CRASHED_WORKER, crashed_detail);
        return true;
    }
    r = envelope_decode(e, item->entry->bytes, item->entry->len, b->body_max, &b->arena, &why);
    if (b->arena.failed)
        return true;
    if (r == ENVELOPE_NEWER) {
        take_out_newer(b, i);
        return false;
    }
    if (r == ENVELOPE_CORRUPT) {
        batch_reject(b, i, REASON_CORRUPT_ENVELOPE, why);
        return true;
    }
    item->envelope = e;
    begin_item(b, i, shops, now_ms);
    return true;
}

/* What was decided about an item that then did not fit. */
static void forget_item(struct batch *b, uint32_t i)
{
    struct entry *e = b->items[i].entry;

    b->items[i] = (struct batch_item){.entry = e, .topic = ""};
    b->letters[i] = NULL;
}

enum batch_step batch_decode(struct batch *b, const struct shops *shops, uint64_t now_ms,
                             size_t budget)
{
    size_t done = 0;

    while (b->at < b->n) {
        size_t mark = b->arena.used;

        if (done >= budget)
            return BATCH_MORE;
        if (b->at > 0 && mark > b->arena.size / 2) { /* the rows want room too */
            cut_at(b, b->at);
            break;
        }
        done += 1 + b->items[b->at].entry->len;
        if (!decode_item(b, b->at, shops, now_ms)) {
            b->arena.used = mark;
            continue;
        }
        if (b->arena.failed) {
            forget_item(b, b->at);
            enum batch_step step = did_not_fit(b, mark);
            if (step == BATCH_READY)
                break;
            return step;
        }
        if (b->items[b->at].envelope != NULL)
            done += b->items[b->at].envelope->body_len;
        b->at++;
    }
    b->at = 0;
    return BATCH_READY;
}

/* ---- owners ---- */

static bool wants_owner(const struct batch_item *item, const struct source *source)
{
    return item->open && item->organization_id == NULL && item->source == source;
}

static uint32_t count_wanting(const struct batch *b, const struct source *source)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->n; i++)
        n += wants_owner(&b->items[i], source);
    return n;
}

const struct value *const *batch_unknown_shops(struct batch *b, uint32_t *count)
{
    uint32_t n = count_wanting(b, &source_shopify);
    const struct value **list;
    struct value *values;
    struct text last = TEXT_NULL;

    *count = 0;
    if (n == 0)
        return NULL;
    list = arena_alloc(&b->arena, n * sizeof *list);
    values = arena_alloc(&b->arena, n * sizeof *values);
    if (list == NULL || values == NULL)
        return NULL;
    for (uint32_t i = 0; i < b->n; i++) {
        struct batch_item *item = &b->items[i];

        if (!wants_owner(item, &source_shopify))
            continue;
        item->asked = true;
        if (text_equal(item->envelope->key, last))
            continue;
        last = item->envelope->key;
        values[*count] = (struct value){.set = true, .text = utf8_fit(&b->arena, last)};
        list[*count] = &values[*count];
        (*count)++;
    }
    return list;
}

void batch_forget_calls(struct batch *b)
{
    b->calls = (struct calls){.n = 0};
    for (uint32_t i = 0; i < b->n; i++)
        b->items[i].call = NULL;
}

static void enter_calls(struct batch *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        struct batch_item *item = &b->items[i];

        if (wants_owner(item, &source_voice))
            item->call =
                calls_add(&b->calls, &b->arena, item->provider, item->events, item->n_events);
    }
}

const struct value *const *const *batch_unknown_calls(struct batch *b, uint32_t *count)
{
    uint32_t n = count_wanting(b, &source_voice);
    const struct value *const **lists;

    *count = 0;
    if (n == 0 || !calls_init(&b->calls, &b->arena, n))
        return NULL;
    enter_calls(b);
    lists = calls_columns(&b->calls, &b->arena);
    if (b->arena.failed) {
        batch_forget_calls(b);
        return NULL;
    }
    *count = b->calls.n;
    return lists;
}

void batch_resolve(struct batch *b, const struct shops *shops, uint64_t now_ms)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (b->items[i].open && b->items[i].organization_id == NULL)
            b->items[i].source->resolve(b, i, shops, now_ms);
    b->arena.failed = false; /* who got neither an owner nor a letter is found by batch_handle() */
}

/* ---- handling ---- */

static void handle_item(struct batch *b, uint32_t i)
{
    struct batch_item *item = &b->items[i];
    enum verdict verdict;

    rows_start_event(&b->rows, i);
    verdict = item->source->handle(b, i);
    if (b->arena.failed) {
        rows_reject(&b->rows, NULL);
        return;
    }
    item->open = false;
    item->fate = verdict == VERDICT_STORE ? FATE_STORE : FATE_IGNORE;
    if (verdict != VERDICT_REJECT)
        return;
    batch_reject(b, i, item->source->readable(b, i) ? REASON_INVALID_VALUE : REASON_MALFORMED_BODY,
                 b->rows.reason == NULL ? "the event's handler refused it" : b->rows.reason);
}

enum batch_step batch_handle(struct batch *b, size_t budget)
{
    size_t done = 0;

    for (; b->at < b->n; b->at++) {
        struct batch_item *item = &b->items[b->at];
        size_t mark = b->arena.used;

        if (!item->open)
            continue;
        if (done >= budget)
            return BATCH_MORE;
        if (item->organization_id == NULL) /* its owner, or its letter, did not fit */
            b->arena.failed = true;
        else
            handle_item(b, b->at);
        if (b->arena.failed)
            return did_not_fit(b, mark);
        done += item->envelope->body_len;
    }
    return BATCH_READY;
}

/* ---- letters and entries ---- */

void batch_condemn(struct batch *b, uint32_t i, const char *reason, const char *detail,
                   const char *sqlstate, bool minimal)
{
    struct batch_item *item = &b->items[i];
    struct dead_letter_cause cause = {
        .reason = reason,
        .detail = detail,
        .sqlstate = sqlstate,
        .organization_id = minimal ? NULL : item->organization_id,
    };
    const struct envelope *e = minimal ? NULL : item->envelope;
    size_t mark = b->arena.used;

    if (write_letter(b, i, &b->arena, e, &cause))
        return;
    b->arena.used = mark;
    b->arena.failed = false;
    arena_reset(&b->spare);
    if (write_letter(b, i, &b->spare, e, &cause))
        return;
    arena_reset(&b->spare);
    if (!write_letter(b, i, &b->spare, NULL, &cause))
        assert(false && "a letter without an envelope is some hundred bytes");
}

struct entry *batch_take_rest(struct batch *b)
{
    struct entry *rest = b->rest;

    b->rest = NULL;
    return rest;
}

struct entry *batch_take_newer(struct batch *b, unsigned *n)
{
    struct entry *newer = b->newer;

    *n = b->n_newer;
    b->newer = NULL;
    b->n_newer = 0;
    return newer;
}

void batch_note_again(struct batch *b, uint32_t lo, uint32_t hi)
{
    for (uint32_t i = lo; i < hi; i++)
        b->again[i] = b->items[i].entry->unanswered = true;
}

void batch_drop(struct batch *b, uint32_t lo, uint32_t hi)
{
    for (uint32_t i = lo; i < hi && i < b->n; i++) {
        entry_free(b->items[i].entry);
        b->items[i].entry = NULL;
    }
}

struct entry *batch_take_all(struct batch *b)
{
    struct entry *first = NULL, **link = &first;

    for (uint32_t i = 0; i < b->n; i++) {
        if (b->items[i].entry == NULL)
            continue; /* dropped */
        *link = b->items[i].entry;
        link = &b->items[i].entry->next;
    }
    *link = batch_take_rest(b);
    b->n = 0;
    return first;
}

static bool resize(struct batch *b, size_t size)
{
    void *memory = malloc(size);

    if (memory == NULL)
        return false;
    free(b->arena.base);
    arena_init(&b->arena, memory, size);
    return true;
}

bool batch_grow(struct batch *b)
{
    size_t size = b->arena.size * 2 < b->arena_max ? b->arena.size * 2 : b->arena_max;

    return size > b->arena.size && resize(b, size);
}

void batch_shrink(struct batch *b)
{
    if (b->arena.size > BATCH_ARENA_KEEP)
        resize(b, BATCH_ARENA_KEEP);
}
