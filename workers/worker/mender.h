/* Sends dead letters through again whose cause has gone by itself: callbacks that were handled before their call was known
 * (schema/timer/mended_letters.sql). Under a lease: one process at a time.
 *
 * Happy path: look -> each letter's event to its stream -> Redis has confirmed -> the letters are marked. Failures: whatever
 * was not confirmed is looked at again; a crash before the mark sends an event twice, which changes nothing. Bounded: a
 * look brings at most MENDED_MAX letters with MENDED_BYTES_MAX. */
#ifndef WORKER_MENDER_H
#define WORKER_MENDER_H

#include "consumer.h"
#include "runtime/config.h"
#include "runtime/db.h"

enum { MENDED_MAX = 100, MENDED_BYTES_MAX = 4 << 20 };

struct mender;
/* NULL: out of memory. */
struct mender *mender_new(uv_loop_t *loop, struct db_pool *lookups, struct consumer *consumer,
                          const struct config *config);
void mender_tick(struct mender *m, uint64_t now_ms);

/* Begins nothing any more; on_closed once, later, when its connection to Redis is gone. Then, when the pool is closed:
 * mender_free(). */
void mender_close(struct mender *m, void (*on_closed)(void *ctx), void *ctx);
void mender_free(struct mender *m);

#endif
