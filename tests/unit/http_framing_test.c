/* workers/runtime/http_framing.c: every ambiguous head is refused, every plain one taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/http_framing.h"

struct head {
    const char *method, *version;
    const char *headers[8]; /* name, value ... */
    const char *fault;      /* a word of the sentence; NULL: fine */
    uint64_t length;
    bool chunked;
};

static const struct head heads[] = {
    {"GET", "HTTP/1.1", {"Host", "x"}, NULL, 0, false},
    {"POST", "HTTP/1.1", {"Host", "x", "content-LENGTH", "12"}, NULL, 12, false},
    {"POST", "HTTP/1.1", {"Host", "x", "Content-Length", "0"}, NULL, 0, false},
    {"POST", "HTTP/1.1", {"Host", "x", "Content-Length", "12 "}, NULL, 12, false},
    {"POST", "HTTP/1.1", {"Host", "x", "Transfer-Encoding", "Chunked"}, NULL, 0, true},
    {"POST", "HTTP/1.0", {"Content-Length", "5"}, NULL, 5, false},
    {"POST",
     "HTTP/1.1",
     {"Host", "x", "Content-Length", "999999999999999999"},
     NULL,
     999999999999999999,
     false},
    {"POST",
     "HTTP/1.1",
     {"Host", "x", "Content-Length", "9999999999999999999"},
     "not a number",
     0,
     false},
    {"POST", "HTTP/1.1", {"Host", "x", "Content-Length", ""}, "not a number", 0, false},
    {"POST", "HTTP/1.1", {"Host", "x", "Content-Length", "+5"}, "not a number", 0, false},
    {"POST", "HTTP/1.1", {"Host", "x", "Content-Length", "-5"}, "not a number", 0, false},
    {"POST", "HTTP/1.1", {"Host", "x", "Content-Length", "0x5"}, "not a number", 0, false},
    {"POST", "HTTP/1.1", {"Host", "x", "Content-Length", "5, 5"}, "not a number", 0, false},
    {"POST",
     "HTTP/1.1",
     {"Host", "x", "Content-Length", "5", "Content-Length", "5"},
     "more than once",
     0,
     false},
    {"POST",
     "HTTP/1.1",
     {"Host", "x", "Content-Length", "5", "content-length", "6"},
     "more than once",
     0,
     false},
    {"POST",
     "HTTP/1.1",
     {"Host", "x", "Content-Length", "5", "Transfer-Encoding", "chunked"},
     "together",
     0,
     false},
    {"POST",
     "HTTP/1.1",
     {"Host", "x", "Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"},
     "more than once",
     0,
     false},
    {"POST",
     "HTTP/1.1",
     {"Host", "x", "Transfer-Encoding", "gzip, chunked"},
     "only Transfer-Encoding",
     0,
     false},
    {"POST",
     "HTTP/1.1",
     {"Host", "x", "Transfer-Encoding", "xchunked"},
     "only Transfer-Encoding",
     0,
     false},
    {"POST",
     "HTTP/1.1",
     {"Host", "x", "Transfer-Encoding", ""},
     "only Transfer-Encoding",
     0,
     false},
    {"POST", "HTTP/1.0", {"Transfer-Encoding", "chunked"}, "HTTP/1.0", 0, false},
    {"POST", "HTTP/1.1", {"Host", "x", "Content-Length ", "5"}, "header name", 0, false},
    {"POST", "HTTP/1.1", {"Host", "x", "Transfer-Encoding\v", "chunked"}, "header name", 0, false},
    {"POST", "HTTP/1.1", {"Host", "x", "", "x"}, "header name", 0, false},
    {"GET", "HTTP/1.1", {"Host", "a", "Host", "b"}, "Host", 0, false},
    {"GET", "HTTP/1.1", {NULL}, "requires the header Host", 0, false},
    {"GET", "HTTP/1.0", {NULL}, NULL, 0, false},
    {"G@T", "HTTP/1.1", {"Host", "x"}, "method", 0, false},
    {"", "HTTP/1.1", {"Host", "x"}, "method", 0, false},
    {"ABCDEFGHIJKLMNOP", "HTTP/1.1", {"Host", "x"}, NULL, 0, false},
    {"ABCDEFGHIJKLMNOPQ", "HTTP/1.1", {"Host", "x"}, "method", 0, false},
    {"GET", "HTTP/2.0", {"Host", "x"}, "HTTP/1.1", 0, false},
    {"GET", "", {"Host", "x"}, "HTTP/1.1", 0, false},
};

static void ambiguous_heads_are_refused_and_plain_ones_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        const struct head *h = &heads[i];
        struct framing f;
        const char *fault;

        framing_begin(&f, h->method, h->version);
        for (size_t j = 0; j < 8 && h->headers[j] != NULL; j += 2)
            framing_header(&f, h->headers[j], strlen(h->headers[j]), h->headers[j + 1],
                           strlen(h->headers[j + 1]));
        fault = framing_end(&f, h->version);
        if ((fault == NULL) != (h->fault == NULL) ||
            (fault != NULL && strstr(fault, h->fault) == NULL))
            fail_msg("row %zu: got %s", i, fault == NULL ? "no fault" : fault);
        if (fault == NULL) {
            assert_int_equal(f.length, h->length);
            assert_int_equal(f.chunked, h->chunked);
        }
    }
}

static void targets_are_split_or_refused(void **state)
{
    static const struct {
        const char *uri, *path, *query; /* path NULL: refused */
    } rows[] = {
        {"/", "/", ""},
        {"/webhooks/shopify", "/webhooks/shopify", ""},
        {"/a?b=c&d", "/a", "b=c&d"},
        {"/a?", "/a", ""},
        {"/a?b?c", "/a", "b?c"},
        {"/%2e%2E/x", "/%2e%2E/x", ""}, /* stays raw */
        {"http://host:80/a?b", "/a", "b"},
        {"HTTPS://host/", "/", ""},
        {"http://host", NULL, NULL},
        {"", NULL, NULL},
        {"*", NULL, NULL},
        {"host:443", NULL, NULL},
        {"a/b", NULL, NULL},
        {"/a b", NULL, NULL},
        {"/a\tb", NULL, NULL},
        {"/a\x7f", NULL, NULL},
        {"/\xc3\xa9", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char uri[64];
        const char *path = NULL, *query = NULL;
        bool ok;

        strcpy(uri, rows[i].uri);
        ok = target_split(uri, &path, &query);
        if (ok != (rows[i].path != NULL))
            fail_msg("row %zu", i);
        if (ok) {
            assert_string_equal(path, rows[i].path);
            assert_string_equal(query, rows[i].query);
        }
    }
}

static void a_target_at_the_limit_is_taken_and_one_byte_more_is_not(void **state)
{
    char uri[HTTP_URI_MAX + 2];
    const char *path, *query;

    (void)state;
    memset(uri, '/', sizeof uri);
    uri[HTTP_URI_MAX] = '\0';
    assert_true(target_split(uri, &path, &query));
    uri[HTTP_URI_MAX] = '/';
    uri[HTTP_URI_MAX + 1] = '\0';
    assert_false(target_split(uri, &path, &query));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ambiguous_heads_are_refused_and_plain_ones_taken),
        cmocka_unit_test(targets_are_split_or_refused),
        cmocka_unit_test(a_target_at_the_limit_is_taken_and_one_byte_more_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
