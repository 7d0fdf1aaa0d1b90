/* A call's life: decided when its order or cart is, placed some time later, reported beat by beat,
 * and after a missed one sometimes tried again. Its dice are its own: with or without calls the
 * shops' customers do the same. */
#include "simulate/call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "simulate/random.h"
#include "simulate/world.h"

const char *const sim_provider_names[SIM_PROVIDERS] = {"shopify", "retell", "vapi", "twilio"};

enum {
    ATTEMPTS_MAX = 3,
    RINGING_MS = 400, /* after placing */
    TALK_FRACTION_MS =
        400,              /* less than half a second: any way of rounding gives the same seconds */
    OUR_NUMBERS = 700000, /* persons of whom no shop has as many */
};

unsigned call_pick(const struct call *c, unsigned what, unsigned n)
{
    return (unsigned)(hash_of(c->dice, what, 1) % n);
}

const char *call_id_text(const struct sim *s, const struct call *c, char out[CALL_ID_SIZE])
{
    unsigned long long a = hash_of(s->options.seed, 'I', c->number);
    unsigned long long b = hash_of(s->options.seed, 'J', c->number);

    if (c->provider == SIM_RETELL)
        snprintf(out, CALL_ID_SIZE, "call_%016llx%012llx", a, b & 0xffffffffffff);
    else if (c->provider == SIM_TWILIO)
        snprintf(out, CALL_ID_SIZE, "CA%016llx%016llx", a, b);
    else
        snprintf(out, CALL_ID_SIZE, "%08llx-%04llx-4%03llx-a%03llx-%012llx", a >> 32,
                 a >> 16 & 0xffff, a & 0xfff, b >> 52, b & 0xffffffffffff);
    return out;
}

/* ---- what becomes of it ---- */

static enum call_outcome choose_outcome(struct rng *rng)
{
    unsigned dice = rng_below(rng, 100);

    return dice < 56   ? CALL_ANSWERED
           : dice < 73 ? CALL_NO_ANSWER
           : dice < 81 ? CALL_BUSY
           : dice < 88 ? CALL_FAILED
                       : CALL_VOICEMAIL;
}

static enum call_sentiment choose_sentiment(struct rng *rng)
{
    unsigned dice = rng_below(rng, 100);

    return dice < 50   ? CALL_POSITIVE
           : dice < 75 ? CALL_NEUTRAL
           : dice < 90 ? CALL_NEGATIVE
                       : CALL_NO_SENTIMENT;
}

static uint16_t choose_turns(struct rng *rng, enum call_outcome outcome)
{
    unsigned dice = rng_below(rng, 100);

    if (outcome == CALL_VOICEMAIL)
        return 2;
    if (outcome == CALL_FAILED)
        return (uint16_t)rng_between(rng, 2, 6);
    return (uint16_t)(dice < 3    ? rng_between(rng, 100, CALL_TURNS_MAX)
                      : dice < 30 ? rng_between(rng, 20, 60)
                                  : rng_between(rng, 2, 20));
}

/* Twilio has neither transcripts nor sentiments, and what failed there was never connected. */
static void choose(struct sim *s, struct call *c)
{
    struct rng rng = {c->dice};
    int64_t talk_s = 0;

    c->inbound = c->attempt == 1 && rng_percent(&rng, 5);
    c->outcome = (uint8_t)(c->inbound ? CALL_ANSWERED : choose_outcome(&rng));
    c->sentiment = (uint8_t)choose_sentiment(&rng);
    if (c->outcome != CALL_ANSWERED || c->provider == SIM_TWILIO)
        c->sentiment = CALL_NO_SENTIMENT;
    c->connected =
        c->outcome == CALL_ANSWERED || c->outcome == CALL_VOICEMAIL ||
        (c->outcome == CALL_FAILED && c->provider != SIM_TWILIO && rng_percent(&rng, 30));
    c->late_voicemail =
        c->outcome == CALL_VOICEMAIL && c->provider == SIM_RETELL && rng_percent(&rng, 40);
    c->ring_ms = (uint32_t)sim_scaled(s, rng_between(&rng, 2, 25)) * 1000;
    if (!c->connected)
        return;
    if (c->provider != SIM_TWILIO)
        c->turns = choose_turns(&rng, (enum call_outcome)c->outcome);
    talk_s = c->turns > 0 ? c->turns * rng_between(&rng, 2, 5) : rng_between(&rng, 15, 180);
    c->talk_ms = (uint32_t)sim_scaled(s, talk_s) * 1000 + rng_below(&rng, TALK_FRACTION_MS);
    c->recorded = rng_percent(&rng, 90);
    c->recorded_early = c->recorded && rng_percent(&rng, 60);
    c->n_talk = (uint8_t)(rng_percent(&rng, 60) ? 0 : 1 + rng_below(&rng, CALL_LIVE_MAX));
    if (c->n_talk > c->turns)
        c->n_talk = (uint8_t)c->turns;
}

int64_t call_answered_us(const struct call *c)
{
    return c->placed_us + (int64_t)c->ring_ms * 1000;
}

int64_t call_ended_us(const struct call *c)
{
    return call_answered_us(c) + (int64_t)c->talk_ms * 1000;
}

unsigned call_turns_by(const struct call *c, unsigned n)
{
    return c->turns * n / (c->n_talk + 1u);
}

void call_phone(const struct sim *s, const struct call *c, char out[SIM_PHONE_SIZE])
{
    sim_phone(s->stores[c->store].locale, c->person, false, out);
}

void call_our_phone(const struct sim *s, const struct call *c, char out[SIM_PHONE_SIZE])
{
    sim_phone(s->stores[c->store].locale, OUR_NUMBERS + c->store, false, out);
}

/* ---- what is reported ---- */

static void beat(struct call *c, enum call_beat kind, int64_t at_us)
{
    assert(c->n_beats < CALL_BEATS_MAX);
    c->beats[c->n_beats].kind = (uint8_t)kind;
    c->beats[c->n_beats++].at_us = at_us;
}

static void plan_talk(struct call *c)
{
    int64_t answered = call_answered_us(c);

    for (unsigned i = 1; c->connected && i <= c->n_talk; i++)
        beat(c, BEAT_TALK, answered + (int64_t)c->talk_ms * i / (c->n_talk + 1) * 1000);
}

/* Unconnected calls never start. In one of 30 the start got lost. */
static void plan_retell(const struct sim *s, struct call *c)
{
    if (c->connected && call_pick(c, 'l', 30) != 0)
        beat(c, BEAT_ANSWERED, call_answered_us(c));
    plan_talk(c);
    beat(c, BEAT_ENDED, call_ended_us(c));
    beat(c, BEAT_ANALYSED, call_ended_us(c) + sim_scaled(s, 5 + call_pick(c, 'a', 40)) * 1000000);
}

/* Nothing is ever sent again: of some calls only the report comes, of a few all but that. */
static void plan_vapi(const struct sim *s, struct call *c)
{
    unsigned dice = call_pick(c, 'l', 100);

    if (dice >= 15) {
        beat(c, BEAT_QUEUED, c->placed_us);
        beat(c, BEAT_RINGING, c->placed_us + RINGING_MS * 1000);
        if (c->connected) {
            beat(c, BEAT_ANSWERED, call_answered_us(c));
            plan_talk(c);
        }
        if (c->connected && dice % 3 == 0)
            beat(c, BEAT_CHATTER, call_ended_us(c) - 1000);
        beat(c, BEAT_ENDED, call_ended_us(c));
    }
    if (dice < 97)
        beat(c, BEAT_ANALYSED,
             call_ended_us(c) + sim_scaled(s, 3 + call_pick(c, 'a', 20)) * 1000000);
}

/* Unless asked for more, only the end is reported. */
static void plan_twilio(const struct sim *s, struct call *c)
{
    if (call_pick(c, 'l', 5) != 0) {
        beat(c, BEAT_QUEUED, c->placed_us);
        beat(c, BEAT_RINGING, c->placed_us + RINGING_MS * 1000);
        if (c->connected)
            beat(c, BEAT_ANSWERED, call_answered_us(c));
    }
    beat(c, BEAT_ENDED, call_ended_us(c));
    if (c->recorded)
        beat(c, BEAT_RECORDING,
             call_ended_us(c) + sim_scaled(s, 2 + call_pick(c, 'a', 20)) * 1000000);
}

/* The first report goes out now; everything is told in whole milliseconds. */
static void place(struct sim *s, struct call *c)
{
    int64_t early;

    choose(s, c);
    c->placed_us = s->now_us / 1000 * 1000;
    if (c->provider == SIM_RETELL)
        plan_retell(s, c);
    else if (c->provider == SIM_VAPI)
        plan_vapi(s, c);
    else
        plan_twilio(s, c);
    early = c->beats[0].at_us - c->placed_us;
    c->placed_us -= early;
    for (unsigned i = 0; i < c->n_beats; i++)
        c->beats[i].at_us -= early;
}

static void new_call(struct sim *s, uint32_t store, uint32_t person, bool cod, unsigned attempt,
                     int64_t after_s)
{
    uint32_t index = SIM_NEW(s->calls);

    s->calls.of[index] = (struct call){
        .store = store,
        .person = person,
        .number = index,
        .dice = hash_of(s->options.seed, 'C', index),
        .provider = (uint8_t)s->options.providers[index % s->options.n_providers],
        .attempt = (uint8_t)attempt,
        .cod = cod,
    };
    sim_schedule(s, STEP_CALL, index, after_s);
}

void sim_consider_call(struct sim *s, uint32_t store, uint32_t person, bool cod, int64_t after_s)
{
    if (s->options.calls_percent == 0)
        return;
    if (hash_of(s->options.seed, 'c', s->callable++) % 100 < s->options.calls_percent)
        new_call(s, store, person, cod, 1, after_s);
}

static void next_beat(struct sim *s, uint32_t index)
{
    const struct call *c = &s->calls.of[index];
    int64_t wait_us;

    if (c->beat < c->n_beats) {
        wait_us = c->beats[c->beat].at_us - s->now_us;
        sim_schedule(s, STEP_CALL, index, wait_us <= 0 ? 0 : (wait_us + 999999) / 1000000);
    } else if ((c->outcome == CALL_NO_ANSWER || c->outcome == CALL_BUSY) &&
               c->attempt < ATTEMPTS_MAX && call_pick(c, 'r', 2) == 0) {
        new_call(s, c->store, c->person, c->cod, c->attempt + 1u,
                 sim_scaled(s, 600 + call_pick(c, 'w', 3000)));
    }
}

void sim_step_call(struct sim *s, uint32_t index, struct sim_event *out)
{
    static void (*const write[SIM_PROVIDERS])(struct sim *, const struct call *, unsigned,
                                              struct sim_event *) = {
        [SIM_RETELL] = voice_retell,
        [SIM_VAPI] = voice_vapi,
        [SIM_TWILIO] = voice_twilio,
    };
    struct call *c = &s->calls.of[index];

    if (c->n_beats == 0)
        place(s, c);
    out->store = c->store;
    out->provider = (enum sim_provider)c->provider;
    out->call = c->number;
    c->sent[c->beats[c->beat].kind]++;
    write[c->provider](s, c, c->beat, out);
    c->beat++;
    next_beat(s, index);
}
