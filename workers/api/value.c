#include "api/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "base/utf8.h"
#include "runtime/jsontext.h"

enum { DIGITS_MAX = 15, DAY_LEN = 10, CLOCK_LEN = 5, UUID_LEN = 36, LISTED_MAX = 200 };

const char *value_refuse(struct problem *problem, const char *field, const char *format, ...)
{
    va_list args;
    int n;

    snprintf(problem->field, sizeof problem->field, "%s", field);
    n = snprintf(problem->text, sizeof problem->text, "%.*s%s", VALUE_FIELD_MAX - 1, field,
                 *field != '\0' ? " " : "");
    va_start(args, format);
    vsnprintf(problem->text + n, sizeof problem->text - (size_t)n, format, args);
    va_end(args);
    return NULL;
}

/* "a|b|c" as people read it: "a, b, c". */
static const char *listed(const char *choices, char out[LISTED_MAX])
{
    size_t n = 0;

    for (; *choices != '\0' && n < LISTED_MAX - 2; choices++) {
        out[n++] = *choices == '|' ? ',' : *choices;
        if (*choices == '|')
            out[n++] = ' ';
    }
    out[n] = '\0';
    return out;
}

int value_choice(const char *choices, struct text word)
{
    for (int no = 0;; no++) {
        size_t n = strcspn(choices, "|");

        if (text_equal((struct text){choices, n}, word))
            return no;
        choices += n;
        if (*choices++ == '\0')
            return -1;
    }
}

static bool all_digits(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < '0' || p[i] > '9')
            return false;
    return n > 0;
}

static bool is_uuid(struct text t)
{
    for (size_t i = 0; i < t.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? t.p[i] != '-'
                 : strchr("0123456789abcdefABCDEF", t.p[i]) == NULL || t.p[i] == '\0')
            return false;
    }
    return t.n == UUID_LEN;
}

static bool is_int(struct text t, int64_t *out)
{
    bool minus = t.n > 0 && t.p[0] == '-';

    if (!all_digits(t.p + minus, t.n - minus) || t.n - minus > DIGITS_MAX)
        return false;
    *out = strtoll(t.p, NULL, 10); /* ends at the first byte that is no digit, or at the NUL */
    return true;
}

static bool is_decimal(struct text t)
{
    const char *point = memchr(t.p, '.', t.n);
    size_t whole = point == NULL ? t.n : (size_t)(point - t.p), rest = t.n - whole;

    return all_digits(t.p, whole) && whole <= DIGITS_MAX &&
           (point == NULL || (all_digits(point + 1, rest - 1) && rest - 1 <= DIGITS_MAX));
}

/* A day is a moment without its clock, so what knows moments knows which days there are. */
static bool is_day(struct text t)
{
    char text[DAY_LEN + sizeof "T00:00:00Z"];
    int64_t us;

    if (t.n != DAY_LEN)
        return false;
    memcpy(text, t.p, DAY_LEN);
    memcpy(text + DAY_LEN, "T00:00:00Z", sizeof "T00:00:00Z");
    return time_parse(text_of(text), &us);
}

static bool is_clock(struct text t)
{
    return t.n == CLOCK_LEN && t.p[2] == ':' && all_digits(t.p, 2) && all_digits(t.p + 3, 2) &&
           (t.p[0] - '0') * 10 + t.p[1] - '0' < 24 && t.p[3] < '6';
}

static size_t characters(struct text t)
{
    size_t n = 0;

    for (size_t i = 0; i < t.n; i++)
        n += ((unsigned char)t.p[i] & 0xC0) != 0x80;
    return n;
}

static const char *check_text(const struct api_param *p, struct text t, struct problem *problem)
{
    int64_t max = p->max > 0 ? p->max : API_TEXT_DEFAULT, n;

    if (!utf8_storable(t))
        return value_refuse(problem, p->name, "must be UTF-8 text without NUL characters");
    n = (int64_t)characters(t);
    if (n < p->min)
        return value_refuse(problem, p->name, p->min == 1 ? "must not be empty" : "is too short");
    if (n > max)
        return value_refuse(problem, p->name, "must have at most %lld characters", (long long)max);
    return "";
}

static const char *check_int(const struct api_param *p, struct text t, struct problem *problem)
{
    int64_t n;

    if (is_int(t, &n) && n >= p->min && n <= p->max)
        return "";
    return value_refuse(problem, p->name, "must be a whole number from %lld to %lld",
                        (long long)p->min, (long long)p->max);
}

/* NULL: refused. What it returns else means nothing. */
static const char *check(const struct api_param *p, struct text t, struct problem *problem)
{
    char list[LISTED_MAX];
    int64_t us;

    switch (p->type) {
    case API_TEXT:
        return check_text(p, t, problem);
    case API_INT:
        return check_int(p, t, problem);
    case API_UUID:
        return is_uuid(t) ? "" : value_refuse(problem, p->name, "must be a UUID");
    case API_ENUM:
        if (value_choice(p->choices, t) >= 0)
            return "";
        return value_refuse(problem, p->name, "must be one of %s", listed(p->choices, list));
    case API_BOOL:
        if (value_choice("true|false", t) >= 0)
            return "";
        return value_refuse(problem, p->name, "must be true or false");
    case API_DECIMAL:
        return is_decimal(t) ? ""
                             : value_refuse(problem, p->name,
                                            "must be a number of at least 0, such as 99.50");
    case API_DAY:
        return is_day(t) ? "" : value_refuse(problem, p->name, "must be a day, such as 2026-11-28");
    case API_DAY_OR_TIME:
        return is_day(t) || time_parse(t, &us)
                   ? ""
                   : value_refuse(problem, p->name,
                                  "must be a day, such as 2026-11-28, or a time, such as "
                                  "2026-11-28T10:00:00Z");
    case API_CLOCK:
        return is_clock(t) ? ""
                           : value_refuse(problem, p->name, "must be a time of day, such as 09:30");
    case API_CHOICES:
    case API_OBJECT:
        break; /* only in bodies */
    }
    return value_refuse(problem, p->name, "cannot stand here");
}

const char *value_of_text(const struct api_param *p, struct text text, struct arena *arena,
                          struct problem *problem)
{
    const char *copy = arena_copy(arena, text.p, text.n); /* NUL-terminated: numbers end there */

    return check(p, (struct text){copy, text.n}, problem) == NULL ? NULL : copy;
}

/* ---- JSON ---- */

static const char *check_choices(const struct api_param *p, struct text json,
                                 struct problem *problem)
{
    char list[LISTED_MAX], word[64];
    struct jsontext_each each;
    struct text element;
    uint64_t seen = 0;

    if (jsontext_kind(json) != JSONTEXT_ARRAY)
        return value_refuse(problem, p->name, "must be an array of %s", listed(p->choices, list));
    for (jsontext_open(&each, json); jsontext_element(&each, &element);) {
        size_t n = 0;
        int no = jsontext_string(element, word, sizeof word, &n)
                     ? value_choice(p->choices, (struct text){word, n})
                     : -1;

        if (no < 0)
            return value_refuse(problem, p->name, "may hold only %s", listed(p->choices, list));
        if (seen >> no & 1)
            return value_refuse(problem, p->name, "holds \"%s\" twice", word);
        seen |= UINT64_C(1) << no;
    }
    return "";
}

static const struct api_param *find_field(const struct api_param *fields, struct text name)
{
    for (const struct api_param *f = fields; f->name != NULL; f++)
        if (text_equal(text_of(f->name), name))
            return f;
    return NULL;
}

static const char *check_fields(const struct api_param *p, struct text json, struct arena *arena,
                                struct problem *problem)
{
    struct jsontext_each each;
    struct text name, value;
    struct problem inner;

    for (jsontext_open(&each, json); jsontext_member(&each, &name, &value);) {
        const struct api_param *f = find_field(p->fields, name);
        bool null = false;
        char field[VALUE_FIELD_MAX];

        if (f == NULL)
            return value_refuse(problem, p->name, "has no member \"%.*s\"",
                                (int)(name.n < 64 ? name.n : 64), name.p);
        if (value_of_json(f, value, arena, &null, &inner) == NULL && !null) {
            snprintf(field, sizeof field, "%.60s.%.60s", p->name, inner.field);
            return value_refuse(problem, field, "%s", inner.text + strlen(inner.field) + 1);
        }
    }
    return "";
}

/* jsonb takes neither the escape of U+0000 nor a lone surrogate: both are found where strings are decoded. */
static bool is_storable_json(struct text json, char *room, size_t size)
{
    struct jsontext_each each;
    struct text name, value;
    size_t n;

    switch (jsontext_kind(json)) {
    case JSONTEXT_STRING:
        return jsontext_string(json, room, size, &n);
    case JSONTEXT_ARRAY:
        for (jsontext_open(&each, json); jsontext_element(&each, &value);)
            if (!is_storable_json(value, room, size))
                return false;
        return true;
    case JSONTEXT_OBJECT:
        for (jsontext_open(&each, json); jsontext_member(&each, &name, &value);)
            if (!jsontext_string((struct text){name.p - 1, name.n + 2}, room, size, &n) ||
                !is_storable_json(value, room, size))
                return false;
        return true;
    default:
        return true;
    }
}

static const char *object_of(const struct api_param *p, struct text json, struct arena *arena,
                             struct problem *problem)
{
    char *room;

    if (jsontext_kind(json) != JSONTEXT_OBJECT)
        return value_refuse(problem, p->name, "must be a JSON object");
    room = arena_alloc(arena, json.n + 1);
    if (room == NULL || !is_storable_json(json, room, json.n + 1))
        return value_refuse(problem, p->name,
                            "holds a character that cannot be stored (\\u0000, or "
                            "half of a surrogate pair)");
    if (p->fields != NULL && check_fields(p, json, arena, problem) == NULL)
        return NULL;
    return arena_copy(arena, json.p, json.n);
}

static const char *string_of(const struct api_param *p, struct text json, struct arena *arena,
                             struct problem *problem)
{
    char *room = arena_alloc(arena, json.n + 1);
    size_t n = 0;

    if (room == NULL || jsontext_kind(json) != JSONTEXT_STRING)
        return value_refuse(problem, p->name, "must be a string");
    if (!jsontext_string(json, room, json.n + 1, &n))
        return value_refuse(problem, p->name,
                            "holds a character that cannot be stored (\\u0000, or "
                            "half of a surrogate pair)");
    return check(p, (struct text){room, n}, problem) == NULL ? NULL : room;
}

const char *value_of_json(const struct api_param *p, struct text json, struct arena *arena,
                          bool *null, struct problem *problem)
{
    enum jsontext_kind kind = jsontext_kind(json);

    *null = kind == JSONTEXT_NULL && p->nullable;
    if (*null)
        return NULL;
    switch (p->type) {
    case API_BOOL:
        if (kind != JSONTEXT_TRUE && kind != JSONTEXT_FALSE)
            return value_refuse(problem, p->name, "must be true or false");
        return arena_copy(arena, json.p, json.n);
    case API_INT:
    case API_DECIMAL:
        if (kind == JSONTEXT_NUMBER)
            return value_of_text(p, json, arena, problem);
        return check(p, TEXT(""), problem); /* says what is accepted */
    case API_CHOICES:
        return check_choices(p, json, problem) == NULL ? NULL : arena_copy(arena, json.p, json.n);
    case API_OBJECT:
        return object_of(p, json, arena, problem);
    default:
        return string_of(p, json, arena, problem);
    }
}
