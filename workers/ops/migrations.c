#include "ops/migrate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "runtime/assets.h"

const char *migration_version(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    for (int i = 0; i < MIGRATION_VERSION_LEN; i++)
        if (!isdigit((unsigned char)name[i]))
            return NULL;
    return name[MIGRATION_VERSION_LEN] == '_' ? name : NULL;
}

void migration_name(const char *path, char *out, size_t size)
{
    const char *name = migration_version(path) + MIGRATION_VERSION_LEN + 1;

    snprintf(out, size, "%.*s", (int)strcspn(name, "."), name);
}

const char *migration_newest(void)
{
    static char newest[MIGRATION_VERSION_LEN + 1];
    size_t n;
    const struct asset *files = asset_list("schema/migrations/", &n);

    if (n > 0) /* the list is sorted by path */
        memcpy(newest, migration_version(files[n - 1].path), MIGRATION_VERSION_LEN);
    return newest;
}
