#include "realtime/members.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS_FIRST_SIZE = 256 };

static uint32_t hash(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

bool members_init(struct members *m, struct deadlines *deadlines)
{
    *m = (struct members){.size = MEMBERS_FIRST_SIZE, .deadlines = deadlines};
    m->wanted_last = &m->wanted_first;
    m->chains = calloc(m->size, sizeof(struct user *));
    return m->chains != NULL;
}

void members_free(struct members *m)
{
    for (uint32_t i = 0; m->chains != NULL && i < m->size; i++) {
        for (struct user *u = m->chains[i], *next; u != NULL; u = next) {
            next = u->next;
            deadline_set(m->deadlines, &u->due, 0);
            free(u);
        }
    }
    free(m->chains);
    m->chains = NULL;
}

static struct user **chain(const struct members *m, const char *sub)
{
    return &m->chains[hash(sub) & (m->size - 1)];
}

/* Longer chains are only slower: out of memory here is no error. */
static void widen(struct members *m)
{
    struct members wide = {.size = m->size * 2};

    wide.chains = calloc(wide.size, sizeof(struct user *));
    if (wide.chains == NULL)
        return;
    for (uint32_t i = 0; i < m->size; i++) {
        for (struct user *u = m->chains[i], *next; u != NULL; u = next) {
            struct user **to = chain(&wide, u->sub);

            next = u->next;
            u->next = *to;
            *to = u;
        }
    }
    free(m->chains);
    m->chains = wide.chains;
    m->size = wide.size;
}

struct user *members_find(const struct members *m, const char *sub)
{
    struct user *u = *chain(m, sub);

    while (u != NULL && strcmp(u->sub, sub) != 0)
        u = u->next;
    return u;
}

struct user *members_user(struct members *m, const char *sub)
{
    struct user *u = members_find(m, sub);

    if (u != NULL)
        return u;
    if ((u = calloc(1, sizeof *u)) == NULL)
        return NULL;
    snprintf(u->sub, sizeof u->sub, "%s", sub);
    u->due.kind = DEADLINE_USER;
    if (m->n >= m->size)
        widen(m);
    u->next = *chain(m, sub);
    *chain(m, sub) = u;
    m->n++;
    return u;
}

static void drop(struct members *m, struct user *u)
{
    struct user **at = chain(m, u->sub);

    assert(u->channels == NULL && !u->wanted && !u->in_flight);
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    m->n--;
    deadline_set(m->deadlines, &u->due, 0);
    free(u);
}

bool members_fresh(const struct user *u, uint64_t now)
{
    return u->known &&
           now - u->known_at <= (u->n_organizations > 0 ? MEMBERS_FRESH_MS : MEMBERS_NEWS_MS);
}

static void enqueue(struct members *m, struct user *u)
{
    if (u->wanted || u->in_flight)
        return;
    u->wanted = true;
    u->next_wanted = NULL;
    *m->wanted_last = u;
    m->wanted_last = &u->next_wanted;
}

static void want(struct members *m, struct user *u, bool known, uint64_t now)
{
    if (!known)
        enqueue(m, u);
    if (u->due.pos == 0)
        deadline_set(m->deadlines, &u->due, now + MEMBERS_REFRESH_MS);
}

void members_want(struct members *m, struct user *u, uint64_t now)
{
    want(m, u, members_fresh(u, now), now);
}

void members_want_news(struct members *m, struct user *u, uint64_t now)
{
    want(m, u, u->known && now - u->known_at <= MEMBERS_NEWS_MS, now);
}

unsigned members_take(struct members *m, struct user *out[], unsigned max, uint64_t now)
{
    unsigned n = 0;

    while (n < max && m->wanted_first != NULL) {
        struct user *u = m->wanted_first;

        m->wanted_first = u->next_wanted;
        if (m->wanted_first == NULL)
            m->wanted_last = &m->wanted_first;
        u->wanted = false;
        u->in_flight = true;
        u->asked_at = now;
        out[n++] = u;
    }
    return n;
}

void members_answer(struct members *m, struct user *u,
                    const char (*organizations)[ORGANIZATION_ID_SIZE], unsigned n, uint64_t now)
{
    assert(u->in_flight);
    u->in_flight = false;
    u->known = true;
    u->known_at =
        u->asked_at; /* what changed while the question travelled may be missing from the answer */
    u->n_organizations = n < USER_ORGANIZATIONS_MAX ? n : USER_ORGANIZATIONS_MAX;
    if (u->n_organizations > 0)
        memcpy(u->organizations, organizations, u->n_organizations * sizeof u->organizations[0]);
    deadline_set(m->deadlines, &u->due, now + MEMBERS_REFRESH_MS);
}

void members_failed(struct members *m, struct user *u, uint64_t now)
{
    assert(u->in_flight);
    u->in_flight = false;
    deadline_set(m->deadlines, &u->due, now + MEMBERS_RETRY_MS);
}

enum members_verdict members_due(struct members *m, struct user *u, uint64_t now)
{
    bool stale = u->known && now - u->known_at > MEMBERS_STALE_MS;

    if (u->channels == NULL && !u->wanted && !u->in_flight && !members_fresh(u, now)) {
        drop(m, u);
        return MEMBERS_DROPPED;
    }
    if (u->channels != NULL)
        enqueue(m, u);
    if (stale)
        u->known = false;
    deadline_set(m->deadlines, &u->due, now + MEMBERS_RETRY_MS);
    return stale ? MEMBERS_STALE : MEMBERS_FINE;
}
