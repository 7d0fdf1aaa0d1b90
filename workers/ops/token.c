/* `ringback token`: a user's JWT for development, signed with RINGBACK_JWT_SECRET as Supabase Auth would sign it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ops/commands.h"
#include "runtime/jwt.h"

enum { EXPIRES_S_DEFAULT = 3600, EXPIRES_S_MAX = 10 * 365 * 86400, PAYLOAD_MAX = 512 };

struct wanted {
    const char *sub, *role;
    int64_t expires_s;
};

/* "90s", "15m", "1h", "7d", or seconds; negative ones make a token that is over, for tests. */
static bool parse_duration(const char *text, int64_t *seconds)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    long long n = strtoll(text, &end, 10);

    if (end == text || n < -EXPIRES_S_MAX || n > EXPIRES_S_MAX)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *seconds = n * units[i].seconds;
            return *seconds >= -EXPIRES_S_MAX && *seconds <= EXPIRES_S_MAX;
        }
    }
    return false;
}

static bool is_uuid(const char *s)
{
    if (strlen(s) != 36 || strspn(s, "0123456789abcdefABCDEF-") != 36)
        return false;
    for (size_t i = 0; i < 36; i++)
        if ((s[i] == '-') != (i == 8 || i == 13 || i == 18 || i == 23))
            return false;
    return true;
}

/* Roles of PostgreSQL: plain names, so that they need no escaping in JSON. */
static bool is_role(const char *s)
{
    size_t n = strlen(s);

    return n > 0 && n < JWT_ROLE_MAX && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

/* NULL when good, else what is accepted. */
static const char *set_option(struct wanted *w, const char *name, const char *value)
{
    if (strcmp(name, "--sub") == 0) {
        w->sub = value;
        return is_uuid(value) ? NULL : "the user's id, a UUID";
    }
    if (strcmp(name, "--role") == 0) {
        w->role = value;
        return is_role(value) ? NULL : "a role: authenticated, anon or service_role";
    }
    if (strcmp(name, "--expires") == 0)
        return parse_duration(value, &w->expires_s)
                   ? NULL
                   : "a duration up to 10 years, such as 15m, 1h or 7d";
    return "--sub, --role or --expires";
}

/* Takes `--name value` and `--name=value`. */
static bool parse_arguments(struct wanted *w, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        const char *value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        const char *name = equals != NULL || value == NULL ? argv[i] : argv[i - 1];
        const char *accepted;

        if (equals != NULL)
            *equals = '\0';
        accepted = value == NULL ? "a value behind it" : set_option(w, name, value);
        if (accepted != NULL) {
            fprintf(stderr, "ringback token: %s \"%s\": accepted is %s\n", name,
                    value == NULL ? "" : value, accepted);
            return false;
        }
    }
    if (w->sub == NULL)
        fprintf(stderr, "ringback token: --sub is missing: the user's id, a UUID\n");
    return w->sub != NULL;
}

static int run(const struct config *config, int argc, char **argv)
{
    struct wanted w = {.role = "authenticated", .expires_s = EXPIRES_S_DEFAULT};
    const char *secret = CONFIG_TEXT(config, JWT_SECRET);
    char payload[PAYLOAD_MAX], token[PAYLOAD_MAX * 2];
    long long now = (long long)time(NULL);

    if (!parse_arguments(&w, argc, argv))
        return 2;
    if (secret == NULL) {
        fprintf(stderr,
                "ringback token: RINGBACK_JWT_SECRET is not set; tokens are signed with it\n");
        return 2;
    }
    snprintf(payload, sizeof payload,
             "{\"iss\":\"ringback\",\"aud\":\"%s\",\"sub\":\"%s\",\"role\":\"%s\",\"iat\":%lld,"
             "\"exp\":%lld}",
             w.role, w.sub, w.role, now, now + (long long)w.expires_s);
    if (!jwt_sign_hs256(secret, payload, token, sizeof token)) {
        fprintf(stderr, "ringback token: RINGBACK_JWT_SECRET is shorter than %d characters\n",
                JWT_SECRET_MIN);
        return 2;
    }
    return puts(token) < 0 ? 1 : 0;
}

const struct command command_token = {
    .name = "token",
    .usage = "--sub UUID [--role authenticated] [--expires 1h]",
    .help = "mints a JWT for development, signed with RINGBACK_JWT_SECRET",
    .run = run,
};
