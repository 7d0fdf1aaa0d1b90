#include "refusal.h"

#include <string.h>

/* First words of Redis 7's errors (redis/src/server.c, createSharedObjects). */
static const struct {
    const char *word;
    enum refusal refusal;
} words[] = {
    {"OOM", REFUSAL_FULL},
    {"NOGROUP", REFUSAL_NO_GROUP},
    /* A blocked read was thrown out: its stream was deleted, or the server demoted. Asking for the
       group tells which. */
    {"UNBLOCKED", REFUSAL_NO_GROUP},
    {"READONLY", REFUSAL_ELSEWHERE},   /* demoted to a replica */
    {"LOADING", REFUSAL_ELSEWHERE},    /* started, data not yet there */
    {"MASTERDOWN", REFUSAL_ELSEWHERE}, /* a replica without its master */
    {"MOVED", REFUSAL_ELSEWHERE},
    {"ASK", REFUSAL_ELSEWHERE},
    {"CLUSTERDOWN", REFUSAL_ELSEWHERE},
    {"NOAUTH", REFUSAL_ELSEWHERE}, /* credentials were changed: shake hands again */
};

enum refusal refusal_of(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i].word);
        if (len >= n && memcmp(text, words[i].word, n) == 0 && (len == n || text[n] == ' '))
            return words[i].refusal;
    }
    return REFUSAL_OTHER;
}
