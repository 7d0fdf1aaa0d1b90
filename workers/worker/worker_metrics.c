#include "worker/worker_metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "voice/provider.h"

enum { TOPICS_MAX = 96 };

struct worker_metrics worker_metrics;

static const char *const fate_names[FATE_COUNT] = {
    [FATE_STORE] = "stored",      [FATE_IGNORE] = "ignored", [FATE_UNHANDLED] = "unhandled",
    [FATE_VANISHED] = "vanished", [FATE_DEAD] = "dead",
};

static struct topic {
    const char *source;
    char *name;
    struct metric *fates[FATE_COUNT];
} topics[TOPICS_MAX];

static unsigned n_topics;

void worker_metrics_init(void)
{
    struct worker_metrics *m = &worker_metrics;

    m->commit_seconds = metric_histogram("ringback_worker_commit_seconds", NULL,
                                         "From sending a transaction to its commit");
    m->batch_seconds = metric_histogram("ringback_worker_batch_seconds", NULL,
                                        "From beginning a batch to its end");
    m->age_seconds = metric_histogram("ringback_worker_event_age_seconds", NULL,
                                      "From the gateway's receipt of an event to its commit");
    m->deadlocks = metric_counter("ringback_worker_deadlocks_total", NULL,
                                  "SQLSTATE 40P01; each one is a bug");
    m->vanished =
        metric_counter("ringback_worker_vanished_total", NULL,
                       "Pending entries whose payload was gone from the stream: lost events");
    m->newer = metric_counter("ringback_worker_newer_entries_total", NULL,
                              "Entries that only a newer version can read; they wait for one");
    m->newer_waiting =
        metric_gauge("ringback_worker_newer_entries", NULL, "Such entries that wait here now");
    m->live_updates =
        metric_counter("ringback_worker_live_updates_total", NULL, "Live updates published");
    m->live_dropped = metric_counter("ringback_worker_live_dropped_total", NULL,
                                     "Live updates dropped because Redis was full");
    m->owned =
        metric_gauge("ringback_worker_partitions", NULL, "Partitions that this process owns");
    m->backlog = metric_gauge("ringback_worker_backlog", NULL,
                              "Entries not yet acknowledged in owned partitions");
    m->oldest_seconds =
        metric_gauge("ringback_worker_oldest_unacknowledged_seconds", NULL,
                     "Age of the oldest unacknowledged entry of the owned partitions");
    m->retention_seconds = metric_gauge(
        "ringback_worker_retention_seconds", NULL,
        "How long acknowledged events are kept: less than configured while Redis is nearly full");
    m->queued =
        metric_gauge("ringback_worker_queued", NULL, "Entries read and waiting for a batch");
    m->connections = metric_gauge("ringback_worker_db_connections", NULL,
                                  "Live connections to PostgreSQL for batches");
    m->carts_settled = metric_counter("ringback_worker_carts_settled_total", NULL,
                                      "Carts settled because their time had come");
    m->relayed = metric_counter("ringback_worker_relayed_total", NULL,
                                "Live updates of other writers, relayed");
    m->mended = metric_counter("ringback_worker_mended_total", NULL,
                               "Dead letters that were sent again because their call became known");
    m->erased = metric_counter("ringback_worker_erased_total", NULL,
                               "Retained entries erased for a redaction");
}

static const char *source_name(const struct batch_item *item)
{
    if (item->provider != NULL)
        return item->provider->name;
    return item->source == NULL ? "other" : "shopify";
}

/* The label of a topic that nobody handles would let anybody grow the list. */
static const char *topic_name(const struct batch_item *item)
{
    bool known = item->provider != NULL ? strcmp(item->topic, "callback") == 0
                                        : *item->topic != '\0' && handler_for(item->topic) != NULL;

    return known ? item->topic : "other";
}

static struct topic *topic_of(const struct batch_item *item)
{
    const char *source = source_name(item), *name = topic_name(item);

    for (unsigned i = 0; i < n_topics; i++)
        if (strcmp(topics[i].name, name) == 0 && strcmp(topics[i].source, source) == 0)
            return &topics[i];
    if (n_topics == TOPICS_MAX || (topics[n_topics].name = strdup(name)) == NULL)
        return NULL;
    topics[n_topics].source = source;
    return &topics[n_topics++];
}

void worker_count_event(const struct batch_item *item)
{
    struct topic *t = topic_of(item);
    char labels[160];

    if (t == NULL)
        return;
    if (t->fates[item->fate] == NULL) {
        snprintf(labels, sizeof labels, "source=\"%s\",topic=\"%s\",verdict=\"%s\"", t->source,
                 t->name, fate_names[item->fate]);
        t->fates[item->fate] = metric_counter("ringback_worker_events_total", labels,
                                              "Events by topic and what became of them");
    }
    metric_add(t->fates[item->fate], 1);
}

void worker_count_letter(const char *reason)
{
    char labels[96];

    snprintf(labels, sizeof labels, "reason=\"%s\"", reason);
    metric_add(
        metric_counter("ringback_worker_dead_letters_total", labels, "Dead letters by reason"), 1);
}

void worker_count_batch(uint32_t events)
{
    static const struct {
        uint32_t most;
        const char *label;
    } sizes[] = {{1, "size=\"1\""},
                 {9, "size=\"2-9\""},
                 {99, "size=\"10-99\""},
                 {499, "size=\"100-499\""},
                 {UINT32_MAX, "size=\"500+\""}};
    static struct metric *counters[sizeof sizes / sizeof sizes[0]];
    unsigned i = 0;

    while (events > sizes[i].most)
        i++;
    if (counters[i] == NULL)
        counters[i] = metric_counter("ringback_worker_batches_total", sizes[i].label,
                                     "Batches by number of events");
    metric_add(counters[i], 1);
}

void worker_count_failure(const char *action)
{
    char labels[64];

    snprintf(labels, sizeof labels, "action=\"%s\"", action);
    metric_add(metric_counter("ringback_worker_failures_total", labels,
                              "Failed transactions by what was done about it"),
               1);
}
