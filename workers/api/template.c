#include "api/template.h"

#include <stdio.h>
#include <string.h>

enum { SUBSTITUTE_MAX = 64 }; /* bytes of a column's name or an order */

struct expansion {
    const struct template_in *in;
    struct template_out *out;
    char *error;
};

/* A ":x" of two bytes may become a column's name, so a text may grow by much: per colon, once. */
size_t template_room(const char *sql)
{
    size_t colons = 0;

    for (const char *p = sql; *p != '\0'; p++)
        colons += *p == ':';
    return strlen(sql) + colons * SUBSTITUTE_MAX + 1;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static int find_name(const struct template_in *in, const char *name, size_t n)
{
    for (unsigned i = 0; i < in->n_names; i++)
        if (strncmp(in->names[i], name, n) == 0 && in->names[i][n] == '\0')
            return (int)i;
    return -1;
}

static bool fault(struct expansion *x, const char *what, const char *name, size_t n)
{
    snprintf(x->error, TEMPLATE_ERROR_MAX, "%s: %.*s", what, (int)(n < 60 ? n : 60), name);
    return false;
}

static void put(struct template_out *out, const char *text, size_t n)
{
    memcpy(out->text + out->len, text, n);
    out->len += n;
}

/* The number behind "$" for parameter `i`, the same at each place. 0: too many. */
static unsigned place_of(struct template_out *out, int i)
{
    for (unsigned k = 0; k < out->n_places; k++)
        if (out->places[k] == i)
            return k + 1;
    if (out->n_places == TEMPLATE_PLACES_MAX)
        return 0;
    out->places[out->n_places++] = (uint8_t)i;
    return out->n_places;
}

/* `name` stands behind a colon. */
static bool put_parameter(struct expansion *x, const char *name, size_t n)
{
    bool sort = n == 4 && memcmp(name, "sort", n) == 0,
         order = n == 5 && memcmp(name, "order", n) == 0;
    const char *word = sort ? x->in->sort : order ? x->in->order : NULL;
    char number[16];
    unsigned k;
    int i;

    if (sort || order) {
        if (word == NULL || strlen(word) > SUBSTITUTE_MAX)
            return fault(x, "only lists are sorted", name, n);
        put(x->out, word, strlen(word));
        return true;
    }
    i = find_name(x->in, name, n);
    if (i < 0)
        return fault(x, "no such parameter", name, n);
    if ((x->in->given >> i & 1) == 0)
        return fault(x, "used on a line that is there without it", name, n);
    k = place_of(x->out, i);
    if (k == 0)
        return fault(x, "too many parameters", name, n);
    put(x->out, number, (size_t)snprintf(number, sizeof number, "$%u", k));
    return true;
}

/* Cuts "-- if name" off the line's end. False in *stays: the line goes. */
static bool condition(struct expansion *x, const char *line, size_t *n, bool *stays)
{
    static const char mark[] = "-- if ";
    const char *at = memmem(line, *n, mark, sizeof mark - 1), *name, *end = line + *n;
    bool wanted = true;
    int i;

    *stays = true;
    if (at == NULL)
        return true;
    name = at + sizeof mark - 1;
    if (name < end && *name == '!') {
        wanted = false;
        name++;
    }
    while (end > name && end[-1] == ' ')
        end--;
    i = find_name(x->in, name, (size_t)(end - name));
    if (i < 0)
        return fault(x, "no such parameter behind \"-- if\"", name, (size_t)(end - name));
    *stays = (x->in->given >> i & 1) == wanted;
    *n = (size_t)(at - line);
    return true;
}

static bool put_line(struct expansion *x, const char *line, size_t n)
{
    bool quoted = false;

    for (size_t i = 0; i < n; i++) {
        size_t end = i + 1;

        quoted ^= line[i] == '\'';
        if (quoted || line[i] != ':' || end == n || !is_name(line[end])) {
            put(x->out, line + i, 1);
            if (!quoted && line[i] == ':' && end < n && line[end] == ':') /* a cast: both of them */
                put(x->out, line + i++, 1);
            continue;
        }
        while (end < n && is_name(line[end]))
            end++;
        if (!put_parameter(x, line + i + 1, end - i - 1))
            return false;
        i = end - 1;
    }
    put(x->out, "\n", 1);
    return true;
}

bool template_expand(const struct template_in *in, char *room, struct template_out *out,
                     char error[TEMPLATE_ERROR_MAX])
{
    struct expansion x = {in, out, error};
    const char *line = in->sql;

    *out = (struct template_out){.text = room};
    while (*line != '\0') {
        size_t n = strcspn(line, "\n"), whole = n, indent = strspn(line, " ");
        bool stays = true;

        if (strncmp(line + indent, "--", 2) == 0)
            stays = false;
        else if (!condition(&x, line, &n, &stays))
            return false;
        if (stays && !put_line(&x, line, n))
            return false;
        line += whole + (line[whole] == '\n');
    }
    out->text[out->len] = '\0';
    return true;
}
