#include "shopify/status.h"

#include "base/words.h"

struct pair {
    const char *theirs, *ours;
};

/* Whatever the case: REST writes "paid", GraphQL "PAID". */
static struct text translate(const struct pair *table, size_t n, struct text word,
                             struct text otherwise)
{
    word = words_trim(word);
    for (size_t i = 0; i < n; i++) {
        if (words_equal(word, text_of(table[i].theirs)))
            return text_of(table[i].ours);
    }
    return otherwise;
}

#define TRANSLATE(table, word, otherwise)                                                          \
    translate(table, sizeof(table) / sizeof *(table), word, otherwise)

struct text status_financial(struct text word)
{
    static const struct pair table[] = {
        {"pending", "pending"},
        {"authorized", "pending"},
        {"partially_paid", "pending"},
        {"paid", "paid"},
        {"partially_refunded", "partially_refunded"},
        {"refunded", "refunded"},
        {"voided", "voided"},
        {"expired", "voided"},
    };
    return TRANSLATE(table, word, TEXT("pending"));
}

struct text status_fulfillment(struct text word)
{
    static const struct pair table[] = {
        {"fulfilled", "fulfilled"}, {"partial", "partial"},     {"partially_fulfilled", "partial"},
        {"in_progress", "partial"}, {"restocked", "restocked"},
    };
    return TRANSLATE(table, word, TEXT("unfulfilled"));
}

struct text status_product(struct text word)
{
    static const struct pair table[] = {
        {"active", "active"},
        {"draft", "draft"},
        {"archived", "archived"},
    };
    return TRANSLATE(table, word, TEXT_NULL);
}
