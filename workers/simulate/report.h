/* What a simulation prints at its end: for people, or as JSON for scripts. */
#ifndef SIMULATE_REPORT_H
#define SIMULATE_REPORT_H

#include <stdio.h>

#include "simulate/drive.h"

struct report {
    const struct sim_options *options;
    const struct drive_result *result;
    const struct sim_totals *stores; /* options->n_stores of them */
    const struct sim *sim;           /* for the calls */
    unsigned n_watches;
    int64_t now_us; /* at which the carts were judged */
};

void report_text(FILE *out, const struct report *r);
void report_json(FILE *out, const struct report *r);

/* The calls' part of each: a table, the member "calls". Nothing when there were to be none. */
void report_calls_text(FILE *out, const struct report *r);
void report_calls_json(FILE *out, const struct report *r);

/* What both are made of. */
void report_text_counts(FILE *out, const char *what, const uint64_t *counts,
                        const char *const *names, unsigned n);
void report_json_counts(FILE *out, const char *key, const uint64_t *counts,
                        const char *const *names, unsigned n);

#endif
