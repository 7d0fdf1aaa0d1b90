/* `ringback replay`: what the parts share. replay.c reads the command line, replay_run.c goes through the history (history.h)
 * and appends what is wanted (streams.h), replay_tenant_pg.c knows whose an event is, replay_report.c tells what was done. */
#ifndef OPS_REPLAY_H
#define OPS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope.h"
#include "ops/selection.h"
#include "runtime/config.h"

struct replay_options {
    const char *topic, *source, *key; /* NULL: any */
    struct selection_tenant tenant;
    int64_t since_us, until_us; /* SELECTION_NO_TIME: from the first, to the last one retained */
    uint64_t limit;             /* 0: no limit */
    uint64_t rate;              /* per second; 0: as fast as it goes */
    bool json, dry_run;
};

/* Fills `o` from the command line, behind the command's name. False: `error` is one line. Pure. */
bool replay_read_options(struct replay_options *o, int argc, char **argv, int64_t now_us,
                         char *error, size_t error_size);

/* Whether the event passes the filters that need no database. Pure. */
bool replay_wants(const struct replay_options *o, const struct envelope *e);

/* The exit status; errors have been printed in one line. */
int replay_run(const struct config *config, const struct replay_options *o);

/* ---- whose an event is ---- */

struct replay_tenant;
/* NULL: one line was printed, also when there is no such organization. */
struct replay_tenant *replay_tenant_open(const struct config *config, const char *organization);
void replay_tenant_close(struct replay_tenant *t);

enum replay_owner { OWNER_US, OWNER_OTHER, OWNER_LATER };

/* OWNER_LATER: the next replay_tenant_answer() says so, about `event`. At most HISTORY_READ_MAX until then. Borrows nothing;
 * `scratch` is for reading the event. */
enum replay_owner replay_tenant_ask(struct replay_tenant *t, unsigned event,
                                    const struct envelope *e, struct arena *scratch);
/* Sets ours[event] of those asked about. False: one line was printed. */
bool replay_tenant_answer(struct replay_tenant *t, bool *ours);

/* ---- what was done ---- */

enum { REPLAY_KINDS_MAX = 128, REPLAY_KIND_MAX = 128 };

struct replay_report {
    uint64_t read;       /* entries, copies included */
    uint64_t copies;     /* made by a replay before: left out */
    uint64_t unreadable; /* by this version: left out */
    uint64_t matched, replayed;
    uint64_t next_ms; /* everything before it is done */
    bool complete;    /* nothing that was wanted is left */
    struct replay_kind {
        char source[REPLAY_KIND_MAX], topic[REPLAY_KIND_MAX];
        uint64_t matched;
    } kinds[REPLAY_KINDS_MAX];
    unsigned n_kinds;
};

/* The event's kind, to be counted once it is known to be wanted. */
unsigned replay_kind(struct replay_report *r, const struct envelope *e);
void replay_progress(const struct replay_report *r, const struct replay_options *o);
void replay_print(struct replay_report *r, const struct replay_options *o);

#endif
