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

bool sigv4_authorization(const struct sigv4_request *r, const struct sigv4_key *key,
                         const char *time, char *out, size_t size)
{
    char names[SIGNED_MAX], scope[SIGV4_SCOPE_MAX], to_sign[SIGV4_SCOPE_MAX + 128];
    char date[DATE_SIZE], hash[HEX_SIZE], hex[HEX_SIZE];
    struct draft d = {.p = names, .size = sizeof names};
    uint8_t signing_key[SHA256_SIZE], signature[SHA256_SIZE];
    int n;

    names[0] = '\0';
    for (unsigned i = 0; i < r->n_headers; i++) {
        add(&d, i > 0 ? ";" : "");
        add(&d, r->headers[i].name);
    }
    snprintf(date, sizeof date, "%.8s", time);
    n = snprintf(scope, sizeof scope, "%s/%s/%s/aws4_request", date, key->region, key->service);
    if (d.failed || (size_t)n >= sizeof scope || !hash_of_canonical(r, names, hash) ||
        !derive(key, date, signing_key))
        return false;
    n = snprintf(to_sign, sizeof to_sign, ALGORITHM "\n%s\n%s\n%s", time, scope, hash);
    if ((size_t)n >= sizeof to_sign ||
        !hmac_sha256_once(signing_key, sizeof signing_key, signature, to_sign, (size_t)n))
        return false;
    hex_encode(hex, signature, sizeof signature);
    n = snprintf(out, size, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                 key->access_key_id, scope, names, hex);
    return (size_t)n < size;
}
