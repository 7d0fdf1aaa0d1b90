/* What may be fetched: URLs, addresses, and who gets a password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "recordings/address.h"
#include "recordings/provider_link.h"
#include "recordings/web_url.h"

#define ACCOUNT "AC0123456789abcdef0123456789abcdef"
#define TWILIO "https://api.twilio.com/2010-04-01/Accounts/" ACCOUNT "/Recordings/RE1"

static const char *const closed[] = {
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "localhost",
    "127.1",
    "",
    "0x7f000001",
};

static const char *const open_[] = {
    "1.1.1.1",        "9.255.255.255",    "11.0.0.1",     "100.63.255.255",  "100.128.0.1",
    "126.255.0.1",    "128.0.0.1",        "172.15.0.1",   "172.32.0.1",      "192.167.0.1",
    "198.17.0.1",     "198.20.0.1",       "223.255.0.1",  "2606:4700::1111", "2001:200::1",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2a00:1450::1",
};

static void only_public_addresses_are_fetched_from(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
        if (address_text_is_public(closed[i]))
            fail_msg("%s counts as public", closed[i]);
    for (size_t i = 0; i < sizeof open_ / sizeof open_[0]; i++)
        if (!address_text_is_public(open_[i]))
            fail_msg("%s does not count as public", open_[i]);
}

static const char *const refused_urls[] = {
    "",
    "recording.wav",
    "ftp://example.com/a",
    "file:///etc/passwd",
    "gopher://example.com/",
    "http:/example.com",
    "http://",
    "http:///a",
    "http://user@example.com/",
    "http://user:word@example.com/",
    "https://api.twilio.com\\@evil.example/",
    "https://api.twilio.com@evil.example/",
    "https://exa mple.com/",
    "https://example.com/a b",
    "https://example.com/\n",
    "https://example.com/\x7f",
    "https://example.com:/",
    "https://example.com:123456/",
    "https://example.com:80x/",
    "https://[::1/",
    "https://[]/",
    "https://ex\xc3\xa4mple.com/",
    "https://example.com%2f@evil.example/",
};

static void what_two_readers_could_take_differently_is_refused(void **state)
{
    struct web_url u;

    (void)state;
    for (size_t i = 0; i < sizeof refused_urls / sizeof refused_urls[0]; i++)
        if (web_url_parse(refused_urls[i], &u))
            fail_msg("accepted: %s", refused_urls[i]);
}

static void urls_are_taken_apart(void **state)
{
    struct web_url u;

    (void)state;
    assert_true(web_url_parse("HTTPS://Api.Twilio.com:8443/a/b?c=d#e", &u));
    assert_true(u.secure);
    assert_true(text_equal(u.host, TEXT("Api.Twilio.com")));
    assert_true(text_equal(u.port, TEXT("8443")));
    assert_true(text_equal(u.path, TEXT("/a/b")));
    assert_true(text_equal(u.rest, TEXT("?c=d#e")));
    assert_true(web_url_is_in(&u, "twilio.com"));
    assert_true(web_url_parse("http://[::1]?x", &u));
    assert_false(u.secure);
    assert_true(text_equal(u.host, TEXT("[::1]")));
    assert_null(u.port.p);
    assert_int_equal(u.path.n, 0);
    assert_true(web_url_parse("https://eviltwilio.com/", &u));
    assert_false(web_url_is_in(&u, "twilio.com"));
    assert_true(web_url_parse("https://twilio.com.evil.example/", &u));
    assert_false(web_url_is_in(&u, "twilio.com"));
    assert_true(web_url_parse("https://twilio.com/", &u));
    assert_true(web_url_is_in(&u, "twilio.com"));
}

static const struct {
    const char *provider, *url, *auth, *tokens;
    bool allow_private;
    const char *wanted, *user; /* NULL: refused */
} links[] = {
    {"retell", "https://x.example/a", "AC1:t", "t", false, "https://x.example/a", ""},
    {"vapi", "https://x.example/a?sig=1", NULL, NULL, false, "https://x.example/a?sig=1", ""},
    {"elevenlabs", "file:///a", NULL, NULL, false, NULL, NULL},
    {"twilio", TWILIO, NULL, NULL, false, TWILIO ".wav", ""},
    {"twilio", TWILIO, "SKx:secret", "new,old", false, TWILIO ".wav", "SKx:secret"},
    {"twilio", TWILIO, NULL, "new,old", false, TWILIO ".wav", ACCOUNT ":new"},
    {"twilio", TWILIO ".mp3", NULL, "t", false, TWILIO ".mp3", ACCOUNT ":t"},
    {"twilio", TWILIO "?a=b.c", NULL, "t", false, TWILIO ".wav?a=b.c", ACCOUNT ":t"},
    /* The user goes to nobody else, and not in the clear. */
    {"twilio", "https://evil.example/Accounts/" ACCOUNT "/R", "AC1:t", "t", false,
     "https://evil.example/Accounts/" ACCOUNT "/R.wav", ""},
    {"twilio", "http://api.twilio.com/R", "AC1:t", "t", false, "http://api.twilio.com/R.wav", ""},
    {"twilio", "http://127.0.0.1:9/R", "AC1:t", "t", true, "http://127.0.0.1:9/R.wav", "AC1:t"},
    {"twilio", "https://api.twilio.com", NULL, "t", false, "https://api.twilio.com", ""},
    /* An account that is none. */
    {"twilio", "https://api.twilio.com/Accounts/AC12/Recordings/R", NULL, "t", false,
     "https://api.twilio.com/Accounts/AC12/Recordings/R.wav", ""},
    {"telnyx", "https://x.example/R", "AC1:t", "t", false, "https://x.example/R", ""},
};

static void links_lead_to_the_file_and_passwords_to_their_owner(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct link_settings settings = {links[i].auth, links[i].tokens, links[i].allow_private};
        struct provider_link out;
        const char *why = NULL;
        bool ok = provider_link(links[i].provider, links[i].url, &settings, &out, &why);
        assert_int_equal(ok, links[i].wanted != NULL);
        if (!ok) {
            assert_non_null(why);
            continue;
        }
        assert_string_equal(out.url, links[i].wanted);
        assert_string_equal(out.user, links[i].user);
    }
}

static void a_link_may_be_as_long_as_the_limit(void **state)
{
    struct link_settings settings = {0};
    struct provider_link out;
    char url[WEB_URL_MAX + 2];
    const char *why;

    (void)state;
    memset(url, 'a', sizeof url);
    memcpy(url, "https://api.twilio.com/", 23);
    url[WEB_URL_MAX] = '\0';
    assert_true(provider_link("retell", url, &settings, &out, &why));
    assert_true(provider_link("twilio", url, &settings, &out, &why));
    assert_int_equal(strlen(out.url), WEB_URL_MAX + 4);
    url[WEB_URL_MAX] = 'a';
    url[WEB_URL_MAX + 1] = '\0';
    assert_false(provider_link("retell", url, &settings, &out, &why));
}

static void a_user_is_a_name_and_a_password(void **state)
{
    (void)state;
    assert_true(provider_link_user_check("AC1:token"));
    assert_false(provider_link_user_check("AC1"));
    assert_false(provider_link_user_check(":token"));
    assert_false(provider_link_user_check("AC1:"));
    assert_false(provider_link_user_check("AC1:a b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_public_addresses_are_fetched_from),
        cmocka_unit_test(what_two_readers_could_take_differently_is_refused),
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(links_lead_to_the_file_and_passwords_to_their_owner),
        cmocka_unit_test(a_link_may_be_as_long_as_the_limit),
        cmocka_unit_test(a_user_is_a_name_and_a_password),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
