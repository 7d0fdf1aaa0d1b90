/* What a correct Ringback has stored about the calls, counted from the callbacks that went out by
 * the contract's rules (product.md, "Meaning"). Which of them came first does not matter. */
#include <stdlib.h>
#include <string.h>

#include "simulate/random.h"
#include "simulate/world.h"

const char *const sim_call_status_names[4] = {"queued", "ringing", "in_progress", "ended"};
const char *const sim_outcome_names[5] = {"answered", "no_answer", "busy", "failed", "voicemail"};
const char *const sim_sentiment_names[3] = {"positive", "neutral", "negative"};

static bool has_ended(const struct call *c)
{
    return c->sent[BEAT_ENDED] > 0 || c->sent[BEAT_ANALYSED] > 0;
}

static unsigned status_of(const struct call *c)
{
    if (has_ended(c))
        return 3;
    if (c->sent[BEAT_ANSWERED] > 0 || c->sent[BEAT_TALK] > 0 || c->sent[BEAT_CHATTER] > 0 ||
        c->sent[BEAT_RECORDING] > 0)
        return 2;
    return c->sent[BEAT_RINGING] > 0 ? 1 : 0;
}

static enum call_outcome outcome_of(const struct call *c)
{
    return c->late_voicemail && c->sent[BEAT_ANALYSED] == 0 ? CALL_ANSWERED
                                                            : (enum call_outcome)c->outcome;
}

/* Vapi's bare status "ended" says nothing but why. */
static uint64_t seconds_of(const struct call *c)
{
    bool told = c->provider == SIM_VAPI ? c->sent[BEAT_ANALYSED] > 0 : has_ended(c);

    return told ? c->talk_ms / 1000 : 0;
}

/* A whole list replaces what was there, single turns add up until one comes. */
static uint64_t turns_of(const struct call *c)
{
    if (c->provider == SIM_RETELL)
        return has_ended(c) ? c->turns : call_turns_by(c, c->sent[BEAT_TALK]);
    return c->sent[BEAT_ANALYSED] > 0 ? c->turns : c->sent[BEAT_TALK];
}

static bool has_recording(const struct call *c)
{
    if (c->provider == SIM_TWILIO)
        return c->sent[BEAT_RECORDING] > 0;
    return (c->recorded && c->sent[BEAT_ANALYSED] > 0) ||
           (c->provider == SIM_RETELL && c->recorded_early && c->sent[BEAT_ENDED] > 0);
}

static void count_call(const struct call *c, struct sim_call_totals *t)
{
    t->calls++;
    for (unsigned i = 0; i < BEATS; i++)
        t->callbacks += c->sent[i];
    t->later_attempts += c->attempt > 1;
    t->status[status_of(c)]++;
    t->turns += turns_of(c);
    t->recordings += has_recording(c);
    t->seconds += seconds_of(c);
    if (!has_ended(c))
        return;
    t->outcome[outcome_of(c)]++;
    t->cod_confirmed += c->cod && outcome_of(c) == CALL_ANSWERED;
    if (c->sent[BEAT_ANALYSED] > 0 && c->sentiment != CALL_NO_SENTIMENT)
        t->sentiment[c->sentiment]++;
}

static const char *organization_of(const struct sim *s, const struct call *c)
{
    const char *id = s->options.tenants[c->store].organization;

    return id == NULL ? "" : id;
}

/* One number for a telephone number of an organization. */
static uint64_t contact_of(const struct sim *s, const struct call *c)
{
    char phone[SIM_PHONE_SIZE];
    uint64_t h = 1;

    call_phone(s, c, phone);
    for (const char *p = organization_of(s, c); *p != '\0'; p++)
        h = mix64(h ^ (unsigned char)*p);
    for (const char *p = phone; *p != '\0'; p++)
        h = mix64(h ^ (unsigned char)*p);
    return h;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void sim_call_totals(const struct sim *s, const char *organization, struct sim_call_totals *out)
{
    struct sim_call_totals t = {.organization = organization};
    uint64_t *contacts = NULL;
    size_t n = 0, room = 0;

    for (size_t i = 0; i < s->calls.n; i++) {
        const struct call *c = &s->calls.of[i];
        if (c->beat == 0 ||
            (organization != NULL && strcmp(organization, organization_of(s, c)) != 0))
            continue;
        count_call(c, &t);
        sim_grow((void **)&contacts, &n, &room, sizeof *contacts);
        contacts[n - 1] = contact_of(s, c);
    }
    if (n > 0)
        qsort(contacts, n, sizeof *contacts, by_number);
    for (size_t i = 0; i < n; i++)
        t.contacts += i == 0 || contacts[i] != contacts[i - 1];
    free(contacts);
    *out = t;
}
