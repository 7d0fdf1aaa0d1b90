#include "ops/flags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool complain(char *error, const char *flag, const char *value, const char *accepted)
{
    snprintf(error, FLAG_ERROR_MAX, "--%s \"%.80s\" is not %s", flag, value, accepted);
    return false;
}

static bool number_of(const struct flag *f, const char *text, char **end, double *out)
{
    errno = 0;
    *out = strtod(text, end);
    return *end != text && errno == 0 && *out == *out && *out >= f->low &&
           (f->high == 0 || *out <= f->high);
}

static bool set_number(const struct flag *f, const char *text, char *error)
{
    char *end, accepted[96];
    double n;

    if (number_of(f, text, &end, &n) && *end == '\0' &&
        (f->type == FLAG_NUMBER || n == (double)(uint64_t)n)) {
        if (f->type == FLAG_NUMBER)
            *(double *)f->value = n;
        else
            *(uint64_t *)f->value = strtoull(text, NULL, 10);
        return true;
    }
    if (f->high == 0)
        snprintf(accepted, sizeof accepted, "a %snumber from %g",
                 f->type == FLAG_UINT ? "whole " : "", f->low);
    else
        snprintf(accepted, sizeof accepted, "a %snumber from %g to %.15g",
                 f->type == FLAG_UINT ? "whole " : "", f->low, f->high);
    return complain(error, f->name, text, accepted);
}

static bool set_duration(const struct flag *f, const char *text, char *error)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};
    char *end;
    double n = strtod(text, &end);

    if (end != text && n == n)
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
            if (strcmp(end, units[i].name) != 0 || n * units[i].ms < f->low ||
                n * units[i].ms > 1e13)
                continue;
            *(int64_t *)f->value = (int64_t)(n * units[i].ms);
            return true;
        }
    return complain(error, f->name, text,
                    f->low < 0 ? "a duration, such as -26h, 30s or 10m"
                               : "a duration, such as 30s, 10m or 24h");
}

static bool set_list(const struct flag *f, char *text, char *error)
{
    struct flag_list *list = f->value;
    char *rest = NULL;

    for (char *item = strtok_r(text, ",", &rest); item != NULL; item = strtok_r(NULL, ",", &rest)) {
        if (list->n == FLAG_LIST_MAX)
            return complain(error, f->name, item, "one of at most 64");
        list->of[list->n++] = item;
    }
    return true;
}

static bool set(const struct flag *f, char *text, char *error)
{
    switch (f->type) {
    case FLAG_TEXT:
        *(const char **)f->value = text;
        return true;
    case FLAG_LIST:
        return set_list(f, text, error);
    case FLAG_NUMBER:
    case FLAG_UINT:
        return set_number(f, text, error);
    case FLAG_DURATION:
        return set_duration(f, text, error);
    case FLAG_SET:
        break;
    }
    return complain(error, f->name, text, "wanted: this flag takes no value");
}

static const struct flag *find(const struct flag *table, const char *name, size_t n)
{
    for (; table->name != NULL; table++)
        if (strlen(table->name) == n && memcmp(table->name, name, n) == 0)
            return table;
    return NULL;
}

bool flags_read(const struct flag *table, int argc, char **argv, int from,
                char error[FLAG_ERROR_MAX])
{
    for (int i = from; i < argc; i++) {
        char *name = argv[i] + 2, *equals = strchr(argv[i], '=');
        size_t n = equals != NULL ? (size_t)(equals - name)
                                  : strlen(argv[i]) - (strlen(argv[i]) < 2 ? 0 : 2);
        const struct flag *f = strncmp(argv[i], "--", 2) == 0 ? find(table, name, n) : NULL;

        if (f == NULL) {
            snprintf(error, FLAG_ERROR_MAX, "unknown argument \"%.100s\"; --help lists them",
                     argv[i]);
            return false;
        }
        if (equals == NULL && f->type == FLAG_SET) {
            *(bool *)f->value = true;
            continue;
        }
        if (equals == NULL && i + 1 == argc) {
            snprintf(error, FLAG_ERROR_MAX, "--%s wants a value", f->name);
            return false;
        }
        if (!set(f, equals != NULL ? equals + 1 : argv[++i], error))
            return false;
    }
    return true;
}

bool flag_is_uuid(const char *text)
{
    if (strlen(text) != 36 || strspn(text, "0123456789abcdefABCDEF-") != 36)
        return false;
    for (size_t i = 0; i < 36; i++)
        if ((text[i] == '-') != (i == 8 || i == 13 || i == 18 || i == 23))
            return false;
    return true;
}
