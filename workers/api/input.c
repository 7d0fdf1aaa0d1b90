#include "api/input.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/form.h"
#include "runtime/jsontext.h"

enum { VALUES_SLACK = 4096, NAME_SHOWN_MAX = 64, ARENA_ALIGN = 16 };

/* Each value is copied once, a body's objects and strings are decoded into room of their own once more, and each copy is
 * rounded up; a form's pairs lie here too. */
size_t input_room(size_t query_len, size_t body_len)
{
    return sizeof(struct form) + 2 * query_len + 4 * body_len +
           (API_PARAMS_MAX + FORM_PAIRS_MAX) * ARENA_ALIGN + VALUES_SLACK;
}

static void give(struct input *in, unsigned i, const char *value)
{
    in->values[i] = value;
    in->given |= UINT64_C(1) << i;
}

static bool is_given(const struct input *in, unsigned i)
{
    return in->given >> i & 1;
}

/* The parameter called `name` in this place; plan->n: none. */
static unsigned find(const struct plan *plan, enum api_place place, struct text name)
{
    unsigned i = 0;

    while (i < plan->n &&
           (plan->params[i].in != place || !text_equal(text_of(plan->names[i]), name)))
        i++;
    return i;
}

/* Names are shown as far as they are plain words. */
static bool refuse_unknown(const struct plan *plan, enum api_place place, struct text name,
                           struct problem *problem)
{
    char shown[NAME_SHOWN_MAX + 1], known[160] = "";
    size_t n = 0, k = 0;

    for (size_t i = 0; i < name.n && n < NAME_SHOWN_MAX; i++)
        shown[n++] = name.p[i] > ' ' && name.p[i] < 127 && name.p[i] != '"' ? name.p[i] : '?';
    shown[n] = '\0';
    for (unsigned i = 0; i < plan->n && k < sizeof known; i++)
        if (plan->params[i].in == place)
            k += (size_t)snprintf(known + k, sizeof known - k, "%s%s", k > 0 ? ", " : "",
                                  plan->names[i]);
    value_refuse(problem, shown, "is not known here; %s%s",
                 k > 0 ? "known are " : "nothing can be given", known);
    return false;
}

static bool read_path(const struct plan *plan, const struct text *path, struct arena *arena,
                      struct input *in, struct problem *problem)
{
    for (unsigned i = 0; i < plan->n_path; i++) {
        const char *value = value_of_text(&plan->params[i], path[i], arena, problem);

        if (value == NULL)
            return false;
        give(in, i, value);
    }
    return true;
}

static bool read_query(const struct plan *plan, struct text query, struct arena *arena,
                       struct input *in, struct problem *problem)
{
    struct form *form = arena_alloc(arena, sizeof *form);
    char *room = arena_alloc(arena, query.n + 1);

    if (form == NULL || room == NULL || !form_parse(form, query, room)) {
        value_refuse(problem, "", "the query has too many parameters");
        return false;
    }
    for (unsigned k = 0; k < form->n; k++) {
        struct text value = form->pair[k].value;
        unsigned i = find(plan, API_IN_QUERY, form->pair[k].name);

        if (i == plan->n)
            return refuse_unknown(plan, API_IN_QUERY, form->pair[k].name, problem);
        if (is_given(in, i)) {
            value_refuse(problem, plan->names[i], "is given twice");
            return false;
        }
        if (value.n == 0 && plan->params[i].type == API_TEXT)
            continue; /* an empty search box searches for nothing */
        value.p = value_of_text(&plan->params[i], value, arena, problem);
        if (value.p == NULL)
            return false;
        give(in, i, value.p);
    }
    return true;
}

static bool read_members(const struct plan *plan, struct text body, struct arena *arena,
                         struct input *in, struct problem *problem)
{
    struct jsontext_each each;
    struct text name, json;

    for (jsontext_open(&each, body); jsontext_member(&each, &name, &json);) {
        unsigned i = find(plan, API_IN_BODY, name);
        const char *value;
        bool null;

        if (i == plan->n)
            return refuse_unknown(plan, API_IN_BODY, name, problem);
        if (is_given(in, i)) {
            value_refuse(problem, plan->names[i], "is given twice");
            return false;
        }
        value = value_of_json(&plan->params[i], json, arena, &null, problem);
        if (value == NULL && !null)
            return false;
        give(in, i, value);
    }
    return true;
}

static bool read_body(const struct plan *plan, struct text body, struct arena *arena,
                      struct input *in, struct problem *problem)
{
    uint64_t before = in->given;

    while (body.n > 0 && strchr(" \t\r\n", body.p[0]) != NULL && body.p[0] != '\0') {
        body.p++;
        body.n--;
    }
    if (body.n > 0 && (!jsontext_valid(body) || jsontext_kind(body) != JSONTEXT_OBJECT)) {
        value_refuse(problem, "", "the body must be one JSON object in UTF-8");
        return false;
    }
    if (body.n > 0 && !read_members(plan, body, arena, in, problem))
        return false;
    if (plan->endpoint->some && in->given == before) {
        value_refuse(problem, "",
                     "there is nothing to change: give at least one member in the body");
        return false;
    }
    return true;
}

/* Defaults, what is missing, and what goes together. */
static bool complete(const struct plan *plan, struct input *in, struct problem *problem)
{
    for (unsigned i = 0; i < plan->n; i++) {
        if (is_given(in, i))
            continue;
        if (plan->params[i].required) {
            value_refuse(problem, plan->names[i], "is missing");
            return false;
        }
        if (plan->params[i].fallback != NULL)
            give(in, i, plan->params[i].fallback);
    }
    if (plan->list) {
        snprintf(in->offset, sizeof in->offset, "%lld",
                 (strtoll(in->values[plan->page], NULL, 10) - 1) *
                     strtoll(in->values[plan->limit], NULL, 10));
        give(in, plan->offset, in->offset);
    }
    return true;
}

/* A period of one's own needs both of its ends, and others have none. */
static bool check_period(const struct plan *plan, const struct input *in, struct problem *problem)
{
    unsigned period = find(plan, API_IN_QUERY, TEXT("period")),
             from = find(plan, API_IN_QUERY, TEXT("date_from")),
             to = find(plan, API_IN_QUERY, TEXT("date_to"));
    bool custom;

    if (period == plan->n)
        return true;
    custom = strcmp(in->values[period], "custom") == 0;
    if (custom && is_given(in, from) && is_given(in, to)) {
        if (strcmp(in->values[from], in->values[to]) > 0)
            value_refuse(problem, "date_to", "must not be before date_from");
        return strcmp(in->values[from], in->values[to]) <= 0;
    }
    if (custom)
        value_refuse(problem, is_given(in, from) ? "date_to" : "date_from",
                     "is missing: a custom period has a first and a last day");
    else if (is_given(in, from) || is_given(in, to))
        value_refuse(problem, is_given(in, from) ? "date_from" : "date_to",
                     "goes only with period=custom");
    else
        return true;
    return false;
}

bool input_read(const struct plan *plan, const struct text *path, struct text query,
                struct text body, struct arena *arena, struct input *out, struct problem *problem)
{
    *out = (struct input){.given = 0};
    *problem = (struct problem){.field = ""};
    return read_path(plan, path, arena, out, problem) &&
           read_query(plan, query, arena, out, problem) &&
           read_body(plan, body, arena, out, problem) && complete(plan, out, problem) &&
           check_period(plan, out, problem);
}
