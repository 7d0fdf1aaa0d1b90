/* What a channel asked for in config.postgres_changes, and whether a change is meant. Pure.
 *
 * Ids are a hash of event|schema|table|filter|select below 2^53, so equal bindings have equal ids on every socket and process, and
 * one serialised frame serves all who asked alike. */
#ifndef REALTIME_BINDINGS_H
#define REALTIME_BINDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "realtime/filter.h"
#include "realtime/frame.h"
#include "realtime/limits.h"

enum change_type { CHANGE_INSERT = 1, CHANGE_UPDATE = 2, CHANGE_DELETE = 4, CHANGE_ALL = 7 };

/* One change of one row. */
struct change {
    enum change_type type;
    struct text table;
    struct text record; /* JSON object; for DELETE the old row's keys */
};

struct binding {
    uint64_t id;
    unsigned events;       /* CHANGE_* bits; 0: never matches (invalid, or not in schema public) */
    char *table;           /* NULL: every table */
    struct filter *filter; /* NULL: every row */
    unsigned selection;    /* of bindings.selections */
};

struct bindings {
    unsigned n;
    const char *problem; /* static: why a binding can never match; NULL: all are good */
    unsigned n_selections;
    char **selections; /* raw JSON arrays of column names; NULL: all columns. Each once */
    struct binding binding[];
};

/* `array`: the raw JSON of postgres_changes; absent or not an array is an empty list. NULL: *why (static) says why the
 * join must be refused. */
struct bindings *bindings_parse(struct text array, const char **why);
void bindings_free(struct bindings *b);

/* Writes the array back as it came, each object with its id in front: clients compare member by member, so
 * nothing is added for what was absent. */
void bindings_echo(struct frame_writer *w, struct text array, const struct bindings *b);

/* The ids of the bindings with this selection that want this change, each once. Returns how many. */
unsigned bindings_match(const struct bindings *b, unsigned selection, const struct change *change,
                        uint64_t ids[BINDINGS_MAX]);

/* True when the selection (of b->selections) holds this column. */
bool bindings_select(const char *selection, struct text column);

/* True when some binding looks at `table` ("" or "*": any). */
bool bindings_watch(const struct bindings *b, struct text table);

#endif
