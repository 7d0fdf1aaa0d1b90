#include "runtime/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 4096, LOG_NUMBERS = 8 };

static const char *const names[] = {"error", "warn", "info", "debug"};
static enum log_level threshold = LOG_INFO;

struct line {
    char text[LOG_LINE_MAX];
    size_t n;
};

void log_set_level(enum log_level level)
{
    threshold = level;
}

int log_level_of(const char *name)
{
    for (int i = 0; i <= LOG_DEBUG; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* Room is kept for what closes the line, so a long value is cut and the line stays JSON. */
static void put(struct line *l, const char *text, size_t n)
{
    size_t room = LOG_LINE_MAX - 8 - l->n;

    if (n > room)
        n = room;
    memcpy(l->text + l->n, text, n);
    l->n += n;
}

static void put_string(struct line *l, const char *s)
{
    if (s == NULL) {
        put(l, "null", 4);
        return;
    }
    put(l, "\"", 1);
    for (; *s != '\0' && l->n < LOG_LINE_MAX - 32; s++) {
        unsigned char ch = (unsigned char)*s;
        char escaped[8];
        if (ch == '"' || ch == '\\') {
            escaped[0] = '\\';
            escaped[1] = (char)ch;
            put(l, escaped, 2);
        } else if (ch < 0x20) {
            put(l, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", ch));
        } else {
            put(l, s, 1);
        }
    }
    put(l, "\"", 1);
}

static void write_line(enum log_level level, const char *msg, va_list ap)
{
    struct line l = {.n = 0};
    struct timeval now;
    struct tm tm;
    char stamp[64];
    const char *key;

    if (level > threshold)
        return;
    gettimeofday(&now, NULL);
    gmtime_r(&now.tv_sec, &tm);
    strftime(stamp, sizeof stamp, "{\"ts\":\"%Y-%m-%dT%H:%M:%S", &tm);
    put(&l, stamp, strlen(stamp));
    put(&l, stamp,
        (size_t)snprintf(stamp, sizeof stamp, ".%03ldZ\",\"level\":\"%s\",\"msg\":",
                         (long)now.tv_usec / 1000, names[level]));
    put_string(&l, msg);
    while ((key = va_arg(ap, const char *)) != NULL) {
        put(&l, ",", 1);
        put_string(&l, key);
        put(&l, ":", 1);
        put_string(&l, va_arg(ap, const char *));
    }
    l.text[l.n++] = '}';
    l.text[l.n++] = '\n';
    /* One write per line, so that lines of several processes on one pipe stay whole. */
    if (write(STDERR_FILENO, l.text, l.n) < 0)
        return;
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *msg, ...)                                                                \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, msg);                                                                         \
        write_line(level, msg, ap);                                                                \
        va_end(ap);                                                                                \
    }

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

const char *log_num(int64_t n)
{
    static char texts[LOG_NUMBERS][24];
    static unsigned next;
    char *out = texts[next++ % LOG_NUMBERS];

    snprintf(out, sizeof texts[0], "%" PRId64, n);
    return out;
}
