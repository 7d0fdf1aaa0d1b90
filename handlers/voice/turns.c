#include "voice/turns.h"

#include "base/words.h"
#include "voice/moments.h"
#include "voice/numbers.h"

enum { SPEAKER_MAX = 20 /* bytes before the colon of a line */ };

static void reserve(struct turns *t, struct arena *arena, unsigned room)
{
    *t = (struct turns){.arena = arena, .room = room};
    if (t->room > VOICE_TURNS_MAX)
        t->room = VOICE_TURNS_MAX;
    t->turn = arena_alloc(arena, t->room * sizeof *t->turn);
    if (t->turn == NULL)
        t->room = 0;
}

void turns_open(struct turns *t, struct arena *arena, const struct json *array)
{
    unsigned n = 0;

    for (const struct json *v = json_first(array); v != NULL && n <= VOICE_TURNS_MAX;
         v = json_next(v))
        n++;
    reserve(t, arena, n);
}

struct text turns_speaker(struct text role)
{
    /* A transfer's target is a colleague of the agent. */
    static const char *const agents[] = {"agent", "assistant", "bot", "ai", "transfer_target"};
    static const char *const callers[] = {"user", "caller", "customer"};

    for (unsigned i = 0; i < sizeof agents / sizeof *agents; i++) {
        if (words_equal(role, text_of(agents[i])))
            return TEXT("agent");
    }
    for (unsigned i = 0; i < sizeof callers / sizeof *callers; i++) {
        if (words_equal(role, text_of(callers[i])))
            return TEXT("caller");
    }
    return TEXT_NULL;
}

struct voice_turn *turns_add(struct turns *t, struct text speaker, struct text content)
{
    struct voice_turn *turn;

    if (speaker.p == NULL || words_blank(content))
        return NULL;
    if (t->n == t->room) {
        t->cut = true;
        return NULL;
    }
    turn = &t->turn[t->n++];
    *turn = (struct voice_turn){.speaker = speaker,
                                .content = content,
                                .offset_us = VOICE_NONE,
                                .at_us = EVENT_NO_TIME,
                                .confidence = TURN_CONFIDENCE_NONE};
    return turn;
}

void turns_words(struct voice_turn *turn, const struct json *words)
{
    double sum = 0, value;
    unsigned n = 0;

    if (turn == NULL || json_type(words) != JSON_ARRAY)
        return;
    if (turn->offset_us == VOICE_NONE &&
        number_double(json_number(json_member(json_first(words), "start")), &value) && value >= 0 &&
        value < INT32_MAX)
        turn->offset_us = (int64_t)(value * MOMENT_SECOND_US + 0.5);
    for (const struct json *v = json_first(words); v != NULL; v = json_next(v)) {
        if (!number_double(json_number(json_member(v, "confidence")), &value) || value < 0 ||
            value > 1)
            continue;
        sum += value;
        n++;
    }
    if (n > 0)
        turn->confidence = sum / n;
}

/* The speaker that a line begins with, its words put into *content; absent if there is none. */
static struct text line_speaker(struct text line, struct text *content)
{
    const char *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;
    size_t n = colon == NULL ? 0 : (size_t)(colon - line.p);

    if (n == 0 || n > SPEAKER_MAX)
        return TEXT_NULL;
    *content = words_trim((struct text){colon + 1, line.n - n - 1});
    return turns_speaker(words_trim((struct text){line.p, n}));
}

void turns_from_text(struct turns *t, struct arena *arena, struct text transcript)
{
    struct voice_turn *last = NULL;
    const char *p = transcript.p, *end;
    unsigned lines = 1;

    for (size_t i = 0; i < transcript.n && lines <= VOICE_TURNS_MAX; i++)
        lines += transcript.p[i] == '\n';
    reserve(t, arena, lines);
    if (text_empty(transcript))
        return;
    end = p + transcript.n;
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        struct text line = {p, (size_t)((stop == NULL ? end : stop) - p)}, content, speaker;

        p = stop == NULL ? end : stop + 1;
        speaker = line_speaker(line, &content);
        if (speaker.p != NULL)
            last = turns_add(t, speaker, content);
        else if (last != NULL)
            last->content.n = words_trim((struct text){last->content.p,
                                                       (size_t)(line.p + line.n - last->content.p)})
                                  .n;
    }
}

void turns_close(struct turns *t, struct voice_event *ev)
{
    if (t->n == 0)
        return;
    ev->transcript_whole = true;
    ev->turns = t->turn;
    ev->n_turns = t->n;
}
