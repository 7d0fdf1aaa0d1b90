#include "worker/dead_letter.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/json_out.h"

const enum column_type dead_letter_types[DEAD_COLUMNS] = {
    [DEAD_SOURCE] = COLUMN_TEXT,
    [DEAD_TOPIC] = COLUMN_TEXT,
    [DEAD_KEY] = COLUMN_TEXT,
    [DEAD_ORGANIZATION_ID] = COLUMN_UUID,
    [DEAD_REASON] = COLUMN_TEXT,
    [DEAD_DETAIL] = COLUMN_TEXT,
    [DEAD_SQLSTATE] = COLUMN_TEXT,
    [DEAD_PAYLOAD] = COLUMN_BYTES,
    [DEAD_HEADERS] = COLUMN_JSONB,
    [DEAD_ENTRY_ID] = COLUMN_TEXT,
    [DEAD_PARTITION] = COLUMN_INT4,
    [DEAD_ATTEMPTS] = COLUMN_INT4,
    [DEAD_ENVELOPE_VERSION] = COLUMN_INT4,
    [DEAD_APP_VERSION] = COLUMN_TEXT,
    [DEAD_DIGEST] = COLUMN_BYTES,
    [DEAD_RECEIVED_AT] = COLUMN_TIME,
};

static const int64_t YEAR_10000_US =
    INT64_C(253402300800000000); /* beyond it PostgreSQL may refuse, and a letter must not fail */

/* Length of the character at p, 0 if it is none: RFC 3629, section 4. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xC2 ? 0
                 : p[0] < 0xE0 ? 2
                 : p[0] < 0xF0 ? 3
                 : p[0] < 0xF5 ? 4
                               : 0;

    if (len == 0 || len > n || p[0] == 0)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0; /* overlong, a surrogate, or beyond U+10FFFF */
    return len;
}

struct text utf8_fit(struct arena *arena, struct text t)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    const unsigned char *p = (const unsigned char *)t.p;
    size_t bad = 0, n = 0;
    char *copy;

    for (size_t i = 0, len; i < t.n; i += len == 0 ? 1 : len) {
        len = utf8_length(p + i, t.n - i);
        bad += len == 0;
    }
    if (bad == 0)
        return t;
    copy = arena_alloc(arena, t.n + bad * 2);
    if (copy == NULL)
        return TEXT_NULL;
    for (size_t i = 0, len; i < t.n; i += len == 0 ? 1 : len) {
        len = utf8_length(p + i, t.n - i);
        memcpy(copy + n, len == 0 ? replacement : t.p + i, len == 0 ? 3 : len);
        n += len == 0 ? 3 : len;
    }
    return (struct text){copy, n};
}

static void set_text(struct dead_letter *d, enum dead_column c, struct text t)
{
    d->v[c] = (struct value){.set = t.p != NULL, .text = t};
}

static void set_number(struct dead_letter *d, enum dead_column c, int64_t n)
{
    d->v[c] = (struct value){.set = true, .num = n};
}

/* The headers that came, and what the gateway had taken out of them, so that a replay can build the
 * same envelope. */
static struct text headers_of(struct arena *arena, const struct envelope *e)
{
    struct json_out o;
    char number[24];

    json_out_open(&o, arena, '{');
    if (e->event_id.p != NULL)
        json_out_text(&o, "event_id", utf8_fit(arena, e->event_id));
    if (e->delivery_id.p != NULL)
        json_out_text(&o, "delivery_id", utf8_fit(arena, e->delivery_id));
    if (e->triggered_us != INT64_MIN) {
        snprintf(number, sizeof number, "%lld", (long long)e->triggered_us);
        json_out_text(&o, "triggered_us", text_of(number));
    }
    for (unsigned i = 0; i < e->n_headers; i++) {
        struct text name = e->headers[i].name;
        const char *key = arena_copy(arena, name.p, name.n);

        if (strcspn(key, "\"\\") == name.n && utf8_fit(arena, name).p == name.p)
            json_out_text(&o, key, utf8_fit(arena, e->headers[i].value));
    }
    return json_out_close(&o);
}

static void describe(struct dead_letter *d, struct arena *arena, const struct envelope *e)
{
    set_text(d, DEAD_SOURCE, utf8_fit(arena, e->source));
    set_text(d, DEAD_TOPIC, utf8_fit(arena, e->topic));
    set_text(d, DEAD_KEY, utf8_fit(arena, e->key));
    set_text(d, DEAD_PAYLOAD, (struct text){e->body, e->body_len});
    set_text(d, DEAD_HEADERS, headers_of(arena, e));
    set_text(d, DEAD_DIGEST, (struct text){(const char *)e->digest, sizeof e->digest});
    if (e->received_us >= 0 && e->received_us < YEAR_10000_US)
        set_number(d, DEAD_RECEIVED_AT, e->received_us);
    set_number(d, DEAD_ENVELOPE_VERSION, ENVELOPE_VERSION);
}

/* No envelope: what there is are the bytes, and Redis' clock. */
static void describe_bytes(struct dead_letter *d, struct arena *arena, const struct entry *entry)
{
    uint8_t digest[DIGEST_SIZE];

    digest_of(digest, entry->bytes, entry->len);
    set_text(d, DEAD_DIGEST,
             (struct text){arena_copy(arena, (char *)digest, DIGEST_SIZE), DIGEST_SIZE});
    set_text(d, DEAD_PAYLOAD, (struct text){(const char *)entry->bytes, entry->len});
    set_text(d, DEAD_HEADERS, TEXT("{}"));
    if (entry->id.ms < (uint64_t)YEAR_10000_US / 1000)
        set_number(d, DEAD_RECEIVED_AT, (int64_t)entry->id.ms * 1000);
}

struct dead_letter *dead_letter_make(struct arena *arena, uint32_t event, const struct entry *entry,
                                     const struct envelope *envelope,
                                     const struct dead_letter_cause *cause)
{
    struct dead_letter *d = arena_alloc(arena, sizeof *d);
    char id[ENTRY_ID_TEXT_MAX];
    size_t id_len = entry_id_text(entry->id, id);

    if (d == NULL)
        return NULL;
    d->event = event;
    if (envelope != NULL) {
        describe(d, arena, envelope);
    } else {
        describe_bytes(d, arena, entry);
    }
    set_text(d, DEAD_ORGANIZATION_ID,
             cause->organization_id == NULL
                 ? TEXT_NULL
                 : (struct text){(const char *)cause->organization_id, 16});
    set_text(d, DEAD_REASON, text_of(cause->reason));
    set_text(d, DEAD_DETAIL,
             utf8_fit(arena, text_of(arena_copy(arena, cause->detail, strlen(cause->detail)))));
    set_text(d, DEAD_SQLSTATE,
             cause->sqlstate == NULL
                 ? TEXT_NULL
                 : text_of(arena_copy(arena, cause->sqlstate, strlen(cause->sqlstate))));
    set_text(d, DEAD_ENTRY_ID, (struct text){arena_copy(arena, id, id_len), id_len});
    set_number(d, DEAD_PARTITION, entry->partition);
    set_number(d, DEAD_ATTEMPTS, entry->deliveries);
    set_text(d, DEAD_APP_VERSION, TEXT(RINGBACK_VERSION));
    return arena->failed ? NULL : d;
}
