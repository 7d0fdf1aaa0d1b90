/* Supabase Storage: POST, DELETE /storage/v1/object/<bucket>/<path> with the service key (the
 * storage API of supabase.com/docs/reference/self-hosting-storage). Pure. */
#include <stdio.h>
#include <string.h>

#include "recordings/endpoint.h"
#include "recordings/sigv4.h"
#include "recordings/store.h"
#include "runtime/jsontext.h"

enum { SERVICE_KEY_MAX = STORE_HEADER_MAX - 64 };

static bool where(const struct store_settings *given, char out[STORE_ENDPOINT_MAX])
{
    return given->supabase_url != NULL &&
           endpoint_take(given->supabase_url, out, STORE_ENDPOINT_MAX);
}

static bool open_store(struct store *s, char *error, size_t size)
{
    const struct store_settings *c = &s->settings;

    if (c->supabase_url == NULL || c->supabase_service_key == NULL) {
        snprintf(error, size,
                 "RINGBACK_RECORDINGS_STORE is supabase://...; it needs "
                 "RINGBACK_SUPABASE_URL and RINGBACK_SUPABASE_SERVICE_KEY");
        return false;
    }
    if (strpbrk(c->supabase_service_key, " \r\n") != NULL ||
        strlen(c->supabase_service_key) > SERVICE_KEY_MAX) {
        snprintf(error, size, "RINGBACK_SUPABASE_SERVICE_KEY is \"(hidden)\"; accepted is one key");
        return false;
    }
    if (where(c, s->endpoint))
        return true;
    snprintf(error, size,
             "RINGBACK_SUPABASE_URL is \"%.80s\"; accepted is a URL such as "
             "https://abcdefgh.supabase.co",
             c->supabase_url);
    return false;
}

/* `where`: "object/" or what stands behind it. */
static bool ask_at(const struct store *s, const char *where, const char *path,
                   struct store_request *out)
{
    char tail[STORE_URL_MAX / 2] = "", bearer[STORE_HEADER_MAX - 32];

    out->n_headers = 0;
    snprintf(tail, sizeof tail, "%s/storage/v1/%s", endpoint_path(s->endpoint), where);
    snprintf(bearer, sizeof bearer, "Bearer %s", s->settings.supabase_service_key);
    return sigv4_encode(tail, sizeof tail, s->bucket, true) &&
           sigv4_encode(tail, sizeof tail, "/", false) &&
           sigv4_encode(tail, sizeof tail, path, false) &&
           endpoint_join(s->endpoint, tail, out->url, sizeof out->url) &&
           store_request_header(out, "authorization", bearer) &&
           store_request_header(out, "apikey", s->settings.supabase_service_key);
}

static bool ask(const struct store *s, const char *path, struct store_request *out)
{
    return ask_at(s, "object/", path, out);
}

static bool put(const struct store *s, const struct store_object *o, int64_t now_us,
                struct store_request *out)
{
    (void)now_us;
    out->method = "POST";
    /* x-upsert: a copy that is made again replaces the one before. */
    return ask(s, o->path, out) && store_request_header(out, "content-type", o->content_type) &&
           store_request_header(out, "x-upsert", "true");
}

static bool erase(const struct store *s, const char *path, int64_t now_us,
                  struct store_request *out)
{
    (void)now_us;
    out->method = "DELETE";
    return ask(s, path, out);
}

/* Storage answers 400 to nearly everything; the real status stands in the body. */
static bool is_absent(int status, const char *reply)
{
    return (status == 400 || status == 404) &&
           (strstr(reply, "NoSuchKey") != NULL || strstr(reply, "Object not found") != NULL);
}

static bool ask_link(const struct store *s, const char *path, unsigned expires_s,
                     struct store_request *out, char body[STORE_BODY_MAX])
{
    out->method = "POST";
    snprintf(body, STORE_BODY_MAX, "{\"expiresIn\":%u}", expires_s);
    return ask_at(s, "object/sign/", path, out) &&
           store_request_header(out, "content-type", "application/json");
}

/* {"signedURL":"/object/sign/bucket/path?token=..."}, from /storage/v1 on. */
static bool read_link(const struct store *s, const char *reply, size_t len, char url[STORE_URL_MAX])
{
    static const char start[] = "/object/sign/";
    struct text json = {reply, len};
    char path[STORE_URL_MAX];
    int n;

    if (!jsontext_valid(json) ||
        !jsontext_string(jsontext_get(json, "signedURL"), path, sizeof path, NULL) ||
        strncmp(path, start, sizeof start - 1) != 0 || strpbrk(path, " \r\n\"<>\\") != NULL)
        return false;
    n = snprintf(url, STORE_URL_MAX, "%s/storage/v1%s", s->endpoint, path);
    return n < STORE_URL_MAX;
}

const struct store_kind store_supabase = {
    .scheme = "supabase",
    .form = "supabase://bucket or supabase://bucket/prefix, of letters, digits and -_.",
    .open = open_store,
    .where = where,
    .put = put,
    .erase = erase,
    .is_absent = is_absent,
    .ask_link = ask_link,
    .read_link = read_link,
};
