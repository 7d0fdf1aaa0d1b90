#include "api/auth.h"

#include <string.h>
#include <strings.h>

const char *auth_token(const char *authorization, size_t *len)
{
    static const char scheme[] = "Bearer ";
    const char *token;

    *len = 0;
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return NULL;
    token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    *len = strcspn(token, " ");
    return token;
}

enum auth_result auth_of(enum jwt_result verified, const struct jwt *jwt, const char **why)
{
    *why = jwt_result_text(verified);
    if (verified != JWT_OK)
        return verified == JWT_PENDING ? AUTH_LATER : AUTH_BAD;
    /* Keys of the service and of nobody pass row level security by, or own nothing. */
    if (strcmp(jwt->role, "authenticated") != 0 || jwt->sub[0] == '\0')
        return AUTH_NO_USER;
    return AUTH_USER;
}
