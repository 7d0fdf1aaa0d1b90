/* The command line of `ringback dlq`. */
#include "ops/dlq.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ops/commands.h"
#include "ops/flags.h"

enum { LIST_LIMIT = 100, LIMIT_MAX = 1000000000, ERROR_MAX = 512 };

static const struct {
    const char *name;
    enum dlq_verb verb;
} verbs[] = {
    {"list", DLQ_LIST}, {"show", DLQ_SHOW}, {"replay", DLQ_REPLAY}, {"discard", DLQ_DISCARD}};

static bool find_verb(const char *name, enum dlq_verb *verb)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0) {
            *verb = verbs[i].verb;
            return true;
        }
    return false;
}

/* The numbers behind the verb, as an array for PostgreSQL. False: one is none, or there are too many. */
static bool read_ids(struct dlq_options *o, int argc, char **argv, int *at, char *error,
                     size_t error_size)
{
    size_t n = 0;

    for (; *at < argc && strncmp(argv[*at], "--", 2) != 0; (*at)++) {
        const char *id = argv[*at];

        if (*id == '\0' || strspn(id, "0123456789") != strlen(id) || strlen(id) > 18) {
            snprintf(error, error_size,
                     "\"%.80s\" is not the id of a dead letter: `ringback dlq list` shows them",
                     id);
            return false;
        }
        if (n + strlen(id) + 3 > sizeof o->ids) {
            snprintf(error, error_size, "too many ids: select the letters by --reason, --key ...");
            return false;
        }
        n += (size_t)snprintf(o->ids + n, sizeof o->ids - n, "%c%s", n == 0 ? '{' : ',', id);
        o->n_ids++;
    }
    if (n > 0)
        snprintf(o->ids + n, sizeof o->ids - n, "}");
    return true;
}

static bool read_time(const char *flag, const char *text, int64_t now_us, char *out, char *error,
                      size_t error_size)
{
    int64_t us = SELECTION_NO_TIME;

    if (!selection_time(flag, text, now_us, &us, error, error_size))
        return false;
    if (us != SELECTION_NO_TIME)
        selection_time_text(out, us);
    return true;
}

static bool check(const struct dlq_options *o, char *error, size_t error_size)
{
    if (o->key != NULL && o->tenant.domain[0] != '\0') {
        snprintf(error, error_size, "--tenant %s and --key say the same: give one of them",
                 o->tenant.domain);
        return false;
    }
    if (o->verb == DLQ_SHOW && o->n_ids != 1) {
        snprintf(error, error_size, "say which one: ringback dlq show ID");
        return false;
    }
    if (o->dry_run && o->verb != DLQ_REPLAY && o->verb != DLQ_DISCARD) {
        snprintf(error, error_size, "--dry-run is for replay and discard");
        return false;
    }
    return true;
}

bool dlq_read_options(struct dlq_options *o, int argc, char **argv, int64_t now_us, char *error,
                      size_t error_size)
{
    const char *since = NULL, *until = NULL, *rate = NULL, *tenant = NULL;
    const struct flag table[] = {{"reason", FLAG_TEXT, &o->reason, 0, 0},
                                 {"topic", FLAG_TEXT, &o->topic, 0, 0},
                                 {"key", FLAG_TEXT, &o->key, 0, 0},
                                 {"source", FLAG_TEXT, &o->source, 0, 0},
                                 {"tenant", FLAG_TEXT, &tenant, 0, 0},
                                 {"organization", FLAG_TEXT, &tenant, 0, 0}, /* its older name */
                                 {"since", FLAG_TEXT, &since, 0, 0},
                                 {"until", FLAG_TEXT, &until, 0, 0},
                                 {"limit", FLAG_UINT, &o->limit, 1, LIMIT_MAX},
                                 {"rate", FLAG_TEXT, &rate, 0, 0},
                                 {"json", FLAG_SET, &o->json, 0, 0},
                                 {"dry-run", FLAG_SET, &o->dry_run, 0, 0},
                                 {"yes", FLAG_SET, &o->yes, 0, 0},
                                 {"replayed", FLAG_SET, &o->replayed, 0, 0},
                                 {NULL, FLAG_SET, NULL, 0, 0}};
    char fault[FLAG_ERROR_MAX];
    int at = 2;

    *o = (struct dlq_options){.verb = DLQ_LIST};
    if (argc < 2 || !find_verb(argv[1], &o->verb)) {
        snprintf(error, error_size, "say what to do: list, show, replay or discard");
        return false;
    }
    if (!read_ids(o, argc, argv, &at, error, error_size))
        return false;
    if (!flags_read(table, argc, argv, at, fault)) {
        snprintf(error, error_size, "%s", fault);
        return false;
    }
    if (o->limit == 0 && o->verb == DLQ_LIST)
        o->limit = LIST_LIMIT;
    return read_time("since", since, now_us, o->since, error, error_size) &&
           read_time("until", until, now_us, o->until, error, error_size) &&
           selection_rate(rate, &o->rate, error, error_size) &&
           selection_tenant(tenant, &o->tenant, error, error_size) && check(o, error, error_size);
}

static int command_run(const struct config *config, int argc, char **argv)
{
    static struct dlq_options options;
    char error[ERROR_MAX];
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (!dlq_read_options(&options, argc, argv, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000,
                          error, sizeof error)) {
        fprintf(stderr, "ringback dlq: %s\n", error);
        return 2;
    }
    return dlq_run(config, &options);
}

const struct command command_dlq = {
    .name = "dlq",
    .usage =
        "list [FILTERS] [--replayed] [--limit N] [--json]\n"
        "       ringback dlq show ID [--json]\n"
        "       ringback dlq replay [ID...] [FILTERS] [--limit N] [--rate N/s] [--dry-run] "
        "[--json]\n"
        "       ringback dlq discard [ID...] [FILTERS] [--limit N] [--dry-run] [--yes] [--json]\n\n"
        "FILTERS: --reason WORD --topic TOPIC --key DOMAIN|CALL --source shopify|retell|...\n"
        "         --tenant UUID|DOMAIN --since TIME|AGE --until TIME|AGE  (of the last failure)\n\n"
        "A replayed letter is marked and its event handled again; if it fails again it waits "
        "again. "
        "Rows only move\n"
        "forward, so replaying is always safe. Without ids and filters: all that still wait.\n\n"
        "  ringback dlq list --reason unknown_shop --since 2d\n"
        "  ringback dlq replay --tenant acme.myshopify.com --dry-run\n"
        "  ringback dlq discard --reason malformed_body --until 7d --yes\n\n"
        "Exit status: 0 done, 1 an error, or a letter that could not be replayed; 2 a wrong "
        "command line.",
    .help = "dead letters: events that could not become rows. replay sends them through again once "
            "the cause is mended",
    .run = command_run,
};
