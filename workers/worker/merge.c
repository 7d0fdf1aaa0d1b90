#include "worker/merge.h"

#include <assert.h>
#include <stdlib.h>

#include "worker/array.h"

enum { PARENT_KEYS = 2 }; /* integration and external id */

static_assert(COL_call_turns_source_version == 2, "the columns before it name the call");

static_assert(ROWSET_COLUMNS_MAX <= 64, "a set of columns travels as one 64-bit mask");

int version_column(enum rowset set)
{
    for (unsigned c = 0; c < rowsets[set].n_columns; c++)
        if ((rowsets[set].columns[c].flags & COLUMN_VER) != 0)
            return (int)c;
    return -1;
}

static int compare_column(enum rowset set, unsigned c, const struct row *a, const struct row *b)
{
    return value_compare(rowsets[set].columns[c].type, &a->v[c], &b->v[c]);
}

static int compare_keys(enum rowset set, const struct row *a, const struct row *b)
{
    for (unsigned c = 0; c < rowsets[set].n_columns; c++) {
        int order =
            (rowsets[set].columns[c].flags & COLUMN_KEY) == 0 ? 0 : compare_column(set, c, a, b);

        if (order != 0)
            return order;
    }
    return 0;
}

static int compare_all(enum rowset set, const struct row *a, const struct row *b)
{
    for (unsigned c = 0; c < rowsets[set].n_columns; c++) {
        int order = compare_column(set, c, a, b);

        if (order != 0)
            return order;
    }
    return 0;
}

/* By key; of one key the newest first; the rest only so that the result depends on the rows and not
 * on their order. */
static int by_key_and_age(const void *a, const void *b)
{
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
    int order = compare_keys(x->set, x, y);
    int version = order == 0 ? version_column(x->set) : -1; /* most pairs differ in their key */

    if (version >= 0)
        order = compare_column(x->set, (unsigned)version, y, x);
    return order != 0 ? order : compare_all(x->set, x, y);
}

/* Children: by parent, of one parent the newest version first, then by their own place. */
static int by_parent_and_age(const void *a, const void *b)
{
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
    int order = 0;

    for (unsigned c = 0; order == 0 && c < PARENT_KEYS; c++)
        order = compare_column(x->set, c, x, y);
    if (order == 0)
        order = compare_column(x->set, (unsigned)version_column(x->set), y, x);
    if (order == 0)
        order = compare_keys(x->set, x, y);
    return order != 0 ? order : compare_all(x->set, x, y);
}

/* The rows of [lo, hi) as an array; NULL with *n 0: none; NULL with *n > 0: the arena is full. */
static struct row **collect(const struct rows *rows, enum rowset set, uint32_t lo, uint32_t hi,
                            struct arena *arena, uint32_t *n)
{
    struct row **list, *first = rows->first[set];
    uint32_t i = 0;

    *n = 0;
    while (first != NULL && first->event < lo)
        first = first->next;
    for (struct row *r = first; r != NULL && r->event < hi; r = r->next)
        (*n)++;
    if (*n == 0 || (list = arena_alloc(arena, *n * sizeof *list)) == NULL)
        return NULL;
    for (struct row *r = first; i < *n; r = r->next)
        list[i++] = r;
    return list;
}

static uint64_t columns_there(const struct row *r, unsigned flag)
{
    uint64_t mask = 0;

    for (unsigned c = 0; c < rowsets[r->set].n_columns; c++)
        if ((rowsets[r->set].columns[c].flags & flag) != 0 && r->v[c].set)
            mask |= UINT64_C(1) << c;
    return mask;
}

/* What has been kept of the key at hand. */
struct group {
    const struct row *last;
    uint64_t there; /* FILL columns that some kept row has */
    unsigned round; /* of the next row to keep */
};

/* True: the row goes into round g->round - 1. */
static bool keep(struct group *g, const struct row *r, bool versioned)
{
    uint64_t has = columns_there(r, COLUMN_FILL);

    if (g->last == NULL || compare_keys(r->set, g->last, r) != 0)
        *g = (struct group){.round = 0};
    else if (versioned ? (has & ~g->there) == 0 : compare_all(r->set, g->last, r) == 0)
        return false;
    g->last = r;
    g->there |= has;
    g->round++;
    return true;
}

enum merge_result merge_rows(const struct rows *rows, enum rowset set, uint32_t lo, uint32_t hi,
                             struct arena *arena, struct round out[MERGE_ROUNDS_MAX],
                             unsigned *n_rounds)
{
    struct group g = {.last = NULL};
    bool versioned = version_column(set) >= 0;
    uint32_t n;
    struct row **list = collect(rows, set, lo, hi, arena, &n);

    *n_rounds = 0;
    if (list == NULL)
        return n == 0 ? MERGE_OK : MERGE_FULL;
    qsort(list, n, sizeof *list, by_key_and_age);
    for (uint32_t i = 0; i < n; i++) {
        if (!keep(&g, list[i], versioned))
            continue;
        if (g.round > MERGE_ROUNDS_MAX)
            return MERGE_TOO_MANY;
        if (g.round > *n_rounds) {
            struct round *fresh = &out[(*n_rounds)++];

            *fresh = (struct round){.rows = arena_alloc(arena, (n - i) * sizeof *list)};
            if (fresh->rows == NULL)
                return MERGE_FULL;
        }
        struct round *r = &out[g.round - 1];
        r->rows[r->n++] = list[i];
    }
    return MERGE_OK;
}

enum merge_result merge_versions(const struct rows *rows, enum rowset set, uint32_t lo, uint32_t hi,
                                 struct arena *arena, struct round *out)
{
    uint32_t n, kept = 0;
    struct row **list = collect(rows, set, lo, hi, arena, &n);

    *out = (struct round){.rows = list};
    if (list == NULL)
        return n == 0 ? MERGE_OK : MERGE_FULL;
    qsort(list, n, sizeof *list, by_key_and_age);
    for (uint32_t i = 0; i < n; i++)
        if (kept == 0 || compare_all(set, list[kept - 1], list[i]) != 0)
            list[kept++] = list[i];
    out->n = kept;
    return MERGE_OK;
}

static bool same_columns(const struct row *a, const struct row *b, unsigned n)
{
    for (unsigned c = 0; c < n; c++)
        if (compare_column(a->set, c, a, b) != 0)
            return false;
    return true;
}

void merge_lists(struct round *round)
{
    enum {
        CALL_COLUMNS = COL_call_turns_source_version,
        LIST_COLUMNS = COL_call_turns_source_version + 1
    };
    uint32_t n = round->n, kept = 0, first = 0;

    while (first < n) {
        const struct row *newest = NULL; /* the last line of the newest whole list of this call */
        uint32_t end = first;

        for (; end < n && same_columns(round->rows[first], round->rows[end], CALL_COLUMNS); end++)
            if (round->rows[end]->v[COL_call_turns_whole].num != 0 &&
                round->rows[end]->v[COL_call_turns_position].num >= 0)
                newest = round->rows[end];
        for (; first < end; first++)
            if (newest == NULL || same_columns(newest, round->rows[first], LIST_COLUMNS))
                round->rows[kept++] = round->rows[first];
    }
    round->n = kept;
}

static int compare_to_parent(const struct row *child, const struct row *parent)
{
    int order = 0;

    for (unsigned c = 0; order == 0 && c < PARENT_KEYS; c++)
        order = value_compare(rowsets[child->set].columns[c].type, &child->v[c], &parent->v[c]);
    return order;
}

static bool same_version(const struct row *child, const struct row *parent)
{
    const struct value *c = &child->v[version_column(child->set)];
    const struct value *p = &parent->v[version_column(parent->set)];

    return value_compare(COLUMN_BYTES, c, p) == 0;
}

enum merge_result merge_children(const struct rows *rows, enum rowset parents,
                                 const struct round *round, enum rowset children, uint32_t lo,
                                 uint32_t hi, struct arena *arena, struct round *out)
{
    uint32_t n, at = 0;
    struct row **list = collect(rows, children, lo, hi, arena, &n);

    *out = (struct round){.n = 0};
    if (list == NULL)
        return n == 0 ? MERGE_OK : MERGE_FULL;
    qsort(list, n, sizeof *list, by_parent_and_age);
    out->rows = list; /* in place: what is kept never overtakes what is read */
    for (uint32_t i = 0; i < round->n; i++) {
        const struct row *parent = round->rows[i], *last = NULL;

        assert(parent->set == parents);
        while (at < n && compare_to_parent(list[at], parent) < 0)
            at++;
        for (; at < n && compare_to_parent(list[at], parent) == 0; at++) {
            struct row *child = list[at];

            if (!same_version(child, parent) ||
                (last != NULL && compare_keys(children, last, child) == 0))
                continue;
            out->rows[out->n++] = child;
            last = child;
        }
    }
    return MERGE_OK;
}
