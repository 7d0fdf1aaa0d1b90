/* Logs and metrics of the simulated workers: a trace line when asked for, else nothing. */
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "runtime/log.h"
#include "runtime/metrics.h"
#include "worker/worker_metrics.h"

static void write_line(const char *msg, va_list ap)
{
    char text[512];
    size_t n = 0;
    const char *word;

    while ((word = va_arg(ap, const char *)) != NULL && n < sizeof text - 2) {
        int k = snprintf(text + n, sizeof text - n, " %s", word);
        n += k > 0 ? (size_t)k : 0;
    }
    text[n < sizeof text ? n : sizeof text - 1] = '\0';
    sim_trace("log: %s:%s", msg, text);
}

#define LOG_FUNCTION(name)                                                                         \
    void name(const char *msg, ...)                                                                \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, msg);                                                                         \
        write_line(msg, ap);                                                                       \
        va_end(ap);                                                                                \
    }

LOG_FUNCTION(log_error)
LOG_FUNCTION(log_warn)
LOG_FUNCTION(log_info)
LOG_FUNCTION(log_debug)

const char *log_num(int64_t n)
{
    static char texts[8][24];
    static unsigned next;
    char *out = texts[next++ % 8];

    snprintf(out, sizeof texts[0], "%" PRId64, n);
    return out;
}

struct worker_metrics worker_metrics;

void worker_count_event(const struct batch_item *item)
{
    (void)item;
}

void worker_count_letter(const char *reason)
{
    (void)reason;
}

void worker_count_batch(uint32_t events)
{
    (void)events;
}

void worker_count_failure(const char *action)
{
    (void)action;
}

void metric_add(struct metric *m, double n)
{
    (void)m;
    (void)n;
}

void metric_set(struct metric *m, double n)
{
    (void)m;
    (void)n;
}

void metric_observe(struct metric *m, double seconds)
{
    (void)m;
    (void)seconds;
}
