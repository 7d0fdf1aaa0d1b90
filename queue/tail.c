#include "tail.h"

static bool missed(const struct tail *t, const struct tail_look *look)
{
    uint64_t gone = look->added > look->length ? look->added - look->length : 0;

    /* Neither ids nor the count go backward in one stream. */
    if (entry_id_compare(look->last, t->position) < 0 || look->added < t->seen)
        return true;
    if (entry_id_compare(look->last, t->position) == 0)
        return false;
    /* The entry we stand on, or an older one, is still there: what follows it is there too. */
    if (look->length > 0 && entry_id_compare(look->first, t->position) <= 0)
        return false;
    return gone > t->seen;
}

/* Begins in the past: how many had been added by then is not told, but those that are gone had. Too few seen means a resync
 * too many, never one too few. */
static struct tail placed_at(const struct tail *t, const struct tail_look *look)
{
    struct entry_id since = {t->since_ms, 0};

    if (t->since_ms != 0 && !t->placed && entry_id_compare(since, look->last) < 0)
        return (struct tail){.placed = true,
                             .position = since,
                             .seen = look->added > look->length ? look->added - look->length : 0};
    return (struct tail){.placed = true, .position = look->last, .seen = look->added};
}

enum tail_result tail_look(struct tail *t, const struct tail_look *look)
{
    bool gap = t->placed && missed(t, look);

    if (t->placed && !gap)
        return TAIL_CONTINUE;
    *t = placed_at(t, look);
    return gap ? TAIL_GAP : TAIL_CONTINUE;
}

void tail_read(struct tail *t, struct entry_id id)
{
    t->position = id;
    t->seen++;
}
