/* AWS Signature Version 4 of one request, in its Authorization header or in its query (AWS General
 * Reference, "Create a signed AWS API request"; S3, "Authenticating Requests: Using Query
 * Parameters"; for S3 the path is encoded once, not twice). Pure. */
#ifndef RECORDINGS_SIGV4_H
#define RECORDINGS_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIGV4_TIME_SIZE = 17, SIGV4_CANONICAL_MAX = 8192, SIGV4_SCOPE_MAX = 256 };

struct sigv4_header {
    const char *name;  /* lower case */
    const char *value; /* without spaces at its ends */
};

struct sigv4_request {
    const char *method;
    const char *path;                   /* as it is sent, percent-encoded; begins with '/' */
    const char *query;                  /* canonical: sorted and encoded; "" if there is none */
    const struct sigv4_header *headers; /* all that are to be signed, sorted by name; with host */
    unsigned n_headers;
    const char *payload_hash; /* hex SHA-256 of the body, or "UNSIGNED-PAYLOAD" */
};

struct sigv4_key {
    const char *access_key_id, *secret_access_key;
    const char *region, *service;
};

/* "20130524T000000Z" */
void sigv4_time(char out[SIGV4_TIME_SIZE], int64_t us);

/* Appends `text` to the NUL-terminated `out`, percent-encoded as SigV4 wants it: everything but
 * letters, digits and -._~, and '/' unless `slash`. False: it does not fit. */
bool sigv4_encode(char *out, size_t size, const char *text, bool slash);

/* The value of the Authorization header for a request of `time`. False: something is too long. */
bool sigv4_authorization(const struct sigv4_request *r, const struct sigv4_key *key,
                         const char *time, char *out, size_t size);

/* The query of a URL that anybody may ask for `expires_s` seconds from `time` on: r->query is not
 * looked at, and of the headers the client must send exactly these. False: something is too long. */
bool sigv4_query(const struct sigv4_request *r, const struct sigv4_key *key, const char *time,
                 unsigned expires_s, char *out, size_t size);

#endif
