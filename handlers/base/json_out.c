#include "base/json_out.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Room for `n` more bytes: NULL once the arena is full. The old room is not given back, so it
 * doubles. */
static char *more(struct json_out *o, size_t n)
{
    size_t room = o->room * 2;
    char *p;

    if (o->p == NULL)
        return NULL;
    if (o->room - o->n < n) {
        while (room - o->n < n)
            room *= 2;
        p = arena_bytes(o->arena, room);
        if (p != NULL)
            memcpy(p, o->p, o->n);
        o->p = p;
        o->room = room;
    }
    if (o->p == NULL)
        return NULL;
    p = o->p + o->n;
    o->n += n;
    return p;
}

static void put(struct json_out *o, const char *bytes, size_t n)
{
    char *p = more(o, n);

    if (p != NULL && n > 0)
        memcpy(p, bytes, n);
}

/* What stands before a value: a comma, a name. */
static void lead(struct json_out *o, const char *key)
{
    if (o->comma)
        put(o, ",", 1);
    o->comma = true;
    if (key == NULL)
        return;
    put(o, "\"", 1);
    put(o, key, strlen(key));
    put(o, "\":", 2);
}

void json_out_open(struct json_out *o, struct arena *arena, char bracket)
{
    assert(bracket == '[' || bracket == '{');
    *o = (struct json_out){.arena = arena, .room = JSON_OUT_ROOM_MIN};
    o->p = arena_bytes(arena, o->room);
    o->end = bracket == '[' ? ']' : '}';
    put(o, &bracket, 1);
}

void json_out_begin_object(struct json_out *o)
{
    lead(o, NULL);
    put(o, "{", 1);
    o->comma = false;
}

void json_out_end_object(struct json_out *o)
{
    put(o, "}", 1);
    o->comma = true;
}

static void put_escaped(struct json_out *o, unsigned char c)
{
    char code[8];

    if (c == '"' || c == '\\') {
        put(o, "\\", 1);
        put(o, (const char *)&c, 1);
        return;
    }
    put(o, code, (size_t)snprintf(code, sizeof code, "\\u%04x", c));
}

void json_out_text(struct json_out *o, const char *key, struct text value)
{
    size_t plain = 0; /* bytes from here on are still to be copied */

    lead(o, key);
    if (value.p == NULL) {
        put(o, "null", 4);
        return;
    }
    put(o, "\"", 1);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        put(o, value.p + plain, i - plain);
        put_escaped(o, c);
        plain = i + 1;
    }
    put(o, value.p + plain, value.n - plain);
    put(o, "\"", 1);
}

void json_out_raw(struct json_out *o, const char *key, struct text value)
{
    lead(o, key);
    if (value.p == NULL)
        value = TEXT("null");
    put(o, value.p, value.n);
}

struct text json_out_close(struct json_out *o)
{
    put(o, &o->end, 1);
    return o->p == NULL ? TEXT_NULL : (struct text){o->p, o->n};
}
