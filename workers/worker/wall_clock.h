/* What time it is. Drivers only: pure code gets the time as an argument. */
#ifndef WORKER_WALL_CLOCK_H
#define WORKER_WALL_CLOCK_H

#include <stdint.h>

/* Microseconds since 1970. */
int64_t wall_us(void);

#endif
