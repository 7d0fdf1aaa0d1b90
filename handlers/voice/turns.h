/* Who said what: the turns of a transcript. Prompts, tools and whatever else is no speech have no
 * speaker and make no turn. */
#ifndef VOICE_TURNS_H
#define VOICE_TURNS_H

#include "base/json.h"
#include "voice/provider.h"

enum { TURN_CONFIDENCE_NONE = -1 };

struct turns {
    struct arena *arena;
    struct voice_turn *turn;
    unsigned n, room;
    bool cut; /* there were more than VOICE_TURNS_MAX */
};

/* For as many turns as the array has elements. */
void turns_open(struct turns *t, struct arena *arena, const struct json *array);

/* "agent" or "caller" for a provider's word for either; absent for every other role. */
struct text turns_speaker(struct text role);

/* A turn of unknown times and confidence, to be filled in; NULL if it has no speaker or no words,
 * or when the list is full. */
struct voice_turn *turns_add(struct turns *t, struct text speaker, struct text content);

/* From [{start, confidence}, ...]: the offset of the first word, in seconds; the mean confidence.
 * Both only if there. */
void turns_words(struct voice_turn *turn, const struct json *words);

/* For "Agent: Hello?\nUser: Yes,\nhello.": a line that begins with no speaker goes on with the last
 * turn. */
void turns_from_text(struct turns *t, struct arena *arena, struct text transcript);

/* The list as the event's whole transcript so far, unless it is empty: nothing never replaces
 * something. */
void turns_close(struct turns *t, struct voice_event *ev);

#endif
