/* Signatures of AWS's own published examples, and of a request of ours computed by another
 * implementation (Python's hmac). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "recordings/sigv4.h"

#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define BODY "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

static const struct sigv4_header get_headers[] = {{"host", "example.amazonaws.com"},
                                                  {"x-amz-date", "20150830T123600Z"}};

static const struct sigv4_header put_headers[] = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                                  {"host", "examplebucket.s3.amazonaws.com"},
                                                  {"x-amz-content-sha256", BODY},
                                                  {"x-amz-date", "20130524T000000Z"},
                                                  {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};

static const struct sigv4_header own_headers[] = {{"content-type", "audio/wav"},
                                                  {"host", "minio.internal:9000"},
                                                  {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"},
                                                  {"x-amz-date", "20261124T083000Z"}};

static const struct {
    struct sigv4_request request;
    struct sigv4_key key;
    const char *time, *authorization;
} vectors[] = {
    {{"GET", "/", "", get_headers, 2, NOTHING},
     {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service"},
     "20150830T123600Z",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {{"PUT", "/test%24file.text", "", put_headers, 5, BODY},
     {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3"},
     "20130524T000000Z",
     "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
     "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
     "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {{"PUT", "/calls/a%20b/%C3%A9.wav", "", own_headers, 4, "UNSIGNED-PAYLOAD"},
     {"own-key", "own-secret", "eu-central-1", "s3"},
     "20261124T083000Z",
     "AWS4-HMAC-SHA256 Credential=own-key/20261124/eu-central-1/s3/aws4_request, "
     "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, "
     "Signature=3cc5352b9a63dbfe405c1e8ad770f7d1e727e2b411fa77b2a2695c3e60be55f3"},
};

enum { N_VECTORS = sizeof vectors / sizeof vectors[0] };

static void signatures_are_those_of_others(void **state)
{
    char out[1024];

    (void)state;
    for (size_t i = 0; i < N_VECTORS; i++) {
        assert_true(sigv4_authorization(&vectors[i].request, &vectors[i].key, vectors[i].time, out,
                                        sizeof out));
        assert_string_equal(out, vectors[i].authorization);
    }
}

/* The example of S3's documentation. */
static void urls_are_signed_as_amazon_says(void **state)
{
    static const struct sigv4_header host = {"host", "examplebucket.s3.amazonaws.com"};
    static const struct sigv4_request r = {"GET", "/test.txt", "", &host, 1, "UNSIGNED-PAYLOAD"};
    static const struct sigv4_key key = {
        "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3"};
    static const char expected[] =
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
        "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
        "X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    char out[sizeof expected];

    (void)state;
    assert_true(sigv4_query(&r, &key, "20130524T000000Z", 86400, out, sizeof out));
    assert_string_equal(out, expected);
    for (size_t size = 1; size < sizeof expected; size++)
        assert_false(sigv4_query(&r, &key, "20130524T000000Z", 86400, out, size));
}

static void what_does_not_fit_is_refused(void **state)
{
    char out[1024], room[64] = "", path[SIGV4_CANONICAL_MAX + 2];
    struct sigv4_request r = vectors[0].request;

    (void)state;
    for (size_t size = 1; size <= strlen(vectors[0].authorization); size++)
        assert_false(sigv4_authorization(&r, &vectors[0].key, vectors[0].time, out, size));
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    r.path = path;
    assert_false(sigv4_authorization(&r, &vectors[0].key, vectors[0].time, out, sizeof out));
    assert_false(sigv4_encode(room, 3, "\xc3", true));
    assert_true(sigv4_encode(room, 4, "\xc3", true));
    assert_string_equal(room, "%C3");
}

static void paths_are_encoded_once(void **state)
{
    char out[128] = "";

    (void)state;
    assert_true(sigv4_encode(out, sizeof out, "a b/c+d~e$%", false));
    assert_true(sigv4_encode(out, sizeof out, "/x", true));
    assert_string_equal(out, "a%20b/c%2Bd~e%24%25%2Fx");
}

static void time_is_basic_iso_8601(void **state)
{
    char out[SIGV4_TIME_SIZE];

    (void)state;
    sigv4_time(out, INT64_C(1795509000999999));
    assert_string_equal(out, "20261124T083000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_others),
        cmocka_unit_test(urls_are_signed_as_amazon_says),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(paths_are_encoded_once),
        cmocka_unit_test(time_is_basic_iso_8601),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
