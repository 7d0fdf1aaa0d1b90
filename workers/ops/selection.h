/* Which events a person means: what the flags of `ringback replay` and `ringback dlq` have in common. Pure. */
#ifndef OPS_SELECTION_H
#define OPS_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SELECTION_TIME_MAX = 40, SELECTION_DOMAIN_MAX = 255, SELECTION_RATE_MAX = 1000000 };

#define SELECTION_NO_TIME INT64_MIN

/* They leave `out` alone when `text` is NULL (the flag was not given). False: `error` is one line. */

/* "2026-11-20T10:00:00Z", or "2h": so long before now_us. -> microseconds since 1970 */
bool selection_time(const char *flag, const char *text, int64_t now_us, int64_t *out, char *error,
                    size_t error_size);

/* "50/s" or "50". */
bool selection_rate(const char *text, uint64_t *out, char *error, size_t error_size);

/* One of both: an organization, or one store. */
struct selection_tenant {
    const char *organization;              /* a UUID, borrowed; NULL: none */
    char domain[SELECTION_DOMAIN_MAX + 1]; /* in lower case, as events carry it; "": none */
};

bool selection_tenant(const char *text, struct selection_tenant *out, char *error,
                      size_t error_size);

/* "2026-11-20T10:00:00.000000Z": as --since, and PostgreSQL, take it. */
void selection_time_text(char out[SELECTION_TIME_MAX], int64_t us);

#endif
