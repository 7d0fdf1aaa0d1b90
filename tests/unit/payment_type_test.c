/* shopify/payment_type.c: gateway names -> cod, prepaid, unknown. */
#include <unicode/uchar.h>

#include "handling.h"

static void check(const struct shop *shop, const char *names, const char *gateway,
                  const char *status, const char *expected)
{
    char body[400];
    struct event ev;

    snprintf(body, sizeof body,
             "{\"id\":1,\"payment_gateway_names\":%s,\"gateway\":%s,\"financial_status\":%s}",
             names, gateway, status);
    ev = test_event("orders/create", body, strlen(body));
    ev.shop = shop;
    expect_text(row_at(handle_event(ev, HANDLING_ARENA), ROWSET_orders, 0), COL_orders_payment_type,
                expected);
}

static void gateway_names_decide(void **state)
{
    static const struct {
        const char *names, *gateway, *status, *expected;
    } cases[] = {
        /* cash on delivery, as it is written in practice */
        {"[\"Cash on Delivery (COD)\"]", "\"Cash on Delivery (COD)\"", "\"pending\"", "cod"},
        {"[\"Cash on Delivery (COD)\"]", "null", "\"paid\"",
         "cod"}, /* stays so after mark-as-paid */
        {"null", "\"Cash on Delivery (COD)\"", "\"paid\"",
         "cod"}, /* before payment_gateway_names existed */
        {"[\"cash_on_delivery\"]", "null", "\"pending\"", "cod"},
        {"[\"cod\"]", "null", "null", "cod"},
        {"[\" COD \"]", "null", "\"pending\"", "cod"},
        {"[\"pay-on-delivery\"]", "null", "\"pending\"", "cod"},
        {"[\"GoKwik COD\"]", "null", "\"pending\"", "cod"},
        {"[\"GoKwik COD (Partial)\"]", "null", "\"partially_paid\"", "cod"},
        {"[\"Shiprocket Checkout - COD\"]", "null", "\"pending\"", "cod"},
        {"[\"Cash   on\\tDelivery\"]", "null", "\"pending\"", "cod"},
        {"[\"\\u0627\\u0644\\u062f\\u0641\\u0639 \\u0639\\u0646\\u062f "
         "\\u0627\\u0644\\u0627\\u0633\\u062a\\u0644\\u0627\\u0645\"]",
         "null", "\"pending\"", "cod"},
        {"[\"\u0643\u0627\u0634 \u0639\u0646\u062f "
         "\u0627\u0644\u0627\u0633\u062a\u0644\u0627\u0645\"]",
         "null", "\"pending\"", "cod"},
        {"[\"cod\",\"Cash on Delivery (COD)\"]", "null", "\"pending\"", "cod"},
        {"\"Cash on Delivery (COD)\"", "null", "\"pending\"", "cod"},
        {"[\"\\u00a0COD\\u00a0\"]", "null", "\"pending\"", "cod"},
        {"[\"Cash\\u00a0on\\u00a0Delivery\"]", "null", "\"pending\"", "cod"},
        /* whole words only */
        {"[\"codfish payments\"]", "null", "\"pending\"", "unknown"},
        {"[\"PayCOD\"]", "null", "\"pending\"", "unknown"},
        {"[\"cod2\"]", "null", "\"pending\"", "unknown"},
        {"[\"\u00e9cod\"]", "null", "\"pending\"", "unknown"},
        {"[\"cash on deliveryman\"]", "null", "\"pending\"", "unknown"},
        /* prepaid */
        {"[\"shopify_payments\"]", "null", "\"pending\"", "prepaid"},
        {"[\"Razorpay\"]", "null", "\"pending\"", "prepaid"},
        {"[\"Razorpay Magic\"]", "\"razorpay\"", "\"paid\"", "prepaid"},
        {"[\"stripe\",\"paypal\"]", "null", "null", "prepaid"},
        {"[\"bogus\"]", "null", "\"voided\"", "prepaid"},
        {"[\"A Gateway Of Mars\"]", "null", "\"paid\"", "prepaid"},
        {"[\"A Gateway Of Mars\"]", "null", "\"AUTHORIZED\"", "prepaid"},
        {"[\"A Gateway Of Mars\"]", "null", "\"refunded\"", "prepaid"},
        {"[\"A Gateway Of Mars\",\"Razorpay\"]", "null", "\"partially_refunded\"", "prepaid"},
        {"[\"codfish payments\"]", "null", "\"paid\"", "prepaid"},
        /* unknown: unrecognised */
        {"[\"A Gateway Of Mars\"]", "null", "\"pending\"", "unknown"},
        {"[\"A Gateway Of Mars\"]", "null", "\"partially_paid\"", "unknown"},
        {"[\"A Gateway Of Mars\",\"Razorpay\"]", "null", "\"pending\"", "unknown"},
        {"null", "\"Boleto Banc\\u00e1rio\"", "\"pending\"", "unknown"},
        /* unknown: mixed, whatever is paid */
        {"[\"Cash on Delivery (COD)\",\"Razorpay\"]", "null", "\"pending\"", "unknown"},
        {"[\"Cash on Delivery (COD)\",\"Razorpay\"]", "null", "\"paid\"", "unknown"},
        {"[\"Razorpay\"]", "\"Cash on Delivery (COD)\"", "\"paid\"", "unknown"},
        {"[\"cod\",\"A Gateway Of Mars\"]", "null", "\"paid\"", "unknown"},
        /* unknown: manual says nothing */
        {"[\"manual\"]", "null", "\"pending\"", "unknown"},
        {"[\"manual\"]", "\"manual\"", "\"paid\"", "unknown"},
        {"[\"manual\",\"Razorpay\"]", "null", "\"paid\"", "unknown"},
        {"[\"manual\",\"Local delivery\"]", "null", "\"pending\"", "unknown"},
        {"[\"manual\",\"cod\"]", "null", "\"pending\"", "unknown"},
        /* unknown: nothing to go by */
        {"[]", "null", "\"paid\"", "unknown"},
        {"[]", "\"\"", "\"pending\"", "unknown"},
        {"[\"\",\" \",null,7,{}]", "null", "\"paid\"", "unknown"},
        {"{}", "[]", "\"paid\"", "unknown"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&test_shop, cases[i].names, cases[i].gateway, cases[i].status, cases[i].expected);
}

/* As ICU has it, which is not asked about ASCII. */
static void every_ascii_character_parts_words_or_not(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 0x80; c++) {
        bool parts = u_isUWhiteSpace((UChar32)c) || c == '_' || c == '-';
        char names[64];

        snprintf(names, sizeof names, "[\"cash\\u%04xon delivery\"]", c);
        check(&test_shop, names, "null", "\"pending\"", parts ? "cod" : "unknown");
    }
}

static void a_store_has_its_own_list(void **state)
{
    struct shop shop = test_shop;

    (void)state;
    shop.cod_gateways = TEXT("[\"Paiement \\u00e0 la livraison\", \"Manual\", 7]");
    shop.cod_gateways_default = "COD";
    check(&shop, "[\"paiement \u00e0 la livraison\"]", "null", "\"pending\"", "cod");
    check(&shop, "[\"manual\"]", "null", "\"paid\"", "cod");
    check(&shop, "[\"Cash on Delivery (COD)\"]", "null", "\"pending\"",
          "unknown"); /* the list replaces, it does not add */
    shop.cod_gateways = TEXT("[\"НАЛОЖЕННЫЙ платёж\", \"ödeme\"]");
    check(&shop, "[\"наложенный ПЛАТЁЖ\"]", "null", "\"pending\"", "cod");
    check(&shop, "[\"Kapıda ÖDEME\"]", "null", "\"pending\"", "cod");
    shop.cod_gateways = TEXT("[]");
    check(&shop, "[\"Cash on Delivery (COD)\"]", "null", "\"paid\"", "prepaid");
    shop.cod_gateways = TEXT("[\"\"]");
    check(&shop, "[\"Cash on Delivery (COD)\"]", "null", "\"pending\"", "unknown");
}

static void an_unusable_list_of_a_store_is_as_none(void **state)
{
    static const char *const settings[] = {"{}", "null", "\"COD\"", "[", ""};
    struct shop shop = test_shop;

    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        shop.cod_gateways = text_of(settings[i]);
        check(&shop, "[\"Cash on Delivery (COD)\"]", "null", "\"pending\"", "cod");
    }
}

static void the_configuration_has_a_list(void **state)
{
    struct shop shop = test_shop;

    (void)state;
    shop.cod_gateways_default = "Nachnahme, Rembours ,";
    check(&shop, "[\"NACHNAHME\"]", "null", "\"pending\"", "cod");
    check(&shop, "[\"PostNL rembours\"]", "null", "\"pending\"", "cod");
    check(&shop, "[\"Cash on Delivery (COD)\"]", "null", "\"pending\"", "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gateway_names_decide),
        cmocka_unit_test(every_ascii_character_parts_words_or_not),
        cmocka_unit_test(a_store_has_its_own_list),
        cmocka_unit_test(an_unusable_list_of_a_store_is_as_none),
        cmocka_unit_test(the_configuration_has_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
