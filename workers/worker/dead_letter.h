/* What is kept of an event that cannot be stored: a row of the dead letters' table. Pure.
 * Reasons are stable snake_case words for counters, queries and `ringback dlq`; the detail is a
 * sentence for a person. */
#ifndef WORKER_DEAD_LETTER_H
#define WORKER_DEAD_LETTER_H

#include "consumer.h"
#include "envelope.h"
#include "rows.h"

#define REASON_UNKNOWN_SHOP "unknown_shop" /* no connected store has this domain */
#define REASON_UNKNOWN_CALL "unknown_call" /* nobody can tell which tenant's call it is */
#define REASON_UNKNOWN_SOURCE                                                                      \
    "unknown_source" /* an envelope of a source that this program does not know */
#define REASON_CORRUPT_ENVELOPE "corrupt_envelope" /* not what a gateway writes */
#define REASON_MALFORMED_BODY "malformed_body"     /* not JSON, or not an object */
#define REASON_INVALID_VALUE "invalid_value"       /* JSON, but a value that cannot be */
#define REASON_TOO_LARGE "too_large"               /* does not fit into a worker's memory */
#define REASON_CRASHED_WORKER "crashed_worker"     /* workers died with it in their hands */

/* Parameters of schema/worker/store_dead_letters.sql, in their order. */
enum dead_column {
    DEAD_SOURCE,
    DEAD_TOPIC,
    DEAD_KEY,
    DEAD_ORGANIZATION_ID,
    DEAD_REASON,
    DEAD_DETAIL,
    DEAD_SQLSTATE,
    DEAD_PAYLOAD,
    DEAD_HEADERS,
    DEAD_ENTRY_ID,
    DEAD_PARTITION,
    DEAD_ATTEMPTS,
    DEAD_ENVELOPE_VERSION,
    DEAD_APP_VERSION,
    DEAD_DIGEST,
    DEAD_RECEIVED_AT,
    DEAD_COLUMNS
};

extern const enum column_type dead_letter_types[DEAD_COLUMNS];

struct dead_letter {
    uint32_t event; /* index in the batch */
    struct value v[DEAD_COLUMNS];
};

struct dead_letter_cause {
    const char *reason;             /* one of the words above, or db_error_reason() */
    const char *detail;             /* copied */
    const char *sqlstate;           /* NULL: PostgreSQL was not asked */
    const uint8_t *organization_id; /* NULL: not known; must outlive the letter */
};

/* Everything in the arena or borrowed from `entry` and `envelope` (NULL: it could not be decoded;
 * then the payload is the entry itself). Text from outside is made fit for PostgreSQL. NULL: the
 * arena is full. */
struct dead_letter *dead_letter_make(struct arena *arena, uint32_t event, const struct entry *entry,
                                     const struct envelope *envelope,
                                     const struct dead_letter_cause *cause);

/* `t` itself if it is UTF-8 without NUL; else a copy with U+FFFD for what is not. */
struct text utf8_fit(struct arena *arena, struct text t);

#endif
