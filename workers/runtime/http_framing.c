#include "runtime/http_framing.h"

#include <string.h>
#include <strings.h>

/* RFC 9110 section 5.6.2. */
static bool is_token_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(const char *p, size_t n)
{
    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_token_character(p[i]))
            return false;
    return true;
}

static bool named(const char *name, size_t len, const char *wanted)
{
    return len == strlen(wanted) && strncasecmp(name, wanted, len) == 0;
}

static void fault(struct framing *f, const char *sentence)
{
    if (f->fault == NULL)
        f->fault = sentence;
}

void framing_begin(struct framing *f, const char *method, const char *version)
{
    *f = (struct framing){0};
    if (strlen(method) > HTTP_METHOD_MAX || !is_token(method, strlen(method)))
        fault(f, "the method is not a word that HTTP allows");
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        fault(f, "only HTTP/1.1 and HTTP/1.0 are spoken here");
}

/* 1*DIGIT, no sign, no list, no overflow. */
static void read_length(struct framing *f, const char *value, size_t len)
{
    uint64_t n = 0;

    if (len == 0 || len > 18) {
        fault(f, "Content-Length is not a number");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9') {
            fault(f, "Content-Length is not a number");
            return;
        }
        n = n * 10 + (uint64_t)(value[i] - '0');
    }
    f->length = n;
}

void framing_header(struct framing *f, const char *name, size_t name_len, const char *value,
                    size_t value_len)
{
    while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
        value_len--;
    if (!is_token(name, name_len)) {
        fault(f, "a header name holds a character that HTTP does not allow there");
    } else if (named(name, name_len, "Content-Length")) {
        f->lengths++;
        read_length(f, value, value_len);
    } else if (named(name, name_len, "Transfer-Encoding")) {
        f->encodings++;
        f->chunked = named(value, value_len, "chunked");
        if (!f->chunked)
            fault(f, "the only Transfer-Encoding understood here is chunked");
    } else if (named(name, name_len, "Host")) {
        f->hosts++;
    }
}

const char *framing_end(struct framing *f, const char *version)
{
    if (f->lengths > 1)
        fault(f, "Content-Length was sent more than once");
    if (f->encodings > 1)
        fault(f, "Transfer-Encoding was sent more than once");
    if (f->lengths > 0 && f->encodings > 0)
        fault(f, "Content-Length and Transfer-Encoding were sent together");
    if (f->encodings > 0 && strcmp(version, "HTTP/1.0") == 0)
        fault(f, "HTTP/1.0 has no Transfer-Encoding");
    if (f->hosts > 1)
        fault(f, "Host was sent more than once");
    if (f->hosts == 0 && strcmp(version, "HTTP/1.1") == 0)
        fault(f, "HTTP/1.1 requires the header Host");
    return f->fault;
}

bool target_split(char *uri, const char **path, const char **query)
{
    char *mark;

    for (const char *p = uri; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~') /* also what is not ASCII: it has to come percent-encoded */
            return false;
    if (strlen(uri) > HTTP_URI_MAX)
        return false;
    if (strncasecmp(uri, "http://", 7) == 0)
        uri = strchr(uri + 7, '/');
    else if (strncasecmp(uri, "https://", 8) == 0)
        uri = strchr(uri + 8, '/');
    if (uri == NULL || *uri != '/')
        return false;
    mark = strchr(uri, '?');
    if (mark != NULL)
        *mark++ = '\0';
    *path = uri;
    *query = mark != NULL ? mark : "";
    return true;
}
