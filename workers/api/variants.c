#include "api/variants.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/assets.h"

enum { FILE_NAME_MAX = 96, VARIANT_NAME_MAX = 128 };

struct variants {
    const struct plans *plans;
    const char *sql[API_ENDPOINTS_MAX]; /* the files */
    size_t room[API_ENDPOINTS_MAX];     /* template_room() of each: every request asks for it */
    struct variant *of[API_ENDPOINTS_MAX];
    unsigned n;
};

/* The two directions of an index on "column DESC NULLS LAST". */
static const char *direction(const char *order)
{
    return strcmp(order, "asc") == 0 ? "ASC NULLS FIRST" : "DESC NULLS LAST";
}

static struct template_in template_of(const struct variants *v, unsigned no, const struct input *in)
{
    const struct plan *p = &v->plans->plan[no];
    struct template_in t = {
        .sql = v->sql[no], .names = p->names, .n_names = p->n, .given = in->given};

    if (p->list) {
        t.sort = in->values[p->sort];
        t.order = direction(in->values[p->order]);
    }
    return t;
}

static bool same(const struct variant *a, const struct plan *p, const struct input *in)
{
    return a->given == in->given && (!p->list || (strcmp(a->sort, in->values[p->sort]) == 0 &&
                                                  strcmp(a->order, in->values[p->order]) == 0));
}

/* One allocation: the variant, its name, its sorting, its text. */
static struct variant *make(struct variants *v, unsigned no, const struct input *in)
{
    const struct plan *p = &v->plans->plan[no];
    const char *sort = p->list ? in->values[p->sort] : "",
               *order = p->list ? in->values[p->order] : "";
    size_t room = v->room[no], words = strlen(sort) + strlen(order) + 2;
    struct variant *made = malloc(sizeof *made + VARIANT_NAME_MAX + words + room);
    struct template_in t = template_of(v, no, in);
    char error[TEMPLATE_ERROR_MAX];
    char *name = (char *)(made + 1), *kept = name + VARIANT_NAME_MAX;

    if (made == NULL)
        return NULL;
    if (!template_expand(&t, kept + words, &made->sql, error)) {
        free(made);
        return NULL;
    }
    snprintf(name, VARIANT_NAME_MAX, "schema/api/%s.sql %llx %s %s", p->endpoint->name,
             (unsigned long long)in->given, sort, order);
    memcpy(kept, sort, strlen(sort) + 1);
    memcpy(kept + strlen(sort) + 1, order, strlen(order) + 1);
    made->statement.path = name;
    made->given = in->given;
    made->sort = kept;
    made->order = kept + strlen(sort) + 1;
    made->next = v->of[no];
    v->of[no] = made;
    v->n++;
    return made;
}

const struct variant *variants_get(struct variants *v, unsigned plan_no, const struct input *in)
{
    const struct plan *p = &v->plans->plan[plan_no];

    for (const struct variant *a = v->of[plan_no]; a != NULL; a = a->next)
        if (same(a, p, in))
            return a;
    return v->n < VARIANTS_MAX ? make(v, plan_no, in) : NULL;
}

size_t variants_room(const struct variants *v, unsigned plan_no)
{
    return v->room[plan_no];
}

bool variants_expand(const struct variants *v, unsigned plan_no, const struct input *in,
                     struct arena *arena, struct template_out *out)
{
    struct template_in t = template_of(v, plan_no, in);
    char *room = arena_alloc(arena, variants_room(v, plan_no)), error[TEMPLATE_ERROR_MAX];

    return room != NULL &&
           template_expand(&t, room, out, error); /* the file was checked at the start */
}

/* ---- the check at the start ---- */

static bool expands(const struct variants *v, unsigned no, const struct input *in, char *error,
                    size_t error_size)
{
    struct template_in t = template_of(v, no, in);
    char *room = malloc(v->room[no]), why[TEMPLATE_ERROR_MAX] = "out of memory";
    struct template_out out;
    bool ok = room != NULL && template_expand(&t, room, &out, why);

    free(room);
    if (!ok)
        snprintf(error, error_size, "schema/api/%s.sql: %s", v->plans->plan[no].endpoint->name,
                 why);
    return ok;
}

/* What is always given: the path, what is required, what has a default. */
static struct input plain(const struct plan *p)
{
    struct input in = {.given = 0};

    for (unsigned i = 0; i < p->n; i++)
        if (p->params[i].required || p->params[i].fallback != NULL || (p->list && i == p->offset)) {
            in.given |= UINT64_C(1) << i;
            in.values[i] = p->params[i].fallback;
        }
    return in;
}

static bool check(struct variants *v, unsigned no, char *error, size_t error_size)
{
    const struct plan *p = &v->plans->plan[no];
    struct input in = plain(p), one = in;
    char path[FILE_NAME_MAX];
    const struct asset *file;

    snprintf(path, sizeof path, "schema/api/%s.sql", p->endpoint->name);
    file = asset_find(path);
    if (file == NULL) {
        snprintf(error, error_size, "%s is not part of this binary", path);
        return false;
    }
    v->sql[no] = file->data;
    v->room[no] = template_room(v->sql[no]);
    for (unsigned i = 0; i < p->n; i++) {
        one.given = in.given | UINT64_C(1) << i;
        if (!expands(v, no, &one, error, error_size))
            return false;
    }
    one.given = (UINT64_C(1) << p->n) - 1;
    static_assert(API_PARAMS_MAX < 64, "one bit for each");
    return expands(v, no, &one, error, error_size) && variants_get(v, no, &in) != NULL;
}

struct variants *variants_new(const struct plans *plans, char *error, size_t error_size)
{
    struct variants *v = calloc(1, sizeof *v);

    snprintf(error, error_size, "out of memory");
    if (v == NULL)
        return NULL;
    v->plans = plans;
    for (unsigned no = 0; no < plans->n; no++)
        if (!check(v, no, error, error_size)) {
            variants_free(v);
            return NULL;
        }
    return v;
}

void variants_free(struct variants *v)
{
    if (v == NULL)
        return;
    for (unsigned no = 0; no < v->plans->n; no++)
        while (v->of[no] != NULL) {
            struct variant *next = v->of[no]->next;

            free(v->of[no]);
            v->of[no] = next;
        }
    free(v);
}
