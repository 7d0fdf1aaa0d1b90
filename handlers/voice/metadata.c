#include "voice/metadata.h"

#include <stddef.h>

#include "base/words.h"
#include "voice/numbers.h"
#include "voice/payload.h"

enum { ATTEMPT_MAX = 1000, SENTIMENT_SCORE_MAX = 100 };

/* Our keys, and where an event keeps those that say whose call it is. */
static const struct key {
    const char *name;
    ptrdiff_t hint; /* offset in struct voice_event; -1: none */
} keys[] = {
    {"organization_id", offsetof(struct voice_event, organization_id)},
    {"campaign_id", offsetof(struct voice_event, campaign_id)},
    {"agent_id", offsetof(struct voice_event, agent_id)},
    {"contact_id", offsetof(struct voice_event, contact_id)},
    {"attempt_id", offsetof(struct voice_event, attempt_id)},
    {"order_id", -1},
    {"cart_id", -1},
    {"payment_type", -1},
    {"order_decision", -1},
    {"attempt_number", -1},
};

enum { KEYS = sizeof keys / sizeof *keys };

void metadata_open(struct metadata *m, struct voice_event *ev, struct arena *arena)
{
    *m = (struct metadata){.ev = ev, .arena = arena};
    json_out_open(&m->own, arena, '{');
}

/* Two objects of at least one member each, one of which may be absent, as one. Where both have a
 * name, jsonb keeps the last. */
static struct text join(struct arena *arena, struct text a, struct text b)
{
    char *both;

    if (a.p == NULL || b.p == NULL)
        return a.p == NULL ? b : a;
    both = arena_alloc(arena, a.n + b.n);
    if (both == NULL)
        return TEXT_NULL;
    memcpy(both, a.p, a.n);
    both[a.n - 1] = ','; /* for its "}" and the other's "{" */
    memcpy(both + a.n, b.p + 1, b.n - 1);
    return (struct text){both, a.n + b.n - 1};
}

static void take_hint(struct metadata *m, const struct key *key, struct text value)
{
    struct text *hint;
    int64_t attempt;

    if (strcmp(key->name, "attempt_number") == 0) {
        attempt = number_seconds(value, 1);
        if (m->ev->attempt_number == VOICE_NONE && attempt >= 1 && attempt <= ATTEMPT_MAX)
            m->ev->attempt_number = attempt;
    }
    if (key->hint < 0)
        return;
    hint = (struct text *)(void *)((char *)m->ev + key->hint);
    if (hint->p == NULL)
        *hint = value;
}

/* A short text or number; absent for everything else. */
static struct text scalar(const struct json *v, struct arena *arena)
{
    struct text t = words_trim(payload_scalar(v, arena));

    return text_empty(t) || t.n > METADATA_HINT_MAX ? TEXT_NULL : t;
}

/* Our own keys of an object as one of texts, after taking the hints; absent if it has none. */
static struct text known_of(struct metadata *m, const struct json *object)
{
    struct json_out known;
    unsigned n = 0;

    json_out_open(&known, m->arena, '{');
    for (unsigned i = 0; i < KEYS; i++) {
        struct text value = scalar(json_member(object, keys[i].name), m->arena);
        if (value.p == NULL)
            continue;
        take_hint(m, &keys[i], value);
        json_out_text(&known, keys[i].name, value);
        n++;
    }
    return n > 0 ? json_out_close(&known) : TEXT_NULL;
}

void metadata_echo_known(struct metadata *m, const struct json *object)
{
    m->echo = join(m->arena, known_of(m, object), m->echo);
}

void metadata_echo(struct metadata *m, const struct json *object)
{
    struct text known, whole;

    if (json_type(object) != JSON_OBJECT || json_first(object) == NULL)
        return;
    known = known_of(m, object);
    whole = json_raw(object, m->arena);
    m->echo = join(m->arena, whole.n > METADATA_ECHO_MAX ? known : whole, m->echo);
}

void metadata_echo_query(struct metadata *m, struct text url)
{
    struct text query = form_query(url);
    struct json_out known;
    struct form f;
    char *room = arena_alloc(m->arena, query.n + 1);
    unsigned n = 0;

    if (room == NULL || !form_parse(&f, query, room))
        return;
    json_out_open(&known, m->arena, '{');
    for (unsigned i = 0; i < KEYS; i++) {
        struct text value = form_value(&f, keys[i].name);
        if (value.p == NULL || value.n > METADATA_HINT_MAX)
            continue;
        take_hint(m, &keys[i], value);
        json_out_text(&known, keys[i].name, value);
        n++;
    }
    if (n > 0)
        m->echo = join(m->arena, json_out_close(&known), m->echo);
}

void metadata_text(struct metadata *m, const char *key, struct text value)
{
    if (value.p == NULL)
        return;
    json_out_text(&m->own, key, value);
    m->n++;
}

void metadata_object(struct metadata *m, const char *key, const struct json *object)
{
    struct text raw;

    if (json_type(object) != JSON_OBJECT || json_first(object) == NULL)
        return;
    raw = json_raw(object, m->arena);
    if (raw.n > METADATA_ECHO_MAX)
        return;
    json_out_raw(&m->own, key, raw);
    m->n++;
}

void metadata_cost(struct metadata *m, struct text amount, const char *unit_key, struct text unit)
{
    struct json_out cost;

    if (amount.p == NULL)
        return;
    json_out_open(&cost, m->arena, '{');
    json_out_text(&cost, "amount", amount);
    json_out_text(&cost, unit_key, unit);
    json_out_raw(&m->own, "cost", json_out_close(&cost));
    m->n++;
}

struct text sentiment_word(struct text t)
{
    static const char *const words[] = {"positive", "neutral", "negative"};

    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (words_equal(words_trim(t), text_of(words[i])))
            return text_of(words[i]);
    }
    return TEXT_NULL;
}

void metadata_analysis(struct metadata *m, const struct json *object, const char *value_key)
{
    static const char *const names[] = {"order_decision", "sentiment", "sentiment_score"};
    struct text found[3];
    double score;

    for (unsigned i = 0; i < 3; i++) {
        const struct json *v = json_member(object, names[i]);
        found[i] = scalar(value_key == NULL ? v : json_member(v, value_key), m->arena);
    }
    metadata_text(m, names[0], found[0]);
    if (m->ev->sentiment.p == NULL)
        m->ev->sentiment = sentiment_word(found[1]);
    if (number_double(found[2], &score) && score >= -SENTIMENT_SCORE_MAX &&
        score <= SENTIMENT_SCORE_MAX && score == (double)(int)score)
        m->ev->sentiment_score = (int)score;
}

void metadata_close(struct metadata *m)
{
    struct text own = json_out_close(&m->own);

    m->ev->metadata = join(m->arena, m->echo, m->n > 0 ? own : TEXT_NULL);
}
