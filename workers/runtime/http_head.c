#include "runtime/http_head.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "runtime/http_framing.h"

static const char version[] = "HTTP/1.1";

static_assert(HTTP_HEAD_MAX <= UINT16_MAX, "offsets fit");

static bool named(const char *name, size_t len, const char *wanted, size_t wanted_len)
{
    return len == wanted_len && strncasecmp(name, wanted, len) == 0;
}

#define NAMED(name, len, wanted) named(name, len, wanted, sizeof(wanted) - 1)

/* Cuts the next line off [*p, end) at its CRLF. NULL: there is none, or it has a control character
 * other than the tab. */
static char *cut_line(char **p, char *end, size_t *len)
{
    char *line = *p, *cr = memchr(line, '\r', (size_t)(end - line));

    if (cr == NULL || end - cr < 2 || cr[1] != '\n')
        return NULL;
    for (const char *c = line; c < cr; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return NULL;
    *cr = '\0';
    *len = (size_t)(cr - line);
    *p = cr + 2;
    return line;
}

static bool read_request_line(struct http_head *h, const char *method, char *line, size_t len)
{
    size_t before = strlen(method), behind = sizeof version; /* the space with it */

    if (len < before + 1 + behind || memcmp(line, method, before) != 0 || line[before] != ' ' ||
        line[len - behind] != ' ' || memcmp(line + len - behind + 1, version, behind - 1) != 0)
        return false;
    line[len - behind] = '\0';
    h->target = line + before + 1;
    return h->target[0] == '/' && strchr(h->target, ' ') == NULL;
}

/* Whether a field asks for something before, or besides, an answer to the whole request. */
static bool asks_for_more(const char *name, size_t len, const char *value, size_t value_len)
{
    if (NAMED(name, len, "Connection"))
        return !NAMED(value, value_len, "keep-alive");
    return NAMED(name, len, "Expect") || NAMED(name, len, "Transfer-Encoding") ||
           NAMED(name, len, "Upgrade") || NAMED(name, len, "Trailer");
}

static bool read_field(struct http_head *h, struct framing *framing, const char *bytes, char *line,
                       size_t len)
{
    char *colon = memchr(line, ':', len), *value, *end = line + len;

    if (colon == NULL || h->n == HTTP_HEAD_FIELDS_MAX)
        return false;
    *colon = '\0';
    for (value = colon + 1; value < end && (*value == ' ' || *value == '\t');)
        value++;
    if (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        return false; /* no part of the value, but not every reader knows that */
    framing_header(framing, line, (size_t)(colon - line), value, (size_t)(end - value));
    if (framing->fault != NULL ||
        asks_for_more(line, (size_t)(colon - line), value, (size_t)(end - value)))
        return false;
    h->fields[h->n++] = (struct http_field){.name = (uint16_t)(line - bytes),
                                            .name_len = (uint16_t)(colon - line),
                                            .value = (uint16_t)(value - bytes)};
    return true;
}

bool http_head_read(struct http_head *h, const char *method, char *bytes, size_t n)
{
    char *p = bytes, *end = bytes + n, *line;
    struct framing framing;
    size_t len = 0;

    assert(n <= HTTP_HEAD_MAX);
    h->n = 0;
    line = cut_line(&p, end, &len);
    if (line == NULL || !read_request_line(h, method, line, len))
        return false;
    framing_begin(&framing, method, version);
    while ((line = cut_line(&p, end, &len)) != NULL && len > 0)
        if (!read_field(h, &framing, bytes, line, len))
            return false;
    if (line == NULL || framing_end(&framing, version) != NULL)
        return false;
    h->len = (size_t)(p - bytes);
    h->length = framing.length;
    return true;
}

const char *http_head_value(const struct http_head *h, const char *bytes, const char *name)
{
    size_t len = strlen(name);

    for (unsigned i = 0; i < h->n; i++)
        if (named(bytes + h->fields[i].name, h->fields[i].name_len, name, len))
            return bytes + h->fields[i].value;
    return NULL;
}
