/* When the document with the keys of tokens (JWKS) is fetched again. Pure: time comes in, decisions go out.
 *
 *   every FRESH_MS, or as its Cache-Control says, within bounds
 *   early, when a token names a key that we do not have: at most once per EARLY_MS, whoever asks how often
 *   after a failure with growing patience; what came last stays good for STALE_MS
 *
 * A key that is not in the document is remembered for a while: tokens that name it are refused at once. */
#ifndef RUNTIME_JWKS_PLAN_H
#define RUNTIME_JWKS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum {
    JWKS_FRESH_MS = 10 * 60 * 1000, /* where Cache-Control says nothing */
    JWKS_FRESH_MIN_MS = 60 * 1000,
    JWKS_FRESH_MAX_MS = 60 * 60 * 1000,
    JWKS_EARLY_MS = 5000,
    JWKS_RETRY_MIN_MS = 1000,
    JWKS_RETRY_MAX_MS = 60 * 1000,
    JWKS_STALE_MS = 24 * 60 * 60 * 1000,
    JWKS_ABSENT_MS = 60 * 1000,
    JWKS_ABSENT_MAX = 64, /* further ones push out the oldest */
};

struct jwks_plan {
    uint64_t next_ms;       /* when a fetch is due */
    uint64_t begun_ms;      /* the last one */
    uint64_t good_ms;       /* when the last document came; 0: never, or it is stale */
    uint64_t good_begun_ms; /* and when it had been asked for; 0: never */
    unsigned failures;      /* in a row */
    bool running, begun;
    struct {
        uint64_t key;      /* a hash of what the token says of its key */
        uint64_t asked_ms; /* 0: free */
    } asked[JWKS_ABSENT_MAX];
    unsigned next_asked;
};

/* `now_ms` is monotonic and not 0. The first fetch is due at once. */
void jwks_plan_init(struct jwks_plan *p, uint64_t now_ms);

/* True: begin a fetch now; its end must be told. */
bool jwks_plan_due(struct jwks_plan *p, uint64_t now_ms);
/* A document came. fresh_s: how long it may be kept; -1: nobody said. */
void jwks_plan_good(struct jwks_plan *p, uint64_t now_ms, int64_t fresh_s);
void jwks_plan_failed(struct jwks_plan *p, uint64_t now_ms);

enum jwks_want {
    JWKS_WAIT,   /* a fetch is coming that may bring it */
    JWKS_ABSENT, /* a fetch did not bring it */
};

/* A token names a key that we do not have. */
enum jwks_want jwks_plan_want(struct jwks_plan *p, uint64_t key, uint64_t now_ms);

/* True once when the document has become too old to be trusted. */
bool jwks_plan_stale(struct jwks_plan *p, uint64_t now_ms);

#endif
