/* Where recordings are kept. A store is a value: one file store_<kind>.c and one line in stores.def.
 *
 * A folder does the work itself, by calls that may block (keep, drop: they run on a thread). The
 * others are asked over HTTP: put and erase are pure and only say what to ask; who asks is
 * carrier_curl.c. Paths are `[prefix/]<organization id>/<call id>.<ext>`, the same in every store,
 * relative to the folder or the bucket. */
#ifndef RECORDINGS_STORE_H
#define RECORDINGS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STORE_PREFIX_MAX = 256,
    STORE_BUCKET_MAX = 128,
    STORE_ROOT_MAX = 1024,
    STORE_PATH_MAX = STORE_PREFIX_MAX + 96, /* two uuids, an extension */
    STORE_ENDPOINT_MAX = 512,
    STORE_URL_MAX = 2048,
    STORE_HEADERS_MAX = 5,
    STORE_HEADER_MAX = 4096,
    STORE_BODY_MAX = 64, /* of a question; files are sent otherwise */
    STORE_ERROR_MAX = 256,
};

/* As configured; NULL: unset. Borrowed for the life of the store. */
struct store_settings {
    const char *url; /* file:///folder, s3://bucket/prefix, supabase://bucket/prefix */
    const char *s3_endpoint, *s3_region, *s3_access_key_id, *s3_secret_access_key;
    const char *supabase_url, *supabase_service_key;
    bool read_only; /* nothing will be written: a folder need not be writable, nor be there yet */
};

struct config;
struct store_settings store_settings_of(const struct config *c);

/* What to ask a store over HTTP. A request with a body sends the file. */
struct store_request {
    const char *method;
    char url[STORE_URL_MAX];
    char headers[STORE_HEADERS_MAX][STORE_HEADER_MAX]; /* "name: value" */
    unsigned n_headers;
};

struct store_object {
    const char *path;
    const char *content_type;
    const char *sha256; /* of the content, in hex */
};

struct store {
    const struct store_kind *kind;
    char root[STORE_ROOT_MAX]; /* file: the folder, without a slash at its end */
    char bucket[STORE_BUCKET_MAX];
    char prefix[STORE_PREFIX_MAX];     /* "", or "a/b" */
    char endpoint[STORE_ENDPOINT_MAX]; /* "https://host[:port][/path]", no slash at its end */
    struct store_settings settings;
};

struct store_kind {
    const char *scheme; /* "s3" */
    const char *form;   /* what to write into the setting */
    /* Checks and takes what only this kind needs; bucket and prefix, or root, are set. False: one
     * line in `error`, without secrets. */
    bool (*open)(struct store *s, char *error, size_t size);

    /* Of a folder; NULL for the others. They may block. False: a sentence in `error`. */
    bool local;
    /* Makes the file `temporary`, open as `fd`, durable under `path`; it is whole or not there. */
    bool (*keep)(const struct store *s, int fd, const char *temporary, const char *path,
                 char *error, size_t size);
    /* No file is a success. */
    bool (*drop)(const struct store *s, const char *path, char *error, size_t size);

    /* Of a store that is asked over HTTP; NULL for folders. */
    /* Where it is asked, "https://host[:port][/path]"; secrets need not be set. False: not set, or no such URL. */
    bool (*where)(const struct store_settings *given, char out[STORE_ENDPOINT_MAX]);
    /* False: something is too long. */
    bool (*put)(const struct store *s, const struct store_object *o, int64_t now_us,
                struct store_request *out);
    bool (*erase)(const struct store *s, const char *path, int64_t now_us,
                  struct store_request *out);
    /* Whether this answer to erase or ask_link says that there is no such file. */
    bool (*is_absent)(int status, const char *reply);

    /* How somebody may hear a file for expires_s seconds: a URL that can be made without asking, or else
     * (link NULL) what to ask and, from the answer, the URL. False: too long, or no such answer. */
    bool (*link)(const struct store *s, const char *path, int64_t now_us, unsigned expires_s,
                 char url[STORE_URL_MAX]);
    bool (*ask_link)(const struct store *s, const char *path, unsigned expires_s,
                     struct store_request *out, char body[STORE_BODY_MAX]);
    bool (*read_link)(const struct store *s, const char *reply, size_t len,
                      char url[STORE_URL_MAX]);
};

/* Reads the setting's URL and what belongs to it. False: `error` holds one line that names the
 * setting. A folder is made if it is not there. */
bool store_open(struct store *s, const struct store_settings *given, char *error, size_t size);

/* The origin, "https://host[:port]", that links to recordings lead to when it may be another than that of whoever asks for them: the
 * store's, or for a folder, whose files we serve ourselves, that of `public_url` (NULL: unset). "": there is none. Needs no secrets. */
void store_origin(const struct store_settings *given, const char *public_url,
                  char out[STORE_ENDPOINT_MAX]);

/* Parts of plain characters between slashes, none of them "", "." or "..": it means the same in a folder, a URL and a bucket. */
bool store_path_is_plain(const char *path);

/* What is wrong with the form of RECORDINGS_STORE; NULL: nothing. */
const char *store_url_check(const char *url);

/* False: the ids or the extension are not what they should be. */
bool store_path(const struct store *s, const char *organization_id, const char *call_id,
                const char *extension, char out[STORE_PATH_MAX]);

/* Whether `path` is of a form that store_path() made for this call, with any prefix. A path comes
 * from a row that others may write; only a call's own file may ever be erased for it. */
bool store_path_is_of(const char *path, const char *organization_id, const char *call_id);

/* Where a folder collects files that are not whole yet; a flat folder of its own inside the root, so
 * that what a killed process left is found without searching: "<root>/.incoming". */
void store_incoming(const struct store *s, char out[STORE_ROOT_MAX]);

/* Appends "name: value" to the request; false: too long or too many. */
bool store_request_header(struct store_request *r, const char *name, const char *value);

#endif
