/* Which retained stream entries are about a redacted customer or store. Pure: the consumer walks
 * the streams and deletes. product.md, section 4: redaction erases personal data also from the
 * retained streams.
 *
 * A request names a customer by an id, or an e-mail, or both; what the rows knew beyond it is gone with
 * them. What is left are the tombstones that redact() has written: ids, and hashes of e-mail addresses
 * and of numbers. So every number and address of an entry is looked up among these traces, too; and
 * that works as well when a worker died between the commit and the erasing.
 *
 * Only acknowledged entries are looked at, so erasing one too many loses nothing but a piece of
 * history; erasing one too few would leave personal data. Ids and phone numbers are therefore
 * looked for anywhere in a body, as whole numbers.
 *
 * A store's events lie in its own partition; callbacks about calls with its customers, and the
 * updates that came of them, in any. A callback does not say for certain whose it is: one that
 * names the customer's phone or e-mail goes, whoever called. One that is about a whole store's
 * customers cannot be told from others: such callbacks go when their retention ends. */
#ifndef WORKER_ERASER_H
#define WORKER_ERASER_H

#include "worker/batch.h"

enum {
    ERASE_SUBJECTS_MAX = 4,
    ERASE_PHONE_DIGITS = 10,
    ERASE_PHONE_DIGITS_MIN = 7,
    ERASE_TRACES_MAX = 10000,
    ERASE_TRACE_MAX = 64, /* a SHA-256 in hex; no id is longer */
};

/* The kinds of tombstones, without what two have in common: an order's id is a trace as a customer's is. */
enum erase_trace_kind { TRACE_ID, TRACE_EMAIL, TRACE_PHONE };

struct erase_trace {
    enum erase_trace_kind kind;
    char value[ERASE_TRACE_MAX + 1];
};

struct erase_subject {
    bool shop; /* the whole store, else one customer */
    struct text domain;
    char integration_id[37], organization_id[37];
    struct text customer_id, email, phone, order_ids; /* absent or "": not known */
};

struct erase_job {
    struct erase_subject subjects[ERASE_SUBJECTS_MAX]; /* an event asks for one */
    unsigned n;
    int64_t since_us;           /* the moment of the earliest of these redactions */
    struct erase_trace *traces; /* sorted */
    size_t n_traces;
    bool events_only;   /* leave live updates alone */
    unsigned partition; /* whose streams are being walked */
    size_t body_max;
    struct arena arena; /* for looking into one envelope; erase_job_free() */
    uint64_t matched;
    void *owner; /* whoever waits for it */
};

/* How many redactions the events [lo, hi) ask for. */
unsigned erase_count(const struct batch *b, uint32_t lo, uint32_t hi);

/* Subjects of the redactions of [lo, hi), at most ERASE_SUBJECTS_MAX; texts are the batch's. False:
 * out of memory. */
bool erase_job_make(struct erase_job *job, const struct batch *b, uint32_t lo, uint32_t hi);
void erase_job_free(struct erase_job *job);

/* `kind` and `id` of a tombstone, at most ERASE_TRACES_MAX; kinds that are none are left out. Then erase_traces_sort(). False:
 * out of memory. */
bool erase_trace_add(struct erase_job *job, const char *kind, const char *id);
void erase_traces_sort(struct erase_job *job);

/* As consumer_erase_match (consumer.h); ctx is the job. */
bool erase_matches(void *job, bool live, const void *payload, size_t len,
                   const char *organization_id);

#endif
