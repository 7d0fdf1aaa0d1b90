/* The door of webhook bodies: the first byte chooses the topic and, by its high bit, whether the
 * event was triggered at a known time; the rest is the body. Besides not crashing, what comes out
 * must be what PostgreSQL takes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "rows.h"
#include "rows_check.h"

enum { ARENA_SIZE = 4 << 20 };

static const char *const topics[] = {
#define TOPIC(name, handler) name,
#include "topics.def"
#undef TOPIC
};

enum { N_TOPICS = sizeof topics / sizeof *topics };

static bool understood[N_TOPICS];

/* replay.c asks. */
const char *fuzz_unreached(void);
const char *fuzz_unreached(void)
{
    static unsigned next;

    while (next < N_TOPICS)
        if (!understood[next++])
            return topics[next - 1];
    return NULL;
}

static void check_outcome(const struct rows *rows, enum verdict verdict)
{
    for (unsigned s = 0; s < ROWSET_COUNT; s++)
        assert(verdict == VERDICT_STORE || rows->n[s] == 0);
    check_rows(rows);
    assert(verdict != VERDICT_REJECT || rows->reason != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct shop shop = {.domain = "acme.myshopify.com", .country = "IN"};
    static char memory[ARENA_SIZE] __attribute__((aligned(16)));
    struct event ev = {.shop = &shop, .triggered_us = EVENT_NO_TIME, .received_us = 1};
    struct arena arena;
    struct rows rows;
    enum verdict verdict;
    unsigned topic;
    char *body;

    if (size == 0)
        return 0;
    body = calloc(1, size - 1 + EVENT_BODY_PADDING);
    assert(body != NULL);
    memcpy(body, data + 1, size - 1);
    topic = (data[0] & 0x7Fu) % N_TOPICS;
    ev.topic = topics[topic];
    ev.triggered_us = data[0] & 0x80 ? 1000000 : EVENT_NO_TIME;
    ev.body = body;
    ev.body_len = size - 1;
    arena_init(&arena, memory, sizeof memory);
    rows_init(&rows, &arena);
    rows_start_event(&rows, 0);
    verdict = handler_for(ev.topic)(&ev, &rows);
    understood[topic] |= verdict != VERDICT_REJECT;
    check_outcome(&rows, verdict);
    free(body);
    return 0;
}
