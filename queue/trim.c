#include "trim.h"

struct entry_id trim_acknowledged(const struct trim_facts *f)
{
    if (!f->known)
        return ENTRY_ID_ZERO;
    /* Two commands, not one: an entry may have been delivered between them, so take the lesser. */
    if (f->pending)
        return entry_id_min(f->oldest_pending, f->last_delivered);
    return entry_id_next(f->last_delivered);
}

bool trim_events(const struct trim_facts *f, struct entry_id *minid)
{
    struct entry_id aged;

    if (!trim_live(f, &aged))
        return false;
    *minid = entry_id_min(aged, trim_acknowledged(f));
    return entry_id_compare(*minid, ENTRY_ID_ZERO) > 0;
}

bool trim_live(const struct trim_facts *f, struct entry_id *minid)
{
    if (f->now_ms <= f->retention_ms)
        return false;
    *minid = (struct entry_id){f->now_ms - f->retention_ms, 0};
    return true;
}

uint64_t trim_retention(uint64_t retention_ms, uint64_t configured_ms, uint64_t used_bytes,
                        uint64_t max_bytes)
{
    uint64_t least = configured_ms < RETENTION_MS_MIN ? configured_ms : RETENTION_MS_MIN;

    if (max_bytes > 0 && used_bytes > max_bytes / 100 * PRESSED_PERCENT)
        return retention_ms / 4 > least ? retention_ms / 4 : least;
    if (max_bytes > 0 && used_bytes > max_bytes / 100 * RELAXED_PERCENT)
        return retention_ms;
    return retention_ms < configured_ms / 2 ? retention_ms * 2 : configured_ms;
}
