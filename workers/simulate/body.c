#include "simulate/body.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void body_init(struct body *b, char *memory, size_t size)
{
    *b = (struct body){.p = memory, .size = size};
}

static void put(struct body *b, const char *p, size_t n)
{
    if (n > b->size - b->n) {
        b->failed = true;
        return;
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void put_escaped(struct body *b, const char *text)
{
    const char *run = text, *p;
    char escape[8];

    put(b, "\"", 1);
    for (p = text; *p != '\0'; p++) {
        if (strchr("\"\\/&<>", *p) == NULL && (unsigned char)*p >= ' ')
            continue;
        put(b, run, (size_t)(p - run));
        if (strchr("\"\\/", *p) != NULL)
            snprintf(escape, sizeof escape, "\\%c", *p);
        else if (*p == '\n' || *p == '\r' || *p == '\t')
            snprintf(escape, sizeof escape, "\\%c", *p == '\n' ? 'n' : *p == '\r' ? 'r' : 't');
        else
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)*p);
        put(b, escape, strlen(escape));
        run = p + 1;
    }
    put(b, run, (size_t)(p - run));
    put(b, "\"", 1);
}

/* Comma and key of the next value. */
static void put_key(struct body *b, const char *key)
{
    if (b->comma)
        put(b, ",", 1);
    b->comma = true;
    if (key == NULL)
        return;
    put(b, "\"", 1);
    put(b, key, strlen(key));
    put(b, "\":", 2);
}

void body_open(struct body *b, const char *key, char bracket)
{
    put_key(b, key);
    put(b, &bracket, 1);
    b->comma = false;
}

void body_close(struct body *b, char bracket)
{
    put(b, &bracket, 1);
    b->comma = true;
}

void body_text(struct body *b, const char *key, const char *value)
{
    put_key(b, key);
    if (value == NULL)
        put(b, "null", 4);
    else
        put_escaped(b, value);
}

void body_int(struct body *b, const char *key, uint64_t value)
{
    char text[24];

    put_key(b, key);
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put(b, text, strlen(text));
}

void body_bool(struct body *b, const char *key, bool value)
{
    put_key(b, key);
    put(b, value ? "true" : "false", value ? 4 : 5);
}

void body_thousandths(struct body *b, const char *key, int64_t value)
{
    char text[32];

    assert(value >= 0);
    put_key(b, key);
    snprintf(text, sizeof text, "%lld.%03d", (long long)(value / 1000), (int)(value % 1000));
    put(b, text, strlen(text));
}

void body_money(struct body *b, const char *key, int64_t hundredths)
{
    char text[32];

    assert(hundredths >= 0);
    put_key(b, key);
    snprintf(text, sizeof text, "\"%lld.%02d\"", (long long)(hundredths / 100),
             (int)(hundredths % 100));
    put(b, text, strlen(text));
}

void body_raw(struct body *b, const char *members)
{
    if (b->comma)
        put(b, ",", 1);
    b->comma = true;
    put(b, members, strlen(members));
}

void body_bytes(struct body *b, const char *bytes, size_t n)
{
    put(b, bytes, n);
}

void sim_time_text(char out[SIM_TIME_SIZE], int64_t at_s, int offset_minutes)
{
    time_t local = (time_t)(at_s + (int64_t)offset_minutes * 60);
    struct tm tm;
    size_t n;

    gmtime_r(&local, &tm);
    n = strftime(out, SIM_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, SIM_TIME_SIZE - n, "%c%02d:%02d", offset_minutes < 0 ? '-' : '+',
             (abs(offset_minutes) / 60) % 100, abs(offset_minutes) % 60);
}
