/* What to read next. Pure: replies are inputs, bits to act on are outputs; consumer_read_redis.c
 * carries them out.
 *
 * A cursor is the reader's place in one partition:
 *
 *        gain            group there              nothing pending left
 *   OFF ──────► GROUPING ───────────► RECOVERING ─────────────────────► READING
 *    ▲             ▲                      │                                │
 *    │             └────── group gone ────┴────────────────────────────────┤
 *    │                                                                     │ drain (from any state)
 *    └───── lose (from any state) ───────────────────────── DRAINING ◄─────┘
 *
 * RECOVERING reads the partition's own pending entries (those of an owner before us, or of us
 * before the link was lost) in ascending order; only then READING asks for new ones: order per
 * tenant is kept. A read for new entries spans many partitions and may be blocked in Redis while a
 * partition is lost, gained or drained: recovery and drain wait until it is back (`in_read`),
 * because what it brings is pending already. */
#ifndef QUEUE_CURSOR_H
#define QUEUE_CURSOR_H

#include "entry_id.h"
#include "partition.h"

enum cursor_state {
    CURSOR_OFF,
    CURSOR_GROUPING,
    CURSOR_RECOVERING,
    CURSOR_READING,
    CURSOR_DRAINING,
    CURSOR_N_STATES
};

/* What the driver must do next; a set. */
enum {
    CURSOR_DO_GROUP = 1u << 0,   /* make sure of the group -> cursor_grouped() */
    CURSOR_DO_RECOVER = 1u << 1, /* read pending entries behind `last` -> cursor_recovered() */
    CURSOR_DO_READ = 1u << 2,    /* see whether a read for new entries can start */
    CURSOR_DRAINED = 1u << 3,    /* nothing is held any more: hand the partition over */
};

struct cursor {
    enum cursor_state state;
    bool busy;    /* a group or recover command of ours is under way */
    bool in_read; /* takes part in the read that is under way */
    unsigned held, window;
    struct entry_id last; /* the id handed over last */
};

/* Between on_entries and settle at most `window` entries are held; a read asks for at most
 * `read_max` of them. */
void cursor_init(struct cursor *c, unsigned window);

unsigned cursor_gain(struct cursor *c);
/* ok=false: cursor_retry() will ask again. */
unsigned cursor_grouped(struct cursor *c, bool ok);
/* `seen` pending entries came, up to `last`; 0: there are no more. `held`: what the worker holds
 * then. */
unsigned cursor_recovered(struct cursor *c, unsigned seen, struct entry_id last, unsigned held);
unsigned cursor_recover_failed(struct cursor *c);
/* New entries were handed over, up to `last`. */
void cursor_entries(struct cursor *c, struct entry_id last, unsigned held);
/* The read that the partition took part in is over. */
unsigned cursor_read_over(struct cursor *c);
unsigned cursor_settled(struct cursor *c, unsigned held);
/* Redis says that the group is gone. */
unsigned cursor_no_group(struct cursor *c);
unsigned cursor_drain(struct cursor *c);
void cursor_lose(struct cursor *c);
/* Now and then: repeats what failed. */
unsigned cursor_retry(struct cursor *c);

/* True if entries of a read for new ones may be handed over. */
bool cursor_takes_new(const struct cursor *c);

/* How much to ask for: grows while replies come back full, shrinks when they do not, and keeps the
 * expected reply below a byte budget. The budget is a forecast from the largest recent entry: the
 * first read after a sudden change from small to large entries may exceed it, which is why the
 * count starts low and only doubles. */
enum { READ_BYTES_MAX = 32 << 20, READ_COUNT_MIN = 16, READ_LARGEST_MIN = 1024 };

struct pacer {
    unsigned count, count_max;
    size_t largest;
};

void pacer_init(struct pacer *p, unsigned count_max);
/* COUNT for a read over `streams` streams: at least 1. */
unsigned pacer_count(const struct pacer *p, unsigned streams);
/* One stream's share of a reply: `n` of `asked` entries, the largest of which had `largest` bytes.
 */
void pacer_saw(struct pacer *p, unsigned asked, unsigned n, size_t largest);

/* Room for `count` more entries. */
bool cursor_has_room(const struct cursor *c, unsigned count);

enum { READ_BLOCK_MS = 1000, READ_BLOCK_SHORT_MS = 20 };

/* One XREADGROUP for new entries. */
struct read_plan {
    unsigned n, count, block_ms;
    uint16_t partition[PARTITIONS_MAX];
};

/* Plans a read over every partition that is READING, included[p] by the caller (its lease is ours
 * for certain) and has room, beginning at `turn` (count it up) so that nobody is always first.
 * Blocks long only if every owned partition takes part, so that the others soon come in. False:
 * there is nothing to read. */
bool read_plan_make(struct read_plan *out, const struct cursor *const *cursors,
                    const bool *included, unsigned partitions, const struct pacer *pacer,
                    unsigned turn);

#endif
