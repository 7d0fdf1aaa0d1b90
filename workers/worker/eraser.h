/* Which retained stream entries are about a redacted customer or store. Pure: the consumer walks
 * the streams and deletes. product.md, section 4: redaction erases personal data also from the
 * retained streams.
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

enum { ERASE_SUBJECTS_MAX = 4, ERASE_PHONE_DIGITS = 10, ERASE_PHONE_DIGITS_MIN = 7 };

struct erase_subject {
    bool shop; /* the whole store, else one customer */
    struct text domain;
    char integration_id[37], organization_id[37];
    struct text customer_id, email, phone, order_ids; /* absent or "": not known */
};

struct erase_job {
    struct erase_subject subjects[ERASE_SUBJECTS_MAX]; /* an event asks for one */
    unsigned n;
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

/* As consumer_erase_match (consumer.h); ctx is the job. */
bool erase_matches(void *job, bool live, const void *payload, size_t len,
                   const char *organization_id);

#endif
