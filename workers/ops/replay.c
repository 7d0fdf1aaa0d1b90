/* The command line of `ringback replay`. */
#include "ops/replay.h"

#include <stdio.h>

#include "base/text.h"
#include "ops/commands.h"
#include "ops/flags.h"
#include "ops/pace.h"

enum { LIMIT_MAX = 1000000000, ERROR_MAX = 512 };

bool replay_read_options(struct replay_options *o, int argc, char **argv, int64_t now_us,
                         char *error, size_t error_size)
{
    const char *since = NULL, *until = NULL, *rate = NULL, *tenant = NULL;
    const struct flag table[] = {{"since", FLAG_TEXT, &since, 0, 0},
                                 {"until", FLAG_TEXT, &until, 0, 0},
                                 {"tenant", FLAG_TEXT, &tenant, 0, 0},
                                 {"topic", FLAG_TEXT, &o->topic, 0, 0},
                                 {"source", FLAG_TEXT, &o->source, 0, 0},
                                 {"key", FLAG_TEXT, &o->key, 0, 0},
                                 {"limit", FLAG_UINT, &o->limit, 1, LIMIT_MAX},
                                 {"rate", FLAG_TEXT, &rate, 0, 0},
                                 {"json", FLAG_SET, &o->json, 0, 0},
                                 {"dry-run", FLAG_SET, &o->dry_run, 0, 0},
                                 {NULL, FLAG_SET, NULL, 0, 0}};
    char fault[FLAG_ERROR_MAX];

    *o = (struct replay_options){.since_us = SELECTION_NO_TIME, .until_us = SELECTION_NO_TIME};
    if (!flags_read(table, argc, argv, 1, fault)) {
        snprintf(error, error_size, "%s", fault);
        return false;
    }
    if (!selection_time("since", since, now_us, &o->since_us, error, error_size) ||
        !selection_time("until", until, now_us, &o->until_us, error, error_size) ||
        !selection_rate(rate, &o->rate, error, error_size) ||
        !selection_tenant(tenant, &o->tenant, error, error_size))
        return false;
    if (o->until_us == SELECTION_NO_TIME || o->since_us < o->until_us)
        return true;
    snprintf(error, error_size, "--since %.80s is not before --until %.80s: nothing lies between",
             since, until);
    return false;
}

static bool is_wanted(const char *wanted, struct text is)
{
    return wanted == NULL || text_equal(text_of(wanted), is);
}

bool replay_wants(const struct replay_options *o, const struct envelope *e)
{
    const char *domain = o->tenant.domain;

    return is_wanted(o->source, e->source) && is_wanted(o->topic, e->topic) &&
           is_wanted(o->key, e->key) &&
           (*domain == '\0' ||
            (is_wanted(domain, e->key) && text_equal(e->source, TEXT("shopify"))));
}

static int command_run(const struct config *config, int argc, char **argv)
{
    struct replay_options options;
    char error[ERROR_MAX];

    if (!replay_read_options(&options, argc, argv, pace_wall_us(), error, sizeof error)) {
        fprintf(stderr, "ringback replay: %s\n", error);
        return 2;
    }
    return replay_run(config, &options);
}

const struct command command_replay = {
    .name = "replay",
    .usage =
        "[--since TIME|AGE] [--until TIME|AGE] [--tenant UUID|DOMAIN] [--topic TOPIC]\n"
        "                       [--source shopify|retell|...] [--key DOMAIN|CALL] [--limit N]\n"
        "                       [--rate N/s] [--dry-run] [--json]\n\n"
        "Reads what the gateway accepted in that time, as far as it is retained "
        "(RINGBACK_STREAM_RETENTION), and\n"
        "appends it to the streams again, so that workers handle it again: after rows were lost "
        "or a handler was\n"
        "mended. Rows only move forward, so replaying anything, any number of times, is safe. "
        "Without filters: all of it.\n\n"
        "  ringback replay --since 2h --dry-run                 what would it be?\n"
        "  ringback replay --since 2026-11-20T10:00:00Z --until 2026-11-20T11:00:00Z --tenant "
        "acme.myshopify.com\n"
        "  ringback replay --tenant UUID --topic orders/updated --rate 200/s\n\n"
        "Live events wait behind replayed ones: --rate leaves them room. Ctrl-C, --limit and "
        "errors "
        "stop it between two\n"
        "events; it says how to go on. Exit status: 0 done, 1 an error, 2 a wrong command line, "
        "130 Ctrl-C.",
    .help = "sends a time range of the streams' retained history through again: after rows were "
            "lost, or a handler was mended",
    .run = command_run,
};
