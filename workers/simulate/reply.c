#include "simulate/reply.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BODY_MAX = 1 << 20 };

void reply_init(struct reply *r)
{
    r->status = 0;
    r->retry_after = 0;
    r->close = false;
    r->note[0] = '\0';
    r->body_left = r->note_len = r->head_len = 0;
}

/* The value of a header in r->head, which is NUL-terminated; NULL: absent. */
static const char *header(const struct reply *r, const char *name)
{
    size_t n = strlen(name);

    for (const char *line = strstr(r->head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
            continue;
        line += n + 1;
        return line + strspn(line, " \t");
    }
    return NULL;
}

static bool read_head(struct reply *r)
{
    const char *length, *text;

    if (strncmp(r->head, "HTTP/1.1 ", 9) != 0 || !isdigit((unsigned char)r->head[9]))
        return false;
    r->status = atoi(r->head + 9);
    length = header(r, "Content-Length");
    r->body_left = length != NULL ? strtoul(length, NULL, 10) : 0;
    text = header(r, "Connection");
    r->close = text != NULL && strncasecmp(text, "close", 5) == 0;
    text = header(r, "Retry-After");
    r->retry_after = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
    return r->status >= 100 && r->body_left <= BODY_MAX && header(r, "Transfer-Encoding") == NULL;
}

enum reply_progress reply_feed(struct reply *r, const char *bytes, size_t n, size_t *used)
{
    size_t take;

    for (*used = 0; r->status == 0; (*used)++) {
        if (*used == n)
            return REPLY_MORE;
        if (r->head_len == sizeof r->head - 1)
            return REPLY_BROKEN;
        r->head[r->head_len++] = bytes[*used];
        if (r->head_len < 4 || memcmp(r->head + r->head_len - 4, "\r\n\r\n", 4) != 0)
            continue;
        r->head[r->head_len] = '\0';
        if (!read_head(r))
            return REPLY_BROKEN;
    }
    take = n - *used < r->body_left ? n - *used : r->body_left;
    for (size_t i = 0; i < take && r->note_len < sizeof r->note - 1; i++)
        r->note[r->note_len++] = isprint((unsigned char)bytes[*used + i]) ? bytes[*used + i] : ' ';
    r->note[r->note_len] = '\0';
    *used += take;
    r->body_left -= take;
    return r->body_left == 0 ? REPLY_DONE : REPLY_MORE;
}
