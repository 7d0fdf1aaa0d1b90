/* A command's own flags: --name VALUE or --name=VALUE. Settings have been taken out of argv before.
 * Pure. */
#ifndef OPS_FLAGS_H
#define OPS_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum flag_type {
    FLAG_TEXT,     /* const char **, borrowed from argv */
    FLAG_LIST,     /* struct flag_list *: comma list, or the flag several times */
    FLAG_SET,      /* bool *: takes no value */
    FLAG_NUMBER,   /* double * */
    FLAG_UINT,     /* uint64_t * */
    FLAG_DURATION, /* int64_t *, milliseconds: "90s", "-26h", "1d"; negative only where low allows
                      it */
};

enum { FLAG_LIST_MAX = 64, FLAG_ERROR_MAX = 256 };

struct flag_list {
    const char *of[FLAG_LIST_MAX];
    unsigned n;
};

struct flag {
    const char *name; /* without the dashes; NULL ends a table */
    enum flag_type type;
    void *value;      /* holds the default before */
    double low, high; /* of numbers; 0, 0: any that is not negative */
};

/* argv[from] .. argv[argc-1]. Lists cut argv's texts at their commas. False: `error` is one line
 * that names the flag, the value and what is accepted. */
bool flags_read(const struct flag *table, int argc, char **argv, int from,
                char error[FLAG_ERROR_MAX]);

/* "3b2f..." with the dashes where they belong. */
bool flag_is_uuid(const char *text);

#endif
