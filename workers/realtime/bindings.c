#include "realtime/bindings.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "runtime/jsontext.h"

static uint64_t hash_text(uint64_t h, struct text t)
{
    for (size_t i = 0; i < t.n; i++)
        h = (h ^ (unsigned char)t.p[i]) * 0x100000001B3u; /* FNV-1a */
    return (h ^ 0x1F) * 0x100000001B3u;                   /* a separator between the parts */
}

/* Below 2^53, so that JavaScript keeps it exactly; never 0. */
static uint64_t binding_id(struct text object)
{
    static const char *const parts[] = {"event", "schema", "table", "filter", "select"};
    uint64_t h = 0xCBF29CE484222325u;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        h = hash_text(h, jsontext_get(object, parts[i]));
    h = (h ^ h >> 53) & ((UINT64_C(1) << 53) - 1);
    return h == 0 ? 1 : h;
}

static bool absent(struct text value)
{
    return text_empty(value) || jsontext_kind(value) == JSONTEXT_NULL;
}

/* 0: not an event. */
static unsigned events_of(struct text value)
{
    char name[EVENT_MAX];

    if (absent(value))
        return CHANGE_ALL;
    if (!jsontext_string(value, name, sizeof name, NULL))
        return 0;
    if (strcmp(name, "*") == 0)
        return CHANGE_ALL;
    if (strcasecmp(name, "INSERT") == 0)
        return CHANGE_INSERT;
    if (strcasecmp(name, "UPDATE") == 0)
        return CHANGE_UPDATE;
    return strcasecmp(name, "DELETE") == 0 ? CHANGE_DELETE : 0;
}

/* *name is NULL for "everything"; false: not a name. */
static bool name_of(struct text value, char **name)
{
    char text[BINDING_NAME_MAX];

    *name = NULL;
    if (absent(value))
        return true;
    if (!jsontext_string(value, text, sizeof text, NULL))
        return false;
    if (strcmp(text, "*") == 0 || text[0] == '\0')
        return true;
    *name = strdup(text);
    return *name != NULL;
}

static const char *parse_filter(struct text value, struct filter **out)
{
    char text[FILTER_MAX + 1];
    const char *why;
    size_t n;

    *out = NULL;
    if (absent(value))
        return NULL;
    if (!jsontext_string(value, text, sizeof text, &n))
        return "the filter is not a text of at most 4096 bytes";
    if (n == 0)
        return NULL;
    *out = filter_parse((struct text){text, n}, &why);
    return why;
}

/* Absent, "*" and an empty list are all columns; an array of names narrows them. */
static const char *parse_selection(struct text value, char **out)
{
    struct jsontext_each each;
    struct text name;
    unsigned n = 0;

    *out = NULL;
    if (absent(value) || text_equal(value, TEXT("\"*\"")))
        return NULL;
    if (jsontext_kind(value) != JSONTEXT_ARRAY || value.n > SELECT_MAX)
        return "select is not a list of column names";
    for (jsontext_open(&each, value); jsontext_element(&each, &name); n++)
        if (jsontext_kind(name) != JSONTEXT_STRING)
            return "select is not a list of column names";
    if (n == 0)
        return NULL;
    *out = strndup(value.p, value.n);
    return *out == NULL ? "out of memory" : NULL;
}

/* Bindings that select alike share a selection. Takes over `text`. */
static unsigned find_selection(struct bindings *b, char *text)
{
    for (unsigned i = 0; i < b->n_selections; i++) {
        const char *known = b->selections[i];

        if ((known == NULL) == (text == NULL) && (known == NULL || strcmp(known, text) == 0)) {
            free(text);
            return i;
        }
    }
    b->selections[b->n_selections] = text;
    return b->n_selections++;
}

static void parse_binding(struct bindings *b, struct text object, struct binding *out,
                          const char **problem)
{
    const char *why = NULL;
    char *schema = NULL, *selection = NULL;

    *out = (struct binding){.id = binding_id(object),
                            .events = events_of(jsontext_get(object, "event"))};
    if (out->events == 0)
        why = "the event is none of INSERT, UPDATE, DELETE and *";
    else if (!name_of(jsontext_get(object, "schema"), &schema) ||
             !name_of(jsontext_get(object, "table"), &out->table))
        why = "the schema or table is not a name";
    else
        why = parse_filter(jsontext_get(object, "filter"), &out->filter);
    if (why == NULL)
        why = parse_selection(jsontext_get(object, "select"), &selection);
    out->selection = find_selection(b, selection);
    if (why == NULL && schema != NULL && strcmp(schema, "public") != 0)
        out->events = 0; /* allowed, but nothing ever happens there */
    if (why != NULL) {
        out->events = 0;
        *problem = why;
    }
    free(schema);
}

struct bindings *bindings_parse(struct text array, const char **why)
{
    struct jsontext_each each;
    struct text object;
    struct bindings *b;
    unsigned n = 0;

    *why = "a channel may hold 100 postgres_changes bindings";
    if (jsontext_kind(array) != JSONTEXT_ARRAY)
        array = TEXT("[]");
    for (jsontext_open(&each, array); jsontext_element(&each, &object);)
        if (++n > BINDINGS_MAX)
            return NULL;
    *why = "out of memory";
    b = calloc(1, sizeof *b + n * sizeof b->binding[0]);
    if (b == NULL || (b->selections = calloc(n + 1, sizeof *b->selections)) == NULL) {
        free(b);
        return NULL;
    }
    *why = NULL;
    for (jsontext_open(&each, array); jsontext_element(&each, &object);)
        parse_binding(b, object, &b->binding[b->n++], &b->problem);
    assert(b->n == n);
    return b;
}

void bindings_free(struct bindings *b)
{
    for (unsigned i = 0; b != NULL && i < b->n; i++) {
        free(b->binding[i].table);
        filter_free(b->binding[i].filter);
    }
    for (unsigned i = 0; b != NULL && i < b->n_selections; i++)
        free(b->selections[i]);
    if (b != NULL)
        free(b->selections);
    free(b);
}

static void echo_one(struct frame_writer *w, struct text object, uint64_t id)
{
    struct jsontext_each each;
    struct text name, value;

    frame_puts(w, "{\"id\":");
    frame_number(w, id);
    if (jsontext_kind(object) != JSONTEXT_OBJECT)
        object = TEXT("{}");
    for (jsontext_open(&each, object); jsontext_member(&each, &name, &value);) {
        if (text_equal(name, TEXT("id")))
            continue;
        frame_puts(w, ",\"");
        frame_text(w, name);
        frame_puts(w, "\":");
        frame_text(w, value);
    }
    frame_puts(w, "}");
}

void bindings_echo(struct frame_writer *w, struct text array, const struct bindings *b)
{
    struct jsontext_each each;
    struct text object;
    unsigned i = 0;

    frame_puts(w, "[");
    if (jsontext_kind(array) != JSONTEXT_ARRAY)
        array = TEXT("[]");
    for (jsontext_open(&each, array); i < b->n && jsontext_element(&each, &object); i++) {
        if (i > 0)
            frame_puts(w, ",");
        echo_one(w, object, b->binding[i].id);
    }
    frame_puts(w, "]");
}

static bool wants(const struct binding *b, const struct change *change)
{
    if ((b->events & (unsigned)change->type) == 0)
        return false;
    if (b->table != NULL && !text_equal(text_of(b->table), change->table))
        return false;
    return b->filter == NULL ||
           filter_match(b->filter, change->record, change->type == CHANGE_DELETE);
}

static bool contains(const uint64_t *ids, unsigned n, uint64_t id)
{
    for (unsigned i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

unsigned bindings_match(const struct bindings *b, unsigned selection, const struct change *change,
                        uint64_t ids[BINDINGS_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < b->n; i++)
        if (b->binding[i].selection == selection && wants(&b->binding[i], change) &&
            !contains(ids, n, b->binding[i].id))
            ids[n++] = b->binding[i].id;
    return n;
}

bool bindings_select(const char *selection, struct text column)
{
    struct jsontext_each each;
    struct text name;

    for (jsontext_open(&each, text_of(selection)); jsontext_element(&each, &name);)
        if (name.n == column.n + 2 && memcmp(name.p + 1, column.p, column.n) == 0)
            return true;
    return false;
}

bool bindings_watch(const struct bindings *b, struct text table)
{
    bool every = text_empty(table) || text_equal(table, TEXT("*"));

    for (unsigned i = 0; i < b->n; i++)
        if (b->binding[i].events != 0 && (every || b->binding[i].table == NULL ||
                                          text_equal(text_of(b->binding[i].table), table)))
            return true;
    return false;
}
