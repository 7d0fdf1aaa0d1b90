#include "recordings/store.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "recordings/endpoint.h"
#include "runtime/config.h"

enum { UUID_LENGTH = 36, EXTENSION_MAX = 5 };

#define STORE(kind) extern const struct store_kind store_##kind;
#include "recordings/stores.def"
#undef STORE

static const struct store_kind *const kinds[] = {
#define STORE(kind) &store_##kind,
#include "recordings/stores.def"
#undef STORE
};

enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

struct store_settings store_settings_of(const struct config *c)
{
    return (struct store_settings){
        .url = CONFIG_TEXT(c, RECORDINGS_STORE),
        .s3_endpoint = CONFIG_TEXT(c, S3_ENDPOINT),
        .s3_region = CONFIG_TEXT(c, S3_REGION),
        .s3_access_key_id = CONFIG_TEXT(c, S3_ACCESS_KEY_ID),
        .s3_secret_access_key = CONFIG_TEXT(c, S3_SECRET_ACCESS_KEY),
        .supabase_url = CONFIG_TEXT(c, SUPABASE_URL),
        .supabase_service_key = CONFIG_TEXT(c, SUPABASE_SERVICE_KEY),
    };
}

/* The kind, and what stands behind "scheme://"; NULL: no such scheme. */
static const struct store_kind *kind_of(const char *url, const char **rest)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        size_t n = strlen(kinds[i]->scheme);
        if (strncmp(url, kinds[i]->scheme, n) == 0 && strncmp(url + n, "://", 3) == 0) {
            *rest = url + n + 3;
            return kinds[i];
        }
    }
    return NULL;
}

/* One part of a path between slashes: plain characters, so that it means the same in a folder, a URL
 * and a bucket; and not "." or "..". */
static bool is_plain_part(const char *p, size_t n)
{
    if (n == 0 || p[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)p[i]) && strchr("-_.", p[i]) == NULL)
            return false;
    return true;
}

bool store_path_is_plain(const char *path)
{
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, "/");
        if (!is_plain_part(p, n))
            return false;
        p += n;
        if (*p == '\0')
            return true;
    }
}

/* "bucket" or "bucket/prefix", a slash at the end or not. */
static bool take_bucket(struct store *s, const char *rest)
{
    size_t n = strcspn(rest, "/"), m;

    if (n >= sizeof s->bucket || !is_plain_part(rest, n))
        return false;
    memcpy(s->bucket, rest, n);
    s->bucket[n] = '\0';
    rest += n + (rest[n] == '/');
    m = strlen(rest);
    if (m > 0 && rest[m - 1] == '/')
        m--;
    if (m >= sizeof s->prefix)
        return false;
    memcpy(s->prefix, rest, m);
    s->prefix[m] = '\0';
    return m == 0 || store_path_is_plain(s->prefix);
}

/* "/folder": any absolute path but the root itself. */
static bool take_root(struct store *s, const char *rest)
{
    size_t n = strlen(rest);

    while (n > 1 && rest[n - 1] == '/')
        n--;
    if (rest[0] != '/' || n < 2 || n + sizeof "/.incoming" > sizeof s->root)
        return false;
    memcpy(s->root, rest, n);
    s->root[n] = '\0';
    return true;
}

static bool take_url(struct store *s, const char *url)
{
    const char *rest;

    *s = (struct store){.kind = kind_of(url, &rest)};
    if (s->kind == NULL)
        return false;
    return s->kind->local ? take_root(s, rest) : take_bucket(s, rest);
}

const char *store_url_check(const char *url)
{
    struct store s;

    if (take_url(&s, url))
        return NULL;
    return s.kind != NULL ? s.kind->form
                          : "file:///folder, s3://bucket/prefix or supabase://bucket/prefix";
}

bool store_open(struct store *s, const struct store_settings *given, char *error, size_t size)
{
    if (!take_url(s, given->url)) {
        snprintf(error, size, "RINGBACK_RECORDINGS_STORE is \"%.80s\"; accepted is %s", given->url,
                 store_url_check(given->url));
        return false;
    }
    s->settings = *given;
    return s->kind->open(s, error, size);
}

void store_origin(const struct store_settings *given, const char *public_url,
                  char out[STORE_ENDPOINT_MAX])
{
    struct store s;
    bool known = given->url != NULL && take_url(&s, given->url);

    if (known && !s.kind->local)
        known = s.kind->where(given, out);
    else if (known)
        known = public_url != NULL && endpoint_take(public_url, out, STORE_ENDPOINT_MAX);
    out[known ? endpoint_path(out) - out : 0] = '\0';
}

static bool is_uuid(const char *text)
{
    return strlen(text) == UUID_LENGTH && strspn(text, "0123456789abcdef-") == UUID_LENGTH;
}

static bool is_extension(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && n <= EXTENSION_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") == n;
}

bool store_path(const struct store *s, const char *organization_id, const char *call_id,
                const char *extension, char out[STORE_PATH_MAX])
{
    int n;

    if (!is_uuid(organization_id) || !is_uuid(call_id) || !is_extension(extension))
        return false;
    n = snprintf(out, STORE_PATH_MAX, "%s%s%s/%s.%s", s->prefix, *s->prefix != '\0' ? "/" : "",
                 organization_id, call_id, extension);
    return n < STORE_PATH_MAX;
}

bool store_path_is_of(const char *path, const char *organization_id, const char *call_id)
{
    char own[2 * UUID_LENGTH + 3];
    const char *at;
    size_t n = strlen(path);

    if (!is_uuid(organization_id) || !is_uuid(call_id) || n >= STORE_PATH_MAX ||
        !store_path_is_plain(path))
        return false;
    snprintf(own, sizeof own, "%s/%s.", organization_id, call_id);
    at = strstr(path, own);
    return at != NULL && (at == path || at[-1] == '/') && is_extension(at + strlen(own));
}

void store_incoming(const struct store *s, char out[STORE_ROOT_MAX])
{
    snprintf(out, STORE_ROOT_MAX, "%.*s/.incoming", STORE_ROOT_MAX - 16, s->root);
}

bool store_request_header(struct store_request *r, const char *name, const char *value)
{
    int n;

    if (r->n_headers == STORE_HEADERS_MAX)
        return false;
    n = snprintf(r->headers[r->n_headers], STORE_HEADER_MAX, "%s: %s", name, value);
    r->n_headers++;
    return n < STORE_HEADER_MAX;
}
