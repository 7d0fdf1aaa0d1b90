#include "realtime/filter.h"

#include <assert.h>
#include <stdlib.h>

#include "realtime/compare.h"
#include "realtime/limits.h"
#include "runtime/jsontext.h"

enum operator{
    OP_EQ,
    OP_NEQ,
    OP_LT,
    OP_LTE,
    OP_GT,
    OP_GTE,
    OP_IN,
    OP_LIKE,
    OP_ILIKE,
    OP_IS,
    OP_COUNT
};

static const char *const operators[OP_COUNT] = {
    [OP_EQ] = "eq",   [OP_NEQ] = "neq", [OP_LT] = "lt",     [OP_LTE] = "lte",     [OP_GT] = "gt",
    [OP_GTE] = "gte", [OP_IN] = "in",   [OP_LIKE] = "like", [OP_ILIKE] = "ilike", [OP_IS] = "is",
};

struct condition {
    char *column;
    enum operator op;
    bool negated;
    unsigned first, n_values; /* of filter.values */
};

struct filter {
    char *text; /* a copy in which values are unquoted and NUL-terminated in place */
    unsigned n, n_values;
    struct condition condition[FILTER_TERMS_MAX];
    struct text values[]; /* FILTER_VALUES_MAX while parsing, then as many as there are */
};

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Recognises `column=[not.]op.` at p; what comes behind it, or NULL. */
static char *head(char *p, char *end, struct condition *c)
{
    char *s = p;

    while (s < end && name_char(*s))
        s++;
    if (s == p || s == end || *s != '=')
        return NULL;
    c->column = p;
    c->negated = false;
    s++;
    if (end - s > 4 && memcmp(s, "not.", 4) == 0) {
        c->negated = true;
        s += 4;
    }
    for (unsigned op = 0; op < OP_COUNT; op++) {
        size_t n = strlen(operators[op]);

        if ((size_t)(end - s) > n && memcmp(s, operators[op], n) == 0 && s[n] == '.') {
            c->op = (enum operator)op;
            return s + n + 1;
        }
    }
    return NULL;
}

/* Where the condition that has its value at p ends: at a comma, outside quotes and parentheses, that another condition
 * follows; else at the end. */
static char *tail(char *p, char *end)
{
    bool quoted = false;
    int depth = 0;

    for (; p < end; p++) {
        struct condition ignored;

        if (*p == '\\' && quoted && p + 1 < end)
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (!quoted && *p == '(')
            depth++;
        else if (!quoted && *p == ')' && depth > 0)
            depth--;
        else if (!quoted && depth == 0 && *p == ',' && head(p + 1, end, &ignored) != NULL)
            return p;
    }
    return end;
}

/* Removes quotes and backslashes in place. */
static struct text unquote(char *p, char *end)
{
    char *out = p;

    assert(p <= end);
    if (end - p < 2 || *p != '"' || end[-1] != '"')
        return (struct text){p, (size_t)(end - p)};
    for (char *s = p + 1; s < end - 1; s++) {
        if (*s == '\\' && s + 1 < end - 1)
            s++;
        *out++ = *s;
    }
    return (struct text){p, (size_t)(out - p)};
}

static bool add_value(struct filter *f, struct condition *c, char *p, char *end)
{
    if (c->op ==
        OP_IN) { /* a list is read as PostgreSQL reads an array: blanks around a value do not count */
        while (p < end && *p == ' ')
            p++;
        while (end > p && end[-1] == ' ')
            end--;
    }
    if (f->n_values == FILTER_VALUES_MAX)
        return false;
    f->values[f->n_values++] = unquote(p, end);
    c->n_values++;
    return true;
}

/* (a,b,"c,d") */
static const char *add_list(struct filter *f, struct condition *c, char *p, char *end)
{
    bool quoted = false;
    char *start;

    if (end - p < 2 || *p != '(' || end[-1] != ')')
        return "in needs a list: in.(a,b)";
    end--;
    start = ++p;
    for (;; p++) {
        if (p < end && *p == '\\' && quoted && p + 1 < end) {
            p++;
        } else if (p < end && *p == '"') {
            quoted = !quoted;
        } else if (p == end || (*p == ',' && !quoted)) {
            if (!add_value(f, c, start, p))
                return "a filter may hold 100 values";
            if (p == end)
                return quoted ? "a quote is not closed" : NULL;
            start = p + 1;
        }
    }
}

static bool is_word(struct text t)
{
    static const char *const words[] = {"null", "not_null", "true", "false", "unknown"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (text_equal(t, text_of(words[i])))
            return true;
    return false;
}

static const char *parse_conditions(struct filter *f, char *p, char *end)
{
    while (p < end) {
        struct condition *c = &f->condition[f->n];
        char *value, *stop;

        if (f->n == FILTER_TERMS_MAX)
            return "a filter may join 8 conditions";
        if ((value = head(p, end, c)) == NULL)
            return "a filter is column=operator.value";
        stop = tail(value, end);
        strchr(c->column, '=')[0] = '\0';
        c->first = f->n_values;
        c->n_values = 0;
        if (c->op == OP_IN) {
            const char *why = add_list(f, c, value, stop);

            if (why != NULL)
                return why;
        } else if (!add_value(f, c, value, stop)) {
            return "a filter may hold 100 values";
        }
        if (c->op == OP_IS && !is_word(f->values[c->first]))
            return "is takes null, not_null, true, false or unknown";
        f->n++;
        p = stop < end ? stop + 1 : end;
    }
    return f->n == 0 ? "the filter is empty" : NULL;
}

struct filter *filter_parse(struct text text, const char **why)
{
    struct filter *f, *fitted;

    *why = "the filter is too long";
    if (text.n > FILTER_MAX)
        return NULL;
    *why = "out of memory";
    f = calloc(1, sizeof *f + FILTER_VALUES_MAX * sizeof f->values[0]);
    if (f == NULL || (f->text = strndup(text.p, text.n)) == NULL) {
        free(f);
        return NULL;
    }
    *why = parse_conditions(f, f->text, f->text + text.n);
    if (*why != NULL) {
        filter_free(f);
        return NULL;
    }
    fitted = realloc(f, sizeof *f + f->n_values * sizeof f->values[0]);
    return fitted != NULL ? fitted : f;
}

void filter_free(struct filter *f)
{
    if (f == NULL)
        return;
    free(f->text);
    free(f);
}

static bool like(struct text value, struct text pattern, bool fold)
{
    char decoded[FILTER_MAX * 4];
    size_t n;

    return jsontext_string(value, decoded, sizeof decoded, &n) &&
           compare_like((struct text){decoded, n}, pattern, fold);
}

static bool is(struct text value, struct text word)
{
    enum jsontext_kind kind = jsontext_kind(value);
    bool null = kind == JSONTEXT_NULL || kind == JSONTEXT_NONE;

    switch (word.p[0]) {
    case 'n':
        return word.n == strlen("null") ? null : !null;
    case 't':
        return kind == JSONTEXT_TRUE;
    case 'f':
        return kind == JSONTEXT_FALSE;
    default:
        return null;
    }
}

static bool is_in(const struct filter *f, const struct condition *c, struct text value)
{
    for (unsigned i = 0; i < c->n_values; i++)
        if (compare_value(value, f->values[c->first + i]) == EQUAL)
            return true;
    return false;
}

/* Without `not`; the value is present and not null. */
static bool holds(const struct filter *f, const struct condition *c, struct text value,
                  enum comparison order)
{
    switch (c->op) {
    case OP_EQ:
        return order == EQUAL;
    case OP_NEQ:
        return order != EQUAL;
    case OP_LT:
        return order == LESS;
    case OP_LTE:
        return order == LESS || order == EQUAL;
    case OP_GT:
        return order == GREATER;
    case OP_GTE:
        return order == GREATER || order == EQUAL;
    case OP_IN:
        return is_in(f, c, value);
    case OP_LIKE:
        return like(value, f->values[c->first], false);
    case OP_ILIKE:
        return like(value, f->values[c->first], true);
    default:
        assert(false && "is was handled before");
        return false;
    }
}

static bool condition_match(const struct filter *f, const struct condition *c, struct text record,
                            bool keys_only)
{
    struct text value = jsontext_get(record, c->column), operand = f->values[c->first];
    enum comparison order = EQUAL;

    if (text_empty(value) && keys_only)
        return true;
    if (c->op == OP_IS)
        return is(value, operand) != c->negated;
    if (text_empty(value) || jsontext_kind(value) == JSONTEXT_NULL)
        return false; /* NULL: neither the condition nor its negation */
    if (c->op <= OP_GTE) {
        order = compare_value(value, operand);
        if (order == UNRELATED)
            return false;
    }
    return holds(f, c, value, order) != c->negated;
}

bool filter_match(const struct filter *f, struct text record, bool keys_only)
{
    for (unsigned i = 0; i < f->n; i++)
        if (!condition_match(f, &f->condition[i], record, keys_only))
            return false;
    return true;
}
