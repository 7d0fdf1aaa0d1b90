/* Signatures of the voice providers: what they signed passes, nothing else does. Our own vectors
 * were computed with Python's hmac and OpenSSL's command line; published ones are read where they
 * lie, outside the project, where that folder exists. */
#include "voicing.h"

#include <unistd.h>

#include "base/json.h"
#include "voice/signing.h"

#define FIXTURES SOURCE_DIR "/../shared/fixtures/voice/"

enum { FILE_MAX = 1 << 20 };

static const int64_t now_us = INT64_C(1772443200000000);

/* A request of at most three headers; NULL: not sent. */
struct signed_case {
    const char *provider, *secrets, *url, *body;
    struct {
        const char *name, *value;
    } headers[3];
};

static bool verifies(const struct signed_case *c, const char *secrets, const char *body, size_t n,
                     int64_t now)
{
    const struct voice_provider *p = voice_provider_find(c->provider);
    struct voice_request r = {.url = text_of(c->url), .body = body, .body_len = n, .now_us = now};

    assert_non_null(p);
    for (unsigned i = 0; i < 3 && c->headers[i].name != NULL; i++) {
        r.headers[r.n_headers++] =
            (struct voice_header){c->headers[i].name, text_of(c->headers[i].value)};
    }
    return p->verify(&r, secrets);
}

static bool passes(const struct signed_case *c)
{
    return verifies(c, c->secrets, c->body, strlen(c->body), now_us);
}

#define FORM "CallSid=CA1&CallStatus=busy"
#define X "https://x.example/webhooks/voice/twilio?a=1"
#define RETELL_MAC "82dac51917e8e23b4095aa30dca16ef4ccd11939963809759d3665824fc7fe5d"
#define ED_KEY "uBRxBOAMjXUpTQP3I9rXSLyc6pei/wkOsOy6fkNk3G4="
#define ED_SIGNATURE                                                                               \
    "40Hg3wsFFASujH102XxbLDxpMYG0Ph9sLHY5iZu0mD4Z5nCyFZdf0bbcOVqXqrUhj2HJk0fodr47xABE9FrDAg=="

static const struct signed_case good[] = {
    {"retell",
     "key",
     "https://x",
     "{\"event\":\"x\"}",
     {{"x-retell-signature", "v=1772443200000,d=" RETELL_MAC}}},
    {"retell",
     "key",
     "https://x",
     "{\"event\":\"x\"}",
     {{"x-retell-signature",
       "V=1772443200000,D=82DAC51917E8E23B4095AA30DCA16EF4CCD11939963809759D3665824FC7FE5D"}}},
    {"vapi", "key", "https://x", "{\"message\":{}}", {{"x-vapi-secret", "key"}}},
    {"vapi", "key", "https://x", "{\"message\":{}}", {{"authorization", "Bearer key"}}},
    {"vapi", "key", "https://x", "{\"message\":{}}", {{"authorization", "bearer  key "}}},
    {"vapi",
     "key",
     "https://x",
     "{\"message\":{}}",
     {{"x-signature", "3394ef3fee76b66eda3824e645428f9ecce7181832804b63ff7b7fa49a51514e"},
      {"x-timestamp", "1772443200"}}},
    {"vapi",
     "key",
     "https://x",
     "{\"message\":{}}",
     {{"x-signature", "sha256=M5TvP+52tm7aOCTmRUKPnsznGBgygEtj/3t/pJpRUU4="},
      {"x-timestamp", "1772443200"}}},
    {"vapi",
     "key",
     "https://x",
     "{\"message\":{}}",
     {{"x-signature", "bf11be2a8cfcf2d70d3f7f08a609a42323767f454b5497f694ae8bb9900521f6"},
      {"x-timestamp", "1772443200000"}}},
    {"vapi",
     "key",
     "https://x",
     "{\"message\":{}}",
     {{"x-signature", "666d1472aaba636b837b538b92f4839884a3782352ddcfd07776f126db7599b6"}}},
    {"vapi",
     "key",
     "https://x",
     "{\"message\":{}}",
     {{"x-signature", "666d1472aaba636b837b538b92f4839884a3782352ddcfd07776f126db7599b6"},
      {"x-timestamp", "1772443200"}}},
    {"twilio", "tok", X, FORM, {{"x-twilio-signature", "6m6P3j53AAGmdGxmyChK1UEQ6Os="}}},
    /* signed with the port that we do not see, and without the one that we see */
    {"twilio", "tok", X, FORM, {{"x-twilio-signature", "sWE2+T8oNpE4UU3NQtKeb+rZIVQ="}}},
    {"twilio",
     "tok",
     "https://x.example:8443/webhooks/voice/twilio?a=1",
     FORM,
     {{"x-twilio-signature", "6m6P3j53AAGmdGxmyChK1UEQ6Os="}}},
    {"twilio",
     "tok",
     X,
     "CallStatus=busy&CallSid=CA%31",
     {{"x-twilio-signature", "6m6P3j53AAGmdGxmyChK1UEQ6Os="}}},
    {"twilio",
     "tok",
     X,
     "B=S%C3%A3o&A=2&A=1&A=2",
     {{"x-twilio-signature", "T7Ir2mvEG2TmOKJHkSKBGffAtAc="}}},
    {"twilio",
     "tok",
     "https://x.example/webhooks/voice/"
     "twilio?bodySHA256=85264246de8d570722726062407cde49dc5bb2c2569c179765b178e3ffe30825",
     "{\"CallSid\":\"CA1\"}",
     {{"x-twilio-signature", "8FLukMpBxjd/weSSV12Zi80R3u8="}}},
    {"telnyx", "tok", X, FORM, {{"x-twilio-signature", "6m6P3j53AAGmdGxmyChK1UEQ6Os="}}},
    {"telnyx",
     ED_KEY,
     "https://x",
     FORM,
     {{"telnyx-signature-ed25519", ED_SIGNATURE}, {"telnyx-timestamp", "1772443200"}}},
    {"plivo",
     "tok",
     "https://x.example/p",
     "CallUUID=u&CallStatus=busy",
     {{"x-plivo-signature-v3", "M/CB1IQj/1xXvv29WVwA1S8RPVN5IXkzoIff444zO/E="},
      {"x-plivo-signature-v3-nonce", "n1"}}},
    {"plivo",
     "tok",
     "https://x.example/p?b=x&a=1%202",
     "CallUUID=u&CallStatus=busy",
     {{"x-plivo-signature-v3", "AAAA, sL3wzKRNKZOi3YKcBsUBtjqge+yRhBhssE5pK79l6/8="},
      {"x-plivo-signature-v3-nonce", "n1"}}},
    {"plivo",
     "tok",
     "https://x.example/p",
     "CallUUID=u&CallStatus=busy",
     {{"x-plivo-signature-ma-v3", "M/CB1IQj/1xXvv29WVwA1S8RPVN5IXkzoIff444zO/E="},
      {"x-plivo-signature-v3-nonce", "n1"}}},
    {"elevenlabs",
     "key",
     "https://x",
     "{\"type\":\"x\"}",
     {{"elevenlabs-signature",
       "t=1772443200,v0=9202570b93646acdbd47f253e6e1a57f5c8e4d4f87eaf7fd891708d670ecf6c2"}}},
};

enum { GOOD = sizeof good / sizeof *good };

static void what_a_provider_signed_passes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GOOD; i++) {
        char list[128];

        if (!passes(&good[i]))
            fail_msg("case %u (%s) does not pass", i, good[i].provider);
        snprintf(list, sizeof list, "new,,%s,old", good[i].secrets);
        assert_true(verifies(&good[i], list, good[i].body, strlen(good[i].body), now_us));
    }
}

static void other_keys_and_no_keys_fail(void **state)
{
    static const char *const secrets[] = {"other", "", ",", NULL, "ke", "keyy", "to", "tokk"};

    (void)state;
    for (unsigned i = 0; i < GOOD; i++) {
        for (size_t s = 0; s < sizeof secrets / sizeof *secrets; s++)
            assert_false(
                verifies(&good[i], secrets[s], good[i].body, strlen(good[i].body), now_us));
    }
}

static bool covers_body(const struct signed_case *c)
{
    return strcmp(c->headers[0].name, "x-vapi-secret") != 0 &&
           strcmp(c->headers[0].name, "authorization") != 0;
}

static void edited_bodies_fail(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GOOD; i++) {
        char body[256];
        size_t n = strlen(good[i].body);

        if (!covers_body(&good[i]))
            continue;
        memcpy(body, good[i].body, n + 1);
        body[n - 1] ^= 1;
        assert_false(verifies(&good[i], good[i].secrets, body, n, now_us));
        body[n - 1] ^= 1;
        assert_false(verifies(&good[i], good[i].secrets, body, n - 1, now_us));
        body[n] = strchr(body, '{') == NULL ? 'x' : ' ';
        assert_false(verifies(&good[i], good[i].secrets, body, n + 1, now_us));
        assert_true(verifies(&good[i], good[i].secrets, body, n, now_us));
    }
}

/* A space, or inside the first of two signatures, of which one is enough. */
static bool is_free(const struct signed_case *c, size_t i)
{
    const char *comma = strchr(c->headers[0].value, ',');

    return c->headers[0].value[i] == ' ' ||
           (strcmp(c->provider, "plivo") == 0 && comma != NULL && c->headers[0].value + i < comma);
}

static void any_other_header_fails(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GOOD; i++) {
        struct signed_case c = good[i];
        char value[256];
        size_t n = strlen(c.headers[0].value);

        memcpy(value, c.headers[0].value, n + 1);
        c.headers[0].value = value;
        for (size_t cut = 0; cut < n; cut++) {
            char kept = value[cut];
            if (is_free(&c, cut))
                continue;
            value[cut] = kept == '!' ? '?' : '!';
            if (passes(&c))
                fail_msg("case %u (%s) passes with %s", i, c.provider, value);
            value[cut] = kept;
        }
        value[0] = '\0';
        assert_false(passes(&c));
        c.headers[0].name = NULL;
        assert_false(passes(&c));
    }
}

static void replays_fail(void **state)
{
    static const struct {
        const char *header;
        int64_t past_s, future_s; /* the most that passes; -1: no bound */
    } windows[] = {
        {"x-retell-signature", 300, 300},
        {"x-signature", 300, 300},
        {"telnyx-signature-ed25519", 300, 300},
        {"elevenlabs-signature", 1800, -1},
    };
    unsigned checked = 0;

    (void)state;
    for (unsigned i = 0; i < GOOD; i++) {
        const struct signed_case *c = &good[i];
        size_t n = strlen(c->body);

        for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
            int64_t past = windows[w].past_s * 1000000, future = windows[w].future_s * 1000000;

            if (strcmp(c->headers[0].name, windows[w].header) != 0 ||
                (strcmp(windows[w].header, "x-signature") == 0 && c->headers[1].name == NULL))
                continue;
            checked++;
            assert_true(verifies(c, c->secrets, c->body, n, now_us + past));
            assert_false(verifies(c, c->secrets, c->body, n, now_us + past + 1));
            if (future < 0)
                continue;
            assert_true(verifies(c, c->secrets, c->body, n, now_us - future));
            assert_false(verifies(c, c->secrets, c->body, n, now_us - future - 1));
        }
    }
    assert_int_equal(checked, 8);
}

static void nothing_signed_is_nothing(void **state)
{
    static const struct signed_case bad[] = {
        {"retell", "key", "https://x", "{}", {{"x-retell-signature", "v=,d="}}},
        {"retell", "key", "https://x", "{}", {{"x-retell-signature", "v=1772443200000,d="}}},
        {"retell", "key", "https://x", "{}", {{"x-retell-signature", ","}}},
        {"retell", "key", "https://x", "{}", {{"x-retell-signature", "v=99999999999999999,d=00"}}},
        {"vapi", "key", "https://x", "{}", {{"x-vapi-secret", ""}}},
        {"vapi", "key", "https://x", "{}", {{"authorization", "Bearer "}}},
        {"vapi", "key", "https://x", "{}", {{"authorization", "key"}}},
        {"vapi", "key", "https://x", "{}", {{"x-signature", ""}}},
        {"vapi", "key", "https://x", "{}", {{"x-signature", "00"}, {"x-timestamp", "x"}}},
        {"plivo",
         "tok",
         "https://x.example/p",
         "CallUUID=u&CallStatus=busy",
         {{"x-plivo-signature-v3", "M/CB1IQj/1xXvv29WVwA1S8RPVN5IXkzoIff444zO/E="}}},
        {"plivo",
         "tok",
         "https://x.example/p",
         "CallUUID=u&CallStatus=busy",
         {{"x-plivo-signature-v3", "M/CB1IQj/1xXvv29WVwA1S8RPVN5IXkzoIff444zO/E="},
          {"x-plivo-signature-v3-nonce", "n2"}}},
        {"elevenlabs", "key", "https://x", "{}", {{"elevenlabs-signature", "t=1772443200"}}},
        {"elevenlabs", "key", "https://x", "{}", {{"elevenlabs-signature", "t=1772443200,v0="}}},
        {"elevenlabs", "key", "https://x", "{}", {{"elevenlabs-signature", ",,=,"}}},
        /* a public key is no secret: who knows it could sign with it */
        {"telnyx",
         ED_KEY,
         "https://x.example/p",
         FORM,
         {{"x-twilio-signature", "5Lul1aNmceyuTtyiSuvumfF9Le0="}}},
        {"telnyx",
         ED_KEY,
         "https://x",
         FORM,
         {{"telnyx-signature-ed25519", ED_SIGNATURE}, {"telnyx-timestamp", "1772443201"}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (passes(&bad[i]))
            fail_msg("case %zu (%s) passes", i, bad[i].provider);
    }
    for (unsigned i = 0; i < GOOD; i++) {
        struct signed_case c = good[i];

        memset(c.headers, 0, sizeof c.headers);
        assert_false(passes(&c));
    }
}

/* Twilio's published example (www.twilio.com/docs/usage/security). */
static void the_example_of_twilios_documentation(void **state)
{
    static const struct signed_case c = {
        "twilio",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%"
        "2B18005551212",
        {{"x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="}}};

    (void)state;
    assert_true(passes(&c));
}

static char vectors[FILE_MAX], body_file[FILE_MAX],
    arena_memory[FILE_MAX] __attribute__((aligned(16)));

static size_t read_file(const char *name, char *out)
{
    char path[1024];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "%s%s", FIXTURES, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    n = fread(out, 1, FILE_MAX, f);
    assert_true(n > 0 && n < FILE_MAX);
    fclose(f);
    return n;
}

static const char *member(const struct json *v, const char *key, struct arena *arena)
{
    struct text t = json_string(json_member(v, key), arena);

    return t.p == NULL ? NULL : arena_copy(arena, t.p, t.n);
}

static const char *lower(const char *name, struct arena *arena)
{
    char *copy = (char *)(uintptr_t)arena_copy(arena, name, strlen(name));

    for (char *p = copy; *p != '\0'; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    return copy;
}

static void check_vector(const struct json *v, struct arena *arena)
{
    struct signed_case c = {.provider = member(v, "provider", arena),
                            .secrets = member(v, "secret", arena),
                            .url = member(v, "url", arena),
                            .body = member(v, "body", arena)};
    const char *nonce = member(json_member(v, "headers"), "X-Plivo-Signature-V3-Nonce", arena);
    struct text timestamp = json_number(json_member(v, "timestamp"));
    int64_t now = now_us;
    size_t n;

    c.headers[0].name = lower(member(v, "header", arena), arena);
    c.headers[0].value = member(v, "expect", arena);
    if (nonce != NULL) {
        c.headers[1].name = "x-plivo-signature-v3-nonce";
        c.headers[1].value = nonce;
    }
    if (signing_number(timestamp, &now))
        now *= timestamp.n > 10 ? 1000 : 1000000;
    if (c.body == NULL) {
        n = read_file(member(v, "body_file", arena), body_file);
    } else {
        n = strlen(c.body);
        memcpy(body_file, c.body, n);
    }
    c.body = body_file;
    if (!verifies(&c, c.secrets, c.body, n, now))
        fail_msg("%s %s does not pass", c.provider, c.headers[0].value);
    assert_false(verifies(&c, "another", c.body, n, now));
    body_file[0] ^= 1;
    assert_false(verifies(&c, c.secrets, c.body, n, now));
}

static void every_vector_of_the_fixtures_passes(void **state)
{
    const struct json *list;
    struct arena arena;
    const char *why;
    unsigned n = 0;

    (void)state;
    if (access(FIXTURES, R_OK) != 0) {
        print_message("skipped: no folder %s\n", FIXTURES);
        return;
    }
    arena_init(&arena, arena_memory, sizeof arena_memory);
    list =
        json_parse(JSON_SLOT_SETTINGS, vectors, read_file("signature_vectors.json", vectors), &why);
    assert_non_null(list);
    for (const struct json *v = json_first(list); v != NULL; v = json_next(v), n++)
        check_vector(v, &arena);
    assert_true(n >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_provider_signed_passes),
        cmocka_unit_test(other_keys_and_no_keys_fail),
        cmocka_unit_test(edited_bodies_fail),
        cmocka_unit_test(any_other_header_fails),
        cmocka_unit_test(replays_fail),
        cmocka_unit_test(nothing_signed_is_nothing),
        cmocka_unit_test(the_example_of_twilios_documentation),
        cmocka_unit_test(every_vector_of_the_fixtures_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
