/* S3, and what speaks like it: path-style requests signed with SigV4. The content's own hash is
 * signed too, so the store refuses a body that arrives changed, also over plain http. Pure. */
#include <stdio.h>
#include <string.h>

#include "recordings/endpoint.h"
#include "recordings/sigv4.h"
#include "recordings/store.h"

#define HASH_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static bool where(const struct store_settings *given, char out[STORE_ENDPOINT_MAX])
{
    char standard[STORE_ENDPOINT_MAX];

    snprintf(standard, sizeof standard, "https://s3.%s.amazonaws.com", given->s3_region);
    return endpoint_take(given->s3_endpoint != NULL ? given->s3_endpoint : standard, out,
                         STORE_ENDPOINT_MAX);
}

static bool open_store(struct store *s, char *error, size_t size)
{
    const struct store_settings *c = &s->settings;
    const char *region = c->s3_region;

    if (c->s3_access_key_id == NULL || c->s3_secret_access_key == NULL) {
        snprintf(error, size,
                 "RINGBACK_RECORDINGS_STORE is s3://...; it needs "
                 "RINGBACK_S3_ACCESS_KEY_ID and RINGBACK_S3_SECRET_ACCESS_KEY");
        return false;
    }
    if (strpbrk(region, "/ \r\n") != NULL || strlen(region) > 64) {
        snprintf(error, size,
                 "RINGBACK_S3_REGION is \"%.64s\"; accepted is a name such as "
                 "us-east-1",
                 region);
        return false;
    }
    if (where(c, s->endpoint))
        return true;
    snprintf(error, size,
             "RINGBACK_S3_ENDPOINT is \"%.80s\"; accepted is a URL such as "
             "https://s3.eu-central-1.amazonaws.com",
             c->s3_endpoint);
    return false;
}

/* The endpoint's own path, the bucket and the key, percent-encoded. */
static bool path_of(const struct store *s, const char *path, char *out, size_t size)
{
    snprintf(out, size, "%s/", endpoint_path(s->endpoint));
    return sigv4_encode(out, size, s->bucket, true) && sigv4_encode(out, size, "/", false) &&
           sigv4_encode(out, size, path, false);
}

static bool ask(const struct store *s, const struct store_object *o, int64_t now_us,
                struct store_request *out)
{
    char path[STORE_URL_MAX / 2], host[STORE_ENDPOINT_MAX], time[SIGV4_TIME_SIZE];
    char authorization[STORE_HEADER_MAX - 32];
    /* Sorted by name; an erasure has no content-type. */
    const struct sigv4_header headers[] = {
        {"content-type", o->content_type},
        {"host", host},
        {"x-amz-content-sha256", o->sha256},
        {"x-amz-date", time},
    };
    unsigned skip = o->content_type == NULL, n = sizeof headers / sizeof headers[0];
    const struct sigv4_request r = {out->method, path, "", headers + skip, n - skip, o->sha256};
    const struct sigv4_key key = {s->settings.s3_access_key_id, s->settings.s3_secret_access_key,
                                  s->settings.s3_region, "s3"};
    bool ok;

    out->n_headers = 0;
    sigv4_time(time, now_us);
    endpoint_host(s->endpoint, host, sizeof host);
    ok = path_of(s, o->path, path, sizeof path) &&
         sigv4_authorization(&r, &key, time, authorization, sizeof authorization);
    for (unsigned i = skip; ok && i < n; i++)
        if (strcmp(headers[i].name, "host") != 0) /* the client writes it by itself */
            ok = store_request_header(out, headers[i].name, headers[i].value);
    return ok && store_request_header(out, "authorization", authorization) &&
           endpoint_join(s->endpoint, path, out->url, sizeof out->url);
}

static bool put(const struct store *s, const struct store_object *o, int64_t now_us,
                struct store_request *out)
{
    out->method = "PUT";
    return ask(s, o, now_us, out);
}

static bool erase(const struct store *s, const char *path, int64_t now_us,
                  struct store_request *out)
{
    const struct store_object nothing = {path, NULL, HASH_OF_NOTHING};

    out->method = "DELETE";
    return ask(s, &nothing, now_us, out);
}

static bool make_link(const struct store *s, const char *path, int64_t now_us, unsigned expires_s,
                      char url[STORE_URL_MAX])
{
    char encoded[STORE_URL_MAX / 2], host[STORE_ENDPOINT_MAX], time[SIGV4_TIME_SIZE];
    const struct sigv4_header header = {"host", host};
    const struct sigv4_request r = {"GET", encoded, "", &header, 1, "UNSIGNED-PAYLOAD"};
    const struct sigv4_key key = {s->settings.s3_access_key_id, s->settings.s3_secret_access_key,
                                  s->settings.s3_region, "s3"};
    size_t n;

    sigv4_time(time, now_us);
    endpoint_host(s->endpoint, host, sizeof host);
    if (!path_of(s, path, encoded, sizeof encoded) ||
        !endpoint_join(s->endpoint, encoded, url, STORE_URL_MAX - 1))
        return false;
    n = strlen(url);
    url[n++] = '?';
    return sigv4_query(&r, &key, time, expires_s, url + n, STORE_URL_MAX - n);
}

/* S3 answers 204 also for a key that is not there; a missing bucket must not look like success. */
static bool is_absent(int status, const char *reply)
{
    return status == 404 && strstr(reply, "NoSuchKey") != NULL;
}

const struct store_kind store_s3 = {
    .scheme = "s3",
    .form = "s3://bucket or s3://bucket/prefix, of letters, digits and -_.",
    .open = open_store,
    .where = where,
    .put = put,
    .erase = erase,
    .is_absent = is_absent,
    .link = make_link,
};
