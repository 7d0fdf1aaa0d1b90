/* What is said on the calls, why they end, and what an analysis finds in them. */
#include <stdio.h>

#include "simulate/random.h"
#include "simulate/world.h"

#define PICK(c, what, list) ((list)[call_pick(c, what, sizeof(list) / sizeof(list)[0])])

static const char *const agent_lines[] = {
    "Hello, am I speaking with the person who placed the order?",
    "नमस्ते, मैं आपके ऑर्डर के बारे में बात कर रही हूँ।",
    "You chose \"Cash on Delivery\" - shall we send it today?",
    "Could you confirm the address, please? It ends in 4/12, 2nd floor.",
    "The total is 1,499.00, payable to the courier.",
    "Thank you. Is there anything else I can do for you?",
    "Sorry, I did not catch that. Could you say it once more?",
    "You left something in your cart; may I help you to finish the order?",
    "Delivery takes 3-5 days. Does that suit you?",
    "Merci, et à bientôt!",
};
static const char *const caller_lines[] = {
    "Yes.",
    "हाँ, बिल्कुल।",
    "No, please cancel it; I have bought it elsewhere.",
    "The address is right, but the pin code is 560001 & not 560010.",
    "Who is this?",
    "Can I pay online instead? <something> with UPI / card",
    "Okay okay, send it tomorrow \\ the day after.",
    "Hmm... let me think. 😀 Fine, I'll take it.",
    "My number is correct, call before you come.",
    "Não, obrigado.",
};
static const char *const summaries[] = {
    "The customer confirmed the order and the address.",
    "The customer asked for delivery on another day.",
    "ग्राहक ने ऑर्डर की पुष्टि की।",
    "The customer said \"maybe\" & wants to be called again.",
};

/* Words of the providers for each outcome. */
static const char *const retell_reasons[5][4] = {
    [CALL_ANSWERED] = {"user_hangup", "agent_hangup", "inactivity", "call_transfer"},
    [CALL_NO_ANSWER] = {"dial_no_answer", "dial_no_answer", "dial_no_answer", "user_declined"},
    [CALL_BUSY] = {"dial_busy", "dial_busy", "dial_busy", "dial_busy"},
    [CALL_FAILED] = {"dial_failed", "invalid_destination", "error_unknown", "sun_spots"},
    [CALL_VOICEMAIL] = {"voicemail_reached", "voicemail_reached", "ivr_reached",
                        "voicemail_reached"},
};
static const char *const vapi_reasons[5][4] = {
    [CALL_ANSWERED] = {"customer-ended-call", "assistant-ended-call", "silence-timed-out",
                       "assistant-said-end-call-phrase"},
    [CALL_NO_ANSWER] = {"customer-did-not-answer", "customer-did-not-answer",
                        "customer-did-not-answer", "call.forwarding.no-answer"},
    [CALL_BUSY] = {"customer-busy", "customer-busy", "customer-busy", "customer-busy"},
    [CALL_FAILED] = {"twilio-failed-to-connect-call", "pipeline-error-openai-llm-failed",
                     "call.in-progress.error-vapifault-worker-died", "sun-spots"},
    [CALL_VOICEMAIL] = {"voicemail", "voicemail", "voicemail", "voicemail"},
};
static const char *const twilio_reasons[5][4] = {
    [CALL_ANSWERED] = {"completed", "completed", "completed", "completed"},
    [CALL_NO_ANSWER] = {"no-answer", "no-answer", "no-answer", "no-answer"},
    [CALL_BUSY] = {"busy", "busy", "busy", "busy"},
    [CALL_FAILED] = {"failed", "failed", "failed", "canceled"},
    [CALL_VOICEMAIL] = {"completed", "completed", "completed", "completed"},
};

const char *call_reason(const struct call *c)
{
    unsigned n = call_pick(c, 'e', 4);

    if (c->late_voicemail)
        return "user_hangup";
    return c->provider == SIM_RETELL ? retell_reasons[c->outcome][n]
           : c->provider == SIM_VAPI ? vapi_reasons[c->outcome][n]
                                     : twilio_reasons[c->outcome][n];
}

bool call_turn_is_agent(unsigned i)
{
    return i % 2 == 0;
}

const char *call_turn(const struct call *c, unsigned i, char out[CALL_TURN_SIZE])
{
    const char *line =
        call_turn_is_agent(i) ? PICK(c, 1000 + i, agent_lines) : PICK(c, 1000 + i, caller_lines);

    snprintf(out, CALL_TURN_SIZE, "%s", line);
    return out;
}

uint32_t call_turn_ms(const struct call *c, unsigned i)
{
    return (uint32_t)((uint64_t)c->talk_ms * i / c->turns);
}

const char *call_summary(const struct call *c)
{
    return c->outcome == CALL_ANSWERED ? PICK(c, 's', summaries) : "";
}

const char *call_decision(const struct call *c)
{
    unsigned dice = call_pick(c, 'd', 100);

    if (!c->cod || c->outcome != CALL_ANSWERED || dice >= 95)
        return NULL;
    return dice < 75 ? "confirmed" : dice < 88 ? "cancelled" : "address_changed";
}
