/* Prometheus counters, gauges and histograms. Process-wide, one loop, no threads: plain adds.
 * Registered once (at start or on first use), never freed. Label values must come from bounded sets, never from a request. */
#ifndef RUNTIME_METRICS_H
#define RUNTIME_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct metric; /* one time series */

/* `labels` is NULL or ready text: `topic="orders/create",result="ok"`. The same name and labels return the same series. */
struct metric *metric_counter(const char *name, const char *labels, const char *help);
struct metric *metric_gauge(const char *name, const char *labels, const char *help);
/* Seconds; buckets from 0.5 ms to 30 s. */
struct metric *metric_histogram(const char *name, const char *labels, const char *help);

void metric_add(struct metric *m, double n);
void metric_set(struct metric *m, double n);
void metric_observe(struct metric *m, double seconds);
double metric_value(const struct metric *m);

/* The exposition text, malloc'ed; the caller frees. Includes process CPU, RSS and open descriptors. */
char *metrics_text(size_t *len);

#endif
