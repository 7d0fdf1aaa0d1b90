/* The newest changes of all tenants, kept for clients that come back: as many as fit into HISTORY_BYTES_MAX, none older than
 * HISTORY_MS. Oldest first, all together and those of each tenant. Pure.
 *
 * Times are those of the live streams' ids: milliseconds on Redis' clock. */
#ifndef REALTIME_HISTORY_H
#define REALTIME_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "realtime/limits.h"
#include "realtime/members.h"

/* One change as it came. */
struct past {
    struct past *next;           /* of all */
    struct past *next_of_tenant; /* newer */
    struct past_tenant *tenant;
    uint64_t serial; /* counts all changes */
    uint64_t at_ms;
    int64_t committed_us;
    const char *table, *type;
    struct text record;
    char bytes[];
};

struct past_tenant {
    struct past_tenant *next; /* of its hash chain */
    char organization[ORGANIZATION_ID_SIZE];
    struct past *first, *last;
};

struct history {
    struct past *first, *last;
    struct past_tenant **tenants; /* a hash table of `size` (a power of two) */
    uint32_t size, n_tenants;
    size_t bytes;
    uint64_t serial;   /* of the next change */
    uint64_t floor_ms; /* what is older may be missing */
};

/* False: out of memory. */
bool history_init(struct history *h);
void history_free(struct history *h);

/* Copies. Out of memory: everything is forgotten, so that nobody takes what is left for all. */
void history_add(struct history *h, const char *organization, const char *table, const char *type,
                 struct text record, int64_t committed_us, uint64_t at_ms);

/* Something was lost up to this time: everything is forgotten. */
void history_forget(struct history *h, uint64_t up_to_ms);

/* The tenant's oldest change; NULL: none is kept. */
const struct past *history_of(const struct history *h, const char *organization);

#endif
