/* malloc and its family: every block of a worker is known, so that a dead worker leaves nothing, a closed one proves
 * that it left nothing, and the n-th allocation can fail. Blocks of libraries and of the simulation are not counted.
 * The blocks are real ones, so the sanitizers see what they always see. */
#include "sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 14 };

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);
char *__wrap_strdup(const char *s);

/* Open addressing; a removed block leaves no hole (backward shift). */
static struct {
    void *p;
    unsigned worker;
} slot[SLOTS];

static unsigned owner = NOBODY, n_used, countdown;
static bool failed;
static unsigned count[SIM_WORKERS + 1];

static unsigned home(const void *p)
{
    return (unsigned)(((uintptr_t)p >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 50) % SLOTS;
}

static void *keep(void *p)
{
    unsigned i = home(p);

    if (p == NULL || owner == NOBODY)
        return p;
    assert(n_used < SLOTS / 2);
    while (slot[i].p != NULL && slot[i].p != p)
        i = (i + 1) % SLOTS;
    if (slot[i].p == NULL) {
        n_used++;
        count[owner]++;
    }
    slot[i].p = p;
    slot[i].worker = owner;
    return p;
}

/* False: it was nobody's. */
static bool forget(const void *p)
{
    unsigned i = home(p), hole;

    while (slot[i].p != NULL && slot[i].p != p)
        i = (i + 1) % SLOTS;
    if (slot[i].p == NULL)
        return false;
    n_used--;
    count[slot[i].worker]--;
    slot[i].p = NULL;
    for (hole = i, i = (i + 1) % SLOTS; slot[i].p != NULL; i = (i + 1) % SLOTS) {
        unsigned wanted = home(slot[i].p);

        if ((i - wanted) % SLOTS < (i - hole) % SLOTS)
            continue;
        slot[hole] = slot[i];
        slot[i].p = NULL;
        hole = i;
    }
    return true;
}

static bool refuse(void)
{
    if (owner == NOBODY || countdown == 0 || --countdown > 0)
        return false;
    sim_trace("an allocation of worker %u fails", owner);
    failed = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return refuse() ? NULL : keep(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refuse() ? NULL : keep(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
    void *bigger;

    if (refuse())
        return NULL;
    if (p != NULL && !forget(p)) /* the process's, as a parser's memory is */
        return __real_realloc(p, n);
    bigger = __real_realloc(p, n);
    return keep(bigger != NULL ? bigger : p);
}

void __wrap_free(void *p)
{
    if (p != NULL)
        (void)forget(p);
    __real_free(p);
}

char *__wrap_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = __wrap_malloc(n);

    return copy == NULL ? NULL : memcpy(copy, s, n);
}

unsigned sim_memory_of(unsigned worker)
{
    unsigned before = owner;

    owner = worker;
    return before;
}

unsigned sim_memory_count(unsigned worker)
{
    return count[worker];
}

unsigned sim_memory_free_all(unsigned worker)
{
    unsigned n = count[worker];

    for (unsigned i = 0; i < SLOTS && count[worker] > 0; i++) {
        while (slot[i].p != NULL && slot[i].worker == worker)
            __wrap_free(slot[i].p);
    }
    for (unsigned i = 0; i < SLOTS && count[worker] > 0; i++) /* what was shifted around the end */
        while (slot[i].p != NULL && slot[i].worker == worker)
            __wrap_free(slot[i].p);
    return n;
}

void sim_memory_fail(unsigned n)
{
    countdown = n;
    failed = false;
}

bool sim_memory_failed(void)
{
    return failed;
}
