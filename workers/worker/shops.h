/* Which connected store a domain is: a bounded cache in front of schema/worker/lookup_shops.sql.
 * Pure; time is an argument. Answers live SHOP_TTL_MS, "no such store" SHOP_UNKNOWN_TTL_MS: long
 * enough to spare the database a flood of one tenant's events, short enough that a store that has
 * just been connected, or a changed setting, is seen. */
#ifndef WORKER_SHOPS_H
#define WORKER_SHOPS_H

#include "base/arena.h"
#include "event.h"

enum {
    SHOPS_MAX = 8192, /* more than a batch can name */
    SHOP_TTL_MS = 5000,
    SHOP_UNKNOWN_TTL_MS = 1000,
    SHOP_DOMAIN_MAX = 255,
    SHOP_COD_GATEWAYS_MAX = 4096,
    SHOP_COUNTRY_MAX = 3,
};

enum shop_answer { SHOP_KNOWN, SHOP_UNKNOWN, SHOP_ASK };

struct shops;
struct shops *shops_new(const char *cod_gateways_default);
void shops_free(struct shops *s);

/* SHOP_KNOWN: *shop is a copy in the arena (NULL: it is full), good for as long as the arena. event_us: when what is asked for
 * happened, since a store may have moved from one organization to another; EVENT_NO_TIME: now. */
enum shop_answer shops_find(const struct shops *s, struct text domain, int64_t event_us,
                            uint64_t now_ms, struct arena *arena, const struct shop **shop);

/* One row of lookup_shops.sql. `settings` is JSON text or NULL; what is wrong in it is left out.
 * `redacting`: somebody was redacted. False: out of memory, or an id that is none (the row is not stored). */
bool shops_put(struct shops *s, struct text domain, const char *integration_id,
               const char *organization_id, const char *settings, bool redacting, uint64_t now_ms);

/* Behind shops_put(): until since_us the domain was another organization's, and what happened then is still that one's. */
bool shops_put_before(struct shops *s, struct text domain, int64_t since_us,
                      const char *integration_id, const char *organization_id,
                      const char *settings);

/* The database knows no such store. */
void shops_put_unknown(struct shops *s, struct text domain, uint64_t now_ms);

/* Everything must be asked again: a foreign key told that something here is out of date. */
void shops_forget(struct shops *s);

/* 36 characters -> 16 bytes. */
bool uuid_parse(const char *text, uint8_t out[16]);

#endif
