/* simdjson's first stage behind base/json.h.
 *
 * Only stage 1 is used (SIMD: UTF-8, quotes, control characters, and the position of every brace,
 * bracket, colon, comma and value); the walk over these positions is ours. The finished parsers of
 * simdjson do not fit: the DOM turns numbers into doubles and refuses a whole body for one lone
 * surrogate or one number of 40 digits; On-Demand leaves unchecked what nobody reads, so a body
 * could be half garbage and pass. */
#include "base/json.h"

#include <cassert>
#include <cstdlib>
#include <memory>

#include <simdjson.h>

/* The walk's steps become one function, which keeps the walk's state in registers: a third less
 * time than as calls. */
#define HOT __attribute__((always_inline)) inline

namespace
{

enum {
    FLAG_MORE = 1,        /* another value of the same container follows */
    FLAG_ESCAPED = 2,     /* a string with backslashes */
    FLAG_KEY_ESCAPED = 4, /* its name has some */
    FLAG_UNSAFE = 8,      /* PostgreSQL would refuse it, or something inside it */
    FLAG_KEY_UNSAFE = 16, /* or its name */
};
enum { CAPACITY_MIN = 64 * 1024, KEY_BYTES_MAX = 64 };

/* Members of an object that is worth a directory: an order has 90 and is asked for 35 of them, a
 * line has 30 and is asked for 13. */
enum { DIRECTORY_MEMBERS_MIN = 26, DIRECTORY_MEMBERS_MAX = 192, DIRECTORY_SLOTS = 256 };

const char why_syntax[] = "the body is not valid JSON";
const char why_short[] = "the body ends in the middle of its JSON";
const char why_memory[] = "there was no memory to parse the body";

/* Where an object's members are: open addressing by a hash of their names. */
struct directory {
    const struct json *object; /* nullptr: none yet */
    bool usable;               /* no name has an escape */
    uint32_t at[DIRECTORY_SLOTS]; /* from the object on; 0: empty */
};

/* What is kept from one text to the next. */
struct scratch {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> stage1;
    struct json *values = nullptr;
    size_t room = 0;
    directory members = {}; /* of the large object that was asked last */

    ~scratch()
    {
        free(values);
    }
};

/* One run over one text. */
struct walk {
    const char *text;
    uint32_t len;
    const uint32_t *at; /* positions that stage 1 found */
    uint32_t n_at;
    struct json *values;
    uint32_t n_values;
    const char *escape; /* the next backslash not yet looked at, or the end */
    struct {
        uint32_t container, last_child, children;
    } open[JSON_DEPTH_MAX];
    uint32_t depth;
    const char *why;
};

bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *find_escape(const char *p, const char *end)
{
    const void *hit = p < end ? memchr(p, '\\', size_t(end - p)) : nullptr;

    return hit == nullptr ? end : static_cast<const char *>(hit);
}

/* The code unit of the four hex digits at p, or -1. */
int hex4(const char *p, const char *end)
{
    int unit = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

bool is_high(int unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

bool is_low(int unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* One escape sequence; `p` stands on its backslash. */
struct escape {
    uint32_t source;    /* bytes of it */
    uint32_t character; /* what it means; U+FFFD for what PostgreSQL refuses */
    bool unsafe;        /* it was refused */
    bool valid;
};

/* What a backslash and `c` mean; NUL: nothing. */
char short_escape(char c)
{
    switch (c) {
    case '/': /* the most frequent by far: URLs */
    case '"':
    case '\\':
        return c;
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    default:
        return '\0';
    }
}

escape read_escape(const char *p, const char *end)
{
    int unit, low;

    if (end - p < 2)
        return {0, 0, false, false};
    if (p[1] != 'u') {
        char meaning = short_escape(p[1]);
        return {2, uint32_t(meaning), false, meaning != '\0'};
    }
    unit = hex4(p + 2, end);
    if (unit < 0)
        return {0, 0, false, false};
    if (is_high(unit) && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        low = hex4(p + 8, end);
        if (is_low(low)) {
            int character = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            return {12, uint32_t(character), false, true};
        }
    }
    if (unit == 0 || is_high(unit) || is_low(unit))
        return {6, 0xFFFD, true, true};
    return {6, uint32_t(unit), false, true};
}

size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = char(c);
        return 1;
    }
    if (c < 0x800) {
        out[0] = char(0xC0 | c >> 6);
        out[1] = char(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = char(0xE0 | c >> 12);
        out[1] = char(0x80 | (c >> 6 & 0x3F));
        out[2] = char(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = char(0xF0 | c >> 18);
    out[1] = char(0x80 | (c >> 12 & 0x3F));
    out[2] = char(0x80 | (c >> 6 & 0x3F));
    out[3] = char(0x80 | (c & 0x3F));
    return 4;
}

/* Unescapes into `out`, which has room for n bytes: no escape gets longer. Returns the length. */
size_t decode(char *out, const char *p, size_t n)
{
    const char *end = p + n;
    char *start = out;

    while (p < end) {
        const char *next = find_escape(p, end);
        memcpy(out, p, size_t(next - p));
        out += next - p;
        p = next;
        if (p == end)
            break;
        escape e = read_escape(p, end);
        assert(e.valid); /* the walk looked at every one */
        out += put_utf8(out, e.character);
        p += e.source;
    }
    return size_t(out - start);
}

/* Where the token ends that begins at position number i: before the next token, without spaces. */
HOT uint32_t token_end(const walk *w, uint32_t i)
{
    uint32_t end = i + 1 < w->n_at ? w->at[i + 1] : w->len;

    while (end > w->at[i] + 1 && is_space(w->text[end - 1]))
        end--;
    return end;
}

/* The string at position number i, and whether it has escapes and unsafe ones. False if some are
 * wrong. */
HOT bool read_string(walk *w, uint32_t i, const char **p, uint32_t *n, bool *escaped, bool *unsafe)
{
    uint32_t begin = w->at[i], end = token_end(w, i);
    const char *close = w->text + end - 1;

    *p = w->text + begin + 1;
    if (end < begin + 2 || *close != '"' || w->escape < *p)
        return false;
    *n = end - begin - 2;
    while (w->escape < close) {
        escape e = read_escape(w->escape, close);
        if (!e.valid)
            return false;
        *escaped = true;
        *unsafe |= e.unsafe;
        w->escape = find_escape(w->escape + e.source, w->text + w->len);
    }
    return true;
}

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? and nothing else. */
HOT bool read_number(struct json *v)
{
    const char *p = v->p, *end = v->p + v->n;
    long exponent = 0;

    if (p < end && *p == '-')
        p++;
    if (p == end || !is_digit(*p))
        return false;
    if (*p == '0' && end - p > 1 && is_digit(p[1]))
        return false;
    while (p < end && is_digit(*p))
        p++;
    if (p < end && *p == '.') {
        if (++p == end || !is_digit(*p))
            return false;
        while (p < end && is_digit(*p))
            p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (p == end)
            return false;
        for (; p < end && is_digit(*p); p++)
            exponent = exponent > JSON_EXPONENT_MAX ? exponent : exponent * 10 + (*p - '0');
    }
    if (exponent > JSON_EXPONENT_MAX || v->n > JSON_NUMBER_BYTES_MAX)
        v->flags |= FLAG_UNSAFE;
    return p == end;
}

/* N is known when it is compiled: a comparison of one register. */
template <size_t N> bool is_word(const struct json *v, const char (&word)[N])
{
    return v->n == N - 1 && memcmp(v->p, word, N - 1) == 0;
}

HOT bool read_scalar(struct json *v)
{
    if (is_word(v, "null")) {
        v->type = JSON_NULL;
        return true;
    }
    if (is_word(v, "true") || is_word(v, "false")) {
        v->type = JSON_BOOL;
        return true;
    }
    v->type = JSON_NUMBER;
    return read_number(v);
}

bool fail(walk *w, const char *why)
{
    w->why = why;
    return false;
}

/* What `v` says about its container: something inside is unsafe. */
HOT void mark_container(walk *w, const struct json *v)
{
    if ((v->flags & (FLAG_UNSAFE | FLAG_KEY_UNSAFE)) != 0)
        w->values[w->open[w->depth - 1].container].flags |= FLAG_UNSAFE;
}

/* The next value's place in the list, where it is filled in; NULL: there are too many. */
HOT struct json *next_value(walk *w)
{
    struct json *v = &w->values[w->n_values];

    if (w->n_values == JSON_VALUES_MAX) {
        w->why = "the body holds too many values";
        return nullptr;
    }
    v->key = nullptr;
    v->key_n = 0;
    v->n = 0;
    v->span = 1;
    v->members = 0;
    v->flags = 0;
    return v;
}

/* The value at position number i; `v` is next_value() and already has its name. */
HOT bool read_value(walk *w, uint32_t i, struct json *v)
{
    char c = w->text[w->at[i]];
    bool escaped = false, unsafe = false;

    v->p = w->text + w->at[i];
    if (c == '"') {
        v->type = JSON_STRING;
        if (!read_string(w, i, &v->p, &v->n, &escaped, &unsafe))
            return fail(w, why_syntax);
        v->flags |= uint8_t((escaped ? FLAG_ESCAPED : 0) | (unsafe ? FLAG_UNSAFE : 0));
    } else if (c == '{' || c == '[') {
        if (w->depth == JSON_DEPTH_MAX)
            return fail(w, "the body is nested too deeply");
        v->type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
    } else {
        v->n = token_end(w, i) - w->at[i];
        if (!read_scalar(v))
            return fail(w, why_syntax);
    }
    if (w->depth > 0) {
        w->open[w->depth - 1].last_child = w->n_values;
        w->open[w->depth - 1].children++;
        mark_container(w, v);
    }
    if (v->type == JSON_OBJECT || v->type == JSON_ARRAY)
        w->open[w->depth++] = {w->n_values, w->n_values, 0};
    w->n_values++;
    return true;
}

/* The innermost container ends at position number i. */
HOT void close_container(walk *w, uint32_t i)
{
    auto frame = w->open[--w->depth];
    struct json *v = &w->values[frame.container];

    v->members = uint16_t(frame.children < UINT16_MAX ? frame.children : UINT16_MAX);
    v->n = uint32_t(w->text + w->at[i] + 1 - v->p);
    v->span = uint32_t(w->values + w->n_values - v);
    if (w->depth > 0)
        mark_container(w, v);
}

/* A member's name at position number *i and the colon behind it. */
HOT bool read_key(walk *w, uint32_t *i, struct json *v)
{
    bool escaped = false, unsafe = false;

    if (w->text[w->at[*i]] != '"')
        return fail(w, why_syntax);
    if (!read_string(w, *i, &v->key, &v->key_n, &escaped, &unsafe))
        return fail(w, why_syntax);
    v->flags = uint8_t((escaped ? FLAG_KEY_ESCAPED : 0) | (unsafe ? FLAG_KEY_UNSAFE : 0));
    (*i)++;
    if (*i >= w->n_at || *i + 1 >= w->n_at)
        return fail(w, why_short);
    if (w->text[w->at[*i]] != ':')
        return fail(w, why_syntax);
    (*i)++;
    return true;
}

/* What stands at position number *i inside the innermost container: its end, or its next value. */
HOT bool read_step(walk *w, uint32_t *i)
{
    auto frame = w->open[w->depth - 1];
    bool in_object = w->values[frame.container].type == JSON_OBJECT;
    struct json *v;

    if (w->text[w->at[*i]] == (in_object ? '}' : ']')) {
        close_container(w, (*i)++);
        return true;
    }
    if (frame.children > 0) {
        if (w->text[w->at[*i]] != ',')
            return fail(w, why_syntax);
        w->values[frame.last_child].flags |= FLAG_MORE;
        if (++*i == w->n_at)
            return fail(w, why_short);
    }
    v = next_value(w);
    return v != nullptr && (!in_object || read_key(w, i, v)) && read_value(w, (*i)++, v);
}

/* The whole text. */
HOT bool read_text(walk *w)
{
    uint32_t i = 0;

    if (w->n_at == 0)
        return fail(w, why_short);
    if (!read_value(w, i++, next_value(w)))
        return false;
    while (w->depth > 0) {
        if (i == w->n_at)
            return fail(w, why_short);
        if (!read_step(w, &i))
            return false;
    }
    return i == w->n_at ? true : fail(w, why_syntax);
}

const char *why_stage1(simdjson::error_code error)
{
    switch (error) {
    case simdjson::EMPTY:
        return "the body is empty";
    case simdjson::UTF8_ERROR:
        return "the body is not valid UTF-8";
    case simdjson::UNCLOSED_STRING:
        return "the body ends inside a string";
    case simdjson::UNESCAPED_CHARS:
        return "a control character stands unescaped in a string of the body";
    default:
        return why_syntax;
    }
}

/* Room for a text of `len` bytes. */
bool reserve_stage1(scratch *s, size_t len)
{
    size_t capacity = CAPACITY_MIN;

    if (s->stage1 != nullptr && s->stage1->capacity() >= len)
        return true;
    while (capacity < len)
        capacity *= 2;
    s->stage1.reset();
    return simdjson::get_active_implementation()->create_dom_parser_implementation(
               capacity, JSON_DEPTH_MAX, s->stage1) == simdjson::SUCCESS;
}

bool reserve_values(scratch *s, size_t n)
{
    size_t room = CAPACITY_MIN / sizeof *s->values;
    struct json *values;

    if (n > JSON_VALUES_MAX)
        n = JSON_VALUES_MAX;
    if (n <= s->room)
        return true;
    while (room < n)
        room *= 2;
    values = static_cast<struct json *>(malloc(room * sizeof *values));
    if (values == nullptr)
        return false;
    free(s->values);
    s->values = values;
    s->room = room;
    return true;
}

/* True if the value's name is `key`. */
bool has_key(const struct json *v, const char *key, size_t key_n)
{
    char decoded[KEY_BYTES_MAX];

    if ((v->flags & FLAG_KEY_ESCAPED) == 0)
        return v->key_n == key_n && (key_n == 0 || *v->key == *key) &&
               memcmp(v->key, key, key_n) == 0;
    if (v->key_n > sizeof decoded)
        return false;
    return decode(decoded, v->key, v->key_n) == key_n && memcmp(decoded, key, key_n) == 0;
}

/* Where the search for a name begins. */
uint32_t slot_of(const char *key, size_t n)
{
    uint32_t h = uint32_t(n);

    if (n > 0)
        h = ((h * 31 + uint8_t(key[0])) * 31 + uint8_t(key[n / 2])) * 31 + uint8_t(key[n - 1]);
    return (h ^ h >> 8) % DIRECTORY_SLOTS;
}

void make_directory(directory *d, const struct json *object)
{
    memset(d->at, 0, sizeof d->at);
    d->object = object;
    d->usable = true;
    for (const struct json *m = json_first(object); m != nullptr; m = json_next(m)) {
        uint32_t slot = slot_of(m->key, m->key_n);

        d->usable &= (m->flags & FLAG_KEY_ESCAPED) == 0;
        while (d->at[slot] != 0) /* a name that occurs twice: the first is found first */
            slot = (slot + 1) % DIRECTORY_SLOTS;
        d->at[slot] = uint32_t(m - object);
    }
}

const struct json *look_up(const directory *d, const char *key, size_t key_n)
{
    uint32_t slot = slot_of(key, key_n);

    for (; d->at[slot] != 0; slot = (slot + 1) % DIRECTORY_SLOTS) {
        const struct json *m = d->object + d->at[slot];
        if (has_key(m, key, key_n))
            return m;
    }
    return nullptr;
}

thread_local scratch kept[JSON_SLOTS];

/* The directory of a large object, made when it is first asked. */
const directory *directory_of(const struct json *object)
{
    for (scratch &s : kept) {
        if (object < s.values || object >= s.values + s.room)
            continue;
        if (s.members.object != object)
            make_directory(&s.members, object);
        return s.members.usable ? &s.members : nullptr;
    }
    return nullptr;
}

/* Copies a string's source, its unsafe escapes replaced by one of the same length. */
char *copy_safe(char *out, const char *p, size_t n)
{
    static const char replacement[] = {'\\', 'u', 'f', 'f', 'f', 'd'};
    const char *end = p + n;

    memcpy(out, p, n);
    for (const char *e = find_escape(p, end); e < end; e = find_escape(e, end)) {
        escape found = read_escape(e, end);
        assert(found.valid);
        if (found.unsafe)
            memcpy(out + (e - p), replacement, sizeof replacement);
        e += found.source;
    }
    return out + n;
}

} // namespace

extern "C" const struct json *json_parse(enum json_slot slot, const char *text, size_t n,
                                         const char **why)
{
    scratch *s;
    simdjson::error_code error;
    walk w = {};

    assert(slot < JSON_SLOTS);
    s = &kept[slot];
    if (n > JSON_BYTES_MAX) {
        *why = "the body is too long";
        return nullptr;
    }
    if (!reserve_stage1(s, n)) {
        *why = why_memory;
        return nullptr;
    }
    error = n == 0 ? simdjson::EMPTY
                   : s->stage1->stage1(reinterpret_cast<const uint8_t *>(text), n,
                                       simdjson::stage1_mode::regular);
    if (error != simdjson::SUCCESS) {
        *why = why_stage1(error);
        return nullptr;
    }
    if (!reserve_values(s, s->stage1->n_structural_indexes)) {
        *why = why_memory;
        return nullptr;
    }
    s->members.object = nullptr;
    w.text = text;
    w.len = uint32_t(n);
    w.at = s->stage1->structural_indexes.get();
    w.n_at = s->stage1->n_structural_indexes;
    w.values = s->values;
    w.escape = find_escape(text, text + n);
    if (!read_text(&w)) {
        *why = w.why;
        return nullptr;
    }
    return s->values;
}

extern "C" enum json_type json_type(const struct json *v)
{
    return v == nullptr ? JSON_ABSENT : static_cast<enum json_type>(v->type);
}

extern "C" const struct json *json_first(const struct json *v)
{
    if (v == nullptr || v->span == 1)
        return nullptr;
    return v + 1;
}

extern "C" const struct json *json_next(const struct json *v)
{
    if (v == nullptr || (v->flags & FLAG_MORE) == 0)
        return nullptr;
    return v + v->span;
}

extern "C" const struct json *json_find(const struct json *v, const char *key, size_t key_n)
{
    if (json_type(v) != JSON_OBJECT)
        return nullptr;
    if (v->members >= DIRECTORY_MEMBERS_MIN && v->members <= DIRECTORY_MEMBERS_MAX) {
        const directory *d = directory_of(v);
        if (d != nullptr)
            return look_up(d, key, key_n);
    }
    for (const struct json *m = json_first(v); m != nullptr; m = json_next(m)) {
        if (has_key(m, key, key_n))
            return m;
    }
    return nullptr;
}

extern "C" struct text json_string(const struct json *v, struct arena *arena)
{
    char *out;
    size_t n;

    if (json_type(v) != JSON_STRING)
        return TEXT_NULL;
    out = arena_bytes(arena, v->n + 1);
    if (out == nullptr)
        return TEXT_NULL;
    if ((v->flags & FLAG_ESCAPED) != 0) {
        n = decode(out, v->p, v->n);
    } else {
        memcpy(out, v->p, v->n);
        n = v->n;
    }
    out[n] = '\0';
    return {out, n};
}

extern "C" struct text json_number(const struct json *v)
{
    if (json_type(v) != JSON_NUMBER)
        return TEXT_NULL;
    return {v->p, v->n};
}

extern "C" bool json_true(const struct json *v)
{
    return json_type(v) == JSON_BOOL && v->n == 4;
}

/* The bytes of a value in its source, a string's quotes included. */
static struct text source_of(const struct json *v)
{
    if (v->type == JSON_STRING)
        return {v->p - 1, v->n + 2};
    return {v->p, v->n};
}

/* Copies the source of `v` to `out`, mending the names and scalars that PostgreSQL would refuse. */
static char *copy_mended(char *out, const struct json *v, struct text source)
{
    const char *p = source.p;

    for (const struct json *m = v; m < v + v->span; m++) {
        if (m != v && (m->flags & FLAG_KEY_UNSAFE) != 0) {
            memcpy(out, p, size_t(m->key - p));
            out = copy_safe(out + (m->key - p), m->key, m->key_n);
            p = m->key + m->key_n;
        }
        if ((m->flags & FLAG_UNSAFE) == 0 || (m->type != JSON_STRING && m->type != JSON_NUMBER))
            continue;
        memcpy(out, p, size_t(m->p - p));
        out += m->p - p;
        if (m->type == JSON_NUMBER)
            *out++ = '"';
        out = copy_safe(out, m->p, m->n);
        if (m->type == JSON_NUMBER)
            *out++ = '"';
        p = m->p + m->n;
    }
    memcpy(out, p, size_t(source.p + source.n - p));
    return out + (source.p + source.n - p);
}

extern "C" struct text json_raw(const struct json *v, struct arena *arena)
{
    struct text source;
    size_t quotes = 0, n;
    char *out;

    if (v == nullptr)
        return TEXT_NULL;
    source = source_of(v);
    if ((v->flags & FLAG_UNSAFE) != 0) {
        for (const struct json *m = v; m < v + v->span; m++)
            quotes += m->type == JSON_NUMBER && (m->flags & FLAG_UNSAFE) != 0 ? 2 : 0;
    }
    out = arena_bytes(arena, source.n + quotes + 1);
    if (out == nullptr)
        return TEXT_NULL;
    if ((v->flags & FLAG_UNSAFE) != 0) {
        n = size_t(copy_mended(out, v, source) - out);
    } else {
        memcpy(out, source.p, source.n);
        n = source.n;
    }
    out[n] = '\0';
    return {out, n};
}
