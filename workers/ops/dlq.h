/* `ringback dlq`: what the parts share. dlq.c reads the command line, dlq_pg.c asks the database, dlq_print_pg.c prints,
 * dlq_envelope.c makes an event of a letter again, streams_redis.c appends it to its stream. */
#ifndef OPS_DLQ_H
#define OPS_DLQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "envelope.h"
#include "ops/selection.h"
#include "runtime/config.h"

enum { DLQ_IDS_MAX = 4096, DLQ_HEADERS_ARENA = 256 * 1024 };

enum dlq_verb { DLQ_LIST, DLQ_SHOW, DLQ_REPLAY, DLQ_DISCARD };

struct dlq_options {
    enum dlq_verb verb;
    char ids[DLQ_IDS_MAX]; /* "{1,2}"; "": any */
    unsigned n_ids;
    const char *reason, *topic, *key, *source; /* NULL: any */
    struct selection_tenant tenant;
    char since[SELECTION_TIME_MAX], until[SELECTION_TIME_MAX]; /* "": none */
    uint64_t limit;                                            /* 0: no limit */
    uint64_t rate; /* per second; 0: as fast as it goes */
    bool json, dry_run, yes, replayed;
};

/* Fills `o` from the command line, behind the command's name; now_us resolves "2h" (ago). False: `error` is one line. Pure. */
bool dlq_read_options(struct dlq_options *o, int argc, char **argv, int64_t now_us, char *error,
                      size_t error_size);

/* They return the exit status; errors have been printed in one line. */
int dlq_run(const struct config *config, const struct dlq_options *o);

/* ---- from a letter to an event (pure) ---- */

struct dlq_letter {
    struct text source, topic, key, headers, payload;
    struct text digest;  /* 8 bytes, or absent: computed */
    int64_t received_us; /* EVENT_NO_TIME: not known, `now_us` */
};

/* Borrows from the letter and the arena. False: *why is a phrase for a person. */
bool dlq_envelope(const struct dlq_letter *letter, int64_t now_us, struct arena *arena,
                  struct envelope *out, const char **why);

#endif
