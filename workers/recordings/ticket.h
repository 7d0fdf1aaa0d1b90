/* What lets somebody hear one recording of our own folder for a while: an HMAC over its path and the time it ends, in the
 * URL. The key is made from RINGBACK_ENCRYPTION_KEY, or else from RINGBACK_JWT_SECRET, so all processes have it; of a comma list the
 * first signs and all are accepted. Pure. */
#ifndef RECORDINGS_TICKET_H
#define RECORDINGS_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hmac.h"

enum {
    TICKET_KEYS_MAX = 4,
    TICKET_QUERY_SIZE = 96, /* "expires=...&signature=..." and its NUL */
};

struct ticket_keys {
    unsigned n; /* 0: nothing can be signed, nothing is accepted */
    uint8_t key[TICKET_KEYS_MAX][SHA256_SIZE];
};

/* Both may be NULL. False: *why (static) says what is wrong with them. */
bool ticket_keys_init(struct ticket_keys *k, const char *encryption_key, const char *jwt_secret,
                      const char **why);

/* The query of the URL. False: there is no key, or the path is too long. */
bool ticket_write(const struct ticket_keys *k, const char *path, int64_t expires_s,
                  char out[TICKET_QUERY_SIZE]);

enum ticket_result { TICKET_GOOD, TICKET_EXPIRED, TICKET_BAD };

/* Exactly what ticket_write() wrote; *expires_s is set when it is good. */
enum ticket_result ticket_check(const struct ticket_keys *k, const char *path, const char *query,
                                int64_t now_s, int64_t *expires_s);

#endif
