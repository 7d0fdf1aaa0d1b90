#include "voice/ended_reason.h"

#include "base/words.h"

static bool matches(const struct ended_rule *rule, struct text reason)
{
    size_t n = strlen(rule->words);

    if (rule->match == ENDED_PART)
        return memmem(reason.p, reason.n, rule->words, n) != NULL;
    if (reason.n < n || (rule->match == ENDED_EXACT && reason.n != n))
        return false;
    return memcmp(reason.p, rule->words, n) == 0;
}

struct text ended_outcome(const struct ended_rule *rules, struct text reason)
{
    reason = words_trim(reason);
    if (text_empty(reason))
        return TEXT_NULL;
    for (unsigned kind = ENDED_EXACT; kind < ENDED_MATCHES; kind++) {
        for (const struct ended_rule *rule = rules; rule->words != NULL; rule++) {
            if (rule->match == kind && matches(rule, reason))
                return text_of(rule->outcome);
        }
    }
    return TEXT("failed");
}
