#include "worker/origin.h"

#include <assert.h>
#include <string.h>

enum { UUID_TEXT = 36 };

/* The id behind the first `key` of the record. Keys of a jsonb come shortest first, so nothing that a merchant sends stands
 * before ours; and in a text its quotes would be escaped. */
static bool id_behind(struct text record, const char *key, uint8_t out[16])
{
    const char *at = memmem(record.p, record.n, key, strlen(key));
    char id[UUID_TEXT + 1] = "";

    if (at == NULL)
        return false;
    at += strlen(key);
    if ((size_t)(record.p + record.n - at) < UUID_TEXT)
        return false;
    memcpy(id, at, UUID_TEXT);
    return uuid_parse(id, out);
}

static bool is_of_store(const struct batch_item *item, const uint8_t integration[16])
{
    return item->shop != NULL && memcmp(item->shop->integration_id, integration, 16) == 0;
}

static bool is_of_call(const struct batch_item *item, struct text call)
{
    for (unsigned i = 0; i < item->n_events; i++)
        if (text_equal(item->events[i].external_call_id, call))
            return true;
    return false;
}

uint32_t origin_find(const struct batch *b, uint32_t lo, uint32_t hi, const struct origin_row *row,
                     uint32_t hint)
{
    bool is_store = strcmp(row->table, "commerce_integrations") == 0;
    struct text call = text_of(row->call == NULL ? "" : row->call);
    uint8_t integration[16];

    assert(lo < hi && hi <= b->n);
    if (row->call == NULL &&
        !id_behind(row->record, is_store ? "\"id\": \"" : "\"integration_id\": \"", integration))
        return hi;
    for (uint32_t k = 0, i = hint < lo || hint >= hi ? lo : hint; k < hi - lo; k++) {
        const struct batch_item *item = &b->items[i];

        if (row->call != NULL ? is_of_call(item, call) : is_of_store(item, integration))
            return i;
        i = i + 1 == hi ? lo : i + 1;
    }
    return hi;
}
