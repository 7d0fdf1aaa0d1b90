/* The events streams, for commands that end: appends as the gateway does, each append confirmed by Redis. */
#ifndef OPS_STREAMS_H
#define OPS_STREAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "envelope.h"
#include "runtime/config.h"

/* The field, beside the event's own, of an entry that `ringback replay` appended; its value is the entry that it repeats.
 * Such entries are no history of their own, or a second replay would send everything twice as often. */
#define STREAM_COPY_FIELD "again"

struct streams;

/* `command` is named in errors. NULL: one line was printed. */
struct streams *streams_open(const struct config *config, const char *command);
void streams_close(struct streams *s);

/* Where events with this key go. */
unsigned streams_partition(const struct streams *s, struct text key);

/* Sends; nothing is confirmed yet. False: out of memory. */
bool streams_append(struct streams *s, const struct envelope *e);
/* The same of an envelope that is encoded already, marked as the repetition of entry `of`; `partition` is its key's. */
bool streams_repeat(struct streams *s, unsigned partition, struct text bytes, const char *of);

/* True: Redis has confirmed all that was sent since the last time. False: one line was printed; of what was sent the
 * first *confirmed (may be NULL) certainly arrived. */
bool streams_confirm(struct streams *s, unsigned *confirmed);

/* Whether Redis has room beyond what the gateway may need meanwhile. False: one line was printed. */
enum { STREAMS_FULL_PERCENT = 90 };
bool streams_have_room(struct streams *s);

#endif
