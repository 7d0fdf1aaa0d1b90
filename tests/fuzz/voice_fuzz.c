/* The door of voice callbacks: the first byte chooses the provider, the first line behind it is
 * what every header of that provider and the query of the URL hold, the rest is the body. Besides
 * not crashing: nothing of it is signed, and what comes out must be what PostgreSQL takes. */
#include "rows_check.h"
#include "voice/provider.h"

enum { ARENA_SIZE = 8 << 20, LINE_MAX_SIZE = 512, PROVIDERS_MAX = 32 };

static bool understood[PROVIDERS_MAX];

/* replay.c asks. */
const char *fuzz_unreached(void);
const char *fuzz_unreached(void)
{
    static size_t next;
    size_t n;
    const struct voice_provider *const *all = voice_providers(&n);

    assert(n <= PROVIDERS_MAX);
    while (next < n)
        if (!understood[next++])
            return all[next - 1]->name;
    return NULL;
}

static void check_event(const struct voice_event *ev)
{
    assert(ev->phase >= VOICE_QUEUED && ev->phase <= VOICE_ANALYSED);
    assert(!text_empty(ev->external_call_id) && ev->external_call_id.n <= 255);
    assert(ev->n_turns <= VOICE_TURNS_MAX && (ev->n_turns == 0 || ev->turns != NULL));
    if (ev->organization_id.p != NULL)
        check_text(ev->organization_id);
    if (ev->provider_agent_id.p != NULL)
        check_text(ev->provider_agent_id);
    if (ev->our_number.p != NULL)
        check_text(ev->our_number);
}

/* True: it is an event. */
static bool read_and_check(const struct voice_provider *p, const struct voice_request *r)
{
    static const struct call_owner owner = {.organization_id = {1}};
    static const uint8_t digest[8] = {0};
    static char memory[ARENA_SIZE] __attribute__((aligned(16)));
    struct arena arena;
    struct voice_events events = {.arena = &arena};
    struct rows rows;
    struct text id;
    enum verdict verdict;
    bool named;

    arena_init(&arena, memory, sizeof memory);
    named = p->call_id(r, &arena, &id);
    verdict = p->read(r, &events);
    assert((verdict == VERDICT_STORE) == (events.n > 0));
    assert(verdict != VERDICT_REJECT || events.reason != NULL);
    assert(named || verdict != VERDICT_STORE);
    rows_init(&rows, &arena);
    rows_start_event(&rows, 0);
    for (unsigned i = 0; i < events.n; i++) {
        assert(text_equal(events.event[i].external_call_id, id));
        check_event(&events.event[i]);
        voice_rows(p, &events.event[i], &owner, digest, &rows);
    }
    if (!rows_failed(&rows))
        check_rows(&rows);
    return verdict == VERDICT_STORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char base[] = "https://hooks.example.com/webhooks/voice/x?";
    struct voice_request r = {.now_us = INT64_C(1772443200000000)};
    const struct voice_provider *const *providers, *p;
    char url[sizeof base + LINE_MAX_SIZE];
    const uint8_t *end;
    size_t n_providers, provider, line;
    char *body;

    if (size == 0)
        return 0;
    providers = voice_providers(&n_providers);
    provider = data[0] % n_providers;
    p = providers[provider];
    data++;
    size--;
    end = size > 0 ? memchr(data, '\n', size) : NULL;
    line = end == NULL ? 0 : (size_t)(end - data);
    if (line > LINE_MAX_SIZE)
        return 0;
    memcpy(url, base, sizeof base - 1);
    if (line > 0)
        memcpy(url + sizeof base - 1, data, line);
    r.url = (struct text){url, sizeof base - 1 + line};
    for (; p->headers[r.n_headers] != NULL; r.n_headers++)
        r.headers[r.n_headers] =
            (struct voice_header){p->headers[r.n_headers], {url + sizeof base - 1, line}};
    if (end != NULL) {
        data += line + 1;
        size -= line + 1;
    }
    body = calloc(1, size + EVENT_BODY_PADDING);
    assert(body != NULL);
    if (size > 0)
        memcpy(body, data, size);
    r.body = body;
    r.body_len = size;
    assert(!p->verify(
        &r, "a secret that is not in any input,uBRxBOAMjXUpTQP3I9rXSLyc6pei/wkOsOy6fkNk3G4="));
    understood[provider] |= read_and_check(p, &r);
    free(body);
    return 0;
}
