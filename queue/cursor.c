#include "cursor.h"

#include <assert.h>
#include <limits.h>

#define TO(s) (1u << (s))
#define ON (TO(CURSOR_GROUPING) | TO(CURSOR_RECOVERING) | TO(CURSOR_READING))

static const unsigned allowed[CURSOR_N_STATES] = {
    [CURSOR_OFF] = TO(CURSOR_GROUPING),
    [CURSOR_GROUPING] = TO(CURSOR_RECOVERING) | TO(CURSOR_DRAINING) | TO(CURSOR_OFF),
    [CURSOR_RECOVERING] =
        TO(CURSOR_READING) | TO(CURSOR_GROUPING) | TO(CURSOR_DRAINING) | TO(CURSOR_OFF),
    [CURSOR_READING] = TO(CURSOR_GROUPING) | TO(CURSOR_DRAINING) | TO(CURSOR_OFF),
    [CURSOR_DRAINING] = TO(CURSOR_OFF),
};

/* The only writer of c->state. */
static void move(struct cursor *c, enum cursor_state next)
{
    assert(allowed[c->state] & TO(next));
    c->state = next;
}

/* What the state asks for now. */
static unsigned next_step(struct cursor *c)
{
    switch (c->state) {
    case CURSOR_GROUPING:
        if (c->busy)
            return 0;
        c->busy = true;
        return CURSOR_DO_GROUP;
    case CURSOR_RECOVERING:
        if (c->busy || c->in_read || c->held >= c->window)
            return 0;
        c->busy = true;
        return CURSOR_DO_RECOVER;
    case CURSOR_READING:
        return CURSOR_DO_READ;
    case CURSOR_DRAINING:
        return c->held == 0 && !c->in_read && !c->busy ? CURSOR_DRAINED : 0;
    case CURSOR_OFF:
    case CURSOR_N_STATES:
        break;
    }
    return 0;
}

void cursor_init(struct cursor *c, unsigned window)
{
    assert(window > 0);
    *c = (struct cursor){.state = CURSOR_OFF, .window = window};
}

unsigned cursor_gain(struct cursor *c)
{
    move(c, CURSOR_GROUPING);
    c->held = 0;
    c->last = ENTRY_ID_ZERO;
    return next_step(c);
}

unsigned cursor_grouped(struct cursor *c, bool ok)
{
    c->busy = false;
    if (ok && c->state == CURSOR_GROUPING)
        move(c, CURSOR_RECOVERING);
    return ok || c->state == CURSOR_DRAINING ? next_step(c) : 0;
}

unsigned cursor_recovered(struct cursor *c, unsigned seen, struct entry_id last, unsigned held)
{
    c->busy = false;
    if (c->state == CURSOR_RECOVERING) {
        c->held = held;
        if (seen > 0)
            c->last = last;
        else
            move(c, CURSOR_READING);
    }
    return next_step(c);
}

unsigned cursor_recover_failed(struct cursor *c)
{
    c->busy = false;
    return c->state == CURSOR_DRAINING ? next_step(c) : 0;
}

bool cursor_takes_new(const struct cursor *c)
{
    return c->state == CURSOR_READING || c->state == CURSOR_DRAINING;
}

void cursor_entries(struct cursor *c, struct entry_id last, unsigned held)
{
    assert(cursor_takes_new(c));
    c->held = held;
    c->last = last;
}

unsigned cursor_read_over(struct cursor *c)
{
    c->in_read = false;
    return next_step(c);
}

unsigned cursor_settled(struct cursor *c, unsigned held)
{
    if (c->state == CURSOR_OFF)
        return 0;
    c->held = held;
    return next_step(c);
}

unsigned cursor_no_group(struct cursor *c)
{
    if ((TO(c->state) & ON) == 0)
        return 0;
    if (c->state != CURSOR_GROUPING)
        move(c, CURSOR_GROUPING);
    return next_step(c);
}

unsigned cursor_drain(struct cursor *c)
{
    if ((TO(c->state) & ON) == 0)
        return 0;
    move(c, CURSOR_DRAINING);
    return next_step(c);
}

void cursor_lose(struct cursor *c)
{
    if (c->state != CURSOR_OFF)
        move(c, CURSOR_OFF);
    c->held = 0;
}

unsigned cursor_retry(struct cursor *c)
{
    return c->state == CURSOR_GROUPING || c->state == CURSOR_RECOVERING ? next_step(c) : 0;
}

bool cursor_has_room(const struct cursor *c, unsigned count)
{
    return c->held < c->window && count <= c->window - c->held;
}

void pacer_init(struct pacer *p, unsigned count_max)
{
    assert(count_max > 0);
    *p = (struct pacer){.count = READ_COUNT_MIN < count_max ? READ_COUNT_MIN : count_max,
                        .count_max = count_max,
                        .largest = READ_LARGEST_MIN};
}

unsigned pacer_count(const struct pacer *p, unsigned streams)
{
    size_t fits;

    assert(streams > 0);
    fits = READ_BYTES_MAX / p->largest / streams;
    if (fits >= p->count)
        return p->count;
    return fits == 0 ? 1 : (unsigned)fits;
}

void pacer_saw(struct pacer *p, unsigned asked, unsigned n, size_t largest)
{
    size_t faded = p->largest - p->largest / 8;

    if (n == 0)
        return;
    p->largest = largest > faded ? largest : faded;
    if (p->largest < READ_LARGEST_MIN)
        p->largest = READ_LARGEST_MIN;
    if (n >= asked)
        p->count = p->count * 2 > p->count_max ? p->count_max : p->count * 2;
    else if (n < asked / 2 && p->count / 2 >= READ_COUNT_MIN)
        p->count /= 2;
}

/* One COUNT serves all partitions of a read, and nobody may get more than it has room for. Who has
 * less room than COUNT is left out; every other read is made small enough for everybody instead, or
 * a partition whose window is nearly filled by entries that wait long would starve. */
static unsigned common_count(unsigned count, unsigned least_room, unsigned most_room, unsigned turn)
{
    if (least_room < count && turn % 2 == 1)
        return least_room;
    return count < most_room ? count : most_room;
}

bool read_plan_make(struct read_plan *out, const struct cursor *const *cursors,
                    const bool *included, unsigned partitions, const struct pacer *pacer,
                    unsigned turn)
{
    unsigned owned = 0, reading = 0, least = UINT_MAX, most = 0;

    *out = (struct read_plan){.block_ms = READ_BLOCK_SHORT_MS};
    for (unsigned p = 0; p < partitions; p++) {
        const struct cursor *c = cursors[p];
        owned += (TO(c->state) & ON) != 0;
        if (!included[p] || c->state != CURSOR_READING || c->held >= c->window)
            continue;
        reading++;
        least = c->window - c->held < least ? c->window - c->held : least;
        most = c->window - c->held > most ? c->window - c->held : most;
    }
    if (reading == 0)
        return false;
    out->count = common_count(pacer_count(pacer, reading), least, most, turn);
    for (unsigned i = 0; i < partitions; i++) {
        unsigned p = (turn % partitions + i) % partitions;
        const struct cursor *c = cursors[p];
        if (included[p] && c->state == CURSOR_READING && cursor_has_room(c, out->count))
            out->partition[out->n++] = (uint16_t)p;
    }
    if (out->n == owned)
        out->block_ms = READ_BLOCK_MS;
    return out->n > 0;
}
