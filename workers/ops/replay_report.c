/* What `ringback replay` says: progress while it runs, then one sentence or one JSON object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/pace.h"
#include "ops/query_pg.h"
#include "ops/replay.h"

static bool is_kind(const struct replay_kind *k, const char *source, const char *topic)
{
    return strcmp(k->source, source) == 0 && strcmp(k->topic, topic) == 0;
}

/* The last kind stands for all that have no room of their own. */
unsigned replay_kind(struct replay_report *r, const struct envelope *e)
{
    char source[REPLAY_KIND_MAX], topic[REPLAY_KIND_MAX];
    struct replay_kind *fresh;

    snprintf(source, sizeof source, "%.*s", (int)(e->source.n % REPLAY_KIND_MAX), e->source.p);
    snprintf(topic, sizeof topic, "%.*s", (int)(e->topic.n % REPLAY_KIND_MAX), e->topic.p);
    for (unsigned i = 0; i < r->n_kinds; i++)
        if (is_kind(&r->kinds[i], source, topic))
            return i;
    if (r->n_kinds == REPLAY_KINDS_MAX)
        return REPLAY_KINDS_MAX - 1;
    fresh = &r->kinds[r->n_kinds++];
    memcpy(fresh->source, source, sizeof source);
    memcpy(fresh->topic, topic, sizeof topic);
    return r->n_kinds - 1;
}

void replay_progress(const struct replay_report *r, const struct replay_options *o)
{
    char line[160], at[SELECTION_TIME_MAX];

    if (o->json || !pace_is_watched())
        return;
    selection_time_text(at, (int64_t)r->next_ms * 1000);
    snprintf(line, sizeof line, "%s %" PRIu64 " of %" PRIu64 " events read, at %.19sZ ",
             o->dry_run ? "would replay" : "replayed", o->dry_run ? r->matched : r->replayed,
             r->read, at);
    pace_show(line);
}

static int by_name(const void *a, const void *b)
{
    const struct replay_kind *x = a, *y = b;
    int order = strcmp(x->source, y->source);

    return order != 0 ? order : strcmp(x->topic, y->topic);
}

static void print_json(const struct replay_report *r, const struct replay_options *o,
                       const char *next)
{
    const char *comma = "";

    printf("{\"dry_run\":%s,\"complete\":%s,\"read\":%" PRIu64 ",\"matched\":%" PRIu64
           ",\"replayed\":%" PRIu64 ",\"copies\":%" PRIu64 ",\"unreadable\":%" PRIu64
           ",\"continue_since\":",
           o->dry_run ? "true" : "false", r->complete ? "true" : "false", r->read, r->matched,
           r->replayed, r->copies, r->unreadable);
    if (r->complete)
        printf("null");
    else
        ops_json_text(next);
    printf(",\"topics\":[");
    for (unsigned i = 0; i < r->n_kinds; i++) {
        if (r->kinds[i].matched == 0)
            continue;
        printf("%s{\"source\":", comma);
        ops_json_text(r->kinds[i].source);
        printf(",\"topic\":");
        ops_json_text(r->kinds[i].topic);
        printf(",\"events\":%" PRIu64 "}", r->kinds[i].matched);
        comma = ",";
    }
    puts("]}");
}

static void print_text(const struct replay_report *r, const struct replay_options *o,
                       const char *next)
{
    uint64_t n = o->dry_run ? r->matched : r->replayed;

    for (unsigned i = 0; o->dry_run && i < r->n_kinds; i++)
        if (r->kinds[i].matched > 0)
            printf("%8" PRIu64 "  %s %s\n", r->kinds[i].matched, r->kinds[i].source,
                   r->kinds[i].topic);
    printf("%s %" PRIu64 " event%s\n", o->dry_run ? "would replay" : "replayed", n,
           n == 1 ? "" : "s");
    if (r->unreadable > 0)
        fprintf(stderr,
                "ringback replay: %" PRIu64 " entries that this version cannot read were left "
                "out\n",
                r->unreadable);
    if (!r->complete)
        fprintf(stderr, "ringback replay: stopped before the end; go on with --since %s\n", next);
}

void replay_print(struct replay_report *r, const struct replay_options *o)
{
    char next[SELECTION_TIME_MAX];

    if (!o->json)
        pace_show(NULL);
    qsort(r->kinds, r->n_kinds, sizeof *r->kinds, by_name);
    selection_time_text(next, (int64_t)r->next_ms * 1000);
    if (o->json)
        print_json(r, o, next);
    else
        print_text(r, o, next);
}
