#include "runtime/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "recordings/provider_link.h"
#include "recordings/store.h"
#include "recordings/web_url.h"
#include "runtime/db_url.h"
#include "runtime/log.h"

const struct setting_info settings[SETTING_COUNT] = {
#define S(name, type, fallback, help, low, high) {#name, SETTING_##type, fallback, help, low, high},
#include "config.def"
#undef S
};

/* A unit and what it is worth; the first that matches the whole rest of the text counts. */
struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit sizes[] = {{"", 1},          {"B", 1},         {"KiB", 1024},
                                    {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
static const struct unit rates[] = {{"/s", 1}, {"", 1}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

/* What a type takes, for the error and for --help. */
static const struct {
    const struct unit *units; /* NULL: not a number */
    const char *accepted;
} types[] = {
    [SETTING_TEXT] = {NULL, "text"},
    [SETTING_SECRET] = {NULL, "text"},
    [SETTING_ADDRESS] = {NULL, "host:port, such as 127.0.0.1:8080; IPv6 in brackets"},
    [SETTING_UINT] = {plain, "a whole number"},
    [SETTING_DURATION] = {durations, "a duration, such as 5ms, 30s, 10m, 24h or 30d"},
    [SETTING_SIZE] = {sizes, "a size, such as 512KiB or 8MiB"},
    [SETTING_RATE] = {rates, "a rate, such as 100/s"},
};

static bool parse_number(const char *text, const struct unit *units, uint64_t *out)
{
    char *end;
    unsigned long long n;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    n = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) != 0)
            continue;
        if (n > UINT64_MAX / units->factor)
            return false;
        *out = n * units->factor;
        return true;
    }
    return false;
}

bool config_address(const char *text, char *host, size_t host_size, unsigned *port)
{
    const char *colon = strrchr(text, ':');
    const char *start = text, *end = colon;
    uint64_t n;

    if (colon == NULL || !parse_number(colon + 1, plain, &n) || n > 65535)
        return false;
    if (text[0] == '[') {
        start = text + 1;
        end = colon - 1;
        if (end < start || *end != ']')
            return false;
    } else if (memchr(text, ':', (size_t)(colon - text)) != NULL) {
        return false;
    }
    if (end == start || (size_t)(end - start) >= host_size)
        return false;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    *port = (unsigned)n;
    return true;
}

static bool is_key_of_32_bytes(const char *p, size_t n)
{
    unsigned char in[45], out[48];

    if (n != 44 || p[43] != '=' || p[42] == '=')
        return false;
    memcpy(in, p, n);
    return EVP_DecodeBlock(out, in, 44) == 33;
}

/* Whoever can change this document on its way can make himself any user: https, or a server on this machine. */
static bool is_keys_url(const char *text)
{
    struct web_url u;

    return web_url_parse(text, &u) &&
           (u.secure || text_equal(u.host, TEXT("localhost")) ||
            text_equal(u.host, TEXT("[::1]")) ||
            (strncmp(u.host.p, "127.", 4) == 0 && strspn(u.host.p, "0123456789.") >= u.host.n));
}

/* Checks that need more than the type. NULL: fine, else what is accepted. */
static const char *check_meaning(enum setting_id id, const char *text)
{
    static const char *const key_help =
        "32 bytes in base64 (openssl rand -base64 32), or a comma list of such keys";
    const char *why;

    switch (id) {
    case SET_LOG_LEVEL:
        return log_level_of(text) < 0 ? "error, warn, info or debug" : NULL;
    case SET_REDIS_URL:
        return link_url_check(text, &why) ? NULL : why;
    case SET_DATABASE_URL:
        return db_url_check(text) ? NULL : "a URL such as postgresql://user@host/database";
    case SET_ENCRYPTION_KEY:
        for (const char *p = text;; p++) {
            size_t n = strcspn(p, ",");
            if (!is_key_of_32_bytes(p, n))
                return key_help;
            p += n;
            if (*p == '\0')
                return NULL;
        }
    case SET_SHOPIFY_API_SECRET:
        if (text[0] == ',' || text[strlen(text) - 1] == ',' || strstr(text, ",,") != NULL)
            return "one secret or a comma list without empty parts: new,old";
        return NULL;
    case SET_JWKS_URL:
        return is_keys_url(text) ? NULL : "https://..., or http://... of this machine (localhost)";
    case SET_RECORDINGS_STORE:
        return store_url_check(text);
    case SET_RECORDINGS_ALLOW_PRIVATE:
        return strcmp(text, "on") == 0 || strcmp(text, "off") == 0 ? NULL : "on or off";
    case SET_TWILIO_RECORDINGS_AUTH:
        return provider_link_user_check(text) ? NULL : "ACxxx:token or SKxxx:secret";
    default:
        return NULL;
    }
}

/* The value as it may be shown: secrets hidden, passwords inside URLs masked. */
static void presentable(const struct setting_info *s, const char *text, char *out, size_t size)
{
    const char *at = strrchr(text, '@'), *scheme = strstr(text, "://"), *colon;

    snprintf(out, size, "%.80s", s->type == SETTING_SECRET ? "(hidden)" : text);
    if (at == NULL || scheme == NULL || s->type == SETTING_SECRET)
        return;
    colon = memchr(scheme + 3, ':', at > scheme + 3 ? (size_t)(at - scheme - 3) : 0);
    if (colon != NULL)
        snprintf(out, size, "%.*s:***%.60s", (int)(colon - text), text, at);
}

static void describe_bounds(const struct setting_info *s, char *out, size_t size)
{
    static const struct unit *const by_type[] = {
        [SETTING_DURATION] = durations, [SETTING_SIZE] = sizes};
    const struct unit *units =
        s->type == SETTING_DURATION || s->type == SETTING_SIZE ? by_type[s->type] : plain;
    char text[2][32];
    uint64_t bound[2] = {s->low, s->high};

    out[0] = '\0';
    if (s->high == 0)
        return;
    for (int i = 0; i < 2; i++) {
        const struct unit *best = &units[0];
        for (const struct unit *u = units; u->name != NULL; u++)
            if (bound[i] != 0 && bound[i] % u->factor == 0 && u->factor > best->factor)
                best = u;
        snprintf(text[i], sizeof text[i], "%llu%s", (unsigned long long)(bound[i] / best->factor),
                 best->name);
    }
    snprintf(out, size, " from %s to %s", text[0], text[1]);
}

static bool refuse(enum setting_id id, const char *value, const char *accepted, char *error,
                   size_t size)
{
    const struct setting_info *s = &settings[id];
    char shown[160], bounds[80];

    presentable(s, value, shown, sizeof shown);
    describe_bounds(s, bounds, sizeof bounds);
    snprintf(error, size, "RINGBACK_%s is \"%s\"; accepted is %s%s", s->name, shown, accepted,
             bounds);
    return false;
}

static bool set(struct config *c, enum setting_id id, const char *value, char *error, size_t size)
{
    const struct setting_info *s = &settings[id];
    const char *accepted = types[s->type].accepted;
    const char *meaning;
    char host[256];
    unsigned port;

    c->text[id] = value;
    if (value == NULL)
        return true;
    if (s->type == SETTING_ADDRESS && !config_address(value, host, sizeof host, &port))
        return refuse(id, value, accepted, error, size);
    if (types[s->type].units != NULL) {
        if (!parse_number(value, types[s->type].units, &c->number[id]))
            return refuse(id, value, accepted, error, size);
        if (s->high != 0 && (c->number[id] < s->low || c->number[id] > s->high))
            return refuse(id, value, accepted, error, size);
    }
    meaning = check_meaning(id, value);
    return meaning == NULL || refuse(id, value, meaning, error, size);
}

/* "STREAM_PARTITIONS" against "--stream-partitions" of length n. */
static bool is_flag(const char *name, const char *flag, size_t n)
{
    if (strlen(name) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((flag[i] == '-' ? '_' : toupper((unsigned char)flag[i])) != name[i])
            return false;
    return true;
}

static int find_flag(const char *arg)
{
    size_t n = strcspn(arg + 2, "=");

    for (int id = 0; id < SETTING_COUNT; id++)
        if (is_flag(settings[id].name, arg + 2, n))
            return id;
    return -1;
}

bool config_load(struct config *c, int *argc, char **argv, char *error, size_t error_size)
{
    const char *given[SETTING_COUNT];
    char variable[64];
    int kept = 1;

    memset(c, 0, sizeof *c);
    for (int id = 0; id < SETTING_COUNT; id++) {
        const char *value;
        snprintf(variable, sizeof variable, "RINGBACK_%s", settings[id].name);
        value = getenv(variable);
        given[id] = value != NULL && *value != '\0' ? value : settings[id].fallback;
    }
    for (int i = 1; i < *argc; i++) {
        char *equals = strchr(argv[i], '=');
        int id = strncmp(argv[i], "--", 2) == 0 ? find_flag(argv[i]) : -1;
        if (id < 0) {
            argv[kept++] = argv[i];
        } else if (equals != NULL) {
            given[id] = equals + 1;
        } else if (i + 1 < *argc) {
            given[id] = argv[++i];
        } else {
            snprintf(error, error_size, "%s needs a value: %s", argv[i],
                     types[settings[id].type].accepted);
            return false;
        }
    }
    argv[kept] = NULL;
    *argc = kept;
    for (int id = 0; id < SETTING_COUNT; id++)
        if (!set(c, (enum setting_id)id, given[id], error, error_size))
            return false;
    return true;
}

const char *config_text_of(const struct config *c, const char *name)
{
    int i = 0;

    while (i < SETTING_COUNT && strcmp(settings[i].name, name) != 0)
        i++;
    assert(i < SETTING_COUNT);
    return c->text[i] == NULL || *c->text[i] == '\0' ? NULL : c->text[i];
}
