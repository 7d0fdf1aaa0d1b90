/* handlers/base/hmac.c against published vectors (RFC 4231, RFC 4648, FIPS 180) and, where they are
 * at hand, Shopify's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hmac.h"

static void sha256_gives_the_published_digests(void **state)
{
    static const char *const rows[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t digest[SHA256_SIZE];
        char text[2 * SHA256_SIZE + 1];
        bool ok = false;

        sha256(digest, rows[i][0], strlen(rows[i][0]), &ok);
        assert_true(ok);
        hex_encode(text, digest, sizeof digest);
        assert_string_equal(text, rows[i][1]);
    }
}

static void hmac_gives_the_published_codes(void **state)
{
    char long_key[131];
    const struct {
        const char *key;
        size_t key_len;
        const char *message, *hex;
    } rows[] = {
        {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20,
         "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", 4, "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {long_key, sizeof long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };

    (void)state;
    memset(long_key, 0xaa, sizeof long_key);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hmac_key key;
        uint8_t code[SHA256_SIZE], once[SHA256_SIZE];
        char text[2 * SHA256_SIZE + 1];

        assert_true(hmac_key_init(&key, rows[i].key, rows[i].key_len));
        for (int again = 0; again < 2; again++) { /* a prepared key survives its use */
            assert_true(hmac_sha256(&key, code, rows[i].message, strlen(rows[i].message)));
            hex_encode(text, code, sizeof code);
            assert_string_equal(text, rows[i].hex);
        }
        assert_true(hmac_sha256_once(rows[i].key, rows[i].key_len, once, rows[i].message,
                                     strlen(rows[i].message)));
        assert_true(bytes_equal(code, once, sizeof code));
        hmac_key_free(&key);
        hmac_key_free(&key); /* harmless */
    }
}

static void an_empty_secret_is_no_key(void **state)
{
    struct hmac_key key;
    uint8_t code[SHA256_SIZE], zeros[SHA256_SIZE] = {0};

    (void)state;
    assert_false(hmac_key_init(&key, "", 0));
    hmac_key_free(&key);
    memset(code, 7, sizeof code);
    assert_false(hmac_sha256_once("", 0, code, "x", 1));
    assert_memory_equal(code, zeros, sizeof code);
}

static void base64_round_trips_and_matches_rfc_4648(void **state)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"},
                                          {"\xff\xfb\xf0", "//vw"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[16];
        uint8_t back[8];
        size_t n = 99, len = strlen(rows[i][0]);

        base64_encode(text, rows[i][0], len);
        assert_string_equal(text, rows[i][1]);
        assert_int_equal(strlen(text), BASE64_SIZE(len));
        assert_true(base64_decode(back, sizeof back, &n, text, strlen(text)));
        assert_int_equal(n, len);
        assert_memory_equal(back, rows[i][0], len);
        if (len > 0)
            assert_false(base64_decode(back, len - 1, &n, text, strlen(text))); /* the limit */
    }
}

static void base64_refuses_everything_that_is_not_the_one_text(void **state)
{
    static const char *const rows[] = {
        "Zg",   "Zg=",    "Z===",    "====",         "Zg==Zg==", "Zh==" /* unused bits */,
        "Zm9=", "Zm8=\n", "Zm 8",    "Zm8-",         "Zm8_",     "=Zg=",
        "Zg=a", "Zm9v=",  "\x80m9v", "Zm9v\n\n\n\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[32];
        size_t n;

        if (base64_decode(out, sizeof out, &n, rows[i], strlen(rows[i])))
            fail_msg("\"%s\" was taken", rows[i]);
    }
}

static void hex_takes_exactly_its_digits(void **state)
{
    uint8_t out[2];

    (void)state;
    assert_true(hex_decode(out, 2, "00fF", 4));
    assert_int_equal(out[1], 0xff);
    assert_false(hex_decode(out, 2, "00f", 3));
    assert_false(hex_decode(out, 2, "00ff0", 5));
    assert_false(hex_decode(out, 2, "00fg", 4));
    assert_false(hex_decode(out, 2, "0x0f", 4));
}

static char *read_all(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text;

    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    text = calloc(1, *n + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, *n, f), *n);
    fclose(f);
    return text;
}

/* Rows: file, secret, base64 of the HMAC of the file's bytes. */
static void shopify_golden_vectors_match(void **state)
{
    static const char folder[] = SOURCE_DIR "/../shared/fixtures/shopify";
    char path[512], line[512];
    unsigned checked = 0;
    FILE *list;

    (void)state;
    snprintf(path, sizeof path, "%s/golden_hmac.tsv", folder);
    list = fopen(path, "r");
    if (list == NULL)
        skip(); /* the fixtures are not part of the project */
    while (fgets(line, sizeof line, list) != NULL) {
        char file[200], secret[100], expected[100], actual[BASE64_SIZE(SHA256_SIZE) + 1];
        uint8_t code[SHA256_SIZE];
        size_t n;
        char *body;

        if (sscanf(line, "%199[^\t]\t%99[^\t]\t%99[^\t\n]", file, secret, expected) != 3 ||
            strchr(file, '/') == NULL)
            continue; /* the heading, and rows of another kind */
        snprintf(path, sizeof path, "%s/%s", folder, file);
        body = read_all(path, &n);
        assert_true(hmac_sha256_once(secret, strlen(secret), code, body, n));
        base64_encode(actual, code, sizeof code);
        assert_string_equal(actual, expected);
        free(body);
        checked++;
    }
    fclose(list);
    assert_true(checked >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(hmac_gives_the_published_codes),
        cmocka_unit_test(an_empty_secret_is_no_key),
        cmocka_unit_test(base64_round_trips_and_matches_rfc_4648),
        cmocka_unit_test(base64_refuses_everything_that_is_not_the_one_text),
        cmocka_unit_test(hex_takes_exactly_its_digits),
        cmocka_unit_test(shopify_golden_vectors_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
