/* Files that travel inside the binary: all of schema/ that the program uses, and the pages.
 * So the binary works from any directory and any image. */
#ifndef RUNTIME_ASSETS_H
#define RUNTIME_ASSETS_H

#include <stddef.h>

struct asset {
    const char *path; /* as in the source tree: "schema/worker/upsert_orders.sql" */
    const char *data; /* NUL-terminated */
    size_t size;      /* without the NUL */
};

/* NULL if no such file was built in. Never freed. */
const struct asset *asset_find(const char *path);

/* All assets below `prefix`, in order of their paths; *n is their number. */
const struct asset *asset_list(const char *prefix, size_t *n);

#endif
