/* Stores: settings, paths, and what is asked of S3 and Supabase. The signatures are computed by another
 * implementation (Python's hmac). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recordings/store.h"

#define ORG "00000000-0000-4000-8000-0000000000aa"
#define CALL "00000000-0000-4000-8000-0000000000bb"
#define HASH "eef9d3b5319626aeb4f180aac169e68e5928b2e78c45ee48cfce317e7ebbaacb"
#define NOW INT64_C(1795509000000000) /* 2026-11-24T08:30:00Z */

static struct store store;
static char error[STORE_ERROR_MAX];

static const struct store_settings s3 = {
    .url = "s3://recordings/calls/",
    .s3_endpoint = "http://minio.internal:9000/base/",
    .s3_region = "eu-central-1",
    .s3_access_key_id = "own-key",
    .s3_secret_access_key = "own-secret",
};

static const struct store_settings supabase = {
    .url = "supabase://recordings",
    .supabase_url = "https://abc.supabase.co/",
    .supabase_service_key = "service-key",
};

static void only_whole_urls_of_a_store_are_taken(void **state)
{
    static const char *const good[] = {
        "file:///srv/recordings", "file:///srv/recordings/", "s3://bucket",
        "s3://bucket/",           "s3://bucket/a/b-c_d.e",   "supabase://recordings/x"};
    static const char *const bad[] = {"",          "recordings",       "/srv/recordings",
                                      "file://",   "file:///",         "file://a/",
                                      "s3://",     "s3:///x",          "s3://b/../c",
                                      "s3://b//c", "s3://b/.x",        "s3://b/a?versionId",
                                      "s3://b c",  "supabase://b/a b", "gs://bucket",
                                      "S3://b",    "s3://b/\xc3\xa9"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (store_url_check(good[i]) != NULL)
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (store_url_check(bad[i]) == NULL)
            fail_msg("taken: %s", bad[i]);
}

static void settings_that_do_not_fit_together_are_named(void **state)
{
    struct store_settings s = s3;

    (void)state;
    s.s3_secret_access_key = NULL;
    assert_false(store_open(&store, &s, error, sizeof error));
    assert_non_null(strstr(error, "RINGBACK_S3_SECRET_ACCESS_KEY"));
    s = s3;
    s.s3_endpoint = "minio:9000";
    assert_false(store_open(&store, &s, error, sizeof error));
    assert_non_null(strstr(error, "RINGBACK_S3_ENDPOINT"));
    s.s3_endpoint = "https://user:word@minio:9000";
    assert_false(store_open(&store, &s, error, sizeof error));
    s = s3;
    s.s3_region = "eu/central";
    assert_false(store_open(&store, &s, error, sizeof error));
    assert_non_null(strstr(error, "RINGBACK_S3_REGION"));
    s = supabase;
    s.supabase_service_key = NULL;
    assert_false(store_open(&store, &s, error, sizeof error));
    assert_non_null(strstr(error, "RINGBACK_SUPABASE_SERVICE_KEY"));
    s = supabase;
    s.supabase_url = "abc.supabase.co";
    assert_false(store_open(&store, &s, error, sizeof error));
    assert_non_null(strstr(error, "RINGBACK_SUPABASE_URL"));
    s = (struct store_settings){.url = "file:///proc/no/such/folder"};
    assert_false(store_open(&store, &s, error, sizeof error));
    assert_non_null(strstr(error, "/proc/no/such/folder"));
}

static void a_page_is_told_where_links_lead_without_secrets(void **state)
{
    static const struct {
        struct store_settings given;
        const char *public_url, *origin;
    } cases[] = {
        {{.url = NULL}, "https://ringback.example", ""},
        {{.url = "file:///srv/recordings"}, NULL, ""},
        {{.url = "file:///srv/recordings"},
         "https://ringback.example/below",
         "https://ringback.example"},
        {{.url = "file:///srv/recordings"}, "https://a; script-src *", ""},
        {{.url = "s3://b", .s3_region = "eu-central-1"},
         NULL,
         "https://s3.eu-central-1.amazonaws.com"},
        {{.url = "s3://b", .s3_region = "x", .s3_endpoint = "http://minio:9000/base/"},
         NULL,
         "http://minio:9000"},
        {{.url = "supabase://b", .supabase_url = "https://abc.supabase.co/"},
         NULL,
         "https://abc.supabase.co"},
        {{.url = "supabase://b"}, "https://ringback.example", ""},
        {{.url = "s3://b", .s3_region = "x; script-src *"}, NULL, ""},
    };
    char origin[STORE_ENDPOINT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        store_origin(&cases[i].given, cases[i].public_url, origin);
        assert_string_equal(origin, cases[i].origin);
    }
}

static void a_path_is_the_tenants_and_the_calls(void **state)
{
    char path[STORE_PATH_MAX];

    (void)state;
    assert_true(store_open(&store, &s3, error, sizeof error));
    assert_true(store_path(&store, ORG, CALL, "wav", path));
    assert_string_equal(path, "calls/" ORG "/" CALL ".wav");
    assert_true(store_path_is_of(path, ORG, CALL));
    assert_false(store_path(&store, ORG, "../../../../../../etc/passwd-padding", "wav", path));
    assert_false(store_path(&store, ORG, CALL, "a/b", path));
    assert_false(store_path(&store, ORG, CALL, "", path));
    assert_true(store_open(&store, &supabase, error, sizeof error));
    assert_true(store_path(&store, ORG, CALL, "mp3", path));
    assert_string_equal(path, ORG "/" CALL ".mp3");
    assert_true(store_path_is_of(path, ORG, CALL));
}

static void no_other_file_is_a_calls_own(void **state)
{
    static const char *const others[] = {
        "",
        "/etc/passwd",
        "../" ORG "/" CALL ".wav",
        "a/../" ORG "/" CALL ".wav",
        "/" ORG "/" CALL ".wav",
        ORG "/" CALL ".wav/x",
        ORG "/" CALL ".wav.",
        ORG "/" CALL,
        ORG "/" CALL ".",
        ORG "/" ORG ".wav",
        CALL "/" CALL ".wav",
        "x" ORG "/" CALL ".wav",
        ORG "/" CALL "./../../x",
        ORG "/" CALL ".%2e",
    };

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (store_path_is_of(others[i], ORG, CALL))
            fail_msg("taken for the call's own: %s", others[i]);
    assert_true(store_path_is_of("older/prefix/" ORG "/" CALL ".mp3", ORG, CALL));
}

static void s3_is_asked_path_style_and_signed(void **state)
{
    static struct store_request r;
    const struct store_object o = {"calls/" ORG "/" CALL ".wav", "audio/wav", HASH};

    (void)state;
    assert_true(store_open(&store, &s3, error, sizeof error));
    assert_true(store.kind->put(&store, &o, NOW, &r));
    assert_string_equal(r.method, "PUT");
    assert_string_equal(r.url,
                        "http://minio.internal:9000/base/recordings/calls/" ORG "/" CALL ".wav");
    assert_int_equal(r.n_headers, 4);
    assert_string_equal(r.headers[0], "content-type: audio/wav");
    assert_string_equal(r.headers[1], "x-amz-content-sha256: " HASH);
    assert_string_equal(r.headers[2], "x-amz-date: 20261124T083000Z");
    assert_string_equal(
        r.headers[3], "authorization: AWS4-HMAC-SHA256 "
                      "Credential=own-key/20261124/eu-central-1/s3/aws4_request, "
                      "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, "
                      "Signature=5536782e5d2c531dc3bbb75b6bbf6a3fb544475bf941bca75862e83ef0f8e23d");
    assert_true(store.kind->erase(&store, o.path, NOW, &r));
    assert_string_equal(r.method, "DELETE");
    assert_int_equal(r.n_headers, 3);
    assert_non_null(
        strstr(r.headers[2], "c3a1c08b56fdd43e89b525299bc580d209531d15ffaaaac2edd6d05bd2251740"));
    assert_true(store.kind->is_absent(404, "<Error><Code>NoSuchKey</Code>"));
    assert_false(store.kind->is_absent(404, "<Error><Code>NoSuchBucket</Code>"));
}

static void amazons_own_endpoint_follows_from_the_region(void **state)
{
    static struct store_request r;
    struct store_settings s = s3;
    const struct store_object o = {ORG "/" CALL ".wav", "audio/wav", HASH};

    (void)state;
    s.s3_endpoint = NULL;
    s.url = "s3://bucket";
    assert_true(store_open(&store, &s, error, sizeof error));
    assert_true(store.kind->put(&store, &o, NOW, &r));
    assert_string_equal(r.url, "https://s3.eu-central-1.amazonaws.com/bucket/" ORG "/" CALL ".wav");
}

static void supabase_is_asked_with_the_service_key(void **state)
{
    static struct store_request r;
    const struct store_object o = {ORG "/" CALL ".wav", "audio/wav", HASH};

    (void)state;
    assert_true(store_open(&store, &supabase, error, sizeof error));
    assert_true(store.kind->put(&store, &o, NOW, &r));
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.url, "https://abc.supabase.co/storage/v1/object/recordings/" ORG "/" CALL
                               ".wav");
    assert_int_equal(r.n_headers, 4);
    assert_string_equal(r.headers[0], "authorization: Bearer service-key");
    assert_string_equal(r.headers[1], "apikey: service-key");
    assert_string_equal(r.headers[2], "content-type: audio/wav");
    assert_string_equal(r.headers[3], "x-upsert: true");
    assert_true(store.kind->erase(&store, o.path, NOW, &r));
    assert_string_equal(r.method, "DELETE");
    assert_int_equal(r.n_headers, 2);
    assert_true(store.kind->is_absent(
        400, "{\"statusCode\":\"404\",\"code\":\"NoSuchKey\",\"message\":\"Object not found\"}"));
    assert_false(
        store.kind->is_absent(400, "{\"statusCode\":\"404\",\"error\":\"Bucket not found\"}"));
    assert_false(store.kind->is_absent(200, "Object not found"));
}

static void s3_makes_links_by_itself(void **state)
{
    char url[STORE_URL_MAX];

    (void)state;
    assert_true(store_open(&store, &s3, error, sizeof error));
    assert_null(store.kind->ask_link);
    assert_true(store.kind->link(&store, "calls/" ORG "/" CALL ".wav", NOW, 3600, url));
    assert_string_equal(
        url, "http://minio.internal:9000/base/recordings/calls/" ORG "/" CALL
             ".wav?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=own-key%2F20261124%2F"
             "eu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20261124T083000Z&X-Amz-Expires=3600&"
             "X-Amz-SignedHeaders=host&X-Amz-Signature="
             "e90127e564d75c662e764645ff76c67e94e726948ca9cd34bed5051ea202d1e2");
}

static void supabase_is_asked_for_links(void **state)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "{\"signedURL\":null}",
                                      "{\"signedURL\":\"https://evil.example/object/sign/x\"}",
                                      "{\"signedURL\":\"/object/sign/a b\"}",
                                      "{\"signedURL\":\"/object/sign/a\\\"b\"}",
                                      "{\"signedURL\":\"/object/list\"}"};
    static const char good[] = "{\"signedURL\":\"/object/sign/recordings/a/b.wav?token=e.y.J\"}";
    static struct store_request r;
    char body[STORE_BODY_MAX], url[STORE_URL_MAX];

    (void)state;
    assert_true(store_open(&store, &supabase, error, sizeof error));
    assert_null(store.kind->link);
    assert_true(store.kind->ask_link(&store, ORG "/" CALL ".wav", 3600, &r, body));
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.url, "https://abc.supabase.co/storage/v1/object/sign/recordings/" ORG
                               "/" CALL ".wav");
    assert_string_equal(body, "{\"expiresIn\":3600}");
    assert_int_equal(r.n_headers, 3);
    assert_string_equal(r.headers[0], "authorization: Bearer service-key");
    assert_string_equal(r.headers[1], "apikey: service-key");
    assert_string_equal(r.headers[2], "content-type: application/json");
    assert_true(store.kind->read_link(&store, good, strlen(good), url));
    assert_string_equal(
        url, "https://abc.supabase.co/storage/v1/object/sign/recordings/a/b.wav?token=e.y.J");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (store.kind->read_link(&store, bad[i], strlen(bad[i]), url))
            fail_msg("taken: %s", bad[i]);
}

/* Who only reads needs no folder yet, and makes none. */
static void a_reader_makes_no_folder(void **state)
{
    struct store_settings s = {.url = "file:///nowhere/at/all", .read_only = true};

    (void)state;
    assert_true(store_open(&store, &s, error, sizeof error));
    assert_int_not_equal(access("/nowhere", F_OK), 0);
}

static void a_folder_keeps_and_drops_files(void **state)
{
    char folder[] = "/tmp/ringback-store.XXXXXX", url[64], temporary[128], target[256];
    struct store_settings s = {.url = url};
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "file://%s/deep/er", folder);
    assert_true(store_open(&store, &s, error, sizeof error));
    snprintf(temporary, sizeof temporary, "%s/deep/er/.incoming/x", folder);
    f = fopen(temporary, "w");
    assert_non_null(f);
    fputs("sound", f);
    fflush(f);
    assert_true(
        store.kind->keep(&store, fileno(f), temporary, ORG "/" CALL ".wav", error, sizeof error));
    fclose(f);
    assert_int_not_equal(access(temporary, F_OK), 0);
    snprintf(target, sizeof target, "%s/deep/er/" ORG "/" CALL ".wav", folder);
    assert_int_equal(access(target, R_OK), 0);
    assert_true(store.kind->drop(&store, ORG "/" CALL ".wav", error, sizeof error));
    assert_int_not_equal(access(target, F_OK), 0);
    assert_true(store.kind->drop(&store, ORG "/" CALL ".wav", error, sizeof error));
    assert_false(store.kind->keep(&store, STDIN_FILENO, temporary, ORG "/" CALL ".wav", error,
                                  sizeof error));
    snprintf(target, sizeof target, "rm -r %s", folder);
    assert_int_equal(system(target), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_whole_urls_of_a_store_are_taken),
        cmocka_unit_test(settings_that_do_not_fit_together_are_named),
        cmocka_unit_test(a_page_is_told_where_links_lead_without_secrets),
        cmocka_unit_test(a_path_is_the_tenants_and_the_calls),
        cmocka_unit_test(no_other_file_is_a_calls_own),
        cmocka_unit_test(s3_is_asked_path_style_and_signed),
        cmocka_unit_test(amazons_own_endpoint_follows_from_the_region),
        cmocka_unit_test(supabase_is_asked_with_the_service_key),
        cmocka_unit_test(s3_makes_links_by_itself),
        cmocka_unit_test(supabase_is_asked_for_links),
        cmocka_unit_test(a_reader_makes_no_folder),
        cmocka_unit_test(a_folder_keeps_and_drops_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
