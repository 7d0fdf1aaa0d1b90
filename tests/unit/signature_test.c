/* workers/gateway/signature.c: who signed, and which shop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/secret_cache.h"
#include "gateway/signature.h"

static const char body[] = "{\"id\":1}";

static void sign(char header[BASE64_SIZE(SHA256_SIZE) + 1], const char *secret, const char *text)
{
    uint8_t mac[SHA256_SIZE];

    assert_true(hmac_sha256_once(secret, strlen(secret), mac, text, strlen(text)));
    base64_encode(header, mac, sizeof mac);
}

static bool accepted(const char *configured, const char *header, const char *text)
{
    struct signatures s;
    uint8_t mac[SHA256_SIZE];
    bool ok;

    assert_true(signatures_init(&s, configured));
    ok = signature_decode(mac, header) && signature_of_app(&s, mac, text, strlen(text));
    signatures_free(&s);
    return ok;
}

static void any_configured_secret_is_accepted_and_no_other(void **state)
{
    char header[64];

    (void)state;
    sign(header, "new", body);
    assert_true(accepted("new", header, body));
    assert_true(accepted("new,old", header, body));
    assert_true(accepted("older,,new", header, body));
    assert_false(accepted("old", header, body));
    assert_false(accepted("new,", header, "{\"id\":2}"));
    assert_false(accepted(NULL, header, body));
    assert_false(accepted("", header, body));
    assert_false(accepted("new,old", header, ""));
    sign(header, "new", "");
    assert_true(accepted("new", header, ""));
}

static void a_header_of_another_form_is_refused(void **state)
{
    char header[64], changed[64];
    uint8_t mac[SHA256_SIZE];

    (void)state;
    sign(header, "new", body);
    assert_true(signature_decode(mac, header));
    assert_false(signature_decode(mac, NULL));
    assert_false(signature_decode(mac, ""));
    assert_false(signature_decode(mac, "sha256=abc"));
    for (size_t i = 0; i < strlen(header); i++) { /* every shorter one */
        memcpy(changed, header, i);
        changed[i] = '\0';
        assert_false(signature_decode(mac, changed));
    }
    strcpy(changed, header);
    strcat(changed, "=");
    assert_false(signature_decode(mac, changed));
    strcpy(changed, header);
    changed[10] = ' ';
    assert_false(signature_decode(mac, changed));
    /* 64 hex digits are not base64 of 32 bytes */
    assert_false(
        signature_decode(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
}

static void every_changed_bit_of_a_signature_is_noticed(void **state)
{
    struct signatures s;
    char header[64];
    uint8_t mac[SHA256_SIZE];

    (void)state;
    assert_true(signatures_init(&s, "new"));
    sign(header, "new", body);
    assert_true(signature_decode(mac, header));
    for (unsigned bit = 0; bit < 8 * SHA256_SIZE; bit++) {
        mac[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(signature_of_app(&s, mac, body, strlen(body)));
        assert_false(signature_of_secret("new", 3, mac, body, strlen(body)));
        mac[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(signature_of_secret("new", 3, mac, body, strlen(body)));
    assert_false(signature_of_secret("", 0, mac, body, strlen(body)));
    signatures_free(&s);
}

static void eight_secrets_are_taken_and_nine_are_not(void **state)
{
    struct signatures s;

    (void)state;
    assert_true(signatures_init(&s, "a,b,c,d,e,f,g,h"));
    assert_int_equal(s.n, 8);
    signatures_free(&s);
    assert_false(signatures_init(&s, "a,b,c,d,e,f,g,h,i"));
    assert_int_equal(s.n, 0);
}

static void shop_domains_are_checked_at_both_ends(void **state)
{
    static const struct {
        const char *header, *domain; /* domain NULL: refused */
    } rows[] = {
        {"acme.myshopify.com", "acme.myshopify.com"},
        {"ACME-2.myshopify.com", "acme-2.myshopify.com"},
        {"1.myshopify.com", "1.myshopify.com"},
        {"a-.myshopify.com", "a-.myshopify.com"},
        {"", NULL},
        {".myshopify.com", NULL},
        {"-a.myshopify.com", NULL},
        {"a.b.myshopify.com", NULL},
        {"acme.myshopify.com.", NULL},
        {"acme.myshopify.com.evil.example", NULL},
        {"acme.myshopify.com\n", NULL},
        {" acme.myshopify.com", NULL},
        {"acme.myshopifyXcom", NULL},
        {"acmemyshopify.com", NULL},
        {"acme.MYSHOPIFY.com", NULL},
        {"https://acme.myshopify.com", NULL},
        {"ac_me.myshopify.com", NULL},
        {"acme'--.myshopify.com", NULL},
        {"caf\xc3\xa9.myshopify.com", NULL},
    };
    char out[SHOP_DOMAIN_MAX + 1], longest[SHOP_DOMAIN_MAX + 3];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool ok = shop_domain(out, rows[i].header);

        if (ok != (rows[i].domain != NULL))
            fail_msg("\"%s\"", rows[i].header);
        if (ok)
            assert_string_equal(out, rows[i].domain);
    }
    assert_false(shop_domain(out, NULL));
    memset(longest, 'a', 64);
    strcpy(longest + 63, ".myshopify.com");
    assert_true(shop_domain(out, longest));
    assert_int_equal(strlen(out), SHOP_DOMAIN_MAX);
    memset(longest, 'a', 65);
    strcpy(longest + 64, ".myshopify.com");
    assert_false(shop_domain(out, longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_configured_secret_is_accepted_and_no_other),
        cmocka_unit_test(a_header_of_another_form_is_refused),
        cmocka_unit_test(every_changed_bit_of_a_signature_is_noticed),
        cmocka_unit_test(eight_secrets_are_taken_and_nine_are_not),
        cmocka_unit_test(shop_domains_are_checked_at_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
