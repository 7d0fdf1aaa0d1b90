/* What is said on the calls, why they end, and what an analysis finds in them. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "simulate/random.h"
#include "simulate/world.h"

/* Conversations: the agent begins, turns alternate. Beside what people say they hold what breaks careless code: quotes, a backslash,
 * markup, scripts of several bytes a letter, an emoji. Calls longer than their script go on with `more`. */
static const char *const order_confirmed[] = {
    "Hello, I am calling about the order you placed with us. Am I speaking with the person who "
    "placed it?",
    "Yes, that's me.",
    "You chose \"Cash on Delivery\" - shall we send it today?",
    "Yes, please send it.",
    "Could you confirm the address, please? It ends in 4/12, 2nd floor.",
    "The address is right, but the pin code is 560001 & not 560010.",
    "Thank you, I have noted that. The total is payable to the courier. Delivery takes 3-5 days; "
    "does that suit you?",
    "Okay okay, send it tomorrow \\ the day after.",
    "I have added it to the order. Is there anything else I can do for you?",
    "My number is correct, call before you come.",
    "We will. Thank you, and have a good day!",
    "Bye! 😀",
};
static const char *const order_hindi[] = {
    "नमस्ते, मैं आपके ऑर्डर के बारे में बात कर रही हूँ।",
    "हाँ, बोलिए।",
    "आपने कैश ऑन डिलीवरी चुना है। आज भेज दें?",
    "हाँ, बिल्कुल।",
    "क्या पता सही है? 4/12, दूसरी मंज़िल।",
    "जी, पता सही है।",
    "धन्यवाद! डिलीवरी में 3-5 दिन लगेंगे।",
    "ठीक है, आने से पहले फ़ोन कीजिए।",
    "ज़रूर। आपका दिन शुभ हो!",
    "धन्यवाद।",
};
static const char *const order_cancelled[] = {
    "Hello, I am calling about the order you placed with us. Do you have a minute?",
    "Who is this?",
    "I am the shop's assistant. You chose \"Cash on Delivery\" - shall we send it today?",
    "No, please cancel it; I have bought it elsewhere.",
    "That is no problem, I have cancelled it. Would you tell me what was missing?",
    "The delivery took too long for me.",
    "Thank you for telling us. Is there anything else I can do for you?",
    "Não, obrigado.",
};
static const char *const order_moved[] = {
    "Hello, I am calling about the order you placed with us. Is the address 4/12, 2nd floor right?",
    "No, we moved last week. It is 17, Lake View Road now.",
    "Thank you, 17, Lake View Road. And the city is the same?",
    "The same, yes; only the street changed.",
    "I have changed it. The total is payable to the courier, and delivery takes 3-5 days.",
    "Great, thank you so much.",
    "You are welcome. Have a good day!",
    "Bye!",
};
static const char *const cart_left[] = {
    "Hello, you left something in your cart with us; may I help you to finish the order?",
    "Ah yes. I was not sure about the size.",
    "You had chosen M. It fits as usual, and you can exchange it for 30 days.",
    "Can I pay online instead? <something> with UPI / card",
    "Of course. I am sending you the link to your cart again; it takes cards and UPI.",
    "Hmm... let me think. 😀 Fine, I'll take it.",
    "Wonderful, it is on its way to your phone. Is there anything else I can do for you?",
    "No, thank you.",
    "Merci, et à bientôt!",
    "Bye!",
};
static const char *const machine[] = {
    "Hello, I am calling about your order.",
    "The person you have called is not available. Please leave a message after the tone.",
};
static const char *const more[] = {
    "Sorry, I did not catch that. Could you say it once more?",
    "I asked when it will come.",
    "It leaves our shop tomorrow, so before the weekend.",
    "And can the courier leave it with a neighbour?",
    "Yes. What is the neighbour's name?",
    "It is number 14, next door.",
    "I have noted number 14. May I read the order to you once more?",
    "Yes, please.",
};
static const char *const summaries[] = {
    "The customer confirmed the order and the address.",
    "The customer cancelled: bought it elsewhere, delivery took too long.",
    "The customer gave a new address.",
    "ग्राहक ने ऑर्डर की पुष्टि की।",
    "The customer said \"maybe\" & wants the link to the cart again.",
};

enum talk { TALK_CONFIRMED, TALK_CANCELLED, TALK_MOVED, TALK_HINDI, TALK_CART, TALK_MACHINE };

static const struct {
    const char *const *lines;
    unsigned n;
} talks[] = {
#define TALK(list)                                                                                 \
    {                                                                                              \
        list, sizeof(list) / sizeof(list)[0]                                                       \
    }
    [TALK_CONFIRMED] = TALK(order_confirmed),
    [TALK_CANCELLED] = TALK(order_cancelled),
    [TALK_MOVED] = TALK(order_moved),
    [TALK_HINDI] = TALK(order_hindi),
    [TALK_CART] = TALK(cart_left),
    [TALK_MACHINE] = TALK(machine),
#undef TALK
};

static enum talk talk_of(const struct call *c)
{
    const char *decision = call_decision(c);

    if (c->outcome == CALL_VOICEMAIL)
        return TALK_MACHINE;
    if (!c->cod)
        return TALK_CART;
    if (decision != NULL && strcmp(decision, "cancelled") == 0)
        return TALK_CANCELLED;
    if (decision != NULL && strcmp(decision, "address_changed") == 0)
        return TALK_MOVED;
    return call_pick(c, 'h', 4) == 0 ? TALK_HINDI : TALK_CONFIRMED;
}

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
    enum talk talk = talk_of(c);
    const char *line = i < talks[talk].n
                           ? talks[talk].lines[i]
                           : more[(i - talks[talk].n) % (sizeof more / sizeof more[0])];

    assert(strlen(line) < CALL_TURN_SIZE);
    snprintf(out, CALL_TURN_SIZE, "%s", line);
    return out;
}

uint32_t call_turn_ms(const struct call *c, unsigned i)
{
    return (uint32_t)((uint64_t)c->talk_ms * i / c->turns);
}

const char *call_summary(const struct call *c)
{
    static_assert(sizeof summaries / sizeof summaries[0] == TALK_MACHINE, "one for each talk");
    return c->outcome == CALL_ANSWERED ? summaries[talk_of(c)] : "";
}

const char *call_decision(const struct call *c)
{
    unsigned dice = call_pick(c, 'd', 100);

    if (!c->cod || c->outcome != CALL_ANSWERED || dice >= 95)
        return NULL;
    return dice < 75 ? "confirmed" : dice < 88 ? "cancelled" : "address_changed";
}
