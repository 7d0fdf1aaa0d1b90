/* What becomes of an outcome: status, code and sentence of an error, its JSON, entity tags. Pure.
 * Codes and shape are the plan's ("Error Response Format"); SQLSTATEs: PostgreSQL, appendix A. */
#ifndef API_ANSWER_H
#define API_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum {
    ANSWER_ERROR_MAX = 4096, /* bytes of an error's JSON: all that db.h and value.h keep, each byte escaped */
    ANSWER_TAG_SIZE = 24,    /* W/"16 digits" and a NUL */
};

struct fault {
    unsigned status;
    const char *code;
    const char *message; /* for a person */
    const char *field;   /* which value is at fault; NULL or "": none */
    const char *detail;  /* a second sentence; NULL or "": none */
};

/* What a failed statement said; each text may be "". */
struct sql_error {
    const char *sqlstate, *message, *detail, *hint, *column;
};

struct fault answer_of_sql(const struct sql_error *e);

/* True: nothing was stored, and the same again may well succeed. `reads`: the request changes nothing. */
bool answer_try_again(const char *sqlstate, bool reads);

/* The body of an error; returns its length. */
size_t answer_error(const struct fault *f, char out[ANSWER_ERROR_MAX]);

/* A weak entity tag of the body. */
void answer_tag(const char *body, size_t len, char out[ANSWER_TAG_SIZE]);
/* If-None-Match (may be NULL) names it. */
bool answer_tag_matches(const char *if_none_match, const char *tag);

/* Accept-Encoding (may be NULL) allows gzip. */
bool answer_takes_gzip(const char *accept_encoding);

#endif
