#include "realtime/protocol.h"

#include <stdio.h>

#include "runtime/jsontext.h"

enum { BINARY_PUSH = 3, BINARY_BROADCAST = 4, BINARY_HEADER = 7, BINARY_JSON = 1 };

struct text protocol_query(const char *query, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = query; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, "&");

        if (len > n && strncmp(p, name, n) == 0 && p[n] == '=')
            return (struct text){p + n + 1, len - n - 1};
        p += len + (p[len] == '&');
    }
    return TEXT_NULL;
}

bool protocol_version_of(const char *query, enum protocol_version *out)
{
    struct text vsn = protocol_query(query, "vsn");

    *out = text_equal(vsn, TEXT("2.0.0")) ? PROTOCOL_V2 : PROTOCOL_V1;
    return text_empty(vsn) || *out == PROTOCOL_V2 || text_equal(vsn, TEXT("1.0.0"));
}

/* A ref goes back as it came. */
static bool take_ref(struct text value, struct text *out)
{
    enum jsontext_kind kind = jsontext_kind(value);

    *out = TEXT("null");
    if (kind == JSONTEXT_NONE || kind == JSONTEXT_NULL)
        return true;
    *out = value;
    return (kind == JSONTEXT_STRING || kind == JSONTEXT_NUMBER) && value.n <= REF_MAX;
}

static bool take(struct text join_ref, struct text ref, struct text topic, struct text event,
                 struct text payload, struct message *out)
{
    out->payload = jsontext_kind(payload) == JSONTEXT_OBJECT ? payload : TEXT("{}");
    out->data = TEXT_NULL;
    return take_ref(join_ref, &out->join_ref) && take_ref(ref, &out->ref) &&
           jsontext_string(topic, out->topic, sizeof out->topic, NULL) && out->topic[0] != '\0' &&
           jsontext_string(event, out->event, sizeof out->event, NULL) && out->event[0] != '\0';
}

bool protocol_parse(enum protocol_version v, struct text text, struct message *out)
{
    struct jsontext_each each;
    struct text part[5];

    if (!jsontext_valid(text))
        return false;
    if (v == PROTOCOL_V1)
        return jsontext_kind(text) == JSONTEXT_OBJECT &&
               take(jsontext_get(text, "join_ref"), jsontext_get(text, "ref"),
                    jsontext_get(text, "topic"), jsontext_get(text, "event"),
                    jsontext_get(text, "payload"), out);
    if (jsontext_kind(text) != JSONTEXT_ARRAY)
        return false;
    jsontext_open(&each, text);
    for (int i = 0; i < 5; i++)
        if (!jsontext_element(&each, &part[i]))
            return false;
    return take(part[0], part[1], part[2], part[3], part[4], out);
}

/* Copies a name, which may hold anything but NUL. */
static bool copy_name(struct text *rest, size_t n, char *out, size_t size)
{
    if (rest->n < n || n >= size || memchr(rest->p, '\0', n) != NULL)
        return false;
    snprintf(out, size, "%.*s", (int)n, rest->p);
    rest->p += n;
    rest->n -= n;
    return true;
}

/* Copies a printable ASCII string of the binary header; quoted when it becomes JSON. */
static bool copy_plain(struct text *rest, size_t n, char *out, size_t size, bool quoted)
{
    size_t quotes = quoted ? 2 : 0;

    if (rest->n < n || n + quotes >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        if (rest->p[i] < 0x20 || rest->p[i] > 0x7E || rest->p[i] == '"' || rest->p[i] == '\\')
            return false;
    snprintf(out, size, quoted ? "\"%.*s\"" : "%.*s", (int)n, rest->p);
    rest->p += n;
    rest->n -= n;
    return true;
}

bool protocol_parse_binary(struct text bytes, struct message *out, struct binary_refs *refs)
{
    const unsigned char *head = (const unsigned char *)bytes.p;
    struct text rest;

    if (bytes.n < BINARY_HEADER || head[0] != BINARY_PUSH)
        return false;
    rest = (struct text){bytes.p + BINARY_HEADER, bytes.n - BINARY_HEADER};
    if (!copy_plain(&rest, head[1], refs->join_ref, sizeof refs->join_ref, true) ||
        !copy_plain(&rest, head[2], refs->ref, sizeof refs->ref, true) ||
        !copy_plain(&rest, head[3], out->topic, sizeof out->topic, false) || head[3] == 0 ||
        !copy_name(&rest, head[4], out->broadcast, sizeof out->broadcast) || rest.n < head[5])
        return false;
    out->data =
        (struct text){rest.p + head[5], rest.n - head[5]}; /* behind metadata for the server */
    out->data_is_json = head[6] == BINARY_JSON;
    snprintf(out->event, sizeof out->event, "broadcast");
    out->join_ref = head[1] == 0 ? TEXT("null") : text_of(refs->join_ref);
    out->ref = head[2] == 0 ? TEXT("null") : text_of(refs->ref);
    out->payload = TEXT("{}");
    return true;
}

void protocol_open(struct frame_writer *w, enum protocol_version v, struct text join_ref,
                   struct text ref, const char *topic, const char *event)
{
    if (v == PROTOCOL_V2) {
        frame_puts(w, "[");
        frame_text(w, join_ref);
        frame_puts(w, ",");
        frame_text(w, ref);
        frame_puts(w, ",");
        frame_string(w, text_of(topic));
        frame_puts(w, ",\"");
        frame_puts(w, event);
        frame_puts(w, "\",");
        return;
    }
    frame_puts(w, "{\"ref\":");
    frame_text(w, ref);
    frame_puts(w, ",\"join_ref\":");
    frame_text(w, join_ref);
    frame_puts(w, ",\"topic\":");
    frame_string(w, text_of(topic));
    frame_puts(w, ",\"event\":\"");
    frame_puts(w, event);
    frame_puts(w, "\",\"payload\":");
}

void protocol_close(struct frame_writer *w, enum protocol_version v)
{
    frame_puts(w, v == PROTOCOL_V2 ? "]" : "}");
}

struct frame *protocol_message(enum protocol_version v, struct text join_ref, struct text ref,
                               const char *topic, const char *event, const char *payload)
{
    struct frame_writer w;

    frame_begin(&w);
    protocol_open(&w, v, join_ref, ref, topic, event);
    frame_puts(&w, payload);
    protocol_close(&w, v);
    return frame_finish(&w);
}

struct frame *protocol_binary_broadcast(const char *topic, const char *event, struct text data)
{
    size_t topic_len = strlen(topic), event_len = strlen(event);
    const char head[] = {BINARY_BROADCAST, (char)topic_len, (char)event_len, 0, 0};
    struct frame_writer w;

    if (topic_len > UINT8_MAX || event_len > UINT8_MAX)
        return NULL;
    frame_begin(&w);
    frame_text(&w, (struct text){head, sizeof head});
    frame_puts(&w, topic);
    frame_puts(&w, event);
    frame_text(&w, data);
    return frame_finish_binary(&w);
}

struct frame *protocol_reply(enum protocol_version v, const struct message *to, const char *status,
                             const char *response)
{
    struct frame_writer w;

    frame_begin(&w);
    protocol_open(&w, v, to->join_ref, to->ref, to->topic, "phx_reply");
    frame_puts(&w, "{\"status\":\"");
    frame_puts(&w, status);
    frame_puts(&w, "\",\"response\":");
    frame_puts(&w, response);
    frame_puts(&w, "}");
    protocol_close(&w, v);
    return frame_finish(&w);
}

struct frame *protocol_refusal(enum protocol_version v, const struct message *to,
                               const char *reason)
{
    struct frame_writer w;

    frame_begin(&w);
    protocol_open(&w, v, to->join_ref, to->ref, to->topic, "phx_reply");
    frame_puts(&w, "{\"status\":\"error\",\"response\":{\"reason\":");
    frame_string(&w, text_of(reason));
    frame_puts(&w, "}}");
    protocol_close(&w, v);
    return frame_finish(&w);
}
