#include "ops/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/seal.h"
#include "ops/commands.h"
#include "ops/flags.h"

enum { TEXT_MAX = 400, SKEW_WARN_MS = 1000, SKEW_FAIL_MS = 30000 };

static const char *const words[] = {"ok", "warn", "fail"};
static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};

static void json_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
    putchar('"');
}

void doctor_says(struct doctor *d, enum finding finding, const char *what, const char *advice,
                 const char *text, ...)
{
    char line[TEXT_MAX];
    bool first = d->found[0] + d->found[1] + d->found[2] == 0;
    va_list args;

    va_start(args, text);
    vsnprintf(line, sizeof line, text, args);
    va_end(args);
    d->found[finding]++;
    if (d->json) {
        printf("%s{\"finding\":\"%s\",\"what\":\"%s\",\"text\":", first ? "" : ",", words[finding],
               what);
        json_text(line);
        if (advice != NULL) {
            printf(",\"advice\":");
            json_text(advice);
        }
        putchar('}');
        return;
    }
    printf("%s%-4s%s  %-11s %s\n", d->colour ? colours[finding] : "", words[finding],
           d->colour ? "\033[0m" : "", what, line);
    if (advice != NULL)
        printf("                  -> %s\n", advice);
}

int64_t doctor_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void doctor_check_clock(struct doctor *d, const char *what, int64_t before_ms, int64_t theirs_ms,
                        int64_t after_ms)
{
    int64_t skew = theirs_ms < before_ms  ? theirs_ms - before_ms
                   : theirs_ms > after_ms ? theirs_ms - after_ms
                                          : 0;
    int64_t size = skew < 0 ? -skew : skew;
    enum finding finding = size >= SKEW_FAIL_MS   ? FINDING_FAIL
                           : size >= SKEW_WARN_MS ? FINDING_WARN
                                                  : FINDING_OK;

    doctor_says(
        d, finding, what,
        finding == FINDING_OK
            ? NULL
            : "keep all machines on one time (chrony, systemd-timesyncd): carts are judged by it",
        "its clock is %lld ms %s ours", (long long)size, skew < 0 ? "behind" : "ahead of");
}

void doctor_check_settings(struct doctor *d)
{
    const struct config *c = d->config;
    const char *why = "";
    struct seal seal;

    if (CONFIG_TEXT(c, SHOPIFY_API_SECRET) == NULL)
        doctor_says(d, FINDING_WARN, "settings",
                    "set RINGBACK_SHOPIFY_API_SECRET to the app's client secret",
                    "no app secret: only stores with a secret of their own can send webhooks");
    if (CONFIG_TEXT(c, JWT_SECRET) == NULL && CONFIG_TEXT(c, JWKS_URL) == NULL &&
        CONFIG_TEXT(c, JWKS_FILE) == NULL)
        doctor_says(d, FINDING_WARN, "settings",
                    "set RINGBACK_JWT_SECRET, RINGBACK_JWKS_URL or RINGBACK_JWKS_FILE",
                    "no key for users' tokens: no dashboard can connect");
    if (!seal_init(&seal, CONFIG_TEXT(c, ENCRYPTION_KEY), &why))
        doctor_says(d, FINDING_FAIL, "settings", "make one with: head -c 32 /dev/urandom | base64",
                    "RINGBACK_ENCRYPTION_KEY: %s", why);
    else if (seal.n == 0)
        doctor_says(d, FINDING_WARN, "settings", "make one with: head -c 32 /dev/urandom | base64",
                    "no RINGBACK_ENCRYPTION_KEY: stores' own secrets and tokens cannot be kept");
    seal_wipe(&seal);
    if (d->found[FINDING_WARN] + d->found[FINDING_FAIL] == 0)
        doctor_says(d, FINDING_OK, "settings", NULL, "complete");
}

static int command_run(const struct config *config, int argc, char **argv)
{
    struct doctor d = {.config = config};
    const struct flag table[] = {{"json", FLAG_SET, &d.json, 0, 0}, {NULL, FLAG_SET, NULL, 0, 0}};
    char error[FLAG_ERROR_MAX];

    if (!flags_read(table, argc, argv, 1, error)) {
        fprintf(stderr, "ringback doctor: %s\n", error);
        return 2;
    }
    d.colour = !d.json && isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    if (d.json)
        printf("{\"findings\":[");
    doctor_check_settings(&d);
    doctor_check_host(&d);
    doctor_check_postgresql(&d);
    doctor_check_redis(&d);
    doctor_check_keys(&d);
    if (d.json)
        printf("],\"ok\":%s}\n", d.found[FINDING_FAIL] == 0 ? "true" : "false");
    else
        printf("%u ok, %u to look at, %u that must be mended\n", d.found[FINDING_OK],
               d.found[FINDING_WARN], d.found[FINDING_FAIL]);
    return d.found[FINDING_FAIL] == 0 ? 0 : 1;
}

const struct command command_doctor = {
    .name = "doctor",
    .usage = "[--json]",
    .help =
        "checks settings, PostgreSQL, Redis, schema version, clocks and limits; says what to mend",
    .run = command_run,
};
