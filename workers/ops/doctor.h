/* `ringback doctor`: one finding per line, and what to do about it. Checks are files of their own:
 * doctor_pg.c, doctor_redis.c, doctor_host.c, doctor_keys_uv.c. */
#ifndef OPS_DOCTOR_H
#define OPS_DOCTOR_H

#include <stdbool.h>

#include "runtime/config.h"

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct doctor {
    const struct config *config;
    bool json, colour;
    unsigned found[3]; /* by enum finding */
};

/* `what` is the thing ("postgresql"), `text` what is so, `advice` what to do (NULL: nothing). */
void doctor_says(struct doctor *d, enum finding finding, const char *what, const char *advice,
                 const char *text, ...) __attribute__((format(printf, 5, 6)));

void doctor_check_settings(struct doctor *d);
void doctor_check_host(struct doctor *d);
void doctor_check_keys(struct doctor *d);
void doctor_check_postgresql(struct doctor *d);
void doctor_check_redis(struct doctor *d);

/* A server's clock, read between two readings of ours, in ms since 1970. */
void doctor_check_clock(struct doctor *d, const char *what, int64_t before_ms, int64_t theirs_ms,
                        int64_t after_ms);
int64_t doctor_now_ms(void);

#endif
