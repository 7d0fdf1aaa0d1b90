/* A dead letter holds all that the envelope held: dead_letter.c wrote it. */
#include "worker/letter.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "event.h"

/* Decimal microseconds, as dead_letter.c writes them. */
static int64_t time_of(struct text t)
{
    char digits[24], *end;
    long long n;

    if (text_empty(t) || t.n >= sizeof digits)
        return EVENT_NO_TIME;
    memcpy(digits, t.p, t.n);
    digits[t.n] = '\0';
    n = strtoll(digits, &end, 10);
    return *end == '\0' ? n : EVENT_NO_TIME;
}

static bool read_headers(const struct letter *letter, struct arena *arena, struct envelope *out,
                         const char **why)
{
    const struct json *root;

    if (text_empty(letter->headers))
        return true;
    root = json_parse(JSON_SLOT_EVENT, letter->headers.p, letter->headers.n, why);
    if (root == NULL)
        return false;
    for (const struct json *h = json_first(root); h != NULL; h = json_next(h)) {
        struct text name = json_key(h), value = json_string(h, arena);

        if (text_equal(name, TEXT("event_id"))) {
            out->event_id = value;
        } else if (text_equal(name, TEXT("delivery_id"))) {
            out->delivery_id = value;
        } else if (text_equal(name, TEXT("triggered_us"))) {
            out->triggered_us = time_of(value);
        } else if (value.p != NULL && out->n_headers < ENVELOPE_HEADERS_MAX) {
            out->headers[out->n_headers++] = (struct envelope_header){name, value};
        }
    }
    *why = "its headers are too large";
    return !arena->failed;
}

static void fill_digest(const struct letter *letter, struct envelope *out)
{
    if (letter->digest.n == sizeof out->digest)
        memcpy(out->digest, letter->digest.p, sizeof out->digest);
    else
        digest_of(out->digest, out->body, out->body_len);
}

bool letter_envelope(const struct letter *letter, int64_t now_us, struct arena *arena,
                     struct envelope *out, const char **why)
{
    *out = (struct envelope){
        .source = letter->source,
        .topic = letter->topic,
        .key = letter->key,
        .triggered_us = EVENT_NO_TIME,
        .received_us = letter->received_us == EVENT_NO_TIME ? now_us : letter->received_us,
        .body = letter->payload.p,
        .body_len = letter->payload.n,
    };
    *why =
        "its source, topic, key or payload is not kept: it never was an envelope, or was redacted";
    if (text_empty(letter->source) || text_empty(letter->topic) || text_empty(letter->key) ||
        letter->payload.p == NULL)
        return false;
    if (!read_headers(letter, arena, out, why))
        return false;
    fill_digest(letter, out);
    return true;
}
