/* Writing small JSON texts into an arena: tags, images, ids, cart items.
 *
 *   json_out_open(&o, arena, '[');
 *   json_out_text(&o, NULL, tag);
 *   result = json_out_close(&o);            one level only is closed at the end; inner ones by
 * json_out_end()
 *
 * Sticky: when the arena is full the result is absent. */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/text.h"

struct json_out {
    struct arena *arena;
    char *p;
    size_t n, room;
    bool comma; /* the next value needs one before it */
    char end;   /* closes the outermost level */
};

enum { JSON_OUT_ROOM_MIN = 128 };

/* `bracket` is '[' or '{'. */
void json_out_open(struct json_out *o, struct arena *arena, char bracket);

/* An object inside an array. */
void json_out_begin_object(struct json_out *o);
void json_out_end_object(struct json_out *o);

/* A string, or null if `value` is absent. `key` NULL inside arrays; a plain ASCII word without
 * quotes. */
void json_out_text(struct json_out *o, const char *key, struct text value);

/* A value that is JSON text already; null if absent. */
void json_out_raw(struct json_out *o, const char *key, struct text value);

/* The finished text. */
struct text json_out_close(struct json_out *o);

#endif
