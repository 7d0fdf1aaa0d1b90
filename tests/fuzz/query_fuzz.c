/* The door of query strings and callback URLs: a form is read, sorted and written again; our own keys of a voice
 * callback's URL; the spellings under which a URL was signed; the query of a websocket's upgrade; and the head of a
 * request that the door reads itself. */
#include "base/form.h"
#include "realtime/protocol.h"
#include "rows_check.h"
#include "runtime/http_head.h"
#include "voice/callback_url.h"
#include "voice/metadata.h"

enum { ARENA_SIZE = 1 << 20, HEX_DIGITS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_encoded(char **to, struct text t)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < t.n; i++) {
        *(*to)++ = '%';
        *(*to)++ = digits[(unsigned char)t.p[i] >> 4];
        *(*to)++ = digits[(unsigned char)t.p[i] & 15];
    }
}

/* What was understood can be written again, and means the same. */
static void check_again(const struct form *f, size_t bytes)
{
    char *text = malloc(HEX_DIGITS * bytes + 2 * FORM_PAIRS_MAX + 1), *end = text;
    char *room = malloc(HEX_DIGITS * bytes + 2 * FORM_PAIRS_MAX + 1);
    static struct form again;

    assert(text != NULL && room != NULL);
    for (unsigned i = 0; i < f->n; i++) {
        put_encoded(&end, f->pair[i].name);
        *end++ = '=';
        put_encoded(&end, f->pair[i].value);
        *end++ = '&';
    }
    if (form_parse(&again, (struct text){text, (size_t)(end - text)}, room)) {
        assert(again.n == f->n);
        for (unsigned i = 0; i < f->n; i++)
            assert(text_equal(again.pair[i].name, f->pair[i].name) &&
                   text_equal(again.pair[i].value, f->pair[i].value));
    } else {
        assert(end - text > FORM_BYTES_MAX);
    }
    free(text);
    free(room);
}

static void check_form(struct text query)
{
    static struct form f;
    char *room = malloc(query.n + 1); /* tight, so that writing behind it shows */

    assert(room != NULL);
    if (form_parse(&f, query, room)) {
        struct text id = form_value(&f, "id");

        assert(f.n <= FORM_PAIRS_MAX);
        if (id.p != NULL)
            check_text(id);
        check_again(&f, query.n);
        form_sort(&f);
        for (unsigned i = 1; i < f.n; i++)
            assert(memcmp(f.pair[i - 1].name.p, f.pair[i].name.p,
                          f.pair[i - 1].name.n < f.pair[i].name.n ? f.pair[i - 1].name.n
                                                                  : f.pair[i].name.n) <= 0);
    }
    free(room);
}

static void check_metadata(struct text url)
{
    static char memory[ARENA_SIZE] __attribute__((aligned(16)));
    struct voice_event ev = {.attempt_number = VOICE_NONE};
    struct metadata m;
    struct arena arena;

    arena_init(&arena, memory, sizeof memory);
    metadata_open(&m, &ev, &arena);
    metadata_echo_query(&m, url);
    metadata_close(&m);
    if (arena.failed)
        return;
    if (ev.metadata.p != NULL)
        check_jsonb(ev.metadata);
    if (ev.organization_id.p != NULL)
        check_text(ev.organization_id);
    if (ev.attempt_id.p != NULL)
        check_text(ev.attempt_id);
}

static void check_spellings(struct text url)
{
    struct callback_url s[CALLBACK_URL_SPELLINGS];

    callback_url_spellings(url, s);
    assert(s[0].front.n + s[0].port.n + s[0].rest.n == url.n); /* as it came */
    assert(text_equal(s[0].front, s[1].front) && text_equal(s[0].rest, s[1].rest));
    assert((s[0].port.n == 0) != (s[1].port.n == 0));
}

static void check_upgrade(const char *query)
{
    enum protocol_version version;
    struct text key = protocol_query(query, "apikey");
    bool known = protocol_version_of(query, &version);

    assert(key.p == NULL || (key.p >= query && key.p + key.n <= query + strlen(query)));
    assert(!known || version == PROTOCOL_V1 || version == PROTOCOL_V2);
}

/* What is read as a plain head is one: it ends in an empty line, and its texts are its own. */
static void check_head(const uint8_t *data, size_t size)
{
    size_t n = size < HTTP_HEAD_MAX ? size : HTTP_HEAD_MAX;
    char *head = malloc(n + 1); /* tight, so that reading behind it shows */
    struct http_head h;

    assert(head != NULL);
    if (n > 0)
        memcpy(head, data, n);
    if (http_head_read(&h, "POST", head, n)) {
        assert(h.len <= n && memcmp(data + h.len - 4, "\r\n\r\n", 4) == 0);
        assert(h.target[0] == '/' && h.target + strlen(h.target) < head + h.len);
        assert(http_head_value(&h, head, "Host") != NULL);
        assert(http_head_value(&h, head, "Transfer-Encoding") == NULL);
        for (unsigned i = 0; i < h.n; i++) {
            assert(head[h.fields[i].name + h.fields[i].name_len] == '\0');
            assert(h.fields[i].value + strlen(head + h.fields[i].value) < h.len);
        }
    }
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    struct text url = {copy, size};

    assert(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    check_form(url);
    check_form(form_query(url));
    check_metadata(url);
    check_spellings(url);
    check_upgrade(copy);
    check_head(data, size);
    free(copy);
    return 0;
}
