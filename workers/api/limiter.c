#include "api/limiter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORGANIZATION_SIZE = 37, CHAINS = 4096, BURST_SECONDS = 2 };

struct bucket {
    struct bucket *next;
    char key[LIMITER_KEY_SIZE];
    double tokens;
    uint64_t at_ms; /* when there were so many */
};

struct limiter {
    double per_ms, burst;
    unsigned n;
    struct bucket *chains[CHAINS];
    struct {
        char user[LIMITER_KEY_SIZE];
        char organization[ORGANIZATION_SIZE];
    } users[LIMITER_USERS_MAX]; /* by hash; a newer one takes the place of an older one */
};

struct limiter *limiter_new(uint64_t rate)
{
    struct limiter *l = calloc(1, sizeof *l);

    if (l != NULL) {
        l->per_ms = (double)rate / 1000;
        l->burst = (double)rate * BURST_SECONDS;
    }
    return l;
}

void limiter_free(struct limiter *l)
{
    for (unsigned i = 0; l != NULL && i < CHAINS; i++)
        while (l->chains[i] != NULL) {
            struct bucket *next = l->chains[i]->next;

            free(l->chains[i]);
            l->chains[i] = next;
        }
    free(l);
}

static uint32_t hash(const char *key) /* FNV-1a */
{
    uint32_t h = 2166136261u;

    for (; *key != '\0'; key++)
        h = (h ^ (unsigned char)*key) * 16777619u;
    return h;
}

static void refill(const struct limiter *l, struct bucket *b, uint64_t now_ms)
{
    b->tokens += (double)(now_ms - b->at_ms) * l->per_ms;
    if (b->tokens > l->burst)
        b->tokens = l->burst;
    b->at_ms = now_ms;
}

/* A full bucket is worth as much as none: those on the way are dropped. NULL: no room. */
static struct bucket *find(struct limiter *l, const char *key, uint64_t now_ms)
{
    struct bucket **link = &l->chains[hash(key) % CHAINS], *b;

    while ((b = *link) != NULL && strcmp(b->key, key) != 0) {
        refill(l, b, now_ms);
        if (b->tokens < l->burst) {
            link = &b->next;
            continue;
        }
        *link = b->next;
        free(b);
        l->n--;
    }
    if (b != NULL) {
        refill(l, b, now_ms);
        return b;
    }
    if (l->n == LIMITER_TENANTS_MAX || (b = calloc(1, sizeof *b)) == NULL)
        return NULL;
    snprintf(b->key, sizeof b->key, "%s", key);
    b->tokens = l->burst;
    b->at_ms = now_ms;
    *link = b;
    l->n++;
    return b;
}

uint64_t limiter_take(struct limiter *l, const char *user, uint64_t now_ms)
{
    uint32_t at = hash(user) % LIMITER_USERS_MAX;
    bool known = strcmp(l->users[at].user, user) == 0;
    struct bucket *b = find(l, known ? l->users[at].organization : user, now_ms);

    if (b == NULL)
        return 0;
    if (b->tokens >= 1) {
        b->tokens -= 1;
        return 0;
    }
    return (uint64_t)((1 - b->tokens) / l->per_ms) + 1;
}

void limiter_learn(struct limiter *l, const char *user, const char *organization)
{
    uint32_t at = hash(user) % LIMITER_USERS_MAX;

    if (strcmp(l->users[at].user, user) == 0 &&
        strcmp(l->users[at].organization, organization) == 0)
        return;
    snprintf(l->users[at].user, sizeof l->users[at].user, "%s", user);
    snprintf(l->users[at].organization, sizeof l->users[at].organization, "%s", organization);
}
