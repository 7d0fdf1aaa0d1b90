/* Up to where a partition's streams may be trimmed or erased. Pure.
 * The one rule: nothing that the group has not acknowledged is ever removed, whatever any clock
 * says. */
#ifndef QUEUE_TRIM_H
#define QUEUE_TRIM_H

#include <stdint.h>

#include "entry_id.h"

/* One look at a partition, all of it from Redis. Facts may be old by the time they are used: the
 * oldest pending id and the last delivered id of a group only ever move forward, so an old look
 * trims less, never more. */
struct trim_facts {
    bool known;                     /* the group exists and was read */
    struct entry_id last_delivered; /* XINFO GROUPS */
    bool pending;                   /* something is pending ... */
    struct entry_id oldest_pending; /* ... from here on (XPENDING) */
    uint64_t now_ms;                /* TIME of Redis, whose clock also makes the ids; 0: unknown */
    uint64_t retention_ms;
};

/* Everything below this id has been acknowledged. */
struct entry_id trim_acknowledged(const struct trim_facts *f);

/* True: XTRIM <events> MINID ~ *minid. */
bool trim_events(const struct trim_facts *f, struct entry_id *minid);

/* True: XTRIM <live> MINID ~ *minid. Live entries are acknowledged by nobody: age alone decides. */
bool trim_live(const struct trim_facts *f, struct entry_id *minid);

/* Retained history is what fills Redis when nothing else does: a gateway that has no room refuses events, and then history is
 * worth less than they are. The retention to go by from now on, for as long as more than PRESSED_PERCENT of max_bytes are in
 * use a quarter of the last one, below RELAXED_PERCENT twice it again, up to `configured`. max_bytes 0: Redis has no limit. */
enum { PRESSED_PERCENT = 85, RELAXED_PERCENT = 70, RETENTION_MS_MIN = 1000 };

uint64_t trim_retention(uint64_t retention_ms, uint64_t configured_ms, uint64_t used_bytes,
                        uint64_t max_bytes);

#endif
