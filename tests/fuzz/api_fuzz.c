/* The door of the REST API: the first line is method, path and query, the rest is the body. Whatever is sent, it is
 * refused with a sentence, or what the statement gets is what its parameters take; and the memory that was promised to be
 * enough is enough. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/input.h"
#include "base/utf8.h"
#include "runtime/jsontext.h"

enum { TARGET_MAX = 8192, METHOD_MAX = 8, UUID_LENGTH = 36 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(const struct api_param *p, const char *value)
{
    struct text t = text_of(value);

    assert(utf8_storable(t));
    switch (p->type) {
    case API_UUID:
        assert(t.n == UUID_LENGTH);
        break;
    case API_ENUM:
        assert(value_choice(p->choices, t) >= 0);
        break;
    case API_INT:
        assert(strspn(value, "-0123456789") == t.n && t.n > 0);
        assert(strtoll(value, NULL, 10) >= p->min && strtoll(value, NULL, 10) <= p->max);
        break;
    case API_DECIMAL:
        assert(strspn(value, "-.0123456789") == t.n && t.n > 0);
        break;
    case API_BOOL:
        assert(strcmp(value, "true") == 0 || strcmp(value, "false") == 0);
        break;
    case API_OBJECT:
        assert(jsontext_valid(t) && jsontext_kind(t) == JSONTEXT_OBJECT);
        break;
    case API_CHOICES:
    case API_TEXT:
    case API_DAY:
    case API_DAY_OR_TIME:
    case API_CLOCK:
        break;
    }
}

static void check_request(const struct match *m, struct text query, struct text body)
{
    size_t room = input_room(query.n, body.n);
    void *memory = malloc(room);
    struct problem problem;
    struct input in;
    struct arena arena;

    assert(memory != NULL);
    arena_init(&arena, memory, room);
    if (input_read(m->plan, m->path, query, body, &arena, &in, &problem)) {
        for (unsigned i = 0; i < m->plan->n; i++) {
            const struct api_param *p = &m->plan->params[i];

            if ((in.given >> i & 1) != 0 && in.values[i] != NULL && i != m->plan->offset)
                check_value(p, in.values[i]);
            assert((in.given >> i & 1) != 0 || !p->required);
        }
    } else {
        assert(problem.text[0] != '\0' && utf8_storable(text_of(problem.text)));
    }
    assert(!arena.failed);
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct plans plans;
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t line = end == NULL ? size : (size_t)(end - data), used = end == NULL ? size : line + 1;
    char target[TARGET_MAX + 1], *space, *query;
    struct match m;
    char *body;

    if (plans.n == 0)
        plans_make(&plans, api_endpoints, api_endpoints_n);
    if (line > TARGET_MAX)
        return 0;
    memcpy(target, data, line);
    target[line] = '\0';
    space = strchr(target, ' ');
    if (space == NULL || space - target > METHOD_MAX)
        return 0;
    *space = '\0';
    query = strchr(space + 1, '?');
    if (query != NULL)
        *query = '\0';
    plans_match(&plans, target, space + 1, &m);
    if (m.plan == NULL)
        return 0;
    body = malloc(size - used + 1); /* tight, so that reading behind it shows */
    assert(body != NULL);
    memcpy(body, data + used, size - used);
    check_request(&m, query == NULL ? TEXT("") : text_of(query + 1),
                  (struct text){body, size - used});
    free(body);
    return 0;
}
