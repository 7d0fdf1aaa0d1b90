/* An endpoint's SQL file as a template. Each combination of given parameters makes a text of its own, so that it gets a plan of
 * its own and a filter that is given can use its index. Pure.
 *
 *   :name                parameter; becomes $1, $2 ... Inside quotes, and in a cast (::text), a colon means nothing.
 *   ... -- if name       the line stays only when the parameter was given
 *   ... -- if !name      the line stays only when it was not
 *   :sort :order         replaced as text: a column of the endpoint's `sorts`, and "DESC NULLS LAST" or "ASC NULLS FIRST":
 *                        the two directions of an index on "column DESC NULLS LAST"
 *   -- ...               a line of comment; left out */
#ifndef API_TEMPLATE_H
#define API_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEMPLATE_PLACES_MAX = 32, TEMPLATE_ERROR_MAX = 160 };

struct template_in {
    const char *sql;
    const char *const *names; /* of the parameters */
    unsigned n_names;         /* at most 64 */
    uint64_t given;           /* bit i: names[i] was given, or has a default */
    const char *sort, *order; /* NULL in statements that are no list */
};

struct template_out {
    char *text; /* NUL-terminated */
    size_t len;
    unsigned n_places;
    uint8_t places[TEMPLATE_PLACES_MAX]; /* $k stands for names[places[k - 1]] */
};

/* `room` has at least template_room(sql) bytes and holds out->text. False: the file breaks the rules above; `error` says how. */
bool template_expand(const struct template_in *in, char *room, struct template_out *out,
                     char error[TEMPLATE_ERROR_MAX]);
size_t template_room(const char *sql);

#endif
