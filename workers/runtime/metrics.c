#include "runtime/metrics.h"

#include <assert.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const double bounds[] = {.0005, .001, .002, .005, .01, .02, .05, .1,
                                .2,    .5,   1,    2,    5,   10,  30};

enum { N_BOUNDS = sizeof bounds / sizeof bounds[0], SERIES_MAX = 2000 };

struct metric {
    const char *name, *labels, *help;
    enum kind kind;
    double value; /* of a histogram: the sum */
    uint64_t count;
    uint64_t bucket[N_BOUNDS];
    struct metric *next;
};

static struct metric *first, **last = &first;
static unsigned n_series;

/* Labels come from bounded sets; if one ever does not, this series takes what is too much instead of the memory. */
static struct metric overflow = {.name = "ringback_metrics_overflow_total",
                                 .labels = "",
                                 .help = "observations of series beyond the limit"};

static struct metric *find(const char *name, const char *labels, const char *help, enum kind kind)
{
    struct metric *m;

    if (labels == NULL)
        labels = "";
    for (m = first; m != NULL; m = m->next)
        if (strcmp(m->name, name) == 0 && strcmp(m->labels, labels) == 0)
            return m;
    if (n_series >= SERIES_MAX)
        return &overflow;
    m = calloc(1, sizeof *m);
    if (m == NULL)
        return &overflow;
    m->name = strdup(name);
    m->labels = strdup(labels);
    m->help = strdup(help);
    m->kind = kind;
    if (m->name == NULL || m->labels == NULL || m->help == NULL)
        return &overflow; /* never freed: out of memory while starting */
    n_series++;
    *last = m;
    last = &m->next;
    return m;
}

struct metric *metric_counter(const char *name, const char *labels, const char *help)
{
    return find(name, labels, help, COUNTER);
}

struct metric *metric_gauge(const char *name, const char *labels, const char *help)
{
    return find(name, labels, help, GAUGE);
}

struct metric *metric_histogram(const char *name, const char *labels, const char *help)
{
    return find(name, labels, help, HISTOGRAM);
}

void metric_add(struct metric *m, double n)
{
    m->value += n;
}

void metric_set(struct metric *m, double n)
{
    m->value = n;
}

void metric_observe(struct metric *m, double seconds)
{
    m->value += seconds;
    m->count++;
    for (int i = 0; i < N_BOUNDS; i++) {
        if (seconds <= bounds[i]) {
            m->bucket[i]++;
            break;
        }
    }
}

double metric_value(const struct metric *m)
{
    return m->kind == HISTOGRAM ? (double)m->count : m->value;
}

__attribute__((format(printf, 2, 3))) static void put(FILE *out, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vfprintf(out, format, ap);
    va_end(ap);
}

static void write_series(FILE *out, const struct metric *m)
{
    const char *comma = *m->labels == '\0' ? "" : ",";
    uint64_t below = 0;

    if (m->kind != HISTOGRAM) {
        if (*m->labels == '\0')
            put(out, "%s %.17g\n", m->name, m->value);
        else
            put(out, "%s{%s} %.17g\n", m->name, m->labels, m->value);
        return;
    }
    for (int i = 0; i < N_BOUNDS; i++) {
        below += m->bucket[i];
        put(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", m->name, m->labels, comma, bounds[i],
            (unsigned long long)below);
    }
    put(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", m->name, m->labels, comma,
        (unsigned long long)m->count);
    put(out, "%s_sum{%s} %.17g\n%s_count{%s} %llu\n", m->name, m->labels, m->value, m->name,
        m->labels, (unsigned long long)m->count);
}

static void write_process(FILE *out)
{
    struct rusage use;
    long pages = 0, total = 0;
    unsigned descriptors = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    DIR *fds = opendir("/proc/self/fd");

    getrusage(RUSAGE_SELF, &use);
    if (statm != NULL) {
        if (fscanf(statm, "%ld %ld", &total, &pages) != 2)
            pages = 0;
        fclose(statm);
    }
    if (fds != NULL) {
        while (readdir(fds) != NULL)
            descriptors++;
        closedir(fds);
    }
    put(out, "# HELP process_cpu_seconds_total user and system time\n# TYPE "
             "process_cpu_seconds_total counter\n");
    put(out, "process_cpu_seconds_total %.6f\n",
        (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
            (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    put(out, "# HELP process_resident_memory_bytes resident memory\n# TYPE "
             "process_resident_memory_bytes gauge\n");
    put(out, "process_resident_memory_bytes %ld\n", pages * sysconf(_SC_PAGESIZE));
    put(out, "# HELP process_open_fds open file descriptors\n# TYPE process_open_fds gauge\n");
    put(out, "process_open_fds %u\n", descriptors);
}

char *metrics_text(size_t *len)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    if (out == NULL)
        return NULL;
    for (const struct metric *m = first; m != NULL; m = m->next) {
        const struct metric *other = first;
        while (strcmp(other->name, m->name) != 0)
            other = other->next;
        if (other != m)
            continue; /* written with the first of its name */
        put(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
        for (; other != NULL; other = other->next)
            if (strcmp(other->name, m->name) == 0)
                write_series(out, other);
    }
    if (overflow.value > 0 || overflow.count > 0)
        write_series(out, &overflow);
    write_process(out);
    fclose(out);
    return text;
}
