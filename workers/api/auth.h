/* Who asks: the bearer token of a request. Pure but for the keys. */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "runtime/jwt.h"

enum auth_result {
    AUTH_USER,    /* jwt->sub says who */
    AUTH_BAD,     /* 401; *why says what is wrong with it */
    AUTH_NO_USER, /* 403: a good token of nobody */
    AUTH_LATER,   /* 503: the keys that could tell cannot be had at the moment */
};

/* The token in an Authorization header (may be NULL). Borrowed; *len 0: there is none. */
const char *auth_token(const char *authorization, size_t *len);

/* What a verified token is worth here. */
enum auth_result auth_of(enum jwt_result verified, const struct jwt *jwt, const char **why);

#endif
