/* Settings from flags and environment. The list is config.def; nothing else knows a setting's name twice. */
#ifndef RUNTIME_CONFIG_H
#define RUNTIME_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
    SETTING_TEXT,
    SETTING_SECRET,
    SETTING_ADDRESS,
    SETTING_UINT,
    SETTING_DURATION,
    SETTING_SIZE,
    SETTING_RATE
};

enum setting_id {
#define S(name, type, fallback, help, low, high) SET_##name,
#include "config.def"
#undef S
    SETTING_COUNT
};

struct setting_info {
    const char *
        name; /* "STREAM_PARTITIONS": flag --stream-partitions, variable RINGBACK_STREAM_PARTITIONS */
    enum setting_type type;
    const char *fallback; /* NULL: unset */
    const char *help;
    uint64_t low, high;
};

extern const struct setting_info settings[SETTING_COUNT];

struct config {
    const char *text[SETTING_COUNT]; /* as given; NULL: unset */
    uint64_t number[SETTING_COUNT]; /* UINT as is, DURATION in ms, SIZE in bytes, RATE per second */
};

#define CONFIG_TEXT(c, name) ((c)->text[SET_##name])
#define CONFIG_NUMBER(c, name) ((c)->number[SET_##name])

/* Reads the environment, then flags `--name value` or `--name=value`; flags win. Flags that are no settings are left
 * in argv (compacted, *argc updated). False: `error` holds one line naming the setting, the value and what is accepted. */
bool config_load(struct config *c, int *argc, char **argv, char *error, size_t error_size);

/* The text of the setting "STREAM_PARTITIONS", for those who get to know its name at run time; NULL: unset, or "".
 * A name that is not in the list is our own mistake. */
const char *config_text_of(const struct config *c, const char *name);

/* Splits "host:port"; IPv6 in brackets. False: not an address. */
bool config_address(const char *text, char *host, size_t host_size, unsigned *port);

#endif
