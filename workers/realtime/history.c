#include "realtime/history.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY_FIRST_SIZE = 256 };

static uint32_t hash(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static struct past_tenant **tenant_at(const struct history *h, const char *organization)
{
    struct past_tenant **at = &h->tenants[hash(organization) & (h->size - 1)];

    while (*at != NULL && strcmp((*at)->organization, organization) != 0)
        at = &(*at)->next;
    return at;
}

/* Longer chains are only slower: out of memory here is no error. */
static void widen(struct history *h)
{
    struct history wide = {.size = h->size * 2};

    wide.tenants = calloc(wide.size, sizeof(struct past_tenant *));
    if (wide.tenants == NULL)
        return;
    for (uint32_t i = 0; i < h->size; i++) {
        for (struct past_tenant *t = h->tenants[i], *next; t != NULL; t = next) {
            struct past_tenant **to = tenant_at(&wide, t->organization);

            next = t->next;
            t->next = NULL;
            *to = t;
        }
    }
    free(h->tenants);
    h->tenants = wide.tenants;
    h->size = wide.size;
}

bool history_init(struct history *h)
{
    *h = (struct history){.size = HISTORY_FIRST_SIZE, .serial = 1};
    h->tenants = calloc(h->size, sizeof(struct past_tenant *));
    return h->tenants != NULL;
}

static size_t size_of(const struct past *p)
{
    return sizeof *p + strlen(p->table) + strlen(p->type) + p->record.n + 3;
}

/* The oldest of all is the oldest of its tenant, too. */
static void drop_first(struct history *h)
{
    struct past *p = h->first;
    struct past_tenant *t = p->tenant;

    assert(t->first == p);
    h->bytes -= size_of(p);
    if (p->at_ms >= h->floor_ms)
        h->floor_ms = p->at_ms + 1;
    h->first = p->next;
    if (h->first == NULL)
        h->last = NULL;
    t->first = p->next_of_tenant;
    if (t->first == NULL) {
        *tenant_at(h, t->organization) = t->next;
        h->n_tenants--;
        free(t);
    }
    free(p);
}

void history_forget(struct history *h, uint64_t up_to_ms)
{
    while (h->first != NULL)
        drop_first(h);
    if (up_to_ms > h->floor_ms)
        h->floor_ms = up_to_ms;
}

void history_free(struct history *h)
{
    while (h->first != NULL)
        drop_first(h);
    for (uint32_t i = 0; h->tenants != NULL && i < h->size; i++)
        for (struct past_tenant *t = h->tenants[i], *next; t != NULL; t = next) {
            next = t->next;
            free(t);
        }
    free(h->tenants);
    h->tenants = NULL;
}

static struct past_tenant *tenant_take(struct history *h, const char *organization)
{
    struct past_tenant **at = tenant_at(h, organization);

    if (*at != NULL)
        return *at;
    if (h->n_tenants >= h->size) {
        widen(h);
        at = tenant_at(h, organization);
    }
    if ((*at = calloc(1, sizeof **at)) == NULL)
        return NULL;
    snprintf((*at)->organization, sizeof(*at)->organization, "%s", organization);
    h->n_tenants++;
    return *at;
}

static struct past *past_new(const char *table, const char *type, struct text record)
{
    size_t table_size = strlen(table) + 1, type_size = strlen(type) + 1;
    struct past *p = malloc(sizeof *p + table_size + type_size + record.n + 1);

    if (p == NULL)
        return NULL;
    memcpy(p->bytes, table, table_size);
    memcpy(p->bytes + table_size, type, type_size);
    memcpy(p->bytes + table_size + type_size, record.p, record.n);
    p->table = p->bytes;
    p->type = p->bytes + table_size;
    p->record = (struct text){p->bytes + table_size + type_size, record.n};
    return p;
}

void history_add(struct history *h, const char *organization, const char *table, const char *type,
                 struct text record, int64_t committed_us, uint64_t at_ms)
{
    struct past_tenant *t = tenant_take(h, organization);
    struct past *p = t == NULL ? NULL : past_new(table, type, record);

    h->serial++;
    if (p == NULL) {
        history_forget(h, at_ms + 1); /* an empty tenant may stay: it is found again */
        return;
    }
    p->next = p->next_of_tenant = NULL;
    p->tenant = t;
    p->serial = h->serial - 1;
    p->at_ms = at_ms;
    p->committed_us = committed_us;
    *(t->first == NULL ? &t->first : &t->last->next_of_tenant) = p;
    t->last = p;
    *(h->first == NULL ? &h->first : &h->last->next) = p;
    h->last = p;
    h->bytes += size_of(p);
    while (h->first != p && (h->bytes > HISTORY_BYTES_MAX || h->first->at_ms + HISTORY_MS < at_ms))
        drop_first(h);
}

const struct past *history_of(const struct history *h, const char *organization)
{
    const struct past_tenant *t = *tenant_at(h, organization);

    return t == NULL ? NULL : t->first;
}
