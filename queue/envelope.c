/* The envelope on the wire: a msgpack map with one-letter keys (an entry is stored by the million).
 *
 *   v version (always the first pair, in every version to come)
 *   s source  t topic  k key  i event id  d delivery id     texts; absent ones are left out
 *   g triggered_us  r received_us                           integers
 *   h digest (8 bytes)   x headers (map of texts)
 *   c codec of the body: 0 as it is, 2 lz4 with our dictionary (body_dictionary.h)
 *   n length of the body, where it is compressed   b body (bytes)
 *
 * Compressing also where memory is plenty is what costs least: an order of 8 KiB takes 7 us to
 * compress, but as it is it costs Redis 21 us instead of 9, and four times the bytes to fsync.
 * There are many gateways to one Redis.
 *
 * The decoder trusts nothing: msgpack-c would allocate whatever a forged array header promises, so
 * the bytes are walked first (is_sane), and only a tree that fits them, is shallow and has few
 * nodes is unpacked. */
#include "envelope.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <msgpack.h>

#include "body_dictionary.h"
#include "event.h"

enum {
    CODEC_RAW = 0,
    CODEC_LZ4 = 2,      /* 1 was zstd: three times the work for as many bytes */
    COMPRESS_MIN = 128, /* below this there is nothing to gain */
    COMPRESS_MAX = LZ4_MAX_INPUT_SIZE,
    HASTE = 2, /* lz4's acceleration: a tenth less work than 1 for 1.5 % more bytes of an order */
    NODES_MAX = 512, /* objects of one envelope, unknown ones included */
    DEPTH_MAX = 8,
    ZONE_CHUNK = 8192
};

static const struct {
    char key;
    size_t offset;
} texts[] = {
    {'s', offsetof(struct envelope, source)},      {'t', offsetof(struct envelope, topic)},
    {'k', offsetof(struct envelope, key)},         {'i', offsetof(struct envelope, event_id)},
    {'d', offsetof(struct envelope, delivery_id)},
};

enum { TEXTS = sizeof texts / sizeof texts[0] };

/* ---- encoding -----------------------------------------------------------------------------------
 */

struct envelope_encoder {
    msgpack_sbuffer out;
    LZ4_stream_t
        fresh; /* that has read the dictionary: loading it costs more than a copy of this */
    LZ4_stream_t lz4;
    char *packed; /* compressed body */
    size_t packed_size;
};

struct envelope_encoder *envelope_encoder_new(void)
{
    struct envelope_encoder *e = calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    msgpack_sbuffer_init(&e->out);
    LZ4_initStream(&e->fresh, sizeof e->fresh);
    LZ4_loadDict(&e->fresh, body_dictionary, (int)body_dictionary_size());
    return e;
}

void envelope_encoder_free(struct envelope_encoder *e)
{
    if (e == NULL)
        return;
    msgpack_sbuffer_destroy(&e->out);
    free(e->packed);
    free(e);
}

/* Length of the compressed body in e->packed; 0: send it as it is. */
static size_t compress(struct envelope_encoder *e, const char *body, size_t len)
{
    int n;

    if (len < COMPRESS_MIN || len > COMPRESS_MAX)
        return 0;
    if (len > e->packed_size) { /* what does not get smaller is not wanted */
        char *bigger = realloc(e->packed, len);
        if (bigger == NULL)
            return 0;
        e->packed = bigger;
        e->packed_size = len;
    }
    e->lz4 = e->fresh;
    n = LZ4_compress_fast_continue(&e->lz4, body, e->packed, (int)len, (int)len, HASTE);
    return n > 0 ? (size_t)n : 0;
}

/* The packer's errors are sticky here: 0 while everything fitted. */
static int pack_text(msgpack_packer *pk, struct text t)
{
    int failed = msgpack_pack_str(pk, t.n);

    return failed | (t.n > 0 ? msgpack_pack_str_body(pk, t.p, t.n) : 0);
}

static int pack_key(msgpack_packer *pk, char key)
{
    return pack_text(pk, (struct text){&key, 1});
}

static int pack_bytes(msgpack_packer *pk, char key, const void *bytes, size_t len)
{
    int failed = pack_key(pk, key) | msgpack_pack_bin(pk, len);

    return failed | (len > 0 ? msgpack_pack_bin_body(pk, bytes, len) : 0);
}

static int pack_number(msgpack_packer *pk, char key, int64_t n)
{
    return pack_key(pk, key) | msgpack_pack_int64(pk, n);
}

static struct text *text_at(const struct envelope *in, size_t i)
{
    return (struct text *)((char *)in + texts[i].offset);
}

static int pack_texts(msgpack_packer *pk, const struct envelope *in)
{
    int failed = 0;

    for (size_t i = 0; i < TEXTS; i++)
        if (text_at(in, i)->p != NULL)
            failed |= pack_key(pk, texts[i].key) | pack_text(pk, *text_at(in, i));
    return failed;
}

static int pack_headers(msgpack_packer *pk, const struct envelope *in)
{
    int failed = pack_key(pk, 'x') | msgpack_pack_map(pk, in->n_headers);

    for (unsigned i = 0; i < in->n_headers; i++)
        failed |= pack_text(pk, in->headers[i].name) | pack_text(pk, in->headers[i].value);
    return failed;
}

const void *envelope_encode(struct envelope_encoder *e, const struct envelope *in, size_t *len)
{
    size_t packed = compress(e, in->body, in->body_len),
           pairs = 6u + (in->triggered_us != EVENT_NO_TIME) + (packed > 0);
    msgpack_packer pk;
    int failed;

    assert(in->n_headers <= ENVELOPE_HEADERS_MAX);
    for (size_t i = 0; i < TEXTS; i++)
        pairs += text_at(in, i)->p != NULL;
    msgpack_sbuffer_clear(&e->out);
    msgpack_packer_init(&pk, &e->out, msgpack_sbuffer_write);
    failed = msgpack_pack_map(&pk, pairs);
    failed |= pack_number(&pk, 'v', ENVELOPE_VERSION);
    failed |= pack_texts(&pk, in);
    if (in->triggered_us != EVENT_NO_TIME)
        failed |= pack_number(&pk, 'g', in->triggered_us);
    failed |= pack_number(&pk, 'r', in->received_us);
    failed |= pack_bytes(&pk, 'h', in->digest, sizeof in->digest);
    failed |= pack_headers(&pk, in);
    failed |= pack_number(&pk, 'c', packed > 0 ? CODEC_LZ4 : CODEC_RAW);
    if (packed > 0)
        failed |= pack_number(&pk, 'n', (int64_t)in->body_len);
    failed |= packed > 0 ? pack_bytes(&pk, 'b', e->packed, packed)
                         : pack_bytes(&pk, 'b', in->body, in->body_len);
    *len = e->out.size;
    return failed == 0 ? e->out.data : NULL;
}

/* ---- decoding -----------------------------------------------------------------------------------
 */

/* What a first byte announces: how many bytes of length follow it, a fixed number of payload bytes,
 * and whether the length counts bytes, elements or pairs. From the msgpack specification, "Overview
 * of formats". */
struct form {
    unsigned char length_bytes, fixed;
    unsigned char children; /* 0: payload bytes, 1: array elements, 2: map pairs */
};

static const struct form forms[0x20] = {
    /* c0 nil, c1 never used (msgpack-c refuses it), c2 false, c3 true */
    {0, 0, 0},
    {0, 0, 0},
    {0, 0, 0},
    {0, 0, 0},
    /* c4 bin 8, 16, 32; c7 ext 8, 16, 32 (one byte of type) */
    {1, 0, 0},
    {2, 0, 0},
    {4, 0, 0},
    {1, 1, 0},
    {2, 1, 0},
    {4, 1, 0},
    /* ca float 32, 64; cc uint 8, 16, 32, 64; d0 int 8, 16, 32, 64 */
    {0, 4, 0},
    {0, 8, 0},
    {0, 1, 0},
    {0, 2, 0},
    {0, 4, 0},
    {0, 8, 0},
    {0, 1, 0},
    {0, 2, 0},
    {0, 4, 0},
    {0, 8, 0},
    /* d4 fixext 1, 2, 4, 8, 16 */
    {0, 2, 0},
    {0, 3, 0},
    {0, 5, 0},
    {0, 9, 0},
    {0, 17, 0},
    /* d9 str 8, 16, 32; dc array 16, 32; de map 16, 32 */
    {1, 0, 0},
    {2, 0, 0},
    {4, 0, 0},
    {2, 0, 1},
    {4, 0, 1},
    {2, 0, 2},
    {4, 0, 2},
};

/* Reads one object's head at *p: payload bytes to skip, and objects inside. False: truncated. */
static bool read_head(const unsigned char **p, const unsigned char *end, size_t *skip,
                      size_t *inside)
{
    unsigned char first;
    size_t n = 0;

    *skip = *inside = 0;
    if (*p == end)
        return false;
    first = *(*p)++;
    if (first < 0x80 || first >= 0xe0)
        return true; /* fixint */
    if (first < 0xa0) {
        *inside = first < 0x90 ? (size_t)(first & 0x0f) * 2 : (first & 0x0f);
    } else if (first < 0xc0) {
        *skip = first & 0x1f;
    } else {
        const struct form *f = &forms[first - 0xc0];
        if ((size_t)(end - *p) < f->length_bytes)
            return false;
        for (unsigned i = 0; i < f->length_bytes; i++)
            n = n << 8 | *(*p)++;
        *skip = f->children == 0 ? n + f->fixed : 0;
        *inside = n * f->children;
    }
    return true;
}

/* One object that fills [p, end), not deeper than DEPTH_MAX, with at most NODES_MAX objects. */
static bool is_sane(const unsigned char *p, const unsigned char *end)
{
    size_t left[DEPTH_MAX] = {1}; /* objects still to come at each depth */
    size_t nodes = 0, skip, inside;
    unsigned depth = 0;

    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0)
                return p == end;
            depth--;
        }
        left[depth]--;
        if (++nodes > NODES_MAX || !read_head(&p, end, &skip, &inside) || skip > (size_t)(end - p))
            return false;
        p += skip;
        if (inside == 0)
            continue;
        if (inside > NODES_MAX || ++depth == DEPTH_MAX)
            return false;
        left[depth] = inside;
    }
}

/* The version, from the first pair; 0: not an envelope. Looked at before anything else, because a
 * newer envelope may break every rule below. */
static uint64_t peek_version(const unsigned char *p, size_t len)
{
    const unsigned char *end = p + len, *key;
    size_t skip, pairs, inside;
    unsigned char first;
    uint64_t n = 0;

    if (len == 0 || !((*p & 0xf0) == 0x80 || *p == 0xde || *p == 0xdf))
        return 0;
    if (!read_head(&p, end, &skip, &pairs) || pairs == 0)
        return 0;
    key = p;
    if (end - p < 2 || key[0] != 0xa1 || key[1] != 'v')
        return 0;
    p += 2;
    if (p == end)
        return 0;
    first = *p;
    if (first < 0x80)
        return first;
    if (first < 0xcc || first > 0xcf || !read_head(&p, end, &skip, &inside) ||
        skip > (size_t)(end - p))
        return 0; /* no unsigned integer */
    for (; skip > 0; skip--)
        n = n << 8 | *p++;
    return n;
}

/* Kept between calls: making them costs more than using them. One loop per process, no threads
 * (architecture.md 1), and they live as long as the process. */
static msgpack_zone *zone;

static bool zone_ready(void)
{
    if (zone == NULL)
        zone = msgpack_zone_new(ZONE_CHUNK);
    else
        msgpack_zone_clear(zone);
    return zone != NULL;
}

static const char *read_text(const msgpack_object *o, struct text *out)
{
    if (o->type != MSGPACK_OBJECT_STR)
        return "envelope: a text is no text";
    *out = (struct text){o->via.str.ptr, o->via.str.size};
    return NULL;
}

static const char *read_number(const msgpack_object *o, int64_t *out)
{
    if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        *out = o->via.i64;
    else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX)
        *out = (int64_t)o->via.u64;
    else
        return "envelope: a number is no number";
    return NULL;
}

static const char *read_headers(const msgpack_object *o, struct envelope *out)
{
    const char *fault = NULL;

    if (o->type != MSGPACK_OBJECT_MAP || o->via.map.size > ENVELOPE_HEADERS_MAX)
        return "envelope: headers are no map, or too many";
    for (uint32_t i = 0; fault == NULL && i < o->via.map.size; i++) {
        fault = read_text(&o->via.map.ptr[i].key, &out->headers[i].name);
        if (fault == NULL)
            fault = read_text(&o->via.map.ptr[i].val, &out->headers[i].value);
    }
    out->n_headers = o->via.map.size;
    return fault;
}

struct body {
    struct text bytes;
    int64_t codec, len;
    bool digest;
};

static const char *read_pair(char key, const msgpack_object *o, struct envelope *out,
                             struct body *body)
{
    for (size_t i = 0; i < TEXTS; i++)
        if (texts[i].key == key)
            return read_text(o, text_at(out, i));
    switch (key) {
    case 'g':
        return read_number(o, &out->triggered_us);
    case 'r':
        return read_number(o, &out->received_us);
    case 'c':
        return read_number(o, &body->codec);
    case 'n':
        return read_number(o, &body->len);
    case 'x':
        return read_headers(o, out);
    case 'h':
        if (o->type != MSGPACK_OBJECT_BIN || o->via.bin.size != sizeof out->digest)
            return "envelope: the digest does not have 8 bytes";
        memcpy(out->digest, o->via.bin.ptr, sizeof out->digest);
        body->digest = true;
        return NULL;
    case 'b':
        if (o->type != MSGPACK_OBJECT_BIN)
            return "envelope: the body is no bytes";
        body->bytes = (struct text){o->via.bin.ptr, o->via.bin.size};
        return NULL;
    default:
        return NULL; /* from a newer writer of this version: not ours to judge */
    }
}

static const char *read_map(const msgpack_object *root, struct envelope *out, struct body *body)
{
    const char *fault = NULL;

    if (root->type != MSGPACK_OBJECT_MAP)
        return "envelope: not a map";
    for (uint32_t i = 0; fault == NULL && i < root->via.map.size; i++) {
        const msgpack_object_kv *pair = &root->via.map.ptr[i];
        if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == 1)
            fault = read_pair(pair->key.via.str.ptr[0], &pair->val, out, body);
    }
    if (fault != NULL)
        return fault;
    if (text_empty(out->source) || text_empty(out->topic) || text_empty(out->key))
        return "envelope: source, topic or key is missing";
    if (body->bytes.p == NULL || !body->digest || out->received_us == EVENT_NO_TIME)
        return "envelope: body, digest or time of receipt is missing";
    return NULL;
}

/* The body behind padding: in place if the envelope goes on long enough behind it, else in the
 * arena. */
static const char *raw_body(struct envelope *out, struct text body, const char *end,
                            struct arena *arena)
{
    char *copy;

    out->body = body.p;
    if ((size_t)(end - body.p) - body.n >= EVENT_BODY_PADDING)
        return NULL;
    copy = arena_bytes(arena, body.n + EVENT_BODY_PADDING);
    if (copy == NULL)
        return "envelope: the body does not fit into the batch's memory";
    memset(copy + body.n, 0, EVENT_BODY_PADDING);
    out->body = body.n > 0 ? memcpy(copy, body.p, body.n) : copy;
    return NULL;
}

static const char *inflate(struct envelope *out, const struct body *body, size_t body_max,
                           struct arena *arena)
{
    char *plain;
    int n;

    if (body->len <= 0 || body->len > COMPRESS_MAX || body->bytes.n > COMPRESS_MAX)
        return "envelope: the compressed body is damaged";
    if ((uint64_t)body->len > body_max)
        return "envelope: the body is larger than allowed";
    plain = arena_bytes(arena, (size_t)body->len + EVENT_BODY_PADDING);
    if (plain == NULL)
        return "envelope: the body does not fit into the batch's memory";
    n = LZ4_decompress_safe_usingDict(body->bytes.p, plain, (int)body->bytes.n, (int)body->len,
                                      body_dictionary, (int)body_dictionary_size());
    if (n != body->len)
        return "envelope: the compressed body is damaged";
    memset(plain + n, 0, EVENT_BODY_PADDING);
    out->body = plain;
    out->body_len = (size_t)body->len;
    return NULL;
}

static const char *decode(struct envelope *out, const char *bytes, size_t len, size_t body_max,
                          struct arena *arena)
{
    struct body body = {.codec = CODEC_RAW};
    msgpack_object root;
    size_t used = 0;
    const char *fault;

    if (!is_sane((const unsigned char *)bytes, (const unsigned char *)bytes + len))
        return "envelope: truncated, too deep or not msgpack";
    if (!zone_ready())
        return "envelope: out of memory";
    /* Texts and bytes of the objects point into `bytes`; only arrays and maps live in the zone. */
    if (msgpack_unpack(bytes, len, &used, zone, &root) != MSGPACK_UNPACK_SUCCESS)
        return "envelope: not msgpack";
    fault = read_map(&root, out, &body);
    if (fault != NULL)
        return fault;
    out->body_len = body.bytes.n;
    if (body.codec == CODEC_LZ4)
        return inflate(out, &body, body_max, arena);
    if (body.codec != CODEC_RAW)
        return "envelope: unknown codec";
    return body.bytes.n > body_max ? "envelope: the body is larger than allowed"
                                   : raw_body(out, body.bytes, bytes + len, arena);
}

enum envelope_result envelope_decode(struct envelope *out, const void *bytes, size_t len,
                                     size_t body_max, struct arena *arena, const char **reason)
{
    uint64_t version = peek_version(bytes, len);

    *out = (struct envelope){.triggered_us = EVENT_NO_TIME, .received_us = EVENT_NO_TIME};
    *reason = NULL;
    if (version > ENVELOPE_VERSION) {
        *reason = "envelope: written by a newer version";
        return ENVELOPE_NEWER;
    }
    *reason =
        version == 0 ? "envelope: no version in front" : decode(out, bytes, len, body_max, arena);
    return *reason == NULL ? ENVELOPE_OK : ENVELOPE_CORRUPT;
}
