/* Errors as every role sends them: {"error":{"code","message","details":{}}}. */
#ifndef RUNTIME_HTTP_ERROR_H
#define RUNTIME_HTTP_ERROR_H

#include "runtime/door.h"

enum { HTTP_ERROR_TEXT_MAX = 512 };

/* Any page may read what is wrong with its request: it is a sentence of ours, without anything of a tenant. */
#define HTTP_ERROR_ORIGIN "Access-Control-Allow-Origin", "*"

/* Writes the body and returns its length. `code` and `message` are ours (nothing from a request)
 * and need no escaping; the message tells the person at the other end what to do. */
size_t http_error_text(char out[HTTP_ERROR_TEXT_MAX], const char *code, const char *message);

/* Answers with it; one extra header, or NULL. */
void http_respond_error(struct http_request *r, unsigned status, const char *code,
                        const char *message, const char *header, const char *value);

#endif
