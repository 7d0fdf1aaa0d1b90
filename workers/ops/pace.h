/* The pace of a command that works through many things, and what a person at a terminal sees of it. */
#ifndef OPS_PACE_H
#define OPS_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Now, in microseconds since 1970. */
int64_t pace_wall_us(void);

/* Sleeps until `done` things are not more than `rate` per second since from_us; rate 0: not at all. A signal ends it. */
void pace_wait(uint64_t rate, int64_t from_us, uint64_t done);

/* How many things make a step, so that a rate is kept smoothly: at most `most`. */
unsigned pace_step(uint64_t rate, unsigned most);

/* Whether progress can be shown: standard error is a terminal. */
bool pace_is_watched(void);

/* Rewrites the line of progress; NULL wipes it. */
void pace_show(const char *line);

#endif
