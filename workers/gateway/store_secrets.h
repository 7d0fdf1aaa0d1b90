/* The webhook secrets that hand-made stores sign with (Shopify's admin makes one per store; an
 * app's secret does not fit them). They stand in commerce_integrations.webhook_secret_encrypted.
 * Driver: store_secrets_pg.c; memory: secret_cache.c.
 *
 * Happy path: all of them are loaded once PostgreSQL is up and refreshed every few seconds; a
 * request is decided from memory. Failures: a domain that is not known (yet) -> asked for, a few
 * dozen per query, one query at a time, so that wrong signatures cannot hammer PostgreSQL;
 * PostgreSQL away -> what was loaded goes on working, for the rest nobody can tell. */
#ifndef GATEWAY_STORE_SECRETS_H
#define GATEWAY_STORE_SECRETS_H

#include <stdbool.h>
#include <uv.h>

#include "base/seal.h"
#include "gateway/secret_cache.h"

struct store_secrets;

/* NULL: out of memory or no usable URL. `seal` is borrowed until the end. */
struct store_secrets *store_secrets_open(uv_loop_t *loop, const char *database_url,
                                         const struct seal *seal);

struct secret_view store_secrets_find(struct store_secrets *s, const char *domain);

/* Asks PostgreSQL about a domain. False: cannot (it is away, or too many ask) and `cb` is not
 * called. Otherwise `cb` (may be NULL) comes exactly once, later: ok tells that
 * store_secrets_find() now has the answer. */
typedef void (*store_secrets_cb)(void *ctx, bool ok);
bool store_secrets_ask(struct store_secrets *s, const char *domain, store_secrets_cb cb, void *ctx);

/* Those who wait get ok=false first. */
void store_secrets_close(struct store_secrets *s, void (*on_closed)(void *ctx), void *ctx);

#endif
