/* Calls about orders and carts, as three kinds of voice providers report them; shared by
 * simulate_call*.c and simulate_voice_*.c only. simulate_call.c is a call's life,
 * simulate_call_oracle.c counts, simulate_voice_talk.c knows what is said, and
 * simulate_voice_{retell,vapi,twilio}.c write the providers' bodies. */
#ifndef SIMULATE_CALL_H
#define SIMULATE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulate/locale.h"

enum {
    CALL_TURNS_MAX = 400,
    CALL_LIVE_MAX = 3, /* callbacks while they talk */
    CALL_BEATS_MAX = 10,
    CALL_ID_SIZE = 48,
    CALL_TURN_SIZE = 160,
    CALL_WORDS_MAX = 200,
};

/* In the order of sim_outcome_names. */
enum call_outcome { CALL_ANSWERED, CALL_NO_ANSWER, CALL_BUSY, CALL_FAILED, CALL_VOICEMAIL };

/* In the order of sim_sentiment_names. */
enum call_sentiment { CALL_POSITIVE, CALL_NEUTRAL, CALL_NEGATIVE, CALL_NO_SENTIMENT };

/* What a provider reports. */
enum call_beat {
    BEAT_QUEUED,
    BEAT_RINGING,
    BEAT_ANSWERED,
    BEAT_TALK,    /* Retell: the transcript so far; Vapi: one final turn */
    BEAT_CHATTER, /* Vapi: only proves that the call is live */
    BEAT_ENDED,
    BEAT_ANALYSED,  /* Retell, Vapi */
    BEAT_RECORDING, /* Twilio */
    BEATS
};

struct call {
    uint32_t store, person, number;
    uint64_t dice; /* whatever else is random about it follows from this */
    uint8_t provider, outcome, sentiment, attempt;
    bool cod, inbound;
    bool connected;      /* somebody or something picked up */
    bool late_voicemail; /* Retell: only the analysis finds out that it was one */
    bool recorded, recorded_early;
    uint16_t turns;
    int64_t placed_us;
    uint32_t ring_ms, talk_ms;
    struct {
        uint8_t kind;  /* enum call_beat */
        int64_t at_us; /* by the provider's clock */
    } beats[CALL_BEATS_MAX];
    uint8_t n_beats, beat, n_talk;
    uint8_t sent[BEATS]; /* callbacks that went out */
};

struct sim;
struct sim_event;

/* The external id; of the provider's shape. */
const char *call_id_text(const struct sim *s, const struct call *c, char out[CALL_ID_SIZE]);

/* A number of 0 .. n-1 that is always the same for this call and `what`. */
unsigned call_pick(const struct call *c, unsigned what, unsigned n);

/* Why it ended, in the provider's words. */
const char *call_reason(const struct call *c);

/* By the provider's clock. */
int64_t call_answered_us(const struct call *c);
int64_t call_ended_us(const struct call *c);

/* Turns of the whole list that Retell has sent by its live callback number `n`, from 1. */
unsigned call_turns_by(const struct call *c, unsigned n);

/* The other end, E.164. */
void call_phone(const struct sim *s, const struct call *c, char out[SIM_PHONE_SIZE]);
/* Our end. */
void call_our_phone(const struct sim *s, const struct call *c, char out[SIM_PHONE_SIZE]);

/* What is said as turn `i`, from 0; turns alternate, the agent begins. */
bool call_turn_is_agent(unsigned i);
const char *call_turn(const struct call *c, unsigned i, char out[CALL_TURN_SIZE]);
uint32_t call_turn_ms(const struct call *c, unsigned i); /* since the answer */
const char *call_summary(const struct call *c);
const char *call_decision(const struct call *c); /* order_decision; NULL: none */

/* Members that our dialer gave to the call and the provider echoes: "metadata":{...}. */
void voice_metadata(struct sim *s, const struct call *c);
/* The same in a query. */
void voice_query(const struct sim *s, const struct call *c, struct sim_event *out);
/* from and to by direction. */
void voice_parties(const struct sim *s, const struct call *c, char from[SIM_PHONE_SIZE],
                   char to[SIM_PHONE_SIZE]);

/* The bodies of one beat; each starts s->body anew and fills `topic` of out. */
void voice_retell(struct sim *s, const struct call *c, unsigned beat, struct sim_event *out);
void voice_vapi(struct sim *s, const struct call *c, unsigned beat, struct sim_event *out);
void voice_twilio(struct sim *s, const struct call *c, unsigned beat, struct sim_event *out);

#endif
