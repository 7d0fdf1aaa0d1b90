#include "runtime/http_error.h"

#include <assert.h>
#include <stdio.h>

size_t http_error_text(char out[HTTP_ERROR_TEXT_MAX], const char *code, const char *message)
{
    int n =
        snprintf(out, HTTP_ERROR_TEXT_MAX,
                 "{\"error\":{\"code\":\"%s\",\"message\":\"%s\",\"details\":{}}}", code, message);

    assert(n > 0 && n < HTTP_ERROR_TEXT_MAX);
    return (size_t)n;
}

void http_respond_error(struct http_request *r, unsigned status, const char *code,
                        const char *message, const char *header, const char *value)
{
    char text[HTTP_ERROR_TEXT_MAX];
    struct http_reply reply = {.status = status,
                               .content_type = "application/json",
                               .body = text,
                               .headers = {HTTP_ERROR_ORIGIN, header, value, NULL}};

    reply.len = http_error_text(text, code, message);
    http_respond(r, &reply);
}
