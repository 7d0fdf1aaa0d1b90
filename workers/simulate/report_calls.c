/* The calls in a simulation's report. */
#include <string.h>

#include "simulate/report.h"

#define LLU(n) ((unsigned long long)(n))

/* Organizations once each, in the order of their first stores; how many. */
static unsigned organizations(const struct sim_options *o, const char *out[SIM_STORES_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < o->n_stores; i++) {
        unsigned k = 0;
        while (k < n && strcmp(out[k], o->tenants[i].organization) != 0)
            k++;
        if (k == n)
            out[n++] = o->tenants[i].organization;
    }
    return n;
}

void report_calls_text(FILE *out, const struct report *r)
{
    const char *of[SIM_STORES_MAX];
    struct sim_call_totals t;
    unsigned n;

    if (r->options->calls_percent == 0)
        return;
    n = organizations(r->options, of);
    sim_call_totals(r->sim, NULL, &t);
    fprintf(out,
            "\n  calls       %llu (%llu of them later attempts) to %llu people, by %llu callbacks; "
            "%llu s, %llu turns, %llu recordings, %llu COD orders confirmed\n",
            LLU(t.calls), LLU(t.later_attempts), LLU(t.contacts), LLU(t.callbacks), LLU(t.seconds),
            LLU(t.turns), LLU(t.recordings), LLU(t.cod_confirmed));
    report_text_counts(out, "status", t.status, sim_call_status_names, 4);
    report_text_counts(out, "outcome", t.outcome, sim_outcome_names, 5);
    report_text_counts(out, "sentiment", t.sentiment, sim_sentiment_names, 3);
    fprintf(out, "\n  %-36s %8s %9s %9s %9s %9s %9s %10s\n", "organization", "calls", "answered",
            "voicemail", "confirmed", "seconds", "turns", "recordings");
    for (unsigned i = 0; i < n; i++) {
        sim_call_totals(r->sim, of[i], &t);
        fprintf(out, "  %-36s %8llu %9llu %9llu %9llu %9llu %9llu %10llu\n", of[i], LLU(t.calls),
                LLU(t.outcome[0]), LLU(t.outcome[4]), LLU(t.cod_confirmed), LLU(t.seconds),
                LLU(t.turns), LLU(t.recordings));
    }
}

static void json_calls(FILE *out, const struct sim_call_totals *t)
{
    fprintf(out,
            "\"calls\":%llu,\"callbacks\":%llu,\"later_attempts\":%llu,\"seconds\":%llu,"
            "\"turns\":%llu,\"recordings\":%llu,\"cod_confirmed\":%llu,\"contacts\":%llu",
            LLU(t->calls), LLU(t->callbacks), LLU(t->later_attempts), LLU(t->seconds),
            LLU(t->turns), LLU(t->recordings), LLU(t->cod_confirmed), LLU(t->contacts));
    report_json_counts(out, "status", t->status, sim_call_status_names, 4);
    report_json_counts(out, "outcome", t->outcome, sim_outcome_names, 5);
    report_json_counts(out, "sentiment", t->sentiment, sim_sentiment_names, 3);
}

void report_calls_json(FILE *out, const struct report *r)
{
    const char *of[SIM_STORES_MAX];
    struct sim_call_totals t;
    unsigned n;

    if (r->options->calls_percent == 0)
        return;
    n = organizations(r->options, of);
    sim_call_totals(r->sim, NULL, &t);
    fputs(",\"calls\":{", out);
    json_calls(out, &t);
    fputs(",\"organizations\":[", out);
    for (unsigned i = 0; i < n; i++) {
        sim_call_totals(r->sim, of[i], &t);
        fprintf(out, "%s{\"organization_id\":\"%s\",", i == 0 ? "" : ",", of[i]);
        json_calls(out, &t);
        fputc('}', out);
    }
    fputs("]}", out);
}
