#include "recordings/sigv4.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hmac.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

enum { DATE_SIZE = 9, HEX_SIZE = 2 * SHA256_SIZE + 1, SECRET_MAX = 256, SIGNED_MAX = 512 };

/* Text that grows in a buffer of fixed size; `failed` is sticky. */
struct draft {
    char *p;
    size_t n, size;
    bool failed;
};

static void add(struct draft *d, const char *text)
{
    size_t n = strlen(text);

    if (d->failed || n >= d->size - d->n) {
        d->failed = true;
        return;
    }
    memcpy(d->p + d->n, text, n + 1);
    d->n += n;
}

void sigv4_time(char out[SIGV4_TIME_SIZE], int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(out, SIGV4_TIME_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool sigv4_encode(char *out, size_t size, const char *text, bool slash)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = strlen(out);

    for (; *text != '\0'; text++) {
        bool plain = is_unreserved(*text) || (*text == '/' && !slash);
        if (size - n <= (plain ? 1u : 3u))
            return false;
        if (plain) {
            out[n++] = *text;
        } else {
            out[n++] = '%';
            out[n++] = digits[(unsigned char)*text >> 4];
            out[n++] = digits[(unsigned char)*text & 15];
        }
        out[n] = '\0';
    }
    return true;
}

static bool hash_of_canonical(const struct sigv4_request *r, const char *names, char hex[HEX_SIZE])
{
    char text[SIGV4_CANONICAL_MAX];
    struct draft d = {.p = text, .size = sizeof text};
    uint8_t hash[SHA256_SIZE];
    bool ok = true;

    add(&d, r->method);
    add(&d, "\n");
    add(&d, r->path);
    add(&d, "\n");
    add(&d, r->query);
    add(&d, "\n");
    for (unsigned i = 0; i < r->n_headers; i++) {
        add(&d, r->headers[i].name);
        add(&d, ":");
        add(&d, r->headers[i].value);
        add(&d, "\n");
    }
    add(&d, "\n");
    add(&d, names);
    add(&d, "\n");
    add(&d, r->payload_hash);
    sha256(hash, text, d.n, &ok);
    hex_encode(hex, hash, sizeof hash);
    return ok && !d.failed;
}

/* The key of one day, region and service: four HMACs, each with the one before as its key. */
static bool derive(const struct sigv4_key *key, const char *date, uint8_t out[SHA256_SIZE])
{
    const char *const parts[] = {date, key->region, key->service, "aws4_request"};
    char secret[SECRET_MAX];
    uint8_t last[SHA256_SIZE];
    int n = snprintf(secret, sizeof secret, "AWS4%s", key->secret_access_key);
    bool ok = n > 4 && (size_t)n < sizeof secret &&
              hmac_sha256_once(secret, (size_t)n, out, parts[0], strlen(parts[0]));

    for (size_t i = 1; ok && i < sizeof parts / sizeof parts[0]; i++) {
        memcpy(last, out, sizeof last);
        ok = hmac_sha256_once(last, sizeof last, out, parts[i], strlen(parts[i]));
    }
    bytes_wipe(secret, sizeof secret);
    bytes_wipe(last, sizeof last);
    return ok;
}

/* "host;x-amz-date" */
static bool name_headers(const struct sigv4_request *r, char names[SIGNED_MAX])
{
    struct draft d = {.p = names, .size = SIGNED_MAX};

    names[0] = '\0';
    for (unsigned i = 0; i < r->n_headers; i++) {
        add(&d, i > 0 ? ";" : "");
        add(&d, r->headers[i].name);
    }
    return !d.failed;
}

/* Day, region and service: what a signing key is good for. */
static bool write_scope(const struct sigv4_key *key, const char *time, char scope[SIGV4_SCOPE_MAX])
{
    int n = snprintf(scope, SIGV4_SCOPE_MAX, "%.8s/%s/%s/aws4_request", time, key->region,
                     key->service);

    return n < SIGV4_SCOPE_MAX;
}

static bool sign(const struct sigv4_request *r, const struct sigv4_key *key, const char *time,
                 const char *names, const char *scope, char hex[HEX_SIZE])
{
    char to_sign[SIGV4_SCOPE_MAX + 128], date[DATE_SIZE], hash[HEX_SIZE];
    uint8_t signing_key[SHA256_SIZE], signature[SHA256_SIZE];
    bool ok;
    int n;

    snprintf(date, sizeof date, "%.8s", time);
    if (!hash_of_canonical(r, names, hash) || !derive(key, date, signing_key))
        return false;
    n = snprintf(to_sign, sizeof to_sign, ALGORITHM "\n%s\n%s\n%s", time, scope, hash);
    ok = (size_t)n < sizeof to_sign &&
         hmac_sha256_once(signing_key, sizeof signing_key, signature, to_sign, (size_t)n);
    bytes_wipe(signing_key, sizeof signing_key);
    hex_encode(hex, signature, sizeof signature);
    return ok;
}

bool sigv4_authorization(const struct sigv4_request *r, const struct sigv4_key *key,
                         const char *time, char *out, size_t size)
{
    char names[SIGNED_MAX], scope[SIGV4_SCOPE_MAX], hex[HEX_SIZE];
    int n;

    if (!name_headers(r, names) || !write_scope(key, time, scope) ||
        !sign(r, key, time, names, scope, hex))
        return false;
    n = snprintf(out, size, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                 key->access_key_id, scope, names, hex);
    return (size_t)n < size;
}

bool sigv4_query(const struct sigv4_request *r, const struct sigv4_key *key, const char *time,
                 unsigned expires_s, char *out, size_t size)
{
    char names[SIGNED_MAX], scope[SIGV4_SCOPE_MAX], hex[HEX_SIZE], number[16];
    struct sigv4_request asked = *r;
    struct draft d = {.p = out, .size = size};

    snprintf(number, sizeof number, "%u", expires_s);
    if (!name_headers(r, names) || !write_scope(key, time, scope))
        return false;
    out[0] = '\0';
    add(&d, "X-Amz-Algorithm=" ALGORITHM "&X-Amz-Credential=");
    if (d.failed || !sigv4_encode(out, size, key->access_key_id, true) ||
        !sigv4_encode(out, size, "/", true) || !sigv4_encode(out, size, scope, true))
        return false;
    d.n = strlen(out);
    add(&d, "&X-Amz-Date=");
    add(&d, time);
    add(&d, "&X-Amz-Expires=");
    add(&d, number);
    add(&d, "&X-Amz-SignedHeaders=");
    if (d.failed || !sigv4_encode(out, size, names, true))
        return false;
    d.n = strlen(out);
    asked.query = out;
    if (!sign(&asked, key, time, names, scope, hex))
        return false;
    add(&d, "&X-Amz-Signature=");
    add(&d, hex);
    return !d.failed;
}
