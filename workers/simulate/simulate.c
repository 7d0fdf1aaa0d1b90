/* `ringback simulate`: plays Shopify stores, and a voice provider that calls their customers, against
 * a running gateway and prints what must come of it. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ops/commands.h"
#include "ops/flags.h"
#include "simulate/report.h"
#include "simulate/voice_options.h"

enum { SPAN_MS = 86400000, START_MS = -90000000, SECRET_MAX = 512, HOST_MAX = 256 };

struct asked {
    const char *url, *secret, *day;
    struct flag_list stores, tokens;
    double rate;
    uint64_t events, seed, connections, duplicates, shuffle, carts;
    int64_t duration_ms, start_ms, span_ms, patience_ms;
    bool json, quiet, live, allow_remote;
    struct voice_options voice;
    /* derived */
    char host[HOST_MAX], host_header[HOST_MAX + 8], prefix[HOST_MAX], path[HOST_MAX + 32];
    char secret_text[SECRET_MAX];
    unsigned port;
};

static const char *const default_stores[] = {"monsoon-textiles.myshopify.com",
                                             "harbor-goods.myshopify.com",
                                             "outback-outfitters.myshopify.com"};

static bool fail(char *error, const char *text, const char *value)
{
    snprintf(error, FLAG_ERROR_MAX, text, value);
    return false;
}

static bool read_flags(struct asked *a, int argc, char **argv, char *error)
{
    const struct flag table[] = {
        {"url", FLAG_TEXT, &a->url, 0, 0},
        {"stores", FLAG_LIST, &a->stores, 0, 0},
        {"rate", FLAG_NUMBER, &a->rate, 0, 200000},
        {"duration", FLAG_DURATION, &a->duration_ms, 1, 0},
        {"events", FLAG_UINT, &a->events, 1, SIM_EVENTS_MAX},
        {"seed", FLAG_UINT, &a->seed, 0, 0},
        {"connections", FLAG_UINT, &a->connections, 1, DRIVE_CONNECTIONS_MAX},
        {"secret", FLAG_TEXT, &a->secret, 0, 0},
        {"duplicates", FLAG_UINT, &a->duplicates, 0, DEAL_DUPLICATES_MAX},
        {"shuffle", FLAG_UINT, &a->shuffle, 1, DEAL_WINDOW_MAX},
        {"carts", FLAG_UINT, &a->carts, 0, 100},
        {"calls", FLAG_UINT, &a->voice.calls, 0, 100},
        {"providers", FLAG_LIST, &a->voice.providers, 0, 0},
        {"organization", FLAG_LIST, &a->voice.organizations, 0, 0},
        {"campaign", FLAG_LIST, &a->voice.campaigns, 0, 0},
        {"agent", FLAG_LIST, &a->voice.agents, 0, 0},
        {"start", FLAG_DURATION, &a->start_ms, -1e12, 0},
        {"day", FLAG_TEXT, &a->day, 0, 0},
        {"span", FLAG_DURATION, &a->span_ms, 1000, 0},
        {"live", FLAG_SET, &a->live, 0, 0},
        {"watch", FLAG_LIST, &a->tokens, 0, 0},
        {"patience", FLAG_DURATION, &a->patience_ms, 1000, 0},
        {"allow-remote", FLAG_SET, &a->allow_remote, 0, 0},
        {"json", FLAG_SET, &a->json, 0, 0},
        {"quiet", FLAG_SET, &a->quiet, 0, 0},
        {NULL, FLAG_SET, NULL, 0, 0},
    };

    *a = (struct asked){.url = "http://127.0.0.1:8080",
                        .rate = 50,
                        .duration_ms = 60000,
                        .seed = 1,
                        .connections = 32,
                        .shuffle = 1,
                        .carts = 45,
                        .start_ms = START_MS,
                        .span_ms = SPAN_MS,
                        .patience_ms = 120000};
    return flags_read(table, argc, argv, 1, error);
}

static bool read_url(struct asked *a, char *error)
{
    static const char accepted[] = "--url \"%.80s\" is not http://HOST[:PORT][/PATH]; https ends "
                                   "at a proxy in front of Ringback";
    char address[HOST_MAX + 16];
    const char *rest = a->url + 7, *slash;
    size_t n;

    if (strncmp(a->url, "http://", 7) != 0)
        return fail(error, accepted, a->url);
    slash = strchr(rest, '/');
    n = slash != NULL ? (size_t)(slash - rest) : strlen(rest);
    if (n == 0 || n >= HOST_MAX || (slash != NULL && strlen(slash) > HOST_MAX - 32))
        return fail(error, accepted, a->url);
    snprintf(a->host_header, sizeof a->host_header, "%.*s", (int)n, rest);
    snprintf(address, sizeof address, "%s%s", a->host_header,
             strpbrk(a->host_header, "]:") == NULL ? ":80" : "");
    if (!config_address(address, a->host, sizeof a->host, &a->port) || a->port == 0)
        return fail(error, accepted, a->url);
    n = slash == NULL ? 0 : strlen(slash);
    while (n > 0 && slash[n - 1] == '/')
        n--;
    snprintf(a->prefix, sizeof a->prefix, "%.*s", (int)n, slash != NULL ? slash : "");
    snprintf(a->path, sizeof a->path, "%s/webhooks/shopify", a->prefix);
    return true;
}

static bool read_stores(struct asked *a, char *error)
{
    if (a->stores.n == 0)
        for (unsigned i = 0; i < sizeof default_stores / sizeof default_stores[0]; i++)
            a->stores.of[a->stores.n++] = default_stores[i];
    static_assert((int)FLAG_LIST_MAX <= (int)SIM_STORES_MAX,
                  "every store of the list can be simulated");
    for (unsigned i = 0; i < a->stores.n; i++)
        if (!isalnum((unsigned char)a->stores.of[i][0]) || strlen(a->stores.of[i]) > 100 ||
            a->stores.of[i][strspn(a->stores.of[i], "abcdefghijklmnopqrstuvwxyz0123456789.-")] !=
                '\0')
            return fail(error,
                        "--stores \"%.80s\" is not a shop's domain, such as acme.myshopify.com",
                        a->stores.of[i]);
    if (a->tokens.n > DRIVE_WATCHES_MAX)
        return fail(error, "--watch \"%.20s...\" is one token too many",
                    a->tokens.of[DRIVE_WATCHES_MAX]);
    return true;
}

static bool read_secret(struct asked *a, const struct config *config, char *error)
{
    const char *from = a->secret != NULL ? a->secret : CONFIG_TEXT(config, SHOPIFY_API_SECRET);
    size_t n = from == NULL ? 0 : a->secret != NULL ? strlen(from) : strcspn(from, ",");

    if (n == 0 || n >= SECRET_MAX)
        return fail(error,
                    "%s is needed to sign: set RINGBACK_SHOPIFY_API_SECRET, or give --secret",
                    n == 0 ? "a secret" : "a shorter secret");
    snprintf(a->secret_text, sizeof a->secret_text, "%.*s", (int)n, from);
    return true;
}

static int64_t wall_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Where the simulated time begins: --live, --day or --start. */
static bool read_clock(struct asked *a, struct sim_options *o, char *error)
{
    struct tm tm = {0};
    const char *end;

    o->start_us = wall_us() + a->start_ms * 1000;
    o->span_us = a->span_ms * 1000;
    if (a->live) {
        o->start_us = wall_us();
        o->span_us = a->duration_ms * 1000;
    } else if (a->day != NULL) {
        end = strptime(a->day, "%Y-%m-%d", &tm);
        if (end == NULL || *end != '\0')
            return fail(error, "--day \"%.40s\" is not a day, such as 2026-01-28", a->day);
        o->start_us = (int64_t)timegm(&tm) * 1000000;
    }
    if (!a->live && o->start_us + o->span_us > wall_us() + 1000000)
        return fail(error, "the simulated time would end in the future: begin earlier%s", "");
    return true;
}

static bool read_options(struct asked *a, struct sim_options *o, const struct config *config,
                         int argc, char **argv, char *error)
{
    if (!read_flags(a, argc, argv, error) || !read_url(a, error) || !read_stores(a, error) ||
        !read_secret(a, config, error))
        return false;
    *o = (struct sim_options){
        .seed = a->seed,
        .stores = a->stores.of,
        .n_stores = a->stores.n,
        .carts_percent = (unsigned)a->carts,
        .abandon_after_us = (int64_t)CONFIG_NUMBER(config, CART_ABANDON_AFTER) * 1000,
        .expire_after_us = (int64_t)CONFIG_NUMBER(config, CART_EXPIRE_AFTER) * 1000};
    if (!read_clock(a, o, error) ||
        !voice_options_read(&a->voice, config, a->host_header, a->prefix, o, error))
        return false;
    o->events = a->events;
    if (o->events == 0 && a->rate == 0)
        return fail(error, "--rate 0 sends as fast as it can: say how many with --events%s", "");
    if (o->events == 0)
        o->events = (uint64_t)(a->rate * (double)a->duration_ms / 1000);
    if (o->events == 0 || o->events > SIM_EVENTS_MAX)
        return fail(error, "--rate times --duration must be between 1 and 20000000 events%s", "");
    return true;
}

static int play(struct asked *a, const struct sim_options *o)
{
    static struct drive_result result;
    static struct sim_totals totals[SIM_STORES_MAX];
    struct sim *sim = sim_new(o);
    struct deal_options deal = {.sim = sim,
                                .host = a->host_header,
                                .path = a->path,
                                .secret = a->secret_text,
                                .voice = &a->voice.target,
                                .duplicates_percent = (unsigned)a->duplicates,
                                .window = (unsigned)a->shuffle,
                                .seed = a->seed};
    struct drive_options options = {.deal = sim == NULL ? NULL : deal_new(&deal),
                                    .host = a->host,
                                    .port = a->port,
                                    .host_header = a->host_header,
                                    .allow_remote = a->allow_remote,
                                    .connections = (unsigned)a->connections,
                                    .rate = a->rate,
                                    .patience_ms = (uint64_t)a->patience_ms,
                                    .expected = o->events + o->events * a->duplicates / 100,
                                    .progress = !a->quiet && isatty(STDERR_FILENO),
                                    .tokens = a->tokens.of,
                                    .n_tokens = a->tokens.n};
    struct report report = {
        .options = o, .result = &result, .stores = totals, .sim = sim, .n_watches = a->tokens.n};
    bool ok;

    if (options.deal == NULL) {
        fprintf(stderr, "ringback simulate: out of memory\n");
        return 1;
    }
    ok = drive(&options, &result);
    report.now_us = wall_us();
    for (unsigned i = 0; i < o->n_stores; i++)
        sim_totals(sim, i, report.now_us, &totals[i]);
    if (!ok)
        fprintf(stderr, "ringback simulate: %s\n", result.error);
    if (a->json)
        report_json(stdout, &report);
    else if (result.complete)
        report_text(stdout, &report);
    sightings_free(&result.board.orders);
    deal_free(options.deal);
    sim_free(sim);
    return ok ? 0 : 1;
}

static int command_run(const struct config *config, int argc, char **argv)
{
    static struct asked asked;
    struct sim_options options;
    char error[FLAG_ERROR_MAX];

    if (!read_options(&asked, &options, config, argc, argv, error)) {
        fprintf(stderr, "ringback simulate: %s\n", error);
        return 2;
    }
    return play(&asked, &options);
}

const struct command command_simulate = {
    .name = "simulate",
    .usage =
        "[--url URL] [--stores DOMAIN,DOMAIN...] [--rate N] [--duration TIME | --events N] [--seed "
        "N] [--json] ...\n\n"
        "  --url http://127.0.0.1:8080   the gateway; only this machine, unless --allow-remote\n"
        "  --stores D,D...               shops, up to 64; every second one has ids beyond 2^53\n"
        "  --rate 50                     deliveries per second; 0: as fast as they are answered "
        "(needs --events)\n"
        "  --duration 60s, --events N    how long, or how many events\n"
        "  --seed 1                      the same seed gives the same events\n"
        "  --connections 32              keep-alive connections\n"
        "  --secret S                    signs the webhooks; default: the first of "
        "--shopify-api-secret\n"
        "  --duplicates 0                percent of events delivered once more; 200: each one "
        "three times\n"
        "  --shuffle 1                   deliver out of order within a window of so many\n"
        "  --carts 45                    percent of visits that begin with a checkout\n"
        "  --calls 0                     percent of COD orders and left carts whose buyers are "
        "called\n"
        "  --organization UUID,UUID...   whose calls these are, store by store; the last one goes "
        "for "
        "the rest\n"
        "  --campaign, --agent UUID,...  the same; optional\n"
        "  --providers retell            who places the calls: retell, vapi and twilio, in turn; "
        "signed with\n"
        "                                --retell-api-key, --vapi-secret, --twilio-auth-token for "
        "--public-url\n"
        "  --start -25h, --span 24h      the simulated time, long past so that left carts are "
        "abandoned at once\n"
        "  --day 2026-01-28, --live      a given day (UTC) instead; or the clock of the wall\n"
        "  --watch TOKEN[,TOKEN]         follow orders and carts as a dashboard does, measure "
        "webhook to websocket\n"
        "  --patience 2m                 give up after so long without an answer\n"
        "  --json, --quiet               totals for scripts; no progress line",
    .help = "plays Shopify stores and a voice provider against a gateway, signed and at a chosen "
            "rate, and prints exact totals",
    .run = command_run,
};
