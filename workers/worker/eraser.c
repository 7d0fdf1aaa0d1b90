#include "worker/eraser.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ENVELOPE_ROOM = 256 * 1024 };

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
    size_t room = b->body_max + ENVELOPE_ROOM;
    void *memory = malloc(room);

    *job = (struct erase_job){.body_max = b->body_max};
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
        job->n++;
    }
    return true;
}

void erase_job_free(struct erase_job *job)
{
    free(job->arena.base);
    job->arena.base = NULL;
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

static bool is_about_customer(const struct erase_subject *s, struct text hay)
{
    return has_number(hay, s->customer_id) || has_folded(hay, s->email) ||
           has_phone(hay, s->phone) || has_any_order(hay, s->order_ids);
}

/* A callback of a voice provider: what it says, and what stands in the URL that was called. */
static bool callback_names(const struct erase_subject *s, const struct envelope *e)
{
    struct text body = {e->body, e->body_len};

    if (s->shop)
        return false;
    for (unsigned i = 0; i < e->n_headers; i++)
        if (has_folded(e->headers[i].value, s->email) || has_phone(e->headers[i].value, s->phone))
            return true;
    return has_folded(body, s->email) || has_phone(body, s->phone);
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
            if (callback_names(s, e))
                return true;
        } else if (text_equal(e->key, s->domain) &&
                   (s->shop || is_about_customer(s, (struct text){e->body, e->body_len}))) {
            return true;
        }
    }
    return false;
}

static bool update_matches(const struct erase_job *job, struct text record,
                           const char *organization_id)
{
    static const char integration_key[] = "\"integration_id\"";

    for (unsigned i = 0; i < job->n; i++) {
        const struct erase_subject *s = &job->subjects[i];

        if (organization_id == NULL || strcasecmp(organization_id, s->organization_id) != 0)
            continue;
        if (!s->shop && is_about_customer(s, record))
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
