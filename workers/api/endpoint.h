/* What an endpoint is. The table is endpoints.c; the router, the checks with their messages, GET /v1/openapi.json and
 * the README's list are all made from it. An endpoint's SQL is schema/api/<name>.sql (template.h says what may stand in it). */
#ifndef API_ENDPOINT_H
#define API_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    API_PARAMS_MAX = 24, /* of one endpoint, those in its path and the list ones included */
    API_ENDPOINTS_MAX = 96,
    API_TEXT_DEFAULT = 200, /* characters of a text that has no bound of its own */
    API_PAGE_MAX = 1000000,
    API_LIMIT_MAX = 100,
    API_LIMIT_DEFAULT = 20,
};

enum api_type {
    API_TEXT, /* min .. max characters */
    API_UUID,
    API_ENUM, /* one of `choices` */
    API_BOOL,
    API_INT,         /* min .. max */
    API_DECIMAL,     /* a number of at least min, as it was written */
    API_DAY,         /* 2026-11-28 */
    API_DAY_OR_TIME, /* 2026-11-28, or 2026-11-28T10:00:00Z */
    API_CLOCK,       /* 09:30 */
    API_CHOICES,     /* an array of different ones of `choices` */
    API_OBJECT,      /* a JSON object; of `fields` when there are some, else of anything */
};

enum api_place { API_IN_PATH, API_IN_QUERY, API_IN_BODY };

struct api_param {
    const char *name; /* NULL ends a list */
    enum api_type type;
    enum api_place in;
    bool required;
    bool nullable;        /* null is a value too: it empties the column */
    const char *fallback; /* the value when it is not given; NULL: it stays ungiven */
    const char *choices;  /* "answered|no_answer" */
    int64_t min, max;
    const struct api_param *fields;
    const char *help;
};

enum api_answer {
    API_ANSWER_OBJECT, /* {"data": {...}} */
    API_ANSWER_LIST,   /* {"data": [...], "pagination": {...}} */
    API_ANSWER_ARRAY,  /* {"data": [...]} */
    API_ANSWER_BARE,   /* {...} */
    API_ANSWER_NOTHING,
};

struct api_endpoint {
    const char *method, *path; /* "/v1/campaigns/:id": what follows ':' is a UUID */
    const char *name;          /* of the SQL file, and the operation's id */
    const char *summary;
    const char *group; /* "Campaigns" */
    bool admin;        /* owners and admins of the organization only */
    bool some;         /* of its body, at least one member must be given */
    unsigned status;   /* of success */
    enum api_answer answer;
    const char
        *schema; /* what the answer holds: a name of schemas.json; NULL with API_ANSWER_NOTHING */
    const char *
        sorts; /* lists: "created_at|started_at", columns of the list's table; the first is the default */
    int64_t limit;                  /* lists: the default of `limit`; 0: API_LIMIT_DEFAULT */
    const struct api_param *params; /* query and body; NULL: none */
    bool link; /* what the statement returns names a recording: the answer is a link to it */
};

extern const struct api_endpoint api_endpoints[];
extern const size_t api_endpoints_n;

#endif
