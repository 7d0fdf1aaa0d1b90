/* The names of the gateways decide (facts: Shopify has no field that says "cash on delivery"):
 *
 *   every name is a COD name                                           -> cod
 *   every name is a known online one                                   -> prepaid
 *   the order is paid, authorized or refunded, and no name is COD
 *   or "manual"                                                        -> prepaid
 *   else: mixed, manual only, none, unrecognised                       -> unknown
 *
 * A list entry matches a name that contains it as whole words, whatever the case, with "_" and "-"
 * as spaces: "cod" is in "GoKwik COD (Partial)" and "Shiprocket Checkout - COD" but not in "codfish
 * payments". So a single gateway that calls itself partial COD is COD (that is what its merchants
 * call about); two gateways, COD and an online one, are mixed. COD is looked for first, then
 * "manual", then the online names: "Razorpay COD" is COD. */
#include "shopify/payment_type.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "base/words.h"

enum {
    GATEWAY_BYTES_MAX =
        128, /* of a name or an entry, folded; what is longer is recognised by its beginning */
    GATEWAY_TEXT_MAX = 1024 /* of it that is looked at */
};

/* Folded already: lower case, single spaces. */
static const char *const cod_names[] = {
    "cod",
    "cash on delivery",
    "pay on delivery",
    "payment on delivery",
    "collect on delivery",
    "الدفع عند الاستلام",
    "كاش عند الاستلام",
};

static const char *const online_names[] = {
    "shopify payments", "razorpay",     "stripe",       "paypal",     "bogus",
    "cashfree",         "payu",         "paytm",        "phonepe",    "ccavenue",
    "instamojo",        "billdesk",     "easebuzz",     "juspay",     "simpl",
    "lazypay",          "snapmint",     "klarna",       "afterpay",   "clearpay",
    "affirm",           "sezzle",       "adyen",        "braintree",  "mollie",
    "authorize.net",    "worldpay",     "checkout.com", "amazon pay", "amazon payments",
    "apple pay",        "google pay",   "shop pay",     "shop cash",  "mercado pago",
    "mercadopago",      "tap payments", "tabby",        "tamara",     "paymob",
    "paystack",         "flutterwave",  "gift card",    "prepaid",
};

static const char *const manual_names[] = {"manual"};

struct folded {
    char bytes[GATEWAY_BYTES_MAX];
    size_t n;
};

/* Names are ASCII nearly always, and ICU looks into large tables for every character. What Unicode
 * calls white space below 0x80 is these (PropList.txt, White_Space). */
static bool is_separator(UChar32 c)
{
    if (c < 0x80)
        return c == '_' || c == '-' || c == ' ' || (c >= '\t' && c <= '\r');
    return u_isUWhiteSpace(c);
}

static UChar32 fold_character(UChar32 c)
{
    return c < 0x80 ? words_lower((char)c) : u_foldCase(c, U_FOLD_CASE_DEFAULT);
}

/* Lower case by Unicode's simple case folding, single spaces, none at the ends. */
static struct folded fold(struct text t)
{
    struct folded f = {.n = 0};
    int32_t i = 0, length = t.n < GATEWAY_TEXT_MAX ? (int32_t)t.n : GATEWAY_TEXT_MAX;

    while (i < length) {
        UChar32 c;
        U8_NEXT_OR_FFFD((const uint8_t *)t.p, i, length, c);
        if (is_separator(c) && (f.n == 0 || f.bytes[f.n - 1] == ' '))
            continue;
        c = is_separator(c) ? ' ' : fold_character(c);
        if (f.n + (size_t)U8_LENGTH(c) > sizeof f.bytes)
            break;
        U8_APPEND_UNSAFE((uint8_t *)f.bytes, f.n, (uint32_t)c);
    }
    while (f.n > 0 && f.bytes[f.n - 1] == ' ')
        f.n--;
    return f;
}

/* Letters and digits; every byte of another script counts as a letter. */
static bool is_word_char(char c)
{
    c = words_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static bool contains(const struct folded *name, const char *words, size_t n)
{
    for (size_t at = 0; n > 0 && at + n <= name->n; at++) {
        if (memcmp(name->bytes + at, words, n) != 0)
            continue;
        if (at > 0 && is_word_char(name->bytes[at - 1]) && is_word_char(words[0]))
            continue;
        if (at + n < name->n && is_word_char(name->bytes[at + n]) && is_word_char(words[n - 1]))
            continue;
        return true;
    }
    return false;
}

static bool contains_any(const struct folded *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (contains(name, list[i], strlen(list[i])))
            return true;
    }
    return false;
}

#define CONTAINS_ANY(name, list) contains_any(name, list, sizeof(list) / sizeof *(list))

/* The store's own list: an array of strings. */
static bool in_json_list(struct reader *in, const struct folded *name, const struct json *list)
{
    for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
        struct folded words = fold(json_string(v, in->arena));
        if (contains(name, words.bytes, words.n))
            return true;
    }
    return false;
}

/* The configuration's list: "Cash on Delivery,COD". */
static bool in_comma_list(const struct folded *name, const char *list)
{
    for (;;) {
        size_t n = strcspn(list, ",");
        struct folded words = fold((struct text){list, n});
        if (contains(name, words.bytes, words.n))
            return true;
        if (list[n] == '\0')
            return false;
        list += n + 1;
    }
}

/* What the gateways of one order are, counted. */
struct tally {
    const struct json *cod_list; /* the store's own names for COD, or NULL */
    unsigned names, cod, manual, online;
};

static bool is_cod(struct reader *in, const struct tally *t, const struct folded *name)
{
    if (t->cod_list != NULL)
        return in_json_list(in, name, t->cod_list);
    if (in->ev->shop->cod_gateways_default != NULL)
        return in_comma_list(name, in->ev->shop->cod_gateways_default);
    return CONTAINS_ANY(name, cod_names);
}

static void count(struct reader *in, struct tally *t, const struct json *v)
{
    struct folded name = fold(json_string(v, in->arena));

    if (name.n == 0)
        return;
    t->names++;
    if (is_cod(in, t, &name))
        t->cod++;
    else if (CONTAINS_ANY(&name, manual_names))
        t->manual++;
    else if (CONTAINS_ANY(&name, online_names))
        t->online++;
}

/* The store's list, if it has set a usable one; an empty one means that nothing is COD here. */
static const struct json *own_cod_list(struct reader *in)
{
    struct text setting = in->ev->shop->cod_gateways;
    const struct json *list;
    const char *why;

    if (setting.p == NULL)
        return NULL;
    list = json_parse(JSON_SLOT_SETTINGS, setting.p, setting.n, &why);
    return json_type(list) == JSON_ARRAY ? list : NULL;
}

/* Money has moved or is promised by a bank. */
static bool has_paid(struct reader *in, const struct json *body)
{
    static const char *const words[] = {"paid", "authorized", "partially_refunded", "refunded"};
    struct text status = words_trim(reader_text(in, body, "financial_status"));

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words_equal(status, text_of(words[i])))
            return true;
    }
    return false;
}

struct text payment_type(struct reader *in, const struct json *body)
{
    const struct json *names = json_member(body, "payment_gateway_names");
    struct tally t = {.cod_list = own_cod_list(in)};

    if (json_type(names) == JSON_STRING)
        count(in, &t, names);
    if (json_type(names) == JSON_ARRAY) {
        for (const struct json *v = json_first(names); v != NULL; v = json_next(v))
            count(in, &t, v);
    }
    count(in, &t, json_member(body, "gateway")); /* before 2024-10; usually repeats the list */
    if (t.names > 0 && t.cod == t.names)
        return TEXT("cod");
    if (t.names > 0 && t.online == t.names)
        return TEXT("prepaid");
    if (t.names > 0 && t.cod == 0 && t.manual == 0 && has_paid(in, body))
        return TEXT("prepaid");
    return TEXT("unknown");
}
