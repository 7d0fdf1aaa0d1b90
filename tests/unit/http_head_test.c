/* workers/runtime/http_head.c: plain heads are read as they are meant, and every doubt means no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/http_head.h"

#define LINE "POST /a?b=c HTTP/1.1\r\n"

static void a_plain_head_is_read(void **state)
{
    char text[] = LINE "Host: x\r\nContent-Length: 12\r\nX-Empty:\r\nX-Wide: \t a b\r\n"
                       "x-wide: second\r\nConnection: Keep-Alive\r\n\r\nthe body";
    struct http_head h;

    (void)state;
    assert_true(http_head_read(&h, "POST", text, sizeof text - 1));
    assert_int_equal(h.len, sizeof text - 1 - strlen("the body"));
    assert_int_equal(h.length, 12);
    assert_string_equal(h.target, "/a?b=c");
    assert_int_equal(h.n, 6);
    assert_string_equal(http_head_value(&h, text, "HOST"), "x");
    assert_string_equal(http_head_value(&h, text, "x-empty"), "");
    assert_string_equal(http_head_value(&h, text, "X-Wide"), "a b");
    assert_null(http_head_value(&h, text, "X-Wid"));
    assert_null(http_head_value(&h, text, "X-Other"));
    assert_string_equal(text + h.len, "the body");
}

static void what_is_not_plain_is_not_read(void **state)
{
    static const char *const heads[] = {
        "",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POSTS / HTTP/1.1\r\nHost: x\r\n\r\n",
        "post / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n" LINE "Host: x\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1 \r\nHost: x\r\n\r\n",
        "POST  / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /  HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST  HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST * HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /\r\nHost: x\r\n\r\n",
        LINE "\r\n", /* no Host */
        LINE "Host: x\r\nHost: x\r\n\r\n",
        LINE "Host: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        LINE "Host: x\r\nContent-Length: -5\r\n\r\n",
        LINE "Host: x\r\nContent-Length: 5, 5\r\n\r\n",
        LINE "Host: x\r\nContent-Length:\r\n\r\n",
        LINE "Host: x\r\nContent-Length : 5\r\n\r\n",
        LINE "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        LINE "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        LINE "Host: x\r\nExpect: 100-continue\r\n\r\n",
        LINE "Host: x\r\nConnection: close\r\n\r\n",
        LINE "Host: x\r\nConnection: keep-alive, close\r\n\r\n",
        LINE "Host: x\r\nUpgrade: websocket\r\n\r\n",
        LINE "Host: x\r\nTrailer: x\r\n\r\n",
        LINE "Host: x\r\nX: trailing \r\n\r\n",
        LINE "Host: x\r\nContent-Length: 5\t\r\n\r\n",
        LINE "Host: x\r\n folded\r\n\r\n",
        LINE "Host: x\r\nNo colon\r\n\r\n",
        LINE "Host: x\r\n: no name\r\n\r\n",
        LINE "Host: x\r\nX(: y\r\n\r\n",
        LINE "Host: x\r\nX: a\rb\r\n\r\n",
        LINE "Host: x\r\nX: a\nY: b\r\n\r\n",
        LINE "Host: x\r\nX: \x01\r\n\r\n",
        LINE "Host: x\r\nX: \x7f\r\n\r\n",
        LINE "Host: x\n\n",
        LINE "Host: x\r\n\n",
        "POST /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        size_t n = strlen(heads[i]);
        char *tight = malloc(n + 1); /* under ASan a byte read behind it shows */
        struct http_head h;

        memcpy(tight, heads[i], n);
        if (http_head_read(&h, "POST", tight, n))
            fail_msg("row %zu: %s", i, heads[i]);
        free(tight);
    }
}

static void an_incomplete_head_is_not_read_and_needs_no_byte_behind_it(void **state)
{
    static const char text[] = LINE "Host: x\r\nContent-Length: 5\r\n\r\n";
    struct http_head h;

    (void)state;
    for (size_t n = 0; n <= sizeof text - 1; n++) {
        char *tight = malloc(n + 1);

        memcpy(tight, text, n);
        assert_int_equal(http_head_read(&h, "POST", tight, n), n == sizeof text - 1);
        free(tight);
    }
    {
        char nul[] = LINE "Host: x\r\nX: a-b\r\n\r\n";

        *strchr(nul, '-') = '\0';
        assert_false(http_head_read(&h, "POST", nul, sizeof nul - 1));
    }
}

static void fields_at_the_limit_are_taken_and_one_more_is_not(void **state)
{
    for (unsigned n = HTTP_HEAD_FIELDS_MAX; n <= HTTP_HEAD_FIELDS_MAX + 1; n++) {
        char text[HTTP_HEAD_MAX];
        size_t len = (size_t)sprintf(text, LINE "Host: x\r\n");
        struct http_head h;

        for (unsigned i = 1; i < n; i++)
            len += (size_t)sprintf(text + len, "X-%u: %u\r\n", i, i);
        len += (size_t)sprintf(text + len, "\r\n");
        assert_int_equal(http_head_read(&h, "POST", text, len), n == HTTP_HEAD_FIELDS_MAX);
        if (n == HTTP_HEAD_FIELDS_MAX)
            assert_string_equal(http_head_value(&h, text, "X-47"), "47");
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_head_is_read),
        cmocka_unit_test(what_is_not_plain_is_not_read),
        cmocka_unit_test(an_incomplete_head_is_not_read_and_needs_no_byte_behind_it),
        cmocka_unit_test(fields_at_the_limit_are_taken_and_one_more_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
