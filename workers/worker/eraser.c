#include "worker/eraser.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hmac.h"
#include "worker/unmask.h"

enum { ENVELOPE_ROOM = 256 * 1024, E164_MAX = 15, EMAIL_MAX = 254, TRACES_MIN = 64 };

unsigned erase_count(const struct batch *b, uint32_t lo, uint32_t hi)
{
    unsigned n = 0;

    for (const struct row *r = b->rows.first[ROWSET_redactions]; r != NULL; r = r->next)
        n += r->event >= lo && r->event < hi;
    return n;
}

static void uuid_text(char out[37], struct text uuid)
{
    char *p = out;

    assert(uuid.n == 16);
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        p += sprintf(p, "%02x", (unsigned char)uuid.p[i]);
    }
}

bool erase_job_make(struct erase_job *job, const struct batch *b, uint32_t lo, uint32_t hi)
{
    size_t room = 2 * b->body_max + ENVELOPE_ROOM; /* a body, and the same unmasked */
    void *memory = malloc(room);

    *job = (struct erase_job){.body_max = b->body_max, .since_us = INT64_MAX};
    if (memory == NULL)
        return false;
    arena_init(&job->arena, memory, room);
    for (const struct row *r = b->rows.first[ROWSET_redactions]; r != NULL; r = r->next) {
        struct erase_subject *s = &job->subjects[job->n];

        if (r->event < lo || r->event >= hi || job->n == ERASE_SUBJECTS_MAX)
            continue;
        s->shop = text_equal(r->v[COL_redactions_kind].text, TEXT("shop"));
        s->domain = text_of(b->items[r->event].shop->domain);
        uuid_text(s->integration_id, r->v[COL_redactions_integration_id].text);
        uuid_text(s->organization_id, r->v[COL_redactions_organization_id].text);
        s->customer_id = r->v[COL_redactions_external_customer_id].text;
        s->email = r->v[COL_redactions_email].text;
        s->phone = r->v[COL_redactions_phone].text;
        s->order_ids = r->v[COL_redactions_order_ids].text;
        if (r->v[COL_redactions_redacted_at].num < job->since_us)
            job->since_us = r->v[COL_redactions_redacted_at].num;
        job->n++;
    }
    return true;
}

void erase_job_free(struct erase_job *job)
{
    free(job->arena.base);
    free(job->traces);
    job->arena.base = NULL;
    job->traces = NULL;
    job->n_traces = 0;
}

/* ---- traces ---- */

static int compare_traces(const void *a, const void *b)
{
    const struct erase_trace *x = a, *y = b;

    return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->value, y->value);
}

bool erase_trace_add(struct erase_job *job, const char *kind, const char *id)
{
    static const struct {
        const char *name;
        enum erase_trace_kind kind;
    } kinds[] = {{"redacted_customer", TRACE_ID},
                 {"redacted_order", TRACE_ID},
                 {"redacted_email", TRACE_EMAIL},
                 {"redacted_phone", TRACE_PHONE}};
    size_t n = job->n_traces;

    if ((n >= TRACES_MIN && (n & (n - 1)) == 0) || n == 0) { /* full: powers of two */
        struct erase_trace *more =
            realloc(job->traces, (n == 0 ? TRACES_MIN : 2 * n) * sizeof *more);

        if (more == NULL)
            return false;
        job->traces = more;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, kind) == 0 && strlen(id) <= ERASE_TRACE_MAX &&
            n < ERASE_TRACES_MAX) {
            struct erase_trace *t = &job->traces[job->n_traces++];

            *t = (struct erase_trace){.kind = kinds[i].kind};
            memcpy(t->value, id, strlen(id) + 1);
        }
    return true;
}

void erase_traces_sort(struct erase_job *job)
{
    if (job->n_traces > 0)
        qsort(job->traces, job->n_traces, sizeof *job->traces, compare_traces);
}

static bool is_trace(const struct erase_job *job, const struct erase_trace *t)
{
    return bsearch(t, job->traces, job->n_traces, sizeof *t, compare_traces) != NULL;
}

/* personal_hash() of the database: of what it gets in lower case, which we do here. */
static bool is_hashed(const struct erase_job *job, enum erase_trace_kind kind, struct text value)
{
    struct erase_trace t = {.kind = kind};
    uint8_t digest[SHA256_SIZE];
    char lower[EMAIL_MAX];
    bool ok;

    if (value.n == 0 || value.n > sizeof lower)
        return false;
    for (size_t i = 0; i < value.n; i++)
        lower[i] = (char)tolower((unsigned char)value.p[i]);
    sha256(digest, lower, value.n, &ok);
    hex_encode(t.value, digest, sizeof digest);
    return ok && is_trace(job, &t);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `number` somewhere in `hay`, not as a part of a longer one. */
static bool has_number(struct text hay, struct text number)
{
    const char *p = hay.p, *end = hay.p + hay.n;

    if (text_empty(number))
        return false;
    while (p < end && (p = memmem(p, (size_t)(end - p), number.p, number.n)) != NULL) {
        const char *after = p + number.n;

        if ((p == hay.p || !is_digit(p[-1])) && (after == end || !is_digit(*after)))
            return true;
        p++;
    }
    return false;
}

/* A whole number: an id, or with a + before it somebody's phone. */
static bool is_traced_number(const struct erase_job *job, struct text hay, size_t at, size_t n,
                             bool ids)
{
    struct erase_trace t = {.kind = TRACE_ID};

    if (ids && n <= ERASE_TRACE_MAX) {
        memcpy(t.value, hay.p + at, n);
        if (is_trace(job, &t))
            return true;
    }
    return at > 0 && hay.p[at - 1] == '+' && n >= ERASE_PHONE_DIGITS_MIN && n <= E164_MAX &&
           is_hashed(job, TRACE_PHONE, (struct text){hay.p + at - 1, n + 1});
}

/* The address around the @ at `at`, as far as none of `ends` and no space goes. */
static struct text address_at(struct text hay, size_t at, const char *ends)
{
    size_t from = at, to = at + 1;

    while (from > 0 && (unsigned char)hay.p[from - 1] > ' ' &&
           strchr(ends, hay.p[from - 1]) == NULL)
        from--;
    while (to < hay.n && (unsigned char)hay.p[to] > ' ' && strchr(ends, hay.p[to]) == NULL)
        to++;
    while (to > at + 1 && hay.p[to - 1] == '.') /* the end of a sentence */
        to--;
    return (struct text){hay.p + from, to - from};
}

/* Anything of the hay that is a trace; `ids`: also ids, not only what names a person everywhere. */
static bool has_trace(const struct erase_job *job, struct text hay, bool ids)
{
    for (size_t i = 0; job->n_traces > 0 && i < hay.n; i++) {
        size_t n = 0;

        while (i + n < hay.n && is_digit(hay.p[i + n]))
            n++;
        if (n > 0 && is_traced_number(job, hay, i, n, ids))
            return true;
        if (hay.p[i] == '@' &&
            (is_hashed(job, TRACE_EMAIL, address_at(hay, i, "\"\\<>,;:")) ||
             is_hashed(job, TRACE_EMAIL, address_at(hay, i, "\"\\<>,;:=&?/'()[]{}"))))
            return true;
        i += n > 0 ? n - 1 : 0;
    }
    return false;
}

static bool has_folded(struct text hay, struct text needle)
{
    if (text_empty(needle))
        return false;
    for (size_t i = 0; i + needle.n <= hay.n; i++)
        if (tolower((unsigned char)hay.p[i]) == tolower((unsigned char)needle.p[0]) &&
            strncasecmp(hay.p + i, needle.p, needle.n) == 0)
            return true;
    return false;
}

/* The last digits of a phone number, in however many groups they are written. */
static bool has_phone(struct text hay, struct text phone)
{
    char digits[ERASE_PHONE_DIGITS];
    size_t n = 0;

    for (size_t i = phone.p == NULL ? 0 : phone.n; i > 0 && n < ERASE_PHONE_DIGITS; i--)
        if (is_digit(phone.p[i - 1]))
            digits[ERASE_PHONE_DIGITS - ++n] = phone.p[i - 1];
    if (n < ERASE_PHONE_DIGITS_MIN)
        return false;
    for (size_t start = 0; start < hay.n; start++) {
        size_t matched = 0;

        for (size_t i = start; i < hay.n && matched < n; i++) {
            if (hay.p[i] == digits[ERASE_PHONE_DIGITS - n + matched])
                matched++;
            else if (matched == 0 || strchr(" -().", hay.p[i]) == NULL || hay.p[i] == '\0')
                break;
        }
        if (matched == n)
            return true;
    }
    return false;
}

/* `list` is a JSON array of strings of digits. */
static bool has_any_order(struct text hay, struct text list)
{
    for (size_t i = 0; i < list.n;) {
        size_t start = i;

        while (i < list.n && is_digit(list.p[i]))
            i++;
        if (i > start && has_number(hay, (struct text){list.p + start, i - start}))
            return true;
        i += i == start;
    }
    return false;
}

/* `plain` is `hay` unmasked. */
static bool is_about_customer(const struct erase_job *job, const struct erase_subject *s,
                              struct text hay, struct text plain)
{
    return has_number(hay, s->customer_id) || has_folded(plain, s->email) ||
           has_phone(plain, s->phone) || has_any_order(hay, s->order_ids) ||
           has_trace(job, plain, true);
}

static bool names_person(struct erase_job *job, const struct erase_subject *s, struct text hay)
{
    struct text plain = unmask(&job->arena, hay);

    return has_folded(plain, s->email) || has_phone(plain, s->phone) ||
           has_trace(job, plain, false);
}

/* A callback of a voice provider: what it says, and what stands in the URL that was called. */
static bool callback_names(struct erase_job *job, const struct erase_subject *s,
                           const struct envelope *e)
{
    if (s->shop)
        return false;
    for (unsigned i = 0; i < e->n_headers; i++)
        if (names_person(job, s, e->headers[i].value))
            return true;
    return names_person(job, s, (struct text){e->body, e->body_len});
}

static bool is_about(struct erase_job *job, const struct erase_subject *s, struct text hay)
{
    return is_about_customer(job, s, hay, unmask(&job->arena, hay));
}

static bool event_matches(struct erase_job *job, const void *payload, size_t len)
{
    struct envelope *e;
    const char *why = "";

    arena_reset(&job->arena);
    e = arena_alloc(&job->arena, sizeof *e);
    if (e == NULL ||
        envelope_decode(e, payload, len, job->body_max, &job->arena, &why) != ENVELOPE_OK)
        return false; /* not ours to judge: a newer one waits, a corrupt one has its letter */
    for (unsigned i = 0; i < job->n; i++) {
        const struct erase_subject *s = &job->subjects[i];

        if (!text_equal(e->source, TEXT("shopify"))) {
            if (callback_names(job, s, e))
                return true;
        } else if (text_equal(e->key, s->domain) &&
                   (s->shop || is_about(job, s, (struct text){e->body, e->body_len}))) {
            return true;
        }
    }
    return false;
}

static bool update_matches(struct erase_job *job, struct text record, const char *organization_id)
{
    static const char integration_key[] = "\"integration_id\"";

    arena_reset(&job->arena);
    for (unsigned i = 0; i < job->n; i++) {
        const struct erase_subject *s = &job->subjects[i];

        if (organization_id == NULL || strcasecmp(organization_id, s->organization_id) != 0)
            continue;
        if (!s->shop && is_about(job, s, record))
            return true;
        /* A table without the column belongs to the organization: when in doubt the update goes. */
        if (s->shop &&
            (has_folded(record, text_of(s->integration_id)) ||
             memmem(record.p, record.n, integration_key, sizeof integration_key - 1) == NULL))
            return true;
    }
    return false;
}

bool erase_matches(void *ctx, bool live, const void *payload, size_t len,
                   const char *organization_id)
{
    struct erase_job *job = ctx;
    bool matches = live ? !job->events_only &&
                              update_matches(job, (struct text){payload, len}, organization_id)
                        : event_matches(job, payload, len);

    job->matched += matches;
    return matches;
}
