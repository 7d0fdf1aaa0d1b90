#include "api/answer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/hmac.h"
#include "base/json_out.h"

/* The first row whose state is a prefix, and whose hint is the error's, decides. */
static const struct {
    const char *sqlstate, *hint;
    unsigned status;
    const char *code;
    const char *message; /* NULL: what the statement said, which was written for people */
} table[] = {
    {"", "conflict", 409, "CONFLICT", NULL},
    {"", "not_found", 404, "NOT_FOUND", NULL},
    {"", "validation", 400, "VALIDATION_ERROR", NULL},
    {"42501", "", 403, "FORBIDDEN", NULL},
    {"P0001", "", 400, "VALIDATION_ERROR", NULL},
    {"22023", "", 400, "VALIDATION_ERROR", NULL}, /* invalid_parameter_value: names what it was */
    {"22", "", 400, "VALIDATION_ERROR", "a value is not one that can be stored"},
    {"23505", "", 409, "CONFLICT", "this exists already"},
    {"23503", "", 409, "CONFLICT",
     "something that this refers to does not exist, or is still in use"},
    {"23", "", 400, "VALIDATION_ERROR", "a value is not one that is allowed here"},
    {"57014", "", 504, "TIMEOUT", "this took too long: ask for less at once"},
    {"08", "", 503, "UNAVAILABLE", "the database cannot be reached at the moment: try again"},
    {"57P", "", 503, "UNAVAILABLE", "the database is restarting: try again"},
    {"53", "", 503, "UNAVAILABLE", "the database has no room for this at the moment: try again"},
    {"40", "", 503, "UNAVAILABLE", "others were changing the same at this moment: try again"},
    {"25006", "", 503, "UNAVAILABLE", "the database takes no changes at the moment: try again"},
    {"55P03", "", 503, "UNAVAILABLE", "others were changing the same at this moment: try again"},
    {"", "", 500, "INTERNAL", "something went wrong here; the request id tells us what"},
};

/* PostgreSQL's own sentences name tables and policies, which are not for people. */
static bool is_own_words(const char *message)
{
    return strncmp(message, "permission denied", 17) == 0 ||
           strstr(message, "row-level security") != NULL;
}

struct fault answer_of_sql(const struct sql_error *e)
{
    size_t i = 0;
    struct fault f;

    while (strncmp(e->sqlstate, table[i].sqlstate, strlen(table[i].sqlstate)) != 0 ||
           (*table[i].hint != '\0' && strcmp(table[i].hint, e->hint) != 0))
        i++; /* the last row fits all */
    f = (struct fault){table[i].status, table[i].code, table[i].message, e->column, NULL};
    if (f.message == NULL) {
        bool own = is_own_words(e->message);

        f.message = own ? "you have no right to do this" : e->message;
        f.detail = own ? NULL : e->detail;
    }
    return f;
}

bool answer_try_again(const char *sqlstate, bool reads)
{
    return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0 ||
           (reads && strncmp(sqlstate, "08", 2) == 0);
}

size_t answer_error(const struct fault *f, char out[ANSWER_ERROR_MAX])
{
    char memory[2 * ANSWER_ERROR_MAX] __attribute__((aligned(16)));
    struct arena arena;
    struct json_out error, details;
    struct text text;
    int n;

    arena_init(&arena, memory, sizeof memory);
    json_out_open(&details, &arena, '{');
    if (f->field != NULL && *f->field != '\0')
        json_out_text(&details, "field", text_of(f->field));
    if (f->detail != NULL && *f->detail != '\0')
        json_out_text(&details, "detail", text_of(f->detail));
    text = json_out_close(&details);
    json_out_open(&error, &arena, '{');
    json_out_text(&error, "code", text_of(f->code));
    json_out_text(&error, "message", text_of(f->message));
    json_out_raw(&error, "details", text);
    text = json_out_close(&error);
    if (text.p == NULL) /* our sentences are shorter than that */
        text = TEXT("{\"code\":\"INTERNAL\",\"message\":\"\",\"details\":{}}");
    n = snprintf(out, ANSWER_ERROR_MAX, "{\"error\":%.*s}", (int)text.n, text.p);
    return (size_t)n < ANSWER_ERROR_MAX ? (size_t)n : ANSWER_ERROR_MAX - 1;
}

void answer_tag(const char *body, size_t len, char out[ANSWER_TAG_SIZE])
{
    uint8_t digest[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];

    digest_of(digest, body, len);
    hex_encode(hex, digest, DIGEST_SIZE);
    snprintf(out, ANSWER_TAG_SIZE, "W/\"%s\"", hex);
}

/* RFC 9110, 13.1.2: "*", or a list; compared weakly, so "W/" does not count. */
bool answer_tag_matches(const char *if_none_match, const char *tag)
{
    const char *opaque = tag + 2;

    if (if_none_match == NULL)
        return false;
    return strstr(if_none_match, opaque) != NULL ||
           if_none_match[strspn(if_none_match, " ")] == '*';
}

/* What an element of the list says: its weight is not zero. */
static bool is_wanted(const char *element, size_t n)
{
    const char *q = memmem(element, n, "q=", 2);

    return q == NULL || strtod(q + 2, NULL) > 0;
}

/* RFC 9110, 12.5.3: "gzip", "gzip;q=0.5", "*"; what is said of gzip by name counts more than what is said of all. */
bool answer_takes_gzip(const char *accept_encoding)
{
    bool any = false;

    for (const char *p = accept_encoding == NULL ? "" : accept_encoding; *p != '\0';) {
        size_t n, word;

        p += strspn(p, " \t,");
        n = strcspn(p, ",");
        word = strcspn(p, "; \t,");
        if (word == 4 && strncasecmp(p, "gzip", 4) == 0)
            return is_wanted(p, n);
        if (word == 1 && *p == '*')
            any = is_wanted(p, n);
        p += n;
    }
    return any;
}
