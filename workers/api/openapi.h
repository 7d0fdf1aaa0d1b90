/* GET /v1/openapi.json: the table of endpoints as an OpenAPI 3.1 document. What answers hold stands in schema/api/schemas.json.
 * https://spec.openapis.org/oas/v3.1.0 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "api/plan.h"

/* malloc'ed, NUL-terminated; NULL: out of memory. */
char *openapi_write(const struct plans *plans, size_t *len);

/* The README's list: one row of a Markdown table for each endpoint. malloc'ed; NULL: out of memory. */
char *openapi_markdown(const struct plans *plans);

#endif
