#include "runtime/admin.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/door.h"
#include "runtime/http_error.h"
#include "runtime/log.h"
#include "runtime/metrics.h"

enum {
    ADMIN_CONNECTIONS_MAX = 64,
    ADMIN_IDLE_MS = 30000,
    ADMIN_GRACE_MS = 200,
    WAITING_TEXT_MAX = 512
};

static struct {
    struct door *door;
    const struct role *const *roles;
    size_t n;
} admin;

static void on_health(void *ctx, struct http_request *r)
{
    static const char text[] = "{\"status\":\"ok\"}";
    struct http_reply reply = {
        .status = 200, .content_type = "application/json", .body = text, .len = sizeof text - 1};

    (void)ctx;
    http_respond(r, &reply);
}

/* {"status":"waiting","waiting_for":["redis","schema"]}, each once. */
static void on_ready(void *ctx, struct http_request *r)
{
    char text[WAITING_TEXT_MAX], quoted[64];
    struct http_reply reply = {.status = 200, .content_type = "application/json", .body = text};
    size_t len = 0;

    (void)ctx;
    text[0] = '\0';
    for (size_t i = 0; i < admin.n; i++) {
        const char *why = admin.roles[i]->ready();

        if (why == NULL)
            continue;
        snprintf(quoted, sizeof quoted, "\"%s\"", why); /* words of our own */
        if (strstr(text, quoted) == NULL && len + strlen(quoted) + 64 < sizeof text)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s",
                                    len == 0 ? "{\"status\":\"waiting\",\"waiting_for\":[" : ",",
                                    quoted);
    }
    if (len == 0)
        len = (size_t)snprintf(text, sizeof text, "{\"status\":\"ready\",\"waiting_for\":[");
    else
        reply.status = 503;
    len += (size_t)snprintf(text + len, sizeof text - len, "]}");
    reply.len = len;
    http_respond(r, &reply);
}

static void on_metrics(void *ctx, struct http_request *r)
{
    size_t len = 0;
    char *text = metrics_text(&len);
    struct http_reply reply = {.status = 200,
                               .content_type = "text/plain; version=0.0.4; charset=utf-8",
                               .body = text,
                               .len = len};

    (void)ctx;
    if (text == NULL)
        http_respond_error(r, 503, "UNAVAILABLE", "out of memory", NULL, NULL);
    else
        http_respond(r, &reply);
    free(text);
}

bool admin_start(struct app *app, const struct role *const *roles, size_t n, char *error,
                 size_t error_size)
{
    struct door_options options = {
        .address = CONFIG_TEXT(app->config, ADMIN_LISTEN),
        .connections_max = ADMIN_CONNECTIONS_MAX,
        .idle_timeout_ms = ADMIN_IDLE_MS,
        .flag = "--admin-listen",
        .exclusive = true}; /* two processes on one admin port would hide each other */

    assert(admin.door == NULL);
    admin.door = door_open(app->loop, &options, error, error_size);
    if (admin.door == NULL)
        return false;
    admin.roles = roles;
    admin.n = n;
    door_route(admin.door, "GET", "/healthz", 0, on_health, NULL);
    door_route(admin.door, "GET", "/readyz", 0, on_ready, NULL);
    door_route(admin.door, "GET", "/metrics", 0, on_metrics, NULL);
    log_info("admin listening", "address", door_address(admin.door), NULL);
    return true;
}

void admin_stop(void (*done)(void *ctx), void *ctx)
{
    struct door *door = admin.door;

    admin.door = NULL;
    door_close(door, ADMIN_GRACE_MS, done, ctx);
}
