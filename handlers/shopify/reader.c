#include "shopify/reader.h"

#include <stdio.h>

#include "base/decimal.h"
#include "base/json_out.h"
#include "base/time.h"
#include "base/words.h"

void reader_open(struct reader *in, const struct event *ev, struct rows *out)
{
    const char *why = NULL;

    *in = (struct reader){.ev = ev, .out = out, .arena = out->arena};
    in->body = json_parse(JSON_SLOT_EVENT, ev->body, ev->body_len, &why);
    if (in->body == NULL) {
        in->reason = why;
    } else if (json_type(in->body) != JSON_OBJECT) {
        in->body = NULL;
        in->reason = "the body is not a JSON object";
    }
}

void reader_fail(struct reader *in, const char *field, const char *what)
{
    char reason[READER_REASON_MAX];
    int n;

    if (in->reason != NULL)
        return;
    if (in->list == NULL)
        n = snprintf(reason, sizeof reason, "%s %s", field, what);
    else
        n = snprintf(reason, sizeof reason, "%s[%u].%s %s", in->list, in->index, field, what);
    if (n < 0 || (size_t)n >= sizeof reason)
        n = (int)strlen(reason);
    in->reason = arena_copy(in->arena, reason, (size_t)n);
}

enum verdict reader_close(struct reader *in)
{
    if (rows_failed(in->out))
        in->reason = "the event needs more memory than one event may have";
    if (in->reason != NULL)
        return (enum verdict)rows_reject(in->out, in->reason);
    return VERDICT_STORE;
}

const struct json *reader_object(const struct json *object, const char *key)
{
    const struct json *v = json_member(object, key);

    return json_type(v) == JSON_OBJECT && json_first(v) != NULL ? v : NULL;
}

const struct json *reader_array(const struct json *object, const char *key)
{
    const struct json *v = json_member(object, key);

    return json_type(v) == JSON_ARRAY ? v : NULL;
}

struct text reader_long_text(struct reader *in, const struct json *object, const char *key)
{
    struct text t = json_string(json_member(object, key), in->arena);

    return words_blank(t) ? TEXT_NULL : t;
}

struct text reader_text(struct reader *in, const struct json *object, const char *key)
{
    return words_cut(reader_long_text(in, object, key), READER_TEXT_MAX);
}

struct text reader_known(struct reader *in, const struct json *object, const char *key)
{
    struct text t = reader_text(in, object, key);

    return words_equal(words_trim(t), TEXT("unknown")) ? TEXT_NULL : t;
}

struct text reader_token(struct reader *in, const struct json *object, const char *key)
{
    struct text t = words_trim(reader_long_text(in, object, key));

    if (t.n > READER_TOKEN_MAX)
        reader_fail(in, key, "is too long for a token");
    return t;
}

/* The value's digits if it is an integer that is not negative. */
static struct text id_of(struct reader *in, const struct json *v)
{
    struct text t =
        json_type(v) == JSON_NUMBER ? json_number(v) : words_trim(json_string(v, in->arena));
    const char *copy;

    if (text_empty(t))
        return TEXT_NULL;
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9')
            return TEXT_NULL;
    }
    for (; t.n > 1 && *t.p == '0'; t.p++)
        t.n--;
    if (t.n > READER_ID_DIGITS_MAX)
        return TEXT_NULL;
    copy = arena_copy(in->arena, t.p, t.n);
    return in->arena->failed ? TEXT_NULL : (struct text){copy, t.n};
}

struct text reader_id(struct reader *in, const struct json *object, const char *key)
{
    return id_of(in, json_member(object, key));
}

struct text reader_required_id(struct reader *in, const struct json *object, const char *key)
{
    const struct json *v = json_member(object, key);
    struct text id = id_of(in, v);

    if (id.p == NULL) {
        bool missing = json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL;
        reader_fail(in, key, missing ? "is missing" : "is not a whole number");
    }
    return id;
}

struct text reader_ids(struct reader *in, const struct json *object, const char *key)
{
    const struct json *list = reader_array(object, key);
    struct json_out o;

    if (list == NULL)
        return TEXT_NULL;
    json_out_open(&o, in->arena, '[');
    for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
        struct text id = id_of(in, v);
        if (id.p != NULL)
            json_out_text(&o, NULL, id);
    }
    return json_out_close(&o);
}

/* A scalar's text: of a string, or of a number; blank and null are absent. False: it is something
 * else. */
static bool scalar_text(struct reader *in, const struct json *v, struct text *out)
{
    *out = TEXT_NULL;
    switch (json_type(v)) {
    case JSON_ABSENT:
    case JSON_NULL:
        return true;
    case JSON_STRING:
        *out = json_string(v, in->arena);
        if (words_blank(*out))
            *out = TEXT_NULL;
        return true;
    case JSON_NUMBER:
        *out = json_number(v);
        return true;
    default:
        return false;
    }
}

struct text reader_money(struct reader *in, const struct json *object, const char *key)
{
    struct text source, amount = TEXT_NULL;
    bool ok = scalar_text(in, json_member(object, key), &source);

    if (ok && source.p == NULL)
        return TEXT_NULL;
    if (!ok || !decimal_parse(source, in->arena, &amount))
        reader_fail(in, key, "is not an amount of money (up to 30 digits and 10 decimals)");
    return amount;
}

struct text reader_currency(struct reader *in, const struct json *object, const char *key)
{
    struct text source;
    bool ok = scalar_text(in, json_member(object, key), &source);
    char *code;

    if (ok && source.p == NULL)
        return TEXT_NULL;
    ok = ok && source.n >= 3 && source.n <= READER_CURRENCY_MAX;
    code = arena_alloc(in->arena, READER_CURRENCY_MAX);
    for (size_t i = 0; ok && code != NULL && i < source.n; i++) {
        code[i] = words_upper(source.p[i]);
        ok = code[i] >= 'A' && code[i] <= 'Z';
    }
    if (!ok)
        reader_fail(in, key, "is not a currency code");
    return ok && code != NULL ? (struct text){code, source.n} : TEXT_NULL;
}

/* False: there is something, and it is no timestamp. */
static bool find_time(struct reader *in, const struct json *object, const char *key, int64_t *us)
{
    struct text source;
    bool ok = scalar_text(in, json_member(object, key), &source);

    *us = EVENT_NO_TIME;
    if (ok && source.p == NULL)
        return true;
    return ok && time_parse(source, us);
}

int64_t reader_time(struct reader *in, const struct json *object, const char *key)
{
    int64_t us;

    if (!find_time(in, object, key, &us))
        reader_fail(in, key, "is not a timestamp (RFC 3339)");
    return us;
}

int64_t reader_time_if_any(struct reader *in, const struct json *object, const char *key)
{
    int64_t us;

    return find_time(in, object, key, &us) ? us : EVENT_NO_TIME;
}

/* -?digits that fit 32 bits. */
static bool parse_int32(struct text t, int32_t *value)
{
    int64_t sum = 0;
    size_t i = t.n > 0 && t.p[0] == '-' ? 1 : 0;

    if (i == t.n)
        return false;
    for (; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9' || sum > INT32_MAX)
            return false;
        sum = sum * 10 + (t.p[i] - '0');
    }
    sum = t.p[0] == '-' ? -sum : sum;
    if (sum < INT32_MIN || sum > INT32_MAX)
        return false;
    *value = (int32_t)sum;
    return true;
}

bool reader_int(struct reader *in, const struct json *object, const char *key, int32_t *value)
{
    struct text source;
    bool ok = scalar_text(in, json_member(object, key), &source);

    if (ok && source.p == NULL)
        return false;
    if (!ok || !parse_int32(source, value)) {
        reader_fail(in, key, "is not a whole number of 32 bits");
        return false;
    }
    return true;
}
