/* One value of a request: is it what its parameter takes? Pure. */
#ifndef API_VALUE_H
#define API_VALUE_H

#include "api/endpoint.h"
#include "base/arena.h"
#include "base/text.h"

enum { VALUE_PROBLEM_MAX = 320, VALUE_FIELD_MAX = 130 };

struct problem {
    char field[VALUE_FIELD_MAX]; /* "schedule.days"; "" when it is none's */
    char text[VALUE_PROBLEM_MAX];
};

/* `text` comes from the path or the query, decoded. Returns the value as the statement takes it, NUL-terminated and in the
 * arena; NULL: *problem says what is accepted. */
const char *value_of_text(const struct api_param *p, struct text text, struct arena *arena,
                          struct problem *problem);

/* `json` is one valid JSON value. *null: it was null, where that is a value. */
const char *value_of_json(const struct api_param *p, struct text json, struct arena *arena,
                          bool *null, struct problem *problem);

/* Sets `problem` ("limit" + "must be ..."); always NULL. */
const char *value_refuse(struct problem *problem, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Which of `choices` ("a|b") `word` is, from 0; -1: none. */
int value_choice(const char *choices, struct text word);

#endif
