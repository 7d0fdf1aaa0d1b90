#include "api/openapi.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/assets.h"

#define SCHEMAS "schema/api/schemas.json"

/* A text in quotes. Ours are plain: only quotes and backslashes need care. */
static void quoted(FILE *out, const char *text, size_t n)
{
    putc('"', out);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"' || text[i] == '\\')
            putc('\\', out);
        putc(text[i], out);
    }
    putc('"', out);
}

static void member(FILE *out, const char *name, const char *text)
{
    fprintf(out, "\"%s\":", name);
    quoted(out, text, strlen(text));
}

static void choices(FILE *out, const char *list)
{
    fputs("\"enum\":[", out);
    for (;; list++) {
        size_t n = strcspn(list, "|");

        quoted(out, list, n);
        list += n;
        if (*list == '\0')
            break;
        putc(',', out);
    }
    putc(']', out);
}

/* ---- what a value may be ---- */

static void schema(FILE *out, const struct api_param *p);

static void object_schema(FILE *out, const struct api_param *fields)
{
    fputs("\"type\":\"object\"", out);
    if (fields == NULL)
        return;
    fputs(",\"additionalProperties\":false,\"properties\":{", out);
    for (const struct api_param *f = fields; f->name != NULL; f++) {
        fprintf(out, "%s\"%s\":", f == fields ? "" : ",", f->name);
        schema(out, f);
    }
    putc('}', out);
}

static void text_schema(FILE *out, const struct api_param *p)
{
    fprintf(out, "\"type\":%s", p->nullable ? "[\"string\",\"null\"]" : "\"string\"");
    if (p->min > 0)
        fprintf(out, ",\"minLength\":%lld", (long long)p->min);
    fprintf(out, ",\"maxLength\":%lld", (long long)(p->max > 0 ? p->max : API_TEXT_DEFAULT));
}

static void type_schema(FILE *out, const struct api_param *p)
{
    switch (p->type) {
    case API_TEXT:
        text_schema(out, p);
        return;
    case API_UUID:
        fputs("\"type\":\"string\",\"format\":\"uuid\"", out);
        return;
    case API_ENUM:
        fputs("\"type\":\"string\",", out);
        choices(out, p->choices);
        return;
    case API_BOOL:
        fputs("\"type\":\"boolean\"", out);
        return;
    case API_INT:
        fprintf(out, "\"type\":\"integer\",\"minimum\":%lld,\"maximum\":%lld", (long long)p->min,
                (long long)p->max);
        return;
    case API_DECIMAL:
        fputs("\"type\":\"number\",\"minimum\":0", out);
        return;
    case API_DAY:
        fputs("\"type\":\"string\",\"format\":\"date\"", out);
        return;
    case API_DAY_OR_TIME:
        fputs("\"type\":\"string\",\"anyOf\":[{\"format\":\"date\"},{\"format\":\"date-time\"}]",
              out);
        return;
    case API_CLOCK:
        fputs("\"type\":\"string\",\"pattern\":\"^([01][0-9]|2[0-3]):[0-5][0-9]$\"", out);
        return;
    case API_CHOICES:
        fputs("\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"type\":\"string\",", out);
        choices(out, p->choices);
        putc('}', out);
        return;
    case API_OBJECT:
        object_schema(out, p->fields);
        return;
    }
}

static void schema(FILE *out, const struct api_param *p)
{
    bool plain = p->type == API_INT || p->type == API_BOOL;

    putc('{', out);
    type_schema(out, p);
    if (p->fallback != NULL) {
        fputs(",\"default\":", out);
        if (plain)
            fputs(p->fallback, out);
        else
            quoted(out, p->fallback, strlen(p->fallback));
    }
    if (p->help != NULL) {
        putc(',', out);
        member(out, "description", p->help);
    }
    putc('}', out);
}

/* ---- an operation ---- */

static void parameters(FILE *out, const struct plan *plan)
{
    fputs("\"parameters\":[{\"$ref\":\"#/components/parameters/OrganizationId\"}", out);
    for (unsigned i = 0; i < plan->n; i++) {
        const struct api_param *p = &plan->params[i];

        if (p->in == API_IN_BODY || (plan->list && i == plan->offset))
            continue;
        fprintf(out, ",{\"name\":\"%s\",\"in\":\"%s\",\"required\":%s,\"schema\":", p->name,
                p->in == API_IN_PATH ? "path" : "query", p->in == API_IN_PATH ? "true" : "false");
        schema(out, p);
        putc('}', out);
    }
    putc(']', out);
}

static void request_body(FILE *out, const struct plan *plan)
{
    const struct api_endpoint *e = plan->endpoint;
    const char *comma = "";

    if (!plan->body)
        return;
    fputs(",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{",
          out);
    object_schema(out, e->params); /* an endpoint with a body has no query */
    if (e->some)
        fputs(",\"minProperties\":1", out);
    for (const struct api_param *p = e->params; p->name != NULL; p++) {
        if (!p->required)
            continue;
        fprintf(out, "%s\"%s\"", *comma == '\0' ? ",\"required\":[" : comma, p->name);
        comma = ",";
    }
    fputs(*comma == '\0' ? "}}}}" : "]}}}}", out);
}

static void success(FILE *out, const struct api_endpoint *e)
{
    static const char *const shapes[][2] = {
        [API_ANSWER_OBJECT] =
            {"{\"type\":\"object\",\"required\":[\"data\"],\"properties\":{\"data\":", "}}"},
        [API_ANSWER_LIST] =
            {"{\"type\":\"object\",\"required\":[\"data\",\"pagination\"],\"properties\":{"
             "\"pagination\":{\"$ref\":\"#/components/schemas/Pagination\"},"
             "\"data\":{\"type\":\"array\",\"items\":",
             "}}}"},
        [API_ANSWER_ARRAY] = {"{\"type\":\"object\",\"required\":[\"data\"],\"properties\":{"
                              "\"data\":{\"type\":\"array\",\"items\":",
                              "}}}"},
        [API_ANSWER_BARE] = {"", ""},
    };

    fprintf(out, "\"%u\":{", e->status);
    member(out, "description", e->answer == API_ANSWER_NOTHING ? "done" : e->summary);
    if (e->answer != API_ANSWER_NOTHING)
        fprintf(out,
                ",\"content\":{\"application/json\":{\"schema\":%s{\"$ref\":"
                "\"#/components/schemas/%s\"}%s}}",
                shapes[e->answer][0], e->schema, shapes[e->answer][1]);
    putc('}', out);
}

static void error_response(FILE *out, unsigned status)
{
    fprintf(out, ",\"%u\":{\"$ref\":\"#/components/responses/Error\"}", status);
}

static void responses(FILE *out, const struct api_endpoint *e)
{
    static const unsigned errors[] = {400, 401, 403, 404, 409, 429, 500, 503, 504};

    fputs(",\"responses\":{", out);
    success(out, e);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        error_response(out, errors[i]);
    if (e->link)
        error_response(out, 502); /* a store of recordings that refuses */
    putc('}', out);
}

static void operation(FILE *out, const struct plan *plan)
{
    const struct api_endpoint *e = plan->endpoint;

    putc('"', out);
    for (const char *p = e->method; *p != '\0'; p++)
        putc(tolower((unsigned char)*p), out);
    fputs("\":{", out);
    member(out, "operationId", e->name);
    putc(',', out);
    member(out, "summary", e->summary);
    putc(',', out);
    if (e->admin)
        fputs("\"description\":\"Owners and admins of the organization only.\",", out);
    fprintf(out, "\"tags\":[\"%s\"],", e->group);
    parameters(out, plan);
    request_body(out, plan);
    responses(out, e);
    putc('}', out);
}

/* "/v1/campaigns/:id" -> "/v1/campaigns/{id}" */
static void template_path(FILE *out, const struct plan *plan)
{
    putc('"', out);
    for (unsigned i = 0; i < plan->n_segments; i++) {
        const char *s = plan->segments[i];

        fprintf(out, *s == ':' ? "/{%s}" : "/%s", *s == ':' ? s + 1 : s);
    }
    putc('"', out);
}

static void paths(FILE *out, const struct plans *plans)
{
    for (unsigned i = 0; i < plans->n; i++) {
        const char *path = plans->plan[i].endpoint->path;
        unsigned first = 0;
        bool comma = false;

        while (strcmp(plans->plan[first].endpoint->path, path) != 0)
            first++;
        if (first < i)
            continue; /* told with the first one */
        if (i > 0)
            putc(',', out);
        template_path(out, &plans->plan[i]);
        fputs(":{", out);
        for (unsigned k = i; k < plans->n; k++) {
            if (strcmp(plans->plan[k].endpoint->path, path) != 0)
                continue;
            if (comma)
                putc(',', out);
            operation(out, &plans->plan[k]);
            comma = true;
        }
        putc('}', out);
    }
}

char *openapi_write(const struct plans *plans, size_t *len)
{
    const struct asset *schemas = asset_find(SCHEMAS);
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    if (out == NULL)
        return NULL;
    assert(schemas != NULL);
    fputs("{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Ringback\",\"version\":\"" RINGBACK_VERSION
          "\",\"description\":\"Campaigns, agents, calls and what the stores report, of the "
          "organization that the "
          "token's user belongs "
          "to.\"},\"servers\":[{\"url\":\"/\"}],\"security\":[{\"bearer\":[]}],\"paths\":{",
          out);
    paths(out, plans);
    fputs("},\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":"
          "\"bearer\","
          "\"bearerFormat\":\"JWT\"}},\"parameters\":{\"OrganizationId\":{\"name\":\"X-"
          "Organization-Id\",\"in\":"
          "\"header\",\"required\":false,\"schema\":{\"type\":\"string\",\"format\":\"uuid\"},"
          "\"description\":\"for "
          "users of several organizations: which one; else the one they joined "
          "first\"}},\"responses\":{\"Error\":{"
          "\"description\":\"what is wrong, and with which "
          "field\",\"content\":{\"application/json\":{\"schema\":{"
          "\"$ref\":\"#/components/schemas/Error\"}}}}},\"schemas\":",
          out);
    fputs(schemas->data, out);
    fputs("}}", out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

char *openapi_markdown(const struct plans *plans)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        return NULL;
    fputs("| request | what it does | who |\n|---|---|---|\n", out);
    for (unsigned i = 0; i < plans->n; i++) {
        const struct api_endpoint *e = plans->plan[i].endpoint;

        fprintf(out, "| `%s %s` | %s | %s |\n", e->method, e->path, e->summary,
                e->admin ? "admins" : "members");
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
