/* The page for people at `/`: files that travel in the binary, one route for each. The page itself asks /v1 and
 * /realtime/v1 of the address it came from, with the token that its user brings: nothing here knows a secret.
 *
 * Browsers ask again each time and mostly hear 304, so a new version is seen at once. */
#include <stdio.h>
#include <string.h>

#include "dashboard/page.h"
#include "recordings/store.h"
#include "runtime/app.h"
#include "runtime/door.h"
#include "runtime/log.h"

#define PAGE_FOLDER "workers/dashboard/page/"

enum { PAGE_FILES_MAX = 48 };

/* Scripts and styles from here only, none of them inline; no form is sent anywhere, no frame stands around the page. 'self'
 * takes in the websocket. Recordings are also heard from where links to them lead. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "                    \
    "connect-src 'self'; media-src 'self'%s%s; base-uri 'none'; form-action 'none'; "              \
    "frame-ancestors 'none'"

static char policy[sizeof POLICY + STORE_ENDPOINT_MAX];

static struct page_file files[PAGE_FILES_MAX];

static void on_request(void *ctx, struct http_request *r)
{
    const struct page_file *f = ctx;
    const char *accepts = http_header(r, "Accept-Encoding");
    bool packed = f->packed != NULL && answer_takes_gzip(accepts);
    struct http_reply reply = {
        .status = 200,
        .content_type = f->type,
        .body = packed ? f->packed : f->asset->data,
        .len = packed ? f->packed_len : f->asset->size,
        .headers = {"ETag", f->tag, "Cache-Control", "no-cache", "Vary", "Accept-Encoding",
                    "X-Content-Type-Options", "nosniff", "Referrer-Policy", "no-referrer",
                    "Content-Security-Policy", policy, packed ? "Content-Encoding" : NULL, "gzip"},
    };

    if (answer_tag_matches(http_header(r, "If-None-Match"), f->tag))
        reply = (struct http_reply){
            .status = 304,
            .headers = {"ETag", f->tag, "Cache-Control", "no-cache", "Vary", "Accept-Encoding"}};
    http_respond(r, &reply);
}

static void write_policy(const struct config *config)
{
    struct store_settings given = store_settings_of(config);
    char origin[STORE_ENDPOINT_MAX];

    store_origin(&given, CONFIG_TEXT(config, PUBLIC_URL), origin);
    snprintf(policy, sizeof policy, POLICY, *origin == '\0' ? "" : " ", origin);
}

static bool start(struct app *app)
{
    size_t n = 0;
    const struct asset *assets = asset_list(PAGE_FOLDER, &n);

    write_policy(app->config);

    if (n > PAGE_FILES_MAX) {
        log_error("dashboard", "reason", "more files than there is room for", NULL);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!page_file_open(&files[i], &assets[i])) {
            log_error("dashboard", "reason", "a file cannot be served", "file", assets[i].path,
                      NULL);
            return false;
        }
        door_route(app->door, "GET", files[i].url, 0, on_request, &files[i]);
    }
    return true;
}

static const char *ready(void)
{
    return NULL;
}

static void stop(void (*done)(void *ctx), void *ctx)
{
    for (size_t i = 0; i < PAGE_FILES_MAX; i++)
        page_file_close(&files[i]);
    done(ctx);
}

const struct role role_dashboard = {
    .name = "dashboard",
    .help = "the page for people at /",
    .start = start,
    .ready = ready,
    .stop = stop,
};
