/* Brings a database to the schema that this binary carries. Migrations are schema/migrations/<14 digits>_<name>.sql,
 * forward-only, each in one transaction, recorded in the ledger of Supabase's CLI. */
#ifndef OPS_MIGRATE_H
#define OPS_MIGRATE_H

#include <stddef.h>

enum { MIGRATION_VERSION_LEN = 14 };

/* "20261123000001" of "schema/migrations/20261123000001_foundation.sql"; the returned text is not terminated there:
 * MIGRATION_VERSION_LEN characters count. NULL: the path is not a migration. */
const char *migration_version(const char *path);

/* "foundation" into `out`. */
void migration_name(const char *path, char *out, size_t size);

/* The newest version that this binary carries, NUL-terminated. */
const char *migration_newest(void);

#endif
