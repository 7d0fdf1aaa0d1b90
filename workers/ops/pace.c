#include "ops/pace.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { STEPS_PER_SECOND = 10 };

int64_t pace_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void pace_wait(uint64_t rate, int64_t from_us, uint64_t done)
{
    int64_t wait = rate == 0 ? 0 : from_us + (int64_t)(done * 1000000 / rate) - pace_wall_us();

    if (wait > 0) {
        struct timespec pause = {.tv_sec = wait / 1000000, .tv_nsec = wait % 1000000 * 1000};

        nanosleep(&pause, NULL);
    }
}

unsigned pace_step(uint64_t rate, unsigned most)
{
    uint64_t step = rate / STEPS_PER_SECOND;

    if (rate == 0 || step >= most)
        return most;
    return step == 0 ? 1 : (unsigned)step;
}

bool pace_is_watched(void)
{
    return isatty(STDERR_FILENO);
}

void pace_show(const char *line)
{
    if (pace_is_watched())
        fprintf(stderr, "\r\033[K%s", line == NULL ? "" : line);
}
