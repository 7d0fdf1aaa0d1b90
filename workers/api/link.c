/* GET /v1/calls/:id/recording: from what the statement says of a recording to a link that its reader can open. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/call.h"
#include "runtime/jsontext.h"

enum { UUID_SIZE = 37, TIME_SIZE = 24, BODY_SIZE = LINK_URL_MAX + 160 };

static void answer_link(struct call *c, const struct call_link *l)
{
    time_t expires = (time_t)l->link.expires_s;
    char body[BODY_SIZE], when[TIME_SIZE], seconds[24] = "null";
    struct tm tm;
    int n;

    gmtime_r(&expires, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (l->duration_seconds >= 0)
        snprintf(seconds, sizeof seconds, "%" PRId64, l->duration_seconds);
    /* A URL has no character that JSON would have to escape. */
    n = snprintf(body, sizeof body,
                 "{\"url\":\"%s\",\"duration_seconds\":%s,\"expires_at\":\"%s\"}", l->link.url,
                 seconds, when);
    reply_ok(c, body, (size_t)n);
}

static void on_link(struct recording_link *link)
{
    struct call *c = link->ctx;
    struct call_link *l = c->link;
    struct fault f = {link->status,
                      link->status == 404   ? "NOT_FOUND"
                      : link->status == 502 ? "BAD_GATEWAY"
                                            : "UNAVAILABLE",
                      link->sentence, NULL, NULL};

    if (link->status == 200)
        answer_link(c, l);
    else
        reply_fault(c, &f);
    free(l);
}

/* The row may have been written by anybody who may write rows of this organization: a path into another's files is no path. */
static bool read_row(struct text row, struct call_link *l)
{
    char organization[UUID_SIZE], call[UUID_SIZE];

    if (!jsontext_int(jsontext_get(row, "duration_seconds"), &l->duration_seconds))
        l->duration_seconds = -1;
    return jsontext_string(jsontext_get(row, "storage_path"), l->path, sizeof l->path, NULL) &&
           jsontext_string(jsontext_get(row, "organization_id"), organization, UUID_SIZE, NULL) &&
           jsontext_string(jsontext_get(row, "call_id"), call, UUID_SIZE, NULL) &&
           store_path_is_of(l->path, organization, call);
}

void call_link_begin(struct call *c, struct text row)
{
    static const struct fault foreign = {404, "NOT_FOUND",
                                         "the recording of this call is not one that was made here",
                                         NULL, NULL},
                              memory = {503, "UNAVAILABLE",
                                        "there is no memory for this: try again", NULL, NULL};
    struct call_link *l = calloc(1, sizeof *l);

    if (l == NULL) {
        reply_fault(c, &memory);
    } else if (!read_row(row, l)) {
        reply_fault(c, &foreign);
        free(l);
    } else {
        c->link = l;
        l->link =
            (struct recording_link){.path = l->path, .http = c->http, .done = on_link, .ctx = c};
        recording_link(c->api->links, &l->link);
    }
}
