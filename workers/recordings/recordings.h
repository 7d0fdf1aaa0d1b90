/* Copies calls' recordings from the providers into the configured store, and erases the files of
 * recordings that were deleted. One process at a time, by the lease "recordings"; two that both believe in it
 * for a moment do no harm, claims in the database keep them apart.
 *
 * Happy path: lease held -> due_recordings.sql claims as many as there is room for -> each is fetched
 * and stored -> recording_copied.sql. Claims are kept up by recordings_kept.sql.
 * Failures: recording_failed.sql says when to try again, or never; a statement that could not run is run again;
 * a killed process's claims lapse, and what it had fetched is fetched again. What is to be done next is
 * decided by copier.c. */
#ifndef RECORDINGS_RECORDINGS_H
#define RECORDINGS_RECORDINGS_H

#include <uv.h>

#include "consumer.h"
#include "runtime/config.h"
#include "runtime/db.h"

struct recordings;

/* Reads the settings and opens the store. NULL with `error` empty: RECORDINGS_STORE is unset, nothing is
 * copied. NULL with one line in `error`: the settings do not fit together, or out of memory. */
struct recordings *recordings_new(uv_loop_t *loop, const struct config *config, char *error,
                                  size_t error_size);

/* Once PostgreSQL and Redis are known. False: out of memory. */
bool recordings_start(struct recordings *r, struct db_pool *pool, struct consumer *consumer);

/* Every second, while the schema is right. Harmless before recordings_start(). */
void recordings_tick(struct recordings *r, uint64_t now_ms);

/* Stops at once; what is under way comes again. on_closed comes later, once nothing is open on the loop;
 * statements under way may still end after that. */
void recordings_close(struct recordings *r, void (*on_closed)(void *ctx), void *ctx);

/* After the pool is closed. NULL is harmless. */
void recordings_free(struct recordings *r);

#endif
