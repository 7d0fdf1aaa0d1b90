/* `ringback dlq`: what the parts share. dlq.c reads the command line, dlq_pg.c asks the database, dlq_print_pg.c prints;
 * worker/letter.h makes an event of a letter again, streams.h appends it to its stream. */
#ifndef OPS_DLQ_H
#define OPS_DLQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/selection.h"
#include "runtime/config.h"

enum { DLQ_IDS_MAX = 4096 };

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

#endif
